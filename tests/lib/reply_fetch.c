/* SPDX-License-Identifier: ISC */
/* The data of a FETCH response: msg-att of RFC 3501 section 9 and of the extensions. */
#include <string.h>

#include "mail/date.h"

#include "reply_reader.h"

static bool two_digits(struct slice text, size_t at, unsigned max, unsigned *value_r)
{
    char tens = text.data[at] == ' ' ? '0' : text.data[at];
    if (!char_is_digit(tens) || !char_is_digit(text.data[at + 1]))
        return false;
    *value_r = (unsigned)(tens - '0') * 10 + (unsigned)(text.data[at + 1] - '0');
    return *value_r <= max;
}

/* date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE, as in
 * "17-Jul-1996 02:44:25 -0700" */
static bool take_date_time(struct reply_reader *reader, int64_t *seconds_r)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct slice text;
    unsigned day, hour, minute, second, zone_hour, zone_minute, month = 0;
    uint64_t year;
    if (!reply_string(reader, &text))
        return false;
    if (text.len != 26 || text.data[2] != '-' || text.data[6] != '-' || text.data[11] != ' ' ||
        text.data[14] != ':' || text.data[17] != ':' || text.data[20] != ' ' ||
        (text.data[21] != '+' && text.data[21] != '-') || text.data[12] == ' ')
        return reply_fail(reader, "a date-time of another form");
    while (month < 12 && memcmp(months + (size_t)3 * month, text.data + 3, 3) != 0)
        month++;
    if (month == 12 || !two_digits(text, 0, 31, &day) || !two_digits(text, 12, 23, &hour) ||
        !two_digits(text, 15, 59, &minute) || !two_digits(text, 18, 60, &second) ||
        !two_digits(text, 22, 23, &zone_hour) || !two_digits(text, 24, 59, &zone_minute) ||
        !slice_to_u64(slice_of(text.data + 7, 4), 9999, &year) || day == 0)
        return reply_fail(reader, "a date-time out of range");
    int64_t zone = (int64_t)zone_hour * 3600 + (int64_t)zone_minute * 60;
    *seconds_r = date_days_from_civil((int64_t)year, month + 1, day) * 86400 + (int64_t)hour * 3600 +
                 (int64_t)minute * 60 + second - (text.data[21] == '-' ? -zone : zone);
    return true;
}

/* objectid = 1*255(ALPHA / DIGIT / "_" / "-") (RFC 8474 section 7), in parentheses */
static bool take_objectid(struct reply_reader *reader, struct slice *id_r)
{
    if (!reply_char(reader, '(') || !reply_atom(reader, id_r) || !reply_char(reader, ')'))
        return false;
    for (size_t i = 0; i < id_r->len; i++)
        if (!char_is_alnum(id_r->data[i]) && id_r->data[i] != '_' && id_r->data[i] != '-')
            return reply_fail(reader, "an objectid with a character it may not have");
    return id_r->len <= 255 || reply_fail(reader, "an objectid that is too long");
}

/* "BODY" section ["<" number ">"] SP nstring; the section's text is compared by who asked for it. */
static bool take_section(struct reply_reader *reader, struct slice item, struct reply_fetch *fetch)
{
    if (fetch->section_count == REPLY_SECTIONS)
        return reply_fail(reader, "too many sections");
    struct reply_section *section = &fetch->sections[fetch->section_count++];
    bool is_size = slice_eq(item, S("BINARY.SIZE"));
    *section = (struct reply_section){.item = item};
    if (reply_may(reader, '[')) {
        size_t end = slice_find(reader->rest, ']');
        section->has_brackets = true;
        section->name = reply_upper(reader->arena, slice_take(reader->rest, end));
        reader->rest = slice_skip(reader->rest, end);
        if (!reply_char(reader, ']'))
            return false;
        section->has_origin = reply_may(reader, '<');
        if (section->has_origin &&
            (!reply_number(reader, 0, UINT32_MAX, &section->origin) || !reply_char(reader, '>')))
            return false;
    }
    if (!reply_space(reader))
        return false;
    return is_size ? reply_number(reader, 0, UINT32_MAX, &section->number)
                   : reply_nstring(reader, &section->value, &section->is_nil);
}

static bool take_text(struct reply_reader *reader, bool (*take)(struct reply_reader *reader),
                      struct slice *text_r)
{
    struct slice begin = reader->rest;
    bool well = take(reader);
    *text_r = slice_take(begin, begin.len - reader->rest.len);
    return well;
}

static bool take_short_body(struct reply_reader *reader)
{
    return reply_body(reader, false);
}

static bool take_structure(struct reply_reader *reader)
{
    return reply_body(reader, true);
}

/* item-name = letters, digits and dots up to a space or a bracket */
static struct slice take_name(struct reply_reader *reader)
{
    size_t n = 0;
    while (n < reader->rest.len && (char_is_alnum(reader->rest.data[n]) || reader->rest.data[n] == '.'))
        n++;
    struct slice name = slice_take(reader->rest, n);
    reader->rest = slice_skip(reader->rest, n);
    return reply_upper(reader->arena, name);
}

static bool once(struct reply_reader *reader, struct reply_fetch *fetch, unsigned bit)
{
    if (fetch->has & bit)
        return reply_fail(reader, "an item that comes twice");
    fetch->has |= bit;
    return reply_space(reader);
}

static bool take_simple(struct reply_reader *reader, struct slice name, struct reply_fetch *fetch)
{
    uint64_t number;
    if (slice_eq(name, S("FLAGS")))
        return once(reader, fetch, REPLY_FLAGS) && reply_flags(reader, &fetch->flags);
    if (slice_eq(name, S("UID"))) {
        if (!once(reader, fetch, REPLY_UID) || !reply_number(reader, 1, UINT32_MAX, &number))
            return false;
        fetch->uid = (uint32_t)number;
        return true;
    }
    if (slice_eq(name, S("MODSEQ"))) /* "(" permsg-modsequence ")" */
        return once(reader, fetch, REPLY_MODSEQ) && reply_char(reader, '(') &&
               reply_number(reader, 1, INT64_MAX, &fetch->modseq) && reply_char(reader, ')');
    if (slice_eq(name, S("RFC822.SIZE")))
        return once(reader, fetch, REPLY_SIZE) && reply_number(reader, 0, UINT32_MAX, &fetch->size);
    if (slice_eq(name, S("INTERNALDATE")))
        return once(reader, fetch, REPLY_DATE) && take_date_time(reader, &fetch->date);
    if (slice_eq(name, S("SAVEDATE"))) {
        if (!once(reader, fetch, REPLY_SAVEDATE))
            return false;
        fetch->savedate_is_nil = reply_may_word(reader, "NIL");
        return fetch->savedate_is_nil || take_date_time(reader, &fetch->savedate);
    }
    if (slice_eq(name, S("EMAILID")))
        return once(reader, fetch, REPLY_EMAILID) && take_objectid(reader, &fetch->emailid);
    if (slice_eq(name, S("THREADID")))
        return once(reader, fetch, REPLY_THREADID) &&
               (reply_may_word(reader, "NIL") || take_objectid(reader, &fetch->threadid));
    if (slice_eq(name, S("PREVIEW")))
        return once(reader, fetch, REPLY_PREVIEW) &&
               reply_nstring(reader, &fetch->preview, &fetch->preview_is_nil);
    return reply_fail(reader, "an unknown item in FETCH");
}

static bool take_item(struct reply_reader *reader, struct reply_fetch *fetch)
{
    struct slice name = take_name(reader);
    if (slice_eq(name, S("ENVELOPE")))
        return once(reader, fetch, REPLY_ENVELOPE) && take_text(reader, reply_envelope, &fetch->envelope);
    if (slice_eq(name, S("BODYSTRUCTURE")))
        return once(reader, fetch, REPLY_STRUCTURE) && take_text(reader, take_structure, &fetch->structure);
    if (slice_eq(name, S("BODY")) && reply_next_is(reader, ' '))
        return once(reader, fetch, REPLY_BODY) && take_text(reader, take_short_body, &fetch->body);
    if (reply_next_is(reader, '[') || slice_eq(name, S("RFC822")) || slice_eq(name, S("RFC822.HEADER")) ||
        slice_eq(name, S("RFC822.TEXT")))
        return take_section(reader, name, fetch);
    return take_simple(reader, name, fetch);
}

/* msg-att = "(" (msg-att-dynamic / msg-att-static) *(SP (msg-att-dynamic / msg-att-static)) ")" */
bool reply_message_data(struct reply_reader *reader, struct reply_fetch *fetch)
{
    if (!reply_char(reader, '('))
        return false;
    do {
        if (!take_item(reader, fetch))
            return false;
    } while (reply_may(reader, ' '));
    return reply_char(reader, ')');
}
