/* SPDX-License-Identifier: ISC */
/* The arguments of LANGUAGE (RFC 5255 section 3.5); cmd_language.c has the grammar. */
#ifndef IMAPD_LANGUAGE_H
#define IMAPD_LANGUAGE_H

#include "parser.h"

#define LANGUAGE_RANGES_MAX 30

struct language_ranges {
    struct slice list[LANGUAGE_RANGES_MAX]; /* language ranges (RFC 4647), "default" among them */
    size_t count;
};

bool parse_languages(struct parser *parser, struct language_ranges *ranges_r);

#endif
