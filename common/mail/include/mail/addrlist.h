/* SPDX-License-Identifier: ISC */
/*
 * Address lists of header fields: From, To, Cc, Reply-To… (RFC 5322 sections 3.4 and 4.4, RFC 6532), as
 * liberal as clients need it: groups, comments, quoted strings, source routes, blanks around dots, bare
 * words, missing commas and raw 8-bit text. Iterative; nesting of comments costs no stack.
 *
 *     "Joe Q. Public" <john.q.public@example.com>, A Group:Ed <joe@where.test>,b@c;
 *
 * gives {name `Joe Q. Public`, mailbox `john.q.public`, host `example.com`},
 * {GROUP_START, mailbox `A Group`}, {name `Ed`, …}, {…}, {GROUP_END}.
 */
#ifndef MAIL_ADDRLIST_H
#define MAIL_ADDRLIST_H

#include "base/arena.h"

enum addrlist_kind { ADDRLIST_MAILBOX, ADDRLIST_GROUP_START, ADDRLIST_GROUP_END };

struct addrlist_item {
    enum addrlist_kind kind;
    struct slice name; /* display name, quotes undone, encoded-words (RFC 2047) left encoded; a comment when
                          there is no name: `joe@x (Joe)`. data is NULL when there is none */
    struct slice adl;  /* source route "@a,@b"; data NULL without one */
    struct slice mailbox; /* local part, quotes undone; of a GROUP_START the group's name */
    struct slice host;    /* as written, blanks and comments removed; empty when the word has no "@" */
};

struct addrlist {
    struct addrlist_item *items;
    size_t count;
    bool malformed; /* something did not follow even the obsolete grammar; what could be read is there */
    bool truncated; /* there were more than `max` items */
};

/* `value` may still be folded. Texts live in the arena. Never fails: look at the two flags. */
void addrlist_parse(struct arena *arena, struct slice value, size_t max, struct addrlist *out);

#endif
