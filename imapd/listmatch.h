/* SPDX-License-Identifier: ISC */
/*
 * Patterns of LIST (RFC 9051 section 6.3.9): "*" stands for any characters, "%" for any but the separator.
 * A pattern is made ready once and then compared with many names; that takes time in proportion to the length
 * of the name, whatever the pattern. Pure.
 */
#ifndef IMAPD_LISTMATCH_H
#define IMAPD_LISTMATCH_H

#include "base/arena.h"

struct list_pattern {
    bool ends_in_percent; /* levels above what exists are wanted too */
    size_t words;         /* of one set of states; 0: no name can match */
    size_t end;           /* the state in which all of the pattern was matched */
    unsigned char classes[256];
    uint64_t *bytes;            /* by class: states that this byte leads on from */
    uint64_t *stars, *percents; /* states with a wildcard */
};

/* The pattern, in UTF-8, its form that of names (mailbox_name_canonical); what it needs is in the arena. */
struct list_pattern list_pattern_of(struct arena *arena, struct slice text);
/* INBOX as the first level matches in any case. */
bool list_pattern_matches(const struct list_pattern *pattern, struct slice name);
/* Whether some name that begins with this can match. */
bool list_pattern_may_begin(const struct list_pattern *pattern, struct slice start);

#endif
