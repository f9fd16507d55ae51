/* SPDX-License-Identifier: ISC */
/* Flags as clients write them: STORE, APPEND (RFC 9051 section 9). */
#ifndef IMAPD_FLAGS_H
#define IMAPD_FLAGS_H

#include "storage/mailbox.h"

#include "parser.h"

struct flag_list {
    uint32_t flags;         /* MESSAGE_SEEN … */
    struct slice *keywords; /* each once, in any case */
    size_t keyword_count;
};

/* flag-list = "(" [flag *(SP flag)] ")" */
bool parse_flag_list(struct parser *parser, struct flag_list *list_r);
/* flag-list / (flag *(SP flag)) */
bool parse_flags_or_list(struct parser *parser, struct flag_list *list_r);

#endif
