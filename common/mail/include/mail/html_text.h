/* SPDX-License-Identifier: ISC */
/*
 * The text of an HTML document, for searching: what a reader sees, about. Tags and comments vanish, and so do
 * scripts and styles with what is in them; tags that begin a new line or cell become a space, tags inside a
 * word nothing ("<b>H</b>ello" is "Hello"); character references are decoded. No claim to parse HTML: every
 * sequence of bytes gives some text, and a "<" that begins no tag is itself.
 *
 *     struct html_text html = {0};
 *     html_text_append(&html, &out, text);     any number of times, any cuts
 *     html_text_finish(&html, &out);
 */
#ifndef MAIL_HTML_TEXT_H
#define MAIL_HTML_TEXT_H

#include "base/buf.h"

#define HTML_WORD_MAX 32

struct html_text {
    unsigned state;
    char word[HTML_WORD_MAX]; /* the name of a tag, or a character reference from its "&" on */
    size_t length;
    bool closing;      /* the tag began with "</" */
    char quote;        /* around an attribute's value */
    unsigned dashes;   /* "-" just before, in a comment */
    const char *until; /* "script": what is in it is skipped up to its end tag */
};

/* `text` is UTF-8; so is what comes out, never longer than what went in, and HTML_WORD_MAX more. */
void html_text_append(struct html_text *html, struct buf *out, struct slice text);
/* As new then. */
void html_text_finish(struct html_text *html, struct buf *out);

#endif
