/* SPDX-License-Identifier: ISC */
/*
 * Arguments of IMAP commands that have a grammar of their own: the first byte chooses it, the rest is the
 * text. NOTIFY, QRESYNC, lists of flags, languages, URLs of messages: what comes out keeps the promises of
 * its header.
 */
#include <stdlib.h>

#include "base/language.h"
#include "base/utf8.h"
#include "flags.h"
#include "imapurl.h"
#include "language.h"
#include "notify.h"
#include "resync.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_notify(struct parser *parser)
{
    struct notify_request request;
    if (!parse_notify(parser, &request))
        return;
    must(request.group_count <= NOTIFY_GROUPS_MAX && !(request.selected_events & ~(unsigned)NOTIFY_MESSAGES));
    must(request.none ? request.group_count == 0 : request.group_count > 0 || request.has_selected);
    for (size_t i = 0; i < request.group_count; i++) {
        must(request.groups[i].name_count <= NOTIFY_NAMES_MAX);
        for (size_t n = 0; n < request.groups[i].name_count; n++)
            must(utf8_is_valid(request.groups[i].names[n]));
    }
}

static void check_resync(struct parser *parser)
{
    struct resync resync;
    if (!parse_resync(parser, &resync))
        return;
    must(resync.wanted && resync.uidvalidity > 0 && resync.modseq <= INT64_MAX);
    must(uid_set_size(&resync.match_numbers) == uid_set_size(&resync.match_uids));
}

static void check_flags(struct parser *parser)
{
    struct flag_list list;
    if (!parse_flags_or_list(parser, &list))
        return;
    must((list.flags & ~MESSAGE_FLAGS_ALL) == 0 && list.keyword_count <= KEYWORDS_MAX);
    for (size_t i = 0; i < list.keyword_count; i++)
        must(keyword_is_valid(list.keywords[i]));
}

static void check_languages(struct parser *parser)
{
    struct language_ranges ranges;
    enum imap_language language;
    if (!parse_languages(parser, &ranges))
        return;
    must(ranges.count <= LANGUAGE_RANGES_MAX && parser->rest.len == 0);
    for (size_t i = 0; i < ranges.count; i++) {
        must(language_is_range(ranges.list[i]) && utf8_is_ascii(ranges.list[i]));
        must(!imap_language_find(ranges.list[i], &language) ||
             slice_starts_with_nocase(ranges.list[i], imap_language_tags[language]));
    }
}

static void check_url(struct arena *arena, struct slice text)
{
    struct imapurl url;
    if (!imapurl_parse(arena, text, &url))
        return;
    must(url.uid > 0 && (!url.mailbox.data || utf8_is_valid(url.mailbox)) && utf8_is_valid(url.section));
    must(!url.has_server || url.host.len > 0);
    must(url.access.len == 0 || slice_starts_with(text, url.rump));
    must(url.token.len == 0 || url.mechanism.len <= text.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = {0};
    if (size == 0)
        return 0;
    struct slice text = slice_of(data + 1, size - 1);
    struct parser parser = parser_of(&arena, text);
    switch (data[0]) {
    case 'n':
        check_notify(&parser);
        break;
    case 'q':
        check_resync(&parser);
        break;
    case 'f':
        check_flags(&parser);
        break;
    case 'l':
        check_languages(&parser);
        break;
    default:
        check_url(&arena, text);
    }
    must(parser_complaint(&parser, IMAP_I_DEFAULT)[0] != '\0');
    arena_free(&arena);
    return 0;
}
