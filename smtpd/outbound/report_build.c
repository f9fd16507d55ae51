/* SPDX-License-Identifier: ISC */
/* The report as a message in a blob. */
#include "base/utf8.h"
#include "report_private.h"

#define REPORT_MAX \
    ((size_t)4 * 1024 * 1024) /* of all before the original: a kilobyte or two for each recipient */
#define RETURN_PATH "Return-Path: <>\r\n"

struct slice report_header_of(struct slice message)
{
    size_t end = 0;
    for (size_t i = 0; i < message.len; i++) {
        if (message.data[i] != '\n')
            continue;
        if (i == end || (i == end + 1 && message.data[end] == '\r')) /* an empty line */
            break;
        end = i + 1;
    }
    return slice_take(message, end);
}

static enum err write_piece(struct blob *blob, struct mime_parser *parser, struct slice piece)
{
    mime_parser_feed(parser, piece);
    return blob_write(blob, piece);
}

static enum err write_blob(const struct dsn_report *report, struct slice original, struct mime_parser *parser,
                           struct report_text *text)
{
    struct buf begin, content, end;
    buf_init(&begin, REPORT_MAX);
    buf_init(&content, REPORT_MAX + 4 * original.len);
    buf_init(&end, 1000);
    text->is_8bit = dsn_write_begin(report, &begin);
    dsn_write_original(report, original, &content);
    dsn_write_end(report, &end);
    enum err err =
        buf_ok(&begin) && buf_ok(&content) ? write_piece(text->blob, parser, S(RETURN_PATH)) : ERR_TOO_LONG;
    if (!err)
        err = write_piece(text->blob, parser, buf_slice(&begin));
    if (!err)
        err = write_piece(text->blob, parser, buf_slice(&content));
    if (!err)
        err = write_piece(text->blob, parser, buf_slice(&end));
    buf_free(&begin);
    buf_free(&content);
    buf_free(&end);
    return err ? err : blob_seal(text->blob);
}

enum err report_build(struct store *store, struct arena *arena, const struct dsn_report *report,
                      struct slice original, struct report_text *text_r)
{
    struct dsn_report full = *report;
    struct mime_parser *parser = mime_parser_new(arena, NULL);
    struct slice header = report_header_of(original);
    *text_r = (struct report_text){.id = report->id, .skip = sizeof(RETURN_PATH) - 1};
    full.original_is_8bit = !utf8_is_ascii(original);
    full.original_is_utf8 = !utf8_is_ascii(header) && utf8_is_valid(header);
    enum err err = blob_begin(store, &text_r->blob);
    if (err)
        return err;
    err = write_blob(&full, original, parser, text_r);
    if (err) {
        blob_free(text_r->blob);
        return err;
    }
    mime_parser_finish(parser);
    summary_build(arena, parser, &text_r->summary);
    text_r->message_id = text_r->summary.message_id;
    text_r->subject = mime_parser_field(parser, S("Subject"))->value;
    return ERR_OK;
}
