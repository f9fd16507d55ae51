/* SPDX-License-Identifier: ISC */
/*
 * What is done to the file's text before libconfuse sees it.
 *
 * libconfuse 3.3 counts each comment as three lines, which would put every finding on a wrong line; it takes
 * a section whose brace is never closed; and after a string that never ends, or a bad octal escape, its
 * scanner starts the next file (at a reload) inside that string. So comments become blanks here, and open
 * strings and braces are found here, with the line where they begin.
 */
#include <string.h>

#include "conf_priv.h"

/* A list inside a section is as deep as it gets; more is left to libconfuse to refuse. */
#define DEPTH_MAX 8

struct text {
    char *data;
    size_t len, at;
    int line;
    int open_lines[DEPTH_MAX]; /* where the braces were opened */
    int depth;
    struct conf_findings *findings;
};

static bool starts_with(const struct text *text, struct slice what)
{
    return slice_starts_with(slice_of(text->data + text->at, text->len - text->at), what);
}

/* Whether a word could not go on here: "//" inside of "http://x" is no comment. */
static bool at_word_start(const struct text *text)
{
    return text->at == 0 || strchr(" \t\r\n={}(),+\"'", text->data[text->at - 1]) != NULL;
}

static void blank_line_comment(struct text *text)
{
    while (text->at < text->len && text->data[text->at] != '\n') {
        text->data[text->at++] = ' ';
    }
}

static void blank_block_comment(struct text *text)
{
    int start = text->line;
    text->data[text->at++] = ' ';
    text->data[text->at++] = ' ';
    while (text->at < text->len && !starts_with(text, S("*/"))) {
        if (text->data[text->at] == '\n') {
            text->line++;
        } else {
            text->data[text->at] = ' ';
        }
        text->at++;
    }
    if (text->at == text->len) {
        conf_finding(text->findings, start, "the comment that starts here does not end");
        return;
    }
    text->data[text->at++] = ' ';
    text->data[text->at++] = ' ';
}

static void skip_string(struct text *text)
{
    char quote = text->data[text->at++];
    while (text->at < text->len && text->data[text->at] != '\n') {
        char c = text->data[text->at++];
        if (c == quote) {
            return;
        }
        if (c == '\\' && text->at < text->len && text->data[text->at] != '\n') {
            if (quote == '"' && char_is_digit(text->data[text->at])) {
                conf_finding(text->findings, text->line,
                             "octal escapes are not supported, write \\x and two digits");
            }
            text->at++;
        }
    }
    conf_finding(text->findings, text->line, "the text in quotes does not end on this line");
}

static void open_brace(struct text *text)
{
    if (text->depth < DEPTH_MAX) {
        text->open_lines[text->depth] = text->line;
    }
    text->depth++;
    text->at++;
}

static void close_brace(struct text *text)
{
    if (text->depth == 0) {
        conf_finding(text->findings, text->line, "'}' without a '{' before it");
    } else {
        text->depth--;
    }
    text->at++;
}

static void step(struct text *text)
{
    char c = text->data[text->at];
    if (c == '#' || (starts_with(text, S("//")) && at_word_start(text))) {
        blank_line_comment(text);
    } else if (starts_with(text, S("/*")) && at_word_start(text)) {
        blank_block_comment(text);
    } else if (c == '"' || c == '\'') {
        skip_string(text);
    } else if (c == '{') {
        open_brace(text);
    } else if (c == '}') {
        close_brace(text);
    } else {
        text->line += c == '\n';
        text->at++;
    }
}

void conf_text_prepare(char *data, size_t len, struct conf_findings *findings)
{
    struct text text = {.data = data, .len = len, .line = 1, .findings = findings};
    if (slice_has(slice_of(data, len), '\0')) {
        conf_finding(findings, 0, "this is not a text file: it holds a NUL byte");
        return;
    }
    while (text.at < text.len) {
        step(&text);
    }
    for (int i = 0; i < MIN_OF(text.depth, DEPTH_MAX); i++) {
        conf_finding(findings, text.open_lines[i], "the '{' on this line is not closed");
    }
}
