/* SPDX-License-Identifier: ISC */
/* Words, names and lines for made-up mail: everything follows from the seed, on any machine. */
#ifndef BENCH_CORPUS_TEXT_H
#define BENCH_CORPUS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEOPLE 3000

struct random {
    uint64_t state;
};
struct random random_of(uint64_t seed, uint64_t number);
unsigned random_below(struct random *random, unsigned limit); /* limit > 0 */
/* One of 4,000 made-up words in ASCII, the first ones most often, as in a language. Good until the next call.
 */
const char *random_word(struct random *random);

/* A message as it grows; all zero is empty. */
struct text {
    char *bytes;
    size_t length, capacity;
    size_t lines; /* by text_count_lines */
};
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_count_lines(struct text *text);
/* "Name <personN@example.org>"; one name in four is an encoded word. */
void text_address(struct text *text, unsigned person);
/* An encoded word of several words, in one of four scripts. */
void text_encoded_subject(struct text *text, struct random *random);
/* Lines of words until the text has `end` bytes; foreign ones too, then all of it is quoted-printable. */
void text_words(struct text *text, struct random *random, bool foreign, size_t end);
void text_base64_line(struct text *text, struct random *random, int length);

#endif
