/* SPDX-License-Identifier: ISC */
/* Words are made of syllables, so that none of the words that searches look for can come about by chance. */
#include "corpus_text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS    4000
#define WORD_MAX 16
#define COLUMNS  72
#define FOREIGN  12

static const char *const foreign_words[FOREIGN] = {"Grüße",   "façade",   "naïve",   "Überweisung",
                                                   "señor",   "日本語",   "会議",    "привет",
                                                   "встреча", "ελληνικά", "smörgås", "żółty"};
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* --- chance --- */

static uint64_t random_next(struct random *random) /* splitmix64 */
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct random random_of(uint64_t seed, uint64_t number)
{
    struct random random = {.state = seed * 0x2545f4914f6cdd1du + number * 0x9e3779b97f4a7c15u};
    random_next(&random);
    return random;
}

unsigned random_below(struct random *random, unsigned limit)
{
    return (unsigned)((random_next(random) >> 32) * limit >> 32);
}

const char *random_word(struct random *random)
{
    static const char syllables[16][3] = {"ba", "de", "fi", "go", "hu", "ka", "le", "mi",
                                          "no", "pu", "ra", "se", "ti", "vo", "wu", "ja"};
    static char words[WORDS][WORD_MAX];
    if (!words[0][0])
        for (unsigned i = 0; i < WORDS; i++) {
            size_t length = 0;
            for (unsigned rest = i + 1; rest > 0; rest /= 16) {
                memcpy(words[i] + length, syllables[rest % 16], 2);
                length += 2;
            }
            words[i][length] = "nrstl"[i % 5];
        }
    /* The n-th word about as often as 1/n: the exponent of a number that is spread evenly. */
    double even = (double)(random_next(random) >> 11) / 9007199254740992.0;
    return words[(unsigned)pow(WORDS, even) - 1];
}

/* --- text --- */

static void reserve(struct text *text, size_t more)
{
    if (text->length + more + 1 <= text->capacity)
        return;
    text->capacity = (text->length + more + 1) * 2;
    text->bytes = realloc(text->bytes, text->capacity);
    if (!text->bytes)
        abort();
}

static void append(struct text *text, const char *bytes, size_t length)
{
    reserve(text, length);
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
}

void text_printf(struct text *text, const char *format, ...)
{
    char line[2048];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= (int)sizeof line)
        abort();
    append(text, line, (size_t)length);
}

void text_count_lines(struct text *text)
{
    text->lines = 0;
    for (size_t i = 0; i < text->length; i++)
        text->lines += text->bytes[i] == '\n';
}

void text_base64_line(struct text *text, struct random *random, int length)
{
    uint64_t bits = 0;
    reserve(text, (size_t)length + 1);
    for (int i = 0; i < length; i++, bits >>= 6) {
        if (i % 10 == 0)
            bits = random_next(random);
        text->bytes[text->length++] = base64_digits[bits & 63];
    }
    text->bytes[text->length++] = '\n';
}

static void encoded_word(struct text *text, const char *words)
{
    size_t length = strlen(words);
    text_printf(text, "=?UTF-8?B?");
    for (size_t i = 0; i < length; i += 3) {
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (i + j < length ? (unsigned char)words[i + j] : 0);
        char digits[4] = {base64_digits[bits >> 18], base64_digits[bits >> 12 & 63],
                          i + 1 < length ? base64_digits[bits >> 6 & 63] : '=',
                          i + 2 < length ? base64_digits[bits & 63] : '='};
        append(text, digits, sizeof digits);
    }
    text_printf(text, "?=");
}

void text_address(struct text *text, unsigned person)
{
    struct random random = random_of(0x8u, person);
    char name[64];
    if (person % 4 == 0) {
        snprintf(name, sizeof name, "%s %s", random_word(&random), foreign_words[person / 4 % FOREIGN]);
        encoded_word(text, name);
    } else {
        text_printf(text, "\"%s", random_word(&random));
        text_printf(text, " %s\"", random_word(&random));
    }
    text_printf(text, " <person%u@example.org>", person);
}

void text_encoded_subject(struct text *text, struct random *random)
{
    char words[96];
    snprintf(words, sizeof words, "%s %s %s", foreign_words[random_below(random, FOREIGN)],
             random_word(random), foreign_words[random_below(random, FOREIGN)]);
    encoded_word(text, words);
}

static void quoted_printable(struct text *text, const char *word)
{
    for (; *word; word++)
        if ((unsigned char)*word >= 0x80)
            text_printf(text, "=%02X", (unsigned char)*word);
        else
            append(text, word, 1);
}

void text_words(struct text *text, struct random *random, bool foreign, size_t end)
{
    size_t column = 0;
    while (text->length < end) {
        bool quoted = foreign && random_below(random, 9) == 0;
        const char *word = quoted ? foreign_words[random_below(random, FOREIGN)] : random_word(random);
        size_t width = strlen(word) * (quoted ? 3 : 1);
        if (column > 0 && column + 1 + width > COLUMNS) {
            text_printf(text, "%s", random_below(random, 11) ? "\n" : ".\n\n");
            column = 0;
        }
        text_printf(text, "%s", column > 0 ? " " : "");
        quoted_printable(text, word);
        column += 1 + width;
    }
    append(text, "\n", 1);
}
