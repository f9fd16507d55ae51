/* SPDX-License-Identifier: ISC */
/*
 * Messages in several languages, charsets and encodings, of which the test knows the text beforehand; and
 * what a search must find in them, by looking at all of that text. Nothing of the store's own reading is used
 * but the folding, which has tests of its own.
 */
#ifndef TEST_SEARCH_CASE_H
#define TEST_SEARCH_CASE_H

#include "fixture.h"

#include <iconv.h>
#include <time.h>

#include "base/encode.h"
#include "mail/fold.h"
#include "storage/search.h"

/* --- chance --- */

static uint64_t chance_state;

/* TEST_SEED repeats a run. */
UNUSED static inline void chance_begin(void)
{
    const char *seed = getenv("TEST_SEED");
    chance_state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
    print_message("TEST_SEED=%llu\n", (unsigned long long)chance_state);
}

static inline size_t chance(size_t below)
{
    chance_state += 0x9e3779b97f4a7c15u;
    uint64_t z = chance_state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (size_t)((z ^ (z >> 31)) % below);
}

/* --- messages --- */

static const char *const search_words[][12] = {
    {"quick", "brown", "FOX", "over", "lazy", "dog", "invoice", "Meeting", "at", "no", "a", "report"},
    {"Grüße", "aus", "MÜNCHEN", "Straße", "Übung", "schöne", "Ärger", "ist", "zu", "Maß", "ﬁnden", "Café"},
    {"Привет", "мир", "ЭТО", "письмо", "о", "работе", "счёт", "и", "дом", "Ёлка", "день", "не"},
    {"中文", "电子邮件", "搜索", "的", "东京", "会议", "数据", "一", "漢字", "測試", "報告", "信"},
    {"こんにちは", "世界", "メール", "です", "東京都", "カタカナ", "ｶﾅ", "検索", "の", "は", "ガラス", "二"},
    {"안녕하세요", "한국어", "메일", "가", "검색", "회의", "서울", "이", "그", "보고서", "을", "하"},
};
#define LANGUAGES ARRAY_LEN(search_words)
/* A charset that can write the words of each language, besides UTF-8; NULL: none. */
static const char *const search_charsets[LANGUAGES] = {"us-ascii", NULL, "koi8-r", "gb18030", NULL, "euc-kr"};

struct search_unit {
    bool header;
    struct slice name, text; /* UTF-8, not folded */
};

struct search_message {
    uint32_t uid; /* 0: expunged */
    struct search_unit units[8];
    size_t count;
};

struct search_world {
    struct fixture *fixture;
    struct account *account;
    int64_t mailbox;
    struct search_message *messages; /* ascending UIDs */
    size_t count, size;
};

static inline struct slice search_text_of(struct arena *arena, size_t language, size_t words)
{
    struct buf text;
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < words; i++) {
        bool asian = language >= 3 && chance(2) == 0;
        buf_append(&text, i == 0 || asian ? SLICE_EMPTY : chance(8) == 0 ? S("\r\n") : S(" "));
        if (chance(20) == 0) {
            buf_printf(&text, "w%zux", chance(2000)); /* rare ones */
        } else {
            buf_append(&text, slice_from(search_words[language][chance(12)]));
        }
    }
    struct slice copy = arena_copy(arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static inline struct slice search_convert(struct arena *arena, struct slice text, const char *charset)
{
    iconv_t converter = iconv_open(charset, "utf-8");
    size_t left = text.len, room = text.len * 4 + 16;
    char *in = (char *)text.data, *out = arena_alloc(arena, room), *start = out;
    assert_true(converter != (iconv_t)-1);
    assert_true(iconv(converter, &in, &left, &out, &room) != (size_t)-1);
    iconv_close(converter);
    return slice_of(start, (size_t)(out - start));
}

static inline void search_note(struct search_message *message, bool header, struct slice name,
                               struct slice text)
{
    message->units[message->count++] = (struct search_unit){.header = header, .name = name, .text = text};
}

static inline void search_append_field(struct arena *arena, struct buf *out, struct search_message *message,
                                       const char *name, struct slice text, bool encode)
{
    struct buf encoded;
    buf_init(&encoded, 1 << 20);
    buf_printf(out, "%s: ", name);
    if (encode) {
        base64_encode(&encoded, text);
        buf_append(out, S("=?utf-8?B?"));
        buf_append(out, buf_slice(&encoded));
        buf_append(out, S("?="));
    } else {
        buf_append(out, text);
    }
    buf_append(out, S("\r\n"));
    buf_free(&encoded);
    if (message) {
        search_note(message, true, slice_from(arena_cstr(arena, slice_from(name))), text);
    }
}

static inline void search_append_encoded(struct arena *arena, struct buf *out, struct search_message *message,
                                         struct slice bytes)
{
    static const char *const encodings[] = {"8bit", "base64", "quoted-printable"};
    size_t encoding = chance(3);
    search_append_field(arena, out, message, "Content-Transfer-Encoding", slice_from(encodings[encoding]),
                        false);
    buf_append(out, S("\r\n"));
    switch (encoding) {
    case 0:
        buf_append(out, bytes);
        break;
    case 1: {
        struct buf encoded;
        buf_init(&encoded, 1 << 22);
        base64_encode(&encoded, bytes);
        for (struct slice rest = buf_slice(&encoded); rest.len > 0; rest = slice_skip(rest, 76)) {
            buf_append(out, slice_take(rest, 76));
            buf_append(out, S("\r\n"));
        }
        buf_free(&encoded);
        break;
    }
    default:
        for (size_t i = 0; i < bytes.len; i++) {
            unsigned char c = (unsigned char)bytes.data[i];
            buf_append(out, i % 25 == 24 ? S("=\r\n") : SLICE_EMPTY);
            if (c >= 0x80 || c == '=' || chance(10) == 0) {
                buf_printf(out, "=%02X", c);
            } else {
                buf_append_char(out, (char)c);
            }
        }
    }
}

/* One part: its header fields, which are the message's when `outer` is not NULL, and its body. Returns the
 * text that is seen. */
static inline struct slice search_append_part(struct arena *arena, struct buf *out,
                                              struct search_message *outer, struct slice text,
                                              size_t language)
{
    const char *charset = chance(2) == 0 ? search_charsets[language] : NULL;
    bool html = chance(3) == 0;
    struct buf body;
    buf_init(&body, 1 << 20);
    buf_append(&body, html ? S("<html><style>p{x:y}</style><b>") : SLICE_EMPTY);
    for (size_t i = 0; i < text.len; i++) {
        if (html && text.data[i] == 'a') {
            buf_append(&body, chance(2) == 0 ? S("&#97;") : S("<i class='x>y'>a</i>"));
        } else {
            buf_append_char(&body, text.data[i]);
        }
    }
    buf_append(&body, html ? S("</b><!-- quick Grüße 中 --></html>") : SLICE_EMPTY);
    struct slice bytes = buf_slice(&body);
    if (charset && !html && strcmp(charset, "us-ascii") != 0) {
        bytes = search_convert(arena, bytes, charset);
    } else {
        charset = "utf-8";
    }
    const char *type = arena_printf(arena, "text/%s; charset=%s", html ? "html" : "plain", charset);
    search_append_field(arena, out, outer, "Content-Type", slice_from(type), false);
    search_append_encoded(arena, out, outer, bytes);
    buf_free(&body);
    /* The tags around it are spaces. */
    return html ? slice_from(arena_printf(arena, " %s ", arena_cstr(arena, text))) : text;
}

/* A message, and what is known of it. */
static inline struct slice search_make(struct arena *arena, struct search_message *message)
{
    size_t language = chance(LANGUAGES), other = chance(LANGUAGES);
    struct buf out;
    buf_init(&out, 1 << 22);
    struct slice subject = search_text_of(arena, language, 1 + chance(6));
    for (size_t i = 0; i < subject.len; i++) {
        if (subject.data[i] == '\r' || subject.data[i] == '\n') {
            ((char *)subject.data)[i] = '-';
        }
    }
    search_append_field(arena, &out, message, "Subject", subject, true);
    search_append_field(arena, &out, message, "From",
                        slice_from(arena_printf(arena, "user%zu@example.org", chance(20))), false);
    if (chance(4) == 0) {
        search_append_field(arena, &out, message, "X-Custom", S("Tag quick"), false);
    }
    struct slice first = search_text_of(arena, language, chance(40)),
                 second = search_text_of(arena, other, chance(40));
    if (chance(3) == 0) {
        search_append_field(arena, &out, message, "Content-Type", S("multipart/mixed; boundary=\"=_b\""),
                            false);
        buf_append(&out, S("\r\nquick preamble\r\n--=_b\r\n"));
        search_note(message, false, SLICE_EMPTY, search_append_part(arena, &out, NULL, first, language));
        buf_append(&out, S("\r\n--=_b\r\n"));
        search_note(message, false, SLICE_EMPTY, search_append_part(arena, &out, NULL, second, other));
        buf_append(&out, S("\r\n--=_b\r\nContent-Type: image/png\r\n\r\nquick brown\r\n--=_b--\r\n"));
    } else {
        search_note(message, false, SLICE_EMPTY, search_append_part(arena, &out, message, first, language));
    }
    struct slice copy = arena_copy(arena, buf_slice(&out));
    buf_free(&out);
    return copy;
}

static inline struct search_message *search_add(struct search_world *world, uint32_t uid,
                                                const struct search_message *message)
{
    if (world->count == world->size) {
        world->size = world->size ? 2 * world->size : 64;
        world->messages = mem_realloc_array(world->messages, world->size, sizeof(*world->messages));
    }
    world->messages[world->count] = *message;
    world->messages[world->count].uid = uid;
    return &world->messages[world->count++];
}

UNUSED static inline void search_deliver(struct search_world *world, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct search_message message = {0};
        struct slice text = search_make(&world->fixture->arena, &message);
        search_add(world, append_text(world->fixture, world->account, "INBOX", text), &message);
    }
}

UNUSED static inline void search_expunge(struct search_world *world, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct search_message *message = &world->messages[chance(world->count)];
        struct uid_range range = {message->uid, message->uid};
        struct batch_operation expunge = {
            .kind = BATCH_EXPUNGE, .mailbox = mailbox_named(S("INBOX")), .expunge = {.uids = {&range, 1}}};
        if (message->uid) {
            assert_ok(batch_commit(world->account, &expunge, 1, NULL));
            message->uid = 0;
        }
    }
}

/* --- what must be found --- */

static inline struct slice search_folded(struct arena *arena, struct slice text)
{
    struct buf out;
    buf_init(&out, text.len * FOLD_GROWTH + 1024);
    fold_text(&out, text);
    struct slice copy = arena_copy(arena, buf_slice(&out));
    buf_free(&out);
    return copy;
}

static inline bool search_has(struct arena *arena, struct slice text, struct slice needle)
{
    struct slice in = search_folded(arena, text), what = search_folded(arena, needle);
    return what.len == 0 || slice_find_text(in, what) < in.len;
}

static inline bool search_unit_holds(struct arena *arena, const struct search_unit *unit,
                                     const struct search_term *term)
{
    if (term->where == SEARCH_HEADER) {
        return unit->header && slice_eq_nocase(unit->name, term->header) &&
               search_has(arena, unit->text, term->text);
    }
    if (unit->header && term->where == SEARCH_TEXT) {
        const char *whole =
            arena_printf(arena, "%s: %s", arena_cstr(arena, unit->name), arena_cstr(arena, unit->text));
        return search_has(arena, slice_from(whole), term->text);
    }
    return !unit->header && search_has(arena, unit->text, term->text);
}

static inline bool search_message_holds(struct arena *arena, const struct search_message *message,
                                        const struct search_request *request)
{
    for (size_t t = 0; t < request->term_count; t++) {
        bool found = false;
        for (size_t u = 0; u < message->count && !found; u++) {
            found = search_unit_holds(arena, &message->units[u], &request->terms[t]);
        }
        if (!found) {
            return false;
        }
    }
    return message->uid && uid_set_has(&request->within, message->uid);
}

static inline void search_complain(const struct search_request *request, uint32_t uid, bool expected)
{
    print_error("message %u is %s:\n", uid, expected ? "not found" : "found");
    for (size_t i = 0; i < request->term_count; i++) {
        const struct search_term *term = &request->terms[i];
        print_error("  %s %.*s \"%.*s\"\n",
                    term->where == SEARCH_HEADER ? "HEADER"
                    : term->where == SEARCH_BODY ? "BODY"
                                                 : "TEXT",
                    SLICE_ARG(term->header), SLICE_ARG(term->text));
    }
}

/* Returns how many were found. */
UNUSED static inline size_t search_compare(struct search_world *world, const struct search_request *request)
{
    struct arena arena = {0};
    struct uid_set found = {0};
    size_t count = 0;
    assert_ok(search_text(world->account, request, &arena, &found));
    for (size_t i = 0; i < world->count; i++) {
        const struct search_message *message = &world->messages[i];
        bool expected = search_message_holds(&arena, message, request);
        if (message->uid && uid_set_has(&found, message->uid) != expected) {
            search_complain(request, message->uid, expected);
            fail();
        }
        count += expected;
    }
    assert_int_equal(uid_set_size(&found), count);
    arena_free(&arena);
    return count;
}

/* --- random searches --- */

/* Some characters out of some text of some message, or of none. */
static inline struct slice search_random_needle(struct search_world *world, struct arena *arena,
                                                bool *header_r)
{
    const struct search_message *message = &world->messages[chance(world->count)];
    const struct search_unit *unit = &message->units[chance(message->count)];
    struct slice text = unit->text;
    *header_r = unit->header;
    if (text.len == 0 || chance(20) == 0) {
        return chance(2) == 0 ? S("没有") : S("nowhere to be found");
    }
    size_t start = chance(text.len);
    while (start > 0 && ((unsigned char)text.data[start] & 0xc0) == 0x80) {
        start--;
    }
    static const size_t lengths[] = {1, 2, 3, 4, 8, 20};
    size_t characters = lengths[chance(ARRAY_LEN(lengths))], end = start;
    for (; end < text.len && characters > 0; characters--) {
        end++;
        while (end < text.len && ((unsigned char)text.data[end] & 0xc0) == 0x80) {
            end++;
        }
    }
    char *needle = arena_cstr(arena, slice_take(slice_skip(text, start), end - start));
    for (char *c = needle; *c; c++) {
        *c = chance(2) == 0 ? char_upper(*c) : char_lower(*c);
    }
    return slice_from(needle);
}

static inline struct search_term search_random_term(struct search_world *world, struct arena *arena)
{
    bool header = false;
    struct slice needle = search_random_needle(world, arena, &header);
    switch (chance(4)) {
    case 0:
        return (struct search_term){.where = SEARCH_HEADER,
                                    .header = chance(3) == 0   ? S("x-custom")
                                              : chance(3) == 0 ? S("FROM")
                                                               : S("Subject"),
                                    .text = chance(10) == 0 ? SLICE_EMPTY : needle};
    case 1:
        return (struct search_term){.where = SEARCH_TEXT, .text = needle};
    default:
        return (struct search_term){.where = header ? SEARCH_TEXT : SEARCH_BODY, .text = needle};
    }
}

UNUSED static inline size_t search_random(struct search_world *world)
{
    struct arena arena = {0};
    struct search_term terms[3];
    struct uid_range some = {.first = 1 + (uint32_t)chance(world->count)};
    some.last = some.first + (uint32_t)chance(world->count);
    struct search_request request = {.mailbox_id = world->mailbox, .within = uid_set_all, .terms = terms};
    request.term_count = chance(3) == 0 ? 2 + chance(2) : 1;
    for (size_t i = 0; i < request.term_count; i++) {
        terms[i] = search_random_term(world, &arena);
    }
    if (chance(4) == 0) {
        request.within = (struct uid_set){&some, 1};
    }
    size_t found = search_compare(world, &request);
    arena_free(&arena);
    return found;
}

UNUSED static inline void search_world_open(struct search_world *world, struct fixture *fixture)
{
    *world = (struct search_world){.fixture = fixture};
    world->account = open_account(fixture, ALICE);
    world->mailbox = status_of(world->account, "INBOX").id;
}

UNUSED static inline void search_world_close(struct search_world *world)
{
    account_close(world->account);
    mem_free(world->messages);
}

#endif
