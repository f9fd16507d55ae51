/* SPDX-License-Identifier: ISC */
/*
 * Names are looked up in a table of what mail programs write. Where a name is known to be used for a larger
 * charset (WHATWG Encoding lists them: gb2312 for gbk, shift_jis for windows-31j, iso-8859-1 for
 * windows-1252), that one is meant.
 *
 * Bytes that do not make a whole character yet wait in `rest`.
 */
#include "mail/charset.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define OPEN_MAX 6
/* The longest unit: a character of GB18030 or UTF-32, an escape sequence of ISO-2022. */
#define REST_MAX 32

enum charset_kind {
    CHARSET_GUESS, /* UTF-8 where it is well-formed, else windows-1252 */
    CHARSET_UTF8,
    CHARSET_ICONV
};

struct charset_name {
    const char *name; /* lower case, without "-", "_" and the like */
    enum charset_kind kind;
    const char *iconv;
    unsigned unit; /* bytes to pass over where iconv cannot go on */
};

static const struct charset_name names[] = {
    {"utf8", CHARSET_UTF8, NULL, 1},
    {"unicode11utf8", CHARSET_UTF8, NULL, 1},
    {"cp65001", CHARSET_UTF8, NULL, 1},
    {"iso88591", CHARSET_ICONV, "WINDOWS-1252", 1},
    {"latin1", CHARSET_ICONV, "WINDOWS-1252", 1},
    {"l1", CHARSET_ICONV, "WINDOWS-1252", 1},
    {"cp819", CHARSET_ICONV, "WINDOWS-1252", 1},
    {"iso88592", CHARSET_ICONV, "ISO-8859-2", 1},
    {"latin2", CHARSET_ICONV, "ISO-8859-2", 1},
    {"iso88593", CHARSET_ICONV, "ISO-8859-3", 1},
    {"iso88594", CHARSET_ICONV, "ISO-8859-4", 1},
    {"iso88595", CHARSET_ICONV, "ISO-8859-5", 1},
    {"iso88596", CHARSET_ICONV, "ISO-8859-6", 1},
    {"iso88596i", CHARSET_ICONV, "ISO-8859-6", 1},
    {"iso88597", CHARSET_ICONV, "ISO-8859-7", 1},
    {"greek", CHARSET_ICONV, "ISO-8859-7", 1},
    {"iso88598", CHARSET_ICONV, "ISO-8859-8", 1},
    {"iso88598i", CHARSET_ICONV, "ISO-8859-8", 1},
    {"hebrew", CHARSET_ICONV, "ISO-8859-8", 1},
    {"iso88599", CHARSET_ICONV, "WINDOWS-1254", 1},
    {"latin5", CHARSET_ICONV, "WINDOWS-1254", 1},
    {"iso885910", CHARSET_ICONV, "ISO-8859-10", 1},
    {"iso885911", CHARSET_ICONV, "CP874", 1},
    {"tis620", CHARSET_ICONV, "CP874", 1},
    {"windows874", CHARSET_ICONV, "CP874", 1},
    {"cp874", CHARSET_ICONV, "CP874", 1},
    {"iso885913", CHARSET_ICONV, "ISO-8859-13", 1},
    {"iso885914", CHARSET_ICONV, "ISO-8859-14", 1},
    {"iso885915", CHARSET_ICONV, "ISO-8859-15", 1},
    {"latin9", CHARSET_ICONV, "ISO-8859-15", 1},
    {"iso885916", CHARSET_ICONV, "ISO-8859-16", 1},
    {"windows1250", CHARSET_ICONV, "WINDOWS-1250", 1},
    {"cp1250", CHARSET_ICONV, "WINDOWS-1250", 1},
    {"windows1251", CHARSET_ICONV, "WINDOWS-1251", 1},
    {"cp1251", CHARSET_ICONV, "WINDOWS-1251", 1},
    {"windows1252", CHARSET_ICONV, "WINDOWS-1252", 1},
    {"cp1252", CHARSET_ICONV, "WINDOWS-1252", 1},
    {"ansi", CHARSET_ICONV, "WINDOWS-1252", 1},
    {"windows1253", CHARSET_ICONV, "WINDOWS-1253", 1},
    {"cp1253", CHARSET_ICONV, "WINDOWS-1253", 1},
    {"windows1254", CHARSET_ICONV, "WINDOWS-1254", 1},
    {"cp1254", CHARSET_ICONV, "WINDOWS-1254", 1},
    {"windows1255", CHARSET_ICONV, "WINDOWS-1255", 1},
    {"cp1255", CHARSET_ICONV, "WINDOWS-1255", 1},
    {"windows1256", CHARSET_ICONV, "WINDOWS-1256", 1},
    {"cp1256", CHARSET_ICONV, "WINDOWS-1256", 1},
    {"windows1257", CHARSET_ICONV, "WINDOWS-1257", 1},
    {"cp1257", CHARSET_ICONV, "WINDOWS-1257", 1},
    {"windows1258", CHARSET_ICONV, "WINDOWS-1258", 1},
    {"cp1258", CHARSET_ICONV, "WINDOWS-1258", 1},
    {"koi8r", CHARSET_ICONV, "KOI8-R", 1},
    {"koi8", CHARSET_ICONV, "KOI8-R", 1},
    {"koi8u", CHARSET_ICONV, "KOI8-U", 1},
    {"koi8ru", CHARSET_ICONV, "KOI8-U", 1},
    {"ibm437", CHARSET_ICONV, "IBM437", 1},
    {"cp437", CHARSET_ICONV, "IBM437", 1},
    {"ibm850", CHARSET_ICONV, "IBM850", 1},
    {"cp850", CHARSET_ICONV, "IBM850", 1},
    {"ibm852", CHARSET_ICONV, "IBM852", 1},
    {"cp852", CHARSET_ICONV, "IBM852", 1},
    {"ibm855", CHARSET_ICONV, "IBM855", 1},
    {"ibm866", CHARSET_ICONV, "IBM866", 1},
    {"cp866", CHARSET_ICONV, "IBM866", 1},
    {"macintosh", CHARSET_ICONV, "MACINTOSH", 1},
    {"xmacroman", CHARSET_ICONV, "MACINTOSH", 1},
    {"xmaccyrillic", CHARSET_ICONV, "MAC-CYRILLIC", 1},
    {"viscii", CHARSET_ICONV, "VISCII", 1},
    {"gb2312", CHARSET_ICONV, "GB18030", 1},
    {"gbk", CHARSET_ICONV, "GB18030", 1},
    {"xgbk", CHARSET_ICONV, "GB18030", 1},
    {"cp936", CHARSET_ICONV, "GB18030", 1},
    {"gb18030", CHARSET_ICONV, "GB18030", 1},
    {"euccn", CHARSET_ICONV, "GB18030", 1},
    {"big5", CHARSET_ICONV, "BIG5-HKSCS", 1},
    {"cp950", CHARSET_ICONV, "BIG5-HKSCS", 1},
    {"big5hkscs", CHARSET_ICONV, "BIG5-HKSCS", 1},
    {"euctw", CHARSET_ICONV, "EUC-TW", 1},
    {"shiftjis", CHARSET_ICONV, "CP932", 1},
    {"sjis", CHARSET_ICONV, "CP932", 1},
    {"xsjis", CHARSET_ICONV, "CP932", 1},
    {"windows31j", CHARSET_ICONV, "CP932", 1},
    {"cp932", CHARSET_ICONV, "CP932", 1},
    {"mskanji", CHARSET_ICONV, "CP932", 1},
    {"eucjp", CHARSET_ICONV, "EUC-JP-MS", 1},
    {"xeucjp", CHARSET_ICONV, "EUC-JP-MS", 1},
    {"iso2022jp", CHARSET_ICONV, "ISO-2022-JP-3", 1},
    {"iso2022jp1", CHARSET_ICONV, "ISO-2022-JP-2", 1},
    {"iso2022jp2", CHARSET_ICONV, "ISO-2022-JP-2", 1},
    {"iso2022jp3", CHARSET_ICONV, "ISO-2022-JP-3", 1},
    {"iso2022jpms", CHARSET_ICONV, "ISO-2022-JP-3", 1},
    {"cp50220", CHARSET_ICONV, "ISO-2022-JP-3", 1},
    {"cp50221", CHARSET_ICONV, "ISO-2022-JP-3", 1},
    {"euckr", CHARSET_ICONV, "UHC", 1},
    {"ksc5601", CHARSET_ICONV, "UHC", 1},
    {"ksc56011987", CHARSET_ICONV, "UHC", 1},
    {"cp949", CHARSET_ICONV, "UHC", 1},
    {"uhc", CHARSET_ICONV, "UHC", 1},
    {"johab", CHARSET_ICONV, "JOHAB", 1},
    {"iso2022kr", CHARSET_ICONV, "ISO-2022-KR", 1},
    {"utf16", CHARSET_ICONV, "UTF-16", 2},
    {"utf16le", CHARSET_ICONV, "UTF-16LE", 2},
    {"utf16be", CHARSET_ICONV, "UTF-16BE", 2},
    {"ucs2", CHARSET_ICONV, "UTF-16", 2},
    {"utf32", CHARSET_ICONV, "UTF-32", 4},
    {"utf32le", CHARSET_ICONV, "UTF-32LE", 4},
    {"utf32be", CHARSET_ICONV, "UTF-32BE", 4},
};
static const struct charset_name guess = {"", CHARSET_GUESS, NULL, 1};

struct charset {
    const struct charset_name *name;
    iconv_t converter; /* (iconv_t)-1 unless name->kind is CHARSET_ICONV */
    unsigned used;     /* when, for the cache */
    char rest[REST_MAX];
    size_t rest_length;
};

struct charset_cache {
    struct charset entries[OPEN_MAX];
    size_t count;
    unsigned clock;
};

struct charset_cache *charset_cache_new(void)
{
    return mem_new(struct charset_cache);
}

static void close_converter(struct charset *charset)
{
    if (charset->converter != (iconv_t)-1) {
        iconv_close(charset->converter);
    }
}

void charset_cache_free(struct charset_cache *cache)
{
    if (!cache) {
        return;
    }
    for (size_t i = 0; i < cache->count; i++) {
        close_converter(&cache->entries[i]);
    }
    mem_free(cache);
}

/* Letters and digits, in lower case; "" when there are too many of them to be a charset. */
static void simplify(struct slice name, char simple[24])
{
    size_t length = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (length == 23) {
            length = 0;
            break;
        }
        if (char_is_alnum(name.data[i])) {
            simple[length++] = char_lower(name.data[i]);
        }
    }
    simple[length] = '\0';
}

static const struct charset_name *find_name(struct slice name)
{
    char simple[24];
    simplify(name, simple);
    for (size_t i = 0; i < ARRAY_LEN(names) && simple[0]; i++) { /* most text says nothing */
        if (simple[0] == names[i].name[0] && strcmp(simple, names[i].name) == 0) {
            return &names[i];
        }
    }
    return &guess;
}

bool charset_is_known(struct slice name)
{
    return find_name(name) != &guess;
}

static void open_converter(struct charset *charset, const struct charset_name *name)
{
    *charset = (struct charset){.name = name, .converter = (iconv_t)-1};
    if (name->kind == CHARSET_ICONV) {
        charset->converter = iconv_open("UTF-8", name->iconv);
        if (charset->converter == (iconv_t)-1) { /* not installed here */
            charset->name = &guess;
        }
    }
}

/* The entry to be given up: one that is new, or the longest unused. */
static struct charset *free_entry(struct charset_cache *cache)
{
    if (cache->count < OPEN_MAX) {
        return &cache->entries[cache->count++];
    }
    struct charset *oldest = &cache->entries[0];
    for (size_t i = 1; i < OPEN_MAX; i++) {
        oldest = cache->entries[i].used < oldest->used ? &cache->entries[i] : oldest;
    }
    close_converter(oldest);
    return oldest;
}

struct charset *charset_open(struct charset_cache *cache, struct slice name)
{
    const struct charset_name *wanted = find_name(name);
    struct charset *charset = NULL;
    for (size_t i = 0; i < cache->count && !charset; i++) {
        charset = cache->entries[i].name == wanted ? &cache->entries[i] : NULL;
    }
    if (!charset) {
        charset = free_entry(cache);
        open_converter(charset, wanted);
    }
    charset->used = ++cache->clock;
    charset->rest_length = 0;
    if (charset->converter != (iconv_t)-1) {
        iconv(charset->converter, NULL, NULL, NULL, NULL);
    }
    return charset;
}

#define REPLACEMENT S("\xef\xbf\xbd")

/* --- UTF-8 and guessing --- */

/* windows-1252 where it differs from ISO-8859-1; 0: not used. */
static const uint16_t windows_1252[32] = {
    0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178,
};

static void append_1252(struct buf *out, unsigned char byte)
{
    unsigned character = byte < 0xa0 ? windows_1252[byte - 0x80] : byte;
    if (character == 0) {
        buf_append(out, REPLACEMENT);
    } else if (character < 0x800) {
        buf_append_char(out, (char)(0xc0 | character >> 6));
        buf_append_char(out, (char)(0x80 | (character & 0x3f)));
    } else {
        buf_append_char(out, (char)(0xe0 | character >> 12));
        buf_append_char(out, (char)(0x80 | (character >> 6 & 0x3f)));
        buf_append_char(out, (char)(0x80 | (character & 0x3f)));
    }
}

/* True when these bytes could be the start of a longer well-formed character: tried out with the lowest and
 * the highest of what may follow. */
static bool may_become_character(struct slice text)
{
    char tried[4];
    for (size_t length = text.len + 1; length <= 4; length++) {
        for (unsigned k = 0; k < 2; k++) {
            memset(tried, k ? 0xbf : 0x80, sizeof(tried));
            memcpy(tried, text.data, text.len);
            if (utf8_char_length(slice_of(tried, length)) == length) {
                return true;
            }
        }
    }
    return false;
}

static void append_malformed(const struct charset *charset, struct buf *out, char byte)
{
    if (charset->name->kind == CHARSET_UTF8) {
        buf_append(out, REPLACEMENT);
    } else {
        append_1252(out, (unsigned char)byte);
    }
}

/* How many bytes were taken; what is left is the start of a character, unless `last`. */
static size_t take_utf8(const struct charset *charset, struct buf *out, struct slice bytes, bool last)
{
    size_t start = 0, i = 0;
    while (i < bytes.len) {
        size_t length = (unsigned char)bytes.data[i] < 0x80 ? 1 : utf8_char_length(slice_skip(bytes, i));
        if (length > 0) {
            i += length;
            continue;
        }
        buf_append(out, slice_take(slice_skip(bytes, start), i - start));
        struct slice rest = slice_skip(bytes, i);
        if (!last && rest.len < 4 && may_become_character(rest)) {
            return i;
        }
        append_malformed(charset, out, rest.data[0]);
        start = ++i;
    }
    buf_append(out, slice_skip(bytes, start));
    return i;
}

/* --- iconv --- */

/* As take_utf8. */
static size_t take_iconv(const struct charset *charset, struct buf *out, struct slice bytes, bool last)
{
    char *in = (char *)bytes.data;
    size_t left = bytes.len;
    while (left > 0) {
        size_t size = MIN_OF(left * 2 + 64, out->cap - out->len);
        char *room = buf_reserve(out, size), *start = room;
        if (!room || size < 16) {
            return bytes.len;
        }
        size_t result = iconv(charset->converter, &in, &left, &room, &size);
        int reason = errno;
        buf_commit(out, (size_t)(room - start));
        if (result != (size_t)-1 || reason == E2BIG) {
            continue; /* E2BIG: the next round has room again */
        }
        if (reason == EINVAL && !last && left < REST_MAX) {
            break;
        }
        size_t skip = MIN_OF((size_t)charset->name->unit, left);
        in += skip;
        left -= skip;
        buf_append(out, REPLACEMENT);
    }
    return bytes.len - left;
}

static size_t take(const struct charset *charset, struct buf *out, struct slice bytes, bool last)
{
    return charset->name->kind == CHARSET_ICONV ? take_iconv(charset, out, bytes, last)
                                                : take_utf8(charset, out, bytes, last);
}

void charset_convert(struct charset *charset, struct buf *out, struct slice bytes)
{
    /* The rest and as much of the new bytes as fits behind it, until nothing of the rest is left. */
    while (charset->rest_length > 0 && bytes.len > 0) {
        char joined[2 * REST_MAX];
        size_t old = charset->rest_length, more = MIN_OF(bytes.len, REST_MAX);
        memcpy(joined, charset->rest, old);
        memcpy(joined + old, bytes.data, more);
        size_t taken = take(charset, out, slice_of(joined, old + more), false);
        if (taken >= old) {
            bytes = slice_skip(bytes, taken - old);
            charset->rest_length = 0;
        } else { /* `more` was all there is: otherwise that would have been enough for a character */
            charset->rest_length = MIN_OF(old + more - taken, (size_t)REST_MAX);
            memcpy(charset->rest, joined + taken, charset->rest_length);
            bytes = slice_skip(bytes, more);
        }
    }
    if (bytes.len > 0) {
        size_t taken = take(charset, out, bytes, false);
        charset->rest_length = MIN_OF(bytes.len - taken, (size_t)REST_MAX);
        memcpy(charset->rest, bytes.data + taken, charset->rest_length);
    }
}

void charset_finish(struct charset *charset, struct buf *out)
{
    if (charset->rest_length > 0) {
        take(charset, out, slice_of(charset->rest, charset->rest_length), true);
        charset->rest_length = 0;
    }
    if (charset->converter != (iconv_t)-1) {
        char *room = buf_reserve(out, 64), *start = room; /* characters that iconv holds back */
        size_t size = 64;
        if (room) {
            iconv(charset->converter, NULL, NULL, &room, &size);
            buf_commit(out, (size_t)(room - start));
        }
        iconv(charset->converter, NULL, NULL, NULL, NULL);
    }
}

void charset_text(struct charset_cache *cache, struct buf *out, struct slice name, struct slice bytes)
{
    struct charset *charset = charset_open(cache, name);
    charset_convert(charset, out, bytes);
    charset_finish(charset, out);
}
