/* SPDX-License-Identifier: ISC */
/*
 * What a person may read, in the languages of the LANGUAGE command (RFC 5255 section 3). The code says it in
 * English, where it has something to say, and looks it up here on the way out;
 * tests/system/test_imap_texts.py sees to it that each sentence of the code has its row, and each row its
 * sentence.
 */
#ifndef IMAPD_TEXTS_H
#define IMAPD_TEXTS_H

#include "base/slice.h"

/* IMAP_I_DEFAULT: until the client chose one. English too, but what is sent may be nothing but ASCII. */
enum imap_language { IMAP_I_DEFAULT, IMAP_ENGLISH, IMAP_GERMAN, IMAP_LANGUAGE_COUNT };

extern const struct slice imap_language_tags[IMAP_LANGUAGE_COUNT];

/* The language that a range asks for; false when it is not spoken here. */
bool imap_language_find(struct slice range, enum imap_language *language_r);

/* The sentence in that language; the sentence itself, when there is no row for it: the name of a verb, or
 * what was put together from translated parts. Formats stay formats, with the same conversions. */
const char *imap_text(enum imap_language language, const char *english) FORMAT_ARG(2);

struct imap_translation {
    const char *english, *german;
};
extern const struct imap_translation imap_translations[];
extern const size_t imap_translation_count;

#endif
