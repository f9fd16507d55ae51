/* SPDX-License-Identifier: ISC */
/*
 * Reports made of foreign texts: what servers replied, what clients wrote into ORCPT and ENVID, what the
 * message was called. Whatever they hold, the report has its three parts and one sender, its lines are lines,
 * the part for programs has the fields that were written and no others, and the original is in it untouched.
 *
 * The input's lines are the texts, "\n" in them standing for a line end.
 */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "dsn.h"
#include "mail/header.h"
#include "mail/mime.h"

#define ORIGINAL "Subject: x\r\n"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* The next text; "\n", "\r" and "\0" undone. */
static struct slice next_text(struct arena *arena, struct slice *input)
{
    static const char from[] = "nr0", to[] = "\n\r";
    struct slice line = slice_split(input, '\n');
    char *text = arena_alloc(arena, line.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < line.len; i++) {
        const char *escape = NULL;
        if (line.data[i] == '\\' && i + 1 < line.len && line.data[i + 1]) {
            escape = strchr(from, line.data[i + 1]);
        }
        text[len++] = escape ? to[escape - from] : line.data[i];
        i += escape != NULL;
    }
    return slice_of(text, len);
}

static void check_field(struct slice block, const char *name)
{
    must(header_count(block, slice_from(name)) == 1);
}

static void check_fields(struct slice fields)
{
    size_t end = slice_find_text(fields, S("\r\n\r\n"));
    must(end < fields.len);
    struct slice message = slice_take(fields, end + 2), recipient = slice_skip(fields, end + 4);
    must(slice_find_text(recipient, S("\r\n\r\n")) == recipient.len);
    must(header_count(message, S("Action")) == 0);
    check_field(message, "Reporting-MTA");
    check_field(recipient, "Final-Recipient");
    check_field(recipient, "Action");
    check_field(recipient, "Status");
    struct header_walk walk = header_walk_of(recipient);
    struct header_field field;
    while (header_next(&walk, &field)) {
        must(field.name.len > 0);
    }
}

static struct slice body(struct slice text, const struct mime_part *part)
{
    return slice_take(slice_skip(text, part->body_start), part->body_end - part->body_start);
}

static void check_report(const struct dsn_report *report, struct arena *arena)
{
    struct buf text;
    buf_init(&text, 1 << 26);
    bool is_8bit = dsn_write_begin(report, &text);
    buf_append(&text, S(ORIGINAL));
    dsn_write_end(report, &text);
    must(buf_ok(&text));
    struct mime_parser *parser = mime_parser_new(arena, NULL);
    mime_parser_feed(parser, buf_slice(&text));
    const struct mime_part *root = mime_parser_finish(parser), *words = root->first_child;
    const struct mime_counts *counts = mime_parser_counts(parser);
    must(words && words->next && words->next->next && !words->next->next->next);
    must(!counts->has_bare_cr && !counts->has_bare_lf && !counts->has_nul);
    must(counts->longest_line <= 998 && counts->from_fields == 1 && counts->has_8bit == is_8bit);
    must(utf8_is_valid(buf_slice(&text)));
    check_fields(body(buf_slice(&text), words->next));
    must(slice_eq(body(buf_slice(&text), words->next->next), S(ORIGINAL)));
    buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct arena arena = {0};
    if (size < 2 || size > 50000) {
        return 0;
    }
    struct dsn_recipient recipient = {.code = data[0] * 3U, .is_theirs = data[1] & 1};
    struct dsn_report report = {.action = (enum dsn_action)((data[1] >> 1) % 5),
                                .host = S("mail.example.org"),
                                .sender = S("alice@example.org"),
                                .trace = S("7XKQ2M4T6NPABCDE"),
                                .id = S("7XKQ2M4T6NPABCDE.failed-1"),
                                .recipients = &recipient,
                                .count = 1};
    input = slice_skip(input, 2);
    recipient.text = next_text(&arena, &input);
    recipient.host = next_text(&arena, &input);
    recipient.orcpt = next_text(&arena, &input);
    recipient.address = next_text(&arena, &input);
    report.envid = next_text(&arena, &input);
    report.subject = next_text(&arena, &input);
    report.message_id = next_text(&arena, &input);
    check_report(&report, &arena);
    arena_free(&arena);
    return 0;
}
