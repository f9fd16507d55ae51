/* SPDX-License-Identifier: ISC */
/* The messages of a game: put together from known pieces, so that every section is known without a parser. */
#include "mail/date.h"
#include "mail/summary.h"

#include "game.h"

const char *const search_words[SEARCH_WORDS] = {"walnut",
                                                "harbour",
                                                "quartz",
                                                "meadow",
                                                "Gr\xc3\xbc\xc3\x9f"
                                                "e",
                                                "lantern",
                                                "velvet",
                                                "falcon"};
/* The same in quoted-printable and as an encoded-word. */
static const char *const quoted_words[SEARCH_WORDS] = {"wal=6Eut",        "harbour", "quar=74z", "meadow",
                                                       "Gr=C3=BC=C3=9Fe", "lantern", "velvet",   "falcon"};
static const char *const subject_words[SEARCH_WORDS] = {
    "walnut", "harbour", "quartz", "meadow", "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "lantern", "velvet", "falcon"};

struct draft {
    struct game *game;
    struct text *text;
    struct buf bytes;
    struct {
        const char *name;
        size_t begin, end;
    } marks[GAME_SECTIONS];
    size_t mark_count;
};

static void mark(struct draft *draft, const char *name, size_t begin)
{
    draft->marks[draft->mark_count].name = name;
    draft->marks[draft->mark_count].begin = begin;
    draft->marks[draft->mark_count++].end = draft->bytes.len;
}

static void field(struct draft *draft, const char *name, const char *value)
{
    struct text *text = draft->text;
    size_t begin = draft->bytes.len;
    buf_printf(&draft->bytes, "%s: %s\r\n", name, value);
    struct slice line = slice_skip(buf_slice(&draft->bytes), begin);
    text->fields[text->field_count++] = (struct text_field){name, arena_copy(&draft->game->arena, line)};
}

static unsigned some_words(struct game *game, struct buf *out, const char *const *words, size_t ascii_only)
{
    unsigned bits = 0;
    for (size_t i = 0; i < 1 + below(game, 3); i++) {
        size_t word = below(game, SEARCH_WORDS);
        if (ascii_only && word == 4)
            continue;
        bits |= 1u << word;
        buf_printf(out, "%s%s", out->len ? " " : "", words[word]);
    }
    return bits;
}

static void write_header(struct draft *draft, const char *type)
{
    struct game *game = draft->game;
    struct text *text = draft->text;
    struct buf value;
    buf_init(&value, 4096);
    text->from = some_words(game, &value, search_words, 1);
    buf_printf(&value, " <sender@example.org>");
    field(draft, "From", buf_cstr(&value));
    buf_clear(&value);
    text->to = some_words(game, &value, search_words, 1);
    buf_printf(&value, " <alice@example.org>, bob@example.net");
    field(draft, "To", buf_cstr(&value));
    buf_clear(&value);
    text->subject = some_words(game, &value, subject_words, 0);
    field(draft, "Subject", buf_cstr(&value));
    buf_clear(&value);
    /* RFC 3501 section 6.4.4: SENTON disregards time and zone, so the day is the one that is written. */
    static const int zones[] = {0, 0, -420, 600};
    int zone = zones[below(game, 4)];
    int64_t written = 86400 * (10957 + (int64_t)below(game, 6)) + (int64_t)below(game, 86400);
    text->sent_day = written / 86400;
    text->sent = written - (int64_t)zone * 60;
    date_format(&value, written - (int64_t)zone * 60, zone);
    field(draft, "Date", buf_cstr(&value));
    buf_clear(&value);
    buf_printf(&value, "<%zu.%zu@example.org>", (size_t)(text - game->texts), below(game, 1000000));
    field(draft, "Message-ID", buf_cstr(&value));
    if (one_in(game, 2))
        field(draft, "X-Number", "one\r\n\ttwo");
    if (*type) {
        field(draft, "MIME-Version", "1.0");
        field(draft, "Content-Type", type);
    }
    buf_free(&value);
}

static void end_header(struct draft *draft)
{
    buf_append(&draft->bytes, S("\r\n"));
    mark(draft, "HEADER", 0);
}

static void body_words(struct draft *draft, const char *const *words, size_t ascii_only)
{
    struct buf value;
    buf_init(&value, 4096);
    draft->text->body |= some_words(draft->game, &value, words, ascii_only);
    buf_append(&draft->bytes, buf_slice(&value));
    buf_free(&value);
}

/* A part's MIME header, from where its body begins. */
static size_t part_header(struct draft *draft, const char *mime_name, const char *header)
{
    size_t begin = draft->bytes.len;
    buf_printf(&draft->bytes, "%s\r\n", header);
    mark(draft, mime_name, begin);
    return draft->bytes.len;
}

static void boundary(struct draft *draft, const char *text)
{
    buf_printf(&draft->bytes, "\r\n--%s\r\n", text);
}

static void write_plain(struct draft *draft, size_t lines)
{
    write_header(draft, "");
    end_header(draft);
    size_t begin = draft->bytes.len;
    for (size_t i = 0; i < lines; i++) {
        if (i % 50 == 0)
            body_words(draft, search_words, 1);
        buf_printf(&draft->bytes, " line %zu\r\n", i);
    }
    mark(draft, "TEXT", begin);
    mark(draft, "1", begin);
}

static void write_quoted(struct draft *draft)
{
    write_header(draft, "text/plain; charset=utf-8");
    buf_append(&draft->bytes, S("Content-Transfer-Encoding: quoted-printable\r\n"));
    end_header(draft);
    size_t begin = draft->bytes.len;
    body_words(draft, quoted_words, 0);
    buf_append(&draft->bytes, S("\r\n"));
    mark(draft, "TEXT", begin);
    mark(draft, "1", begin);
}

#define ATTACHED_LINE 48 /* bytes 0, 1, … 47 */

#define ATTACHMENT                                                                                       \
    "Content-Type: application/octet-stream; name=\"data.bin\"\r\nContent-Transfer-Encoding: base64\r\n" \
    "Content-Disposition: attachment; filename=\"data.bin\"\r\n"

static void write_attachment(struct draft *draft)
{
    size_t begin = part_header(draft, "2.MIME", ATTACHMENT);
    for (size_t i = 0; i < 3 + below(draft->game, 5); i++)
        buf_append(&draft->bytes, S("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v\r\n"));
    mark(draft, "2", begin);
}

static void write_mixed(struct draft *draft)
{
    write_header(draft, "multipart/mixed; boundary=\"outer\"");
    end_header(draft);
    size_t text = draft->bytes.len;
    buf_append(&draft->bytes, S("preamble\r\n--outer\r\n"));
    size_t begin = part_header(draft, "1.MIME", "Content-Type: text/plain\r\n");
    body_words(draft, search_words, 1);
    buf_append(&draft->bytes, S("\r\nand more\r\n"));
    mark(draft, "1", begin);
    boundary(draft, "outer");
    write_attachment(draft);
    buf_append(&draft->bytes, S("\r\n--outer--\r\nepilogue\r\n"));
    mark(draft, "TEXT", text);
}

static void write_alternative(struct draft *draft)
{
    write_header(draft, "multipart/mixed; boundary=outer");
    end_header(draft);
    size_t text = draft->bytes.len;
    buf_append(&draft->bytes, S("--outer\r\n"));
    size_t whole = part_header(draft, "1.MIME", "Content-Type: multipart/alternative; boundary=inner\r\n");
    buf_append(&draft->bytes, S("--inner\r\n"));
    size_t begin = part_header(draft, "1.1.MIME", "Content-Type: text/plain; charset=us-ascii\r\n");
    body_words(draft, search_words, 1);
    mark(draft, "1.1", begin);
    boundary(draft, "inner");
    begin = part_header(draft, "1.2.MIME", "Content-Type: text/html\r\n");
    buf_append(&draft->bytes, S("<p>no <b>word</b> of them</p>\r\n"));
    mark(draft, "1.2", begin);
    buf_append(&draft->bytes, S("\r\n--inner--\r\n"));
    mark(draft, "1", whole);
    boundary(draft, "outer");
    write_attachment(draft);
    buf_append(&draft->bytes, S("\r\n--outer--\r\n"));
    mark(draft, "TEXT", text);
}

static void write_forwarded(struct draft *draft)
{
    write_header(draft, "multipart/mixed; boundary=outer");
    end_header(draft);
    size_t text = draft->bytes.len;
    buf_append(&draft->bytes, S("--outer\r\n"));
    size_t begin = part_header(draft, "1.MIME", "");
    body_words(draft, search_words, 1);
    mark(draft, "1", begin);
    boundary(draft, "outer");
    size_t inner = part_header(draft, "2.MIME", "Content-Type: message/rfc822\r\n");
    buf_append(&draft->bytes, S("From: other@example.net\r\nSubject: inside\r\n\r\n"));
    mark(draft, "2.HEADER", inner);
    begin = draft->bytes.len;
    buf_append(&draft->bytes, S("what was forwarded\r\n"));
    mark(draft, "2.TEXT", begin);
    mark(draft, "2.1", begin);
    mark(draft, "2", inner);
    buf_append(&draft->bytes, S("\r\n--outer--\r\n"));
    mark(draft, "TEXT", text);
}

/* What the lines of an attachment say. */
static struct slice attached_bytes(struct game *game, size_t lines)
{
    char *bytes = arena_alloc(&game->arena, lines * ATTACHED_LINE);
    for (size_t i = 0; i < lines * ATTACHED_LINE; i++)
        bytes[i] = (char)(i % ATTACHED_LINE);
    return slice_of(bytes, lines * ATTACHED_LINE);
}

static void finish(struct draft *draft)
{
    struct game *game = draft->game;
    struct text *text = draft->text;
    mark(draft, "", 0);
    text->bytes = arena_copy(&game->arena, buf_slice(&draft->bytes));
    for (size_t i = 0; i < draft->mark_count; i++) {
        struct text_section *section = &text->sections[text->section_count++];
        snprintf(section->name, sizeof(section->name), "%s", draft->marks[i].name);
        section->bytes = slice_skip(slice_take(text->bytes, draft->marks[i].end), draft->marks[i].begin);
        if (strcmp(section->name, "2") == 0 && slice_starts_with(section->bytes, S("AAEC")))
            section->decoded = attached_bytes(game, section->bytes.len / 66);
    }
    text->header = text_section(text, "HEADER")->bytes;
    struct mime_parser *parser = mime_parser_new(&game->arena, NULL);
    struct message_summary summary;
    struct buf body;
    mime_parser_feed(parser, text->bytes);
    mime_parser_finish(parser);
    summary_build(&game->arena, parser, &summary);
    text->envelope = summary.envelope;
    text->structure = summary.bodystructure;
    buf_init(&body, 1 << 20);
    assert_int_equal(summary_body(summary.bodystructure, &body), 0);
    text->short_structure = arena_copy(&game->arena, buf_slice(&body));
    buf_free(&body);
    buf_free(&draft->bytes);
}

void texts_make(struct game *game)
{
    for (size_t i = 0; i < GAME_TEXTS; i++) {
        struct draft draft = {.game = game, .text = &game->texts[i]};
        buf_init(&draft.bytes, 1 << 20);
        switch (i % 6) {
        case 0:
            write_plain(&draft, 1 + below(game, 20));
            break;
        case 1:
            write_quoted(&draft);
            break;
        case 2:
            write_mixed(&draft);
            break;
        case 3:
            write_alternative(&draft);
            break;
        case 4:
            write_forwarded(&draft);
            break;
        default:
            write_plain(&draft, i == 5 ? 4000 : below(game, 200));
        }
        finish(&draft);
    }
}

const struct text_section *text_section(const struct text *text, const char *name)
{
    for (size_t i = 0; i < text->section_count; i++)
        if (strcmp(text->sections[i].name, name) == 0)
            return &text->sections[i];
    return NULL;
}
