/* SPDX-License-Identifier: ISC */
/*
 * COMPARATOR (RFC 5255 sections 4.7 to 4.10): by which rules texts are compared when messages are searched,
 * sorted and threaded.
 *
 *     comparator-cmd  = "COMPARATOR" *(SP comp-order-quoted)
 *     comparator-data = "COMPARATOR" SP comp-sel-quoted [SP "(" comp-id-quoted *(SP comp-id-quoted) ")"]
 *     collation-order: a name, or a pattern with "*", perhaps behind a "+" for its usual order    RFC 4790
 *
 * There is one, the default; so none is ever chosen instead of another.
 */
#include "session.h"

static const struct slice the_comparator = {"i;unicode-casemap", 17};

/* Whether the text is of the pattern; "*" stands for any characters. When what stands behind the last "*"
 * does not fit, it is tried one character later. */
static bool matches(struct slice pattern, struct slice text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, tried = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.data[p] == '*') {
            star = p++;
            tried = t;
        } else if (p < pattern.len && char_lower(pattern.data[p]) == text.data[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++tried;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.data[p] == '*')
        p++;
    return p == pattern.len;
}

void imap_comparator(struct imap_session *session, struct parser *parser)
{
    struct slice wanted;
    bool any = false, found = false;
    while (parse_space(parser) && parse_astring(parser, &wanted)) {
        any = true;
        if (wanted.len > 0 && wanted.data[0] == '+')
            wanted = slice_skip(wanted, 1);
        found |= slice_eq_nocase(wanted, S("default")) || matches(wanted, the_comparator);
    }
    if (!parse_end(parser)) {
        imap_bad_syntax(session, parser);
    } else if (any && !found) {
        imap_no(session, "BADCOMPARATOR", "texts are compared by i;unicode-casemap only");
    } else {
        imap_untagged(session, "COMPARATOR %s", the_comparator.data);
        imap_ok(session, NULL, "this is how texts are compared");
    }
}
