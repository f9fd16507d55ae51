/* SPDX-License-Identifier: ISC */
/*
 * ENVELOPE, RFC 3501 section 9:
 *
 *     envelope    = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP env-cc
 * SP env-bcc SP env-in-reply-to SP env-message-id ")" env-from    = "(" 1*address ")" / nil address     = "("
 * addr-name SP addr-adl SP addr-mailbox SP addr-host ")" nil         = "NIL"
 */
#include "mail/addrlist.h"
#include "mail/encoded_word.h"
#include "mail/header.h"
#include "summary_priv.h"

/* A list of this many addresses is nothing that a person wrote. */
#define ADDRESSES_MAX 2000

void imap_append_string(struct buf *out, struct slice text)
{
    struct buf plain;
    /* An encoded-word is at most 20 times as long as what it holds: one byte each. */
    buf_init(&plain, 64 + 20 * text.len);
    encoded_word_append(&plain, text);
    struct slice rest = buf_slice(&plain);
    buf_append_char(out, '"');
    while (rest.len > 0) {
        size_t length = 0;
        while (length < rest.len && rest.data[length] != '"' && rest.data[length] != '\\') {
            length++;
        }
        buf_append(out, slice_take(rest, length));
        if (length < rest.len) {
            buf_append_char(out, '\\');
            buf_append_char(out, rest.data[length]);
        }
        rest = slice_skip(rest, length + 1);
    }
    buf_append_char(out, '"');
    buf_free(&plain);
}

void imap_append_nstring(struct buf *out, struct slice text)
{
    if (text.data) {
        imap_append_string(out, text);
    } else {
        buf_append(out, S("NIL"));
    }
}

/* The field's text, of the first when there are several. */
static void append_text(struct buf *out, struct arena *scratch, const struct mime_field *fields,
                        struct slice name)
{
    const struct mime_field *field = mime_field_find(fields, name);
    imap_append_nstring(out, field ? header_unfold(scratch, field->value) : (struct slice){0});
    arena_reset(scratch);
}

/*
 * "[RFC-2822] group syntax is indicated by a special form of address structure in which the host name field
 * is NIL. If the mailbox name field is also NIL, this is an end of group marker" (section 7.4.2): so in all
 * others neither is NIL.
 */
static void append_address(struct buf *out, const struct addrlist_item *item)
{
    if (item->kind == ADDRLIST_GROUP_END) {
        buf_append(out, S("(NIL NIL NIL NIL)"));
        return;
    }
    buf_append_char(out, '(');
    imap_append_nstring(out, item->name);
    buf_append_char(out, ' ');
    imap_append_nstring(out, item->adl);
    buf_append_char(out, ' ');
    imap_append_string(out, item->mailbox);
    buf_append_char(out, ' ');
    if (item->kind == ADDRLIST_GROUP_START) {
        buf_append(out, S("NIL"));
    } else {
        imap_append_string(out, item->host);
    }
    buf_append_char(out, ')');
}

/* All fields of that name make one list. False (nothing written) when it has no address. */
static bool append_addresses(struct buf *out, struct arena *scratch, const struct mime_field *fields,
                             struct slice name)
{
    size_t count = 0;
    const struct mime_field *field = mime_field_find(fields, name);
    for (; field; field = mime_field_find(field->next, name)) {
        struct addrlist list;
        addrlist_parse(scratch, field->value, ADDRESSES_MAX - MIN_OF(count, ADDRESSES_MAX), &list);
        for (size_t i = 0; i < list.count; i++) {
            buf_append(out, count++ == 0 ? S("(") : SLICE_EMPTY);
            append_address(out, &list.items[i]);
        }
        arena_reset(scratch);
    }
    buf_append(out, count > 0 ? S(")") : SLICE_EMPTY);
    return count > 0;
}

/* "If the Sender or Reply-To lines are absent in the [RFC-2822] header, or are present but empty, the server
 * sets the corresponding member of the envelope to be the same value as the from member" (section 7.4.2). */
static void append_addresses_or(struct buf *out, struct arena *scratch, const struct mime_field *fields,
                                struct slice name, struct slice other)
{
    if (!append_addresses(out, scratch, fields, name) &&
        (other.len == 0 || !append_addresses(out, scratch, fields, other))) {
        buf_append(out, S("NIL"));
    }
}

void envelope_append(struct buf *out, const struct mime_field *fields)
{
    static const struct {
        const char *name;
        bool is_text;
        const char *other;
    } members[] = {
        {"Date", true, NULL},       {"Subject", true, NULL},     {"From", false, NULL},
        {"Sender", false, "From"},  {"Reply-To", false, "From"}, {"To", false, NULL},
        {"Cc", false, NULL},        {"Bcc", false, NULL},        {"In-Reply-To", true, NULL},
        {"Message-ID", true, NULL},
    };
    struct arena scratch = {0};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct slice name = slice_from(members[i].name);
        buf_append_char(out, i == 0 ? '(' : ' ');
        if (members[i].is_text) {
            append_text(out, &scratch, fields, name);
        } else {
            append_addresses_or(out, &scratch, fields, name, slice_from(members[i].other));
        }
    }
    buf_append_char(out, ')');
    arena_free(&scratch);
}
