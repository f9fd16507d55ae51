/* SPDX-License-Identifier: ISC */
/* The words of the grammar, for reply.c and reply_fetch.c: each takes one element and moves on, or fails for
 * good and says why. */
#ifndef TEST_REPLY_READER_H
#define TEST_REPLY_READER_H

#include "reply.h"

struct reply_reader {
    struct arena *arena;
    struct slice rest;
    bool utf8;
    const char *why; /* set: it failed */
};

bool reply_fail(struct reply_reader *reader, const char *why);
bool reply_next_is(const struct reply_reader *reader, char c);
bool reply_may(struct reply_reader *reader, char c); /* takes it when it is there */
bool reply_char(struct reply_reader *reader, char c);
bool reply_space(struct reply_reader *reader);
/* Takes the word when it is there, in either case. */
bool reply_may_word(struct reply_reader *reader, const char *word);
bool reply_atom(struct reply_reader *reader, struct slice *atom_r);
bool reply_number(struct reply_reader *reader, uint64_t min, uint64_t max, uint64_t *number_r);
bool reply_string(struct reply_reader *reader, struct slice *text_r);
bool reply_nstring(struct reply_reader *reader, struct slice *text_r, bool *is_nil_r);
bool reply_astring(struct reply_reader *reader, struct slice *text_r);
/* "(" [atom *(SP atom)] ")", of flags: an atom, or a backslash and an atom, or "\*". */
bool reply_flags(struct reply_reader *reader, struct reply_words *words_r);
bool reply_sequence_set(struct reply_reader *reader, struct reply_set *set_r);
struct slice reply_upper(struct arena *arena, struct slice text);

/* msg-att (reply_fetch.c) */
bool reply_message_data(struct reply_reader *reader, struct reply_fetch *fetch);
/* envelope and body (reply_structure.c) */
bool reply_envelope(struct reply_reader *reader);
bool reply_body(struct reply_reader *reader, bool extended);

#endif
