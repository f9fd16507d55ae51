/* SPDX-License-Identifier: ISC */
/*
 * RFC 4469 section 5:
 *     append-data     =/ "CATENATE" SP "(" cat-part *(SP cat-part) ")"
 *     cat-part        = "TEXT" SP literal / "URL" SP astring
 *
 * The parts are copied octet for octet, one after the other, into the message that is being received.
 */
#include "catenate.h"

#include "message_part.h"

#define PARTS_MAX 1000

struct url_job {
    struct imap_session *session;
    struct incoming *incoming;
    struct imapurl url;
};

static enum err take_octets(void *data, struct slice octets)
{
    struct url_job *job = data;
    return incoming_write_blocking(job->session, job->incoming, octets);
}

static enum err copy_part(void *arg)
{
    struct url_job *job = arg;
    return message_part_read(job->session, &job->url, take_octets, job);
}

/* Section 3: relative URLs, beside the open mailbox when they name none. */
static bool parse_relative(struct imap_session *session, struct slice text, struct imapurl *url_r)
{
    if (!imapurl_parse(&session->arena, text, url_r) || url_r->has_server || url_r->access.len > 0)
        return false;
    return url_r->mailbox.data != NULL || session->selected;
}

/* The code repeats the URL, but for what would end it. */
static enum err bad_url(struct imap_session *session, struct slice text)
{
    struct buf code;
    buf_init(&code, INPUT_LINE_MAX);
    buf_append(&code, S("BADURL "));
    for (size_t i = 0; i < text.len; i++)
        buf_append_char(&code, char_is_ctl(text.data[i]) || text.data[i] == ']' ||
                                       (unsigned char)text.data[i] >= 0x80
                                   ? '?'
                                   : text.data[i]);
    imap_no(session, arena_cstr(&session->arena, buf_slice(&code)), "there is no such part of a message");
    buf_free(&code);
    return ERR_NOT_FOUND;
}

static enum err take_url(struct imap_session *session, struct incoming *incoming, struct slice text)
{
    struct url_job job = {.session = session, .incoming = incoming};
    if (!parse_relative(session, text, &job.url))
        return bad_url(session, text);
    enum err err = imap_on_thread(session, copy_part, &job);
    return err == ERR_NOT_FOUND || err == ERR_SYNTAX ? bad_url(session, text) : err;
}

static enum err take_part(struct imap_session *session, struct parser *parser, struct incoming *incoming,
                          bool *good_r)
{
    struct literal literal;
    struct slice text;
    if (parse_word(parser, S("TEXT"))) {
        *good_r = parse_space(parser) && parse_pending_literal(parser, &literal);
        return *good_r ? incoming_literal(session, incoming, parser, &literal) : ERR_OK;
    }
    *good_r = parse_word(parser, S("URL")) && parse_space(parser) && parse_astring(parser, &text);
    return *good_r ? take_url(session, incoming, text) : ERR_OK;
}

enum err catenate_take(struct imap_session *session, struct parser *parser, struct incoming *incoming,
                       bool *good_r)
{
    enum err err = incoming_begin(session, incoming);
    *good_r = parse_space(parser) && parse_char(parser, '(');
    for (size_t parts = 0; !err && *good_r && parts < PARTS_MAX; parts++) {
        err = take_part(session, parser, incoming, good_r);
        if (!err && *good_r && !parse_space(parser))
            break;
    }
    *good_r = *good_r && !err && parse_char(parser, ')');
    return err;
}
