/* SPDX-License-Identifier: ISC */
/* What stands behind a verb, read by pure functions. */
#include "base/scan.h"

#include "commands.h"

/* 1*DIGIT. A number is no mistake for being large: there is no such message, and TOP wants all lines. */
static bool scan_count(struct scan *scan, uint64_t *value_r)
{
    struct slice digits;
    if (!scan_while(scan, char_is_digit, &digits))
        return false;
    if (!slice_to_u64(digits, UINT64_MAX, value_r))
        *value_r = UINT64_MAX;
    return true;
}

/* RFC 1939 section 9: "RETR msg"; section 4: "all message-numbers […] are expressed in base-10". */
enum err message_argument_parse(struct slice arguments, uint64_t *number_r)
{
    struct scan scan = scan_of(slice_trim(arguments));
    return scan_count(&scan, number_r) && scan_at_end(&scan) ? ERR_OK : ERR_SYNTAX;
}

/* RFC 1939 section 7: "TOP msg n", "a message-number (required) […] and a non-negative number of lines
 * (required)". */
enum err top_arguments_parse(struct slice arguments, struct top_arguments *top_r)
{
    struct scan scan = scan_of(slice_trim(arguments));
    bool good = scan_count(&scan, &top_r->number) && scan_wsp(&scan) && scan_count(&scan, &top_r->lines) &&
                scan_at_end(&scan);
    return good ? ERR_OK : ERR_SYNTAX;
}

/* RFC 5034 section 4: "AUTH mechanism [initial-response]", the latter in base64, or "=" for one that is
 * empty. A bare AUTH asks for the list of mechanisms (Outlook). Two spaces in between: Windows Mail. */
enum err auth_arguments_parse(struct slice arguments, struct auth_arguments *auth_r)
{
    struct slice rest = slice_trim(arguments);
    auth_r->mechanism = slice_split(&rest, ' ');
    auth_r->initial = slice_trim(rest);
    auth_r->has_initial = auth_r->initial.len > 0;
    if (slice_eq(auth_r->initial, S("=")))
        auth_r->initial = SLICE_EMPTY;
    return slice_has(auth_r->initial, ' ') ? ERR_SYNTAX : ERR_OK;
}
