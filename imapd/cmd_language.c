/* SPDX-License-Identifier: ISC */
/*
 * LANGUAGE (RFC 5255 sections 3.2 to 3.5): in which language the texts of responses are, which a mail program
 * may show to its user.
 *
 *     language-cmd    = "LANGUAGE" *(SP lang-range-quoted)
 *     lang-range-quoted = astring        a language range (RFC 4647), or "default"
 *     language-data   = "LANGUAGE" SP "(" lang-tag-quoted *(SP lang-tag-quoted) ")"
 */
#include "language.h"

#include "base/language.h"

#include "names.h"
#include "session.h"

bool parse_languages(struct parser *parser, struct language_ranges *ranges_r)
{
    ranges_r->count = 0;
    while (!parse_end(parser)) {
        struct slice range, rest = parser->rest;
        if (ranges_r->count == LANGUAGE_RANGES_MAX)
            return parser_expected(parser, "at most 30 languages");
        if (!parse_space(parser) || !parse_astring(parser, &range))
            return false;
        if (!language_is_range(range)) {
            parser->rest = rest;
            return parser_expected(parser, "a language range (like de-AT)");
        }
        ranges_r->list[ranges_r->count++] = range;
    }
    return true;
}

/* The administrator's language is what "default" asks for, and "*", which any language would suit. */
static bool find_language(const struct imap_session *session, struct slice range,
                          enum imap_language *language_r)
{
    static const enum imap_language preferred[] = {
        [LANGUAGE_ENGLISH] = IMAP_ENGLISH, [LANGUAGE_GERMAN] = IMAP_GERMAN};
    if (!slice_eq_nocase(range, S("default")) && !slice_eq(range, S("*")))
        return imap_language_find(range, language_r);
    *language_r = preferred[session->conf->imap_language];
    return true;
}

static void list_languages(struct imap_session *session)
{
    conn_write(session->conn, S("* LANGUAGE ("));
    for (size_t i = IMAP_LANGUAGE_COUNT; i-- > 0;) {
        conn_write(session->conn, imap_language_tags[i]);
        conn_write(session->conn, i > 0 ? S(" ") : S(")\r\n"));
    }
    imap_ok(session, NULL, "these are the languages");
}

/* "the change takes effect immediately after the LANGUAGE response". What the prefixes of names are called is
 * told once more when that changed, to those who may know of them. */
static void speak(struct imap_session *session, enum imap_language language)
{
    struct slice called = slice_from(imap_words(session, SHARED_PREFIX));
    struct slice tag = imap_language_tags[language];
    imap_untagged(session, "LANGUAGE (%.*s)", SLICE_ARG(tag));
    session->language = language;
    if (session->state != IMAP_NOT_AUTHENTICATED &&
        !slice_eq(called, slice_from(imap_words(session, SHARED_PREFIX))))
        imap_send_namespaces(session);
    imap_ok(session, NULL, "now speaking this language");
}

void imap_language(struct imap_session *session, struct parser *parser)
{
    struct language_ranges ranges;
    enum imap_language language;
    if (!parse_languages(parser, &ranges)) {
        imap_bad_syntax(session, parser);
        return;
    }
    if (ranges.count == 0) {
        list_languages(session);
        return;
    }
    for (size_t i = 0; i < ranges.count; i++) {
        if (find_language(session, ranges.list[i], &language)) {
            speak(session, language);
            return;
        }
    }
    imap_no(session, NULL, "this language is not spoken here");
}
