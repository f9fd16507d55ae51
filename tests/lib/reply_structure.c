/* SPDX-License-Identifier: ISC */
/* ENVELOPE, BODY and BODYSTRUCTURE: only whether they have the form that RFC 3501 section 9 gives them. */
#include "reply_reader.h"

#define DEPTH_MAX 120 /* more than any mail program nests */

static bool skip_nstring(struct reply_reader *reader)
{
    struct slice text;
    bool is_nil;
    return reply_nstring(reader, &text, &is_nil);
}

static bool skip_string(struct reply_reader *reader)
{
    struct slice text;
    return reply_string(reader, &text);
}

static bool skip_number(struct reply_reader *reader)
{
    uint64_t number;
    return reply_number(reader, 0, UINT32_MAX, &number);
}

/* address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")" */
static bool take_address(struct reply_reader *reader)
{
    return reply_char(reader, '(') && skip_nstring(reader) && reply_space(reader) && skip_nstring(reader) &&
           reply_space(reader) && skip_nstring(reader) && reply_space(reader) && skip_nstring(reader) &&
           reply_char(reader, ')');
}

/* env-from = "(" 1*address ")" / nil; no spaces between the addresses */
static bool take_addresses(struct reply_reader *reader)
{
    if (reply_may_word(reader, "NIL"))
        return true;
    if (!reply_char(reader, '('))
        return false;
    do {
        if (!take_address(reader))
            return false;
    } while (!reply_next_is(reader, ')'));
    return reply_char(reader, ')');
}

/* envelope = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP env-cc SP
 *            env-bcc SP env-in-reply-to SP env-message-id ")" */
bool reply_envelope(struct reply_reader *reader)
{
    if (!reply_char(reader, '(') || !skip_nstring(reader) || !reply_space(reader) || !skip_nstring(reader))
        return false;
    for (int i = 0; i < 6; i++)
        if (!reply_space(reader) || !take_addresses(reader))
            return false;
    return reply_space(reader) && skip_nstring(reader) && reply_space(reader) && skip_nstring(reader) &&
           reply_char(reader, ')');
}

/* body-fld-param = "(" string SP string *(SP string SP string) ")" / nil */
static bool take_parameters(struct reply_reader *reader)
{
    if (reply_may_word(reader, "NIL"))
        return true;
    if (!reply_char(reader, '('))
        return false;
    do {
        if (!skip_string(reader) || !reply_space(reader) || !skip_string(reader))
            return false;
    } while (reply_may(reader, ' '));
    return reply_char(reader, ')');
}

/* body-fld-dsp = "(" string SP body-fld-param ")" / nil */
static bool take_disposition(struct reply_reader *reader)
{
    return reply_may_word(reader, "NIL") ||
           (reply_char(reader, '(') && skip_string(reader) && reply_space(reader) &&
            take_parameters(reader) && reply_char(reader, ')'));
}

/* body-fld-lang = nstring / "(" string *(SP string) ")" */
static bool take_language(struct reply_reader *reader)
{
    if (!reply_may(reader, '('))
        return skip_nstring(reader);
    do {
        if (!skip_string(reader))
            return false;
    } while (reply_may(reader, ' '));
    return reply_char(reader, ')');
}

/* [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc]]]; body-extension is for later RFCs, of which there
 * is none. */
static bool take_extension(struct reply_reader *reader)
{
    return !reply_may(reader, ' ') ||
           (take_disposition(reader) &&
            (!reply_may(reader, ' ') ||
             (take_language(reader) && (!reply_may(reader, ' ') || skip_nstring(reader)))));
}

static bool take_body(struct reply_reader *reader, bool extended, int depth);

/* 1*body SP media-subtype [SP body-ext-mpart]; body-ext-mpart = body-fld-param [SP …] */
static bool take_multipart(struct reply_reader *reader, bool extended, int depth)
{
    while (reply_next_is(reader, '('))
        if (!take_body(reader, extended, depth + 1))
            return false;
    if (!reply_space(reader) || !skip_string(reader))
        return false;
    if (!extended || !reply_may(reader, ' '))
        return true;
    return take_parameters(reader) && take_extension(reader);
}

/* (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]
 * body-fields = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets */
static bool take_single_part(struct reply_reader *reader, bool extended, int depth)
{
    struct slice type, subtype;
    if (!reply_string(reader, &type) || !reply_space(reader) || !reply_string(reader, &subtype) ||
        !reply_space(reader) || !take_parameters(reader) || !reply_space(reader) || !skip_nstring(reader) ||
        !reply_space(reader) || !skip_nstring(reader) || !reply_space(reader) || !skip_string(reader) ||
        !reply_space(reader) || !skip_number(reader))
        return false;
    bool is_message = slice_eq_nocase(type, S("message")) &&
                      (slice_eq_nocase(subtype, S("rfc822")) || slice_eq_nocase(subtype, S("global")));
    if (is_message && (!reply_space(reader) || !reply_envelope(reader) || !reply_space(reader) ||
                       !take_body(reader, extended, depth + 1)))
        return false;
    if ((is_message || slice_eq_nocase(type, S("text"))) && (!reply_space(reader) || !skip_number(reader)))
        return false;
    return !extended || !reply_may(reader, ' ') || (skip_nstring(reader) && take_extension(reader));
}

static bool take_body(struct reply_reader *reader, bool extended, int depth)
{
    if (depth > DEPTH_MAX)
        return reply_fail(reader, "a body structure that is too deep");
    if (!reply_char(reader, '('))
        return false;
    bool well = reply_next_is(reader, '(') ? take_multipart(reader, extended, depth)
                                           : take_single_part(reader, extended, depth);
    return well && reply_char(reader, ')');
}

bool reply_body(struct reply_reader *reader, bool extended)
{
    return take_body(reader, extended, 0);
}
