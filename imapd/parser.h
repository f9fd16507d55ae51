/* SPDX-License-Identifier: ISC */
/*
 * The grammar's words (RFC 9051 section 9, RFC 3501 section 9) off the text of one command. Pure: no session,
 * no connection; all that comes out lives in the arena or points into the text.
 *
 * The text is the command as it came, its literals within: `A1 LOGIN {5}\r\nalice secret`. It may end in a
 * literal that was only announced ("{310}"): whoever wants its bytes as a string gets them by `more`; APPEND
 * streams its message instead (parse_pending_literal).
 *
 * A function matches one element and moves on, or returns false, leaves the parser where it was, and notes
 * what would have been right: parser_complaint says it for the BAD answer.
 */
#ifndef IMAPD_PARSER_H
#define IMAPD_PARSER_H

#include "base/arena.h"
#include "base/error.h"

#include "texts.h"

struct parser {
    struct slice rest; /* what was not yet matched */
    struct arena *arena;
    bool utf8;            /* names are UTF-8, not modified UTF-7 (UTF8=ACCEPT, IMAP4rev2 enabled) */
    const char *expected; /* what was missing where the last attempt failed; NULL: nothing failed */
    /* Called when a string is wanted and `rest` is a literal whose bytes are not there: replaces `rest` by
     * one that has them and what follows. False when they do not come. NULL: the text is all there is. */
    bool (*more)(struct parser *parser, void *data);
    void *more_data;
};

struct parser parser_of(struct arena *arena, struct slice text);
/* "expected a mailbox name before \"foo\"": in the arena. */
const char *parser_complaint(const struct parser *parser, enum imap_language language);
/* Notes what was expected; returns false. For parsers that are built on this one. */
bool parser_expected(struct parser *parser, const char *what);

bool parse_end(struct parser *parser);   /* nothing is left; spaces at the end are forgiven */
bool parse_space(struct parser *parser); /* one SP; more are forgiven */
bool parse_char(struct parser *parser, char c);
char parser_peek(const struct parser *parser); /* next byte, 0 at the end */
/* This word, in either case, not followed by a further atom character. */
bool parse_word(struct parser *parser, struct slice word);
/* SP and the word; nothing is taken unless both are there. */
bool parse_space_word(struct parser *parser, struct slice word);

/* tag = 1*<any ASTRING-CHAR except "+">, of at most TAG_MAX characters here */
#define TAG_MAX 200
bool parse_tag(struct parser *parser, struct slice *tag_r);
bool parse_atom(struct parser *parser, struct slice *atom_r);
/* The name of a command, capability, item: letters, digits, and what they are joined with ("-._=+"). */
bool parse_name(struct parser *parser, struct slice *name_r);
/* string = quoted / literal; also the literal8 "~{n}" of RFC 3516. Quoted strings may hold UTF-8 (RFC 6855);
 * NUL only in a literal8. */
bool parse_string(struct parser *parser, struct slice *string_r);
bool parse_astring(struct parser *parser, struct slice *string_r);
/* data is NULL for NIL. */
bool parse_nstring(struct parser *parser, struct slice *string_r);
bool parse_number(struct parser *parser, uint32_t *number_r);
bool parse_nonzero(struct parser *parser, uint32_t *number_r);
bool parse_number64(struct parser *parser, uint64_t *number_r); /* at most 2^63 - 1 */

/* mailbox = "INBOX" / astring, decoded to UTF-8. What is no modified UTF-7 is taken as it stands: people and
 * programs send raw UTF-8, and a bare "&". */
bool parse_mailbox(struct parser *parser, struct slice *name_r);
/* list-mailbox = 1*list-char / string: a mailbox name with wildcards, decoded likewise. */
bool parse_list_pattern(struct parser *parser, struct slice *pattern_r);

/* flag = "\Answered" … / flag-keyword: an atom, or a backslash and an atom. */
bool parse_flag(struct parser *parser, struct slice *flag_r);

/* date = date-text / DQUOTE date-text DQUOTE: the day as days since 1970-01-01. */
bool parse_date(struct parser *parser, int64_t *day_r);
/* date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE: microseconds. */
bool parse_date_time(struct parser *parser, int64_t *time_us_r);

/* A literal that was announced and is not in the text (it stands at the end): "{n}", "{n+}", "~{n}". */
struct literal {
    uint64_t size;
    bool non_sync; /* the client does not wait for "+" (RFC 7888) */
    bool binary;   /* literal8 (RFC 3516) */
};
bool parse_pending_literal(struct parser *parser, struct literal *literal_r);
/* Whether this line announces a literal with its end. */
bool line_ends_in_literal(struct slice line, struct literal *literal_r);

#endif
