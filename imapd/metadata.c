/* SPDX-License-Identifier: ISC */
#include "metadata.h"
#include "mail/address.h"

#include "storage/batch.h"

#include "respond.h"

#define ENTRIES_MAX 100

/* --- parsing --- */

static bool is_entry(struct slice entry)
{
    bool has_prefix = slice_starts_with_nocase(entry, S("/private/")) ||
                      slice_starts_with_nocase(entry, S("/shared/")) ||
                      slice_eq_nocase(entry, S("/private")) || slice_eq_nocase(entry, S("/shared"));
    if (!has_prefix || entry.len > ANNOTATION_ENTRY_MAX)
        return false;
    for (size_t i = 0; i < entry.len; i++) {
        char c = entry.data[i], next = i + 1 < entry.len ? entry.data[i + 1] : '/';
        if ((unsigned char)c >= 0x80 || char_is_ctl(c) || c == '*' || c == '%' || (c == '/' && next == '/'))
            return false;
    }
    return true;
}

bool parse_metadata_entry(struct parser *parser, struct slice *entry_r)
{
    struct slice start = parser->rest;
    if (parse_astring(parser, entry_r) && is_entry(*entry_r))
        return true;
    parser->rest = start;
    return parser_expected(parser, "an entry below /private or /shared");
}

bool parse_metadata_entries(struct parser *parser, struct metadata_request *request)
{
    bool in_list = parse_char(parser, '(');
    request->entries = arena_array(parser->arena, struct slice, ENTRIES_MAX);
    request->entry_count = 0;
    do {
        if (request->entry_count == ENTRIES_MAX)
            return parser_expected(parser, "at most 100 entries");
        if (!parse_metadata_entry(parser, &request->entries[request->entry_count++]))
            return false;
    } while (parse_space(parser));
    return !in_list || parse_char(parser, ')');
}

/* --- reading --- */

bool metadata_may_read(unsigned rights)
{
    return rights & RIGHT_LOOKUP &&
           rights & (RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT | RIGHT_POST);
}

static struct annotation special_use_entry(const struct mailbox_entry *mailbox)
{
    return (struct annotation){.entry = METADATA_SPECIAL_USE, .value = mailbox->special_use};
}

/* Section 6.2.2: whom to ask. RFC 5321 section 4.5.1: every domain with mail has a postmaster. */
static struct annotation admin_entry(struct imap_session *session, struct arena *arena)
{
    struct slice login = account_login(session->account);
    struct slice domain = address_domain_of(login);
    const char *url = arena_printf(arena, "mailto:postmaster@%s", arena_cstr(arena, domain));
    return (struct annotation){.entry = S("/shared/admin"), .value = slice_from(url)};
}

enum err metadata_read(struct imap_session *session, struct snapshot *snapshot,
                       const struct mailbox_entry *mailbox, bool is_own, struct arena *arena,
                       struct annotation **list_r, size_t *count_r)
{
    struct annotation *stored;
    size_t stored_count, count = 0;
    enum err err =
        snapshot_annotations(snapshot, mailbox ? mailbox->status.id : 0, arena, &stored, &stored_count);
    if (err)
        return err;
    struct annotation *list = arena_array(arena, struct annotation, stored_count + 1);
    for (size_t i = 0; i < stored_count; i++)
        if (is_own || slice_starts_with_nocase(stored[i].entry, S("/shared/")))
            list[count++] = stored[i];
    if (!mailbox)
        list[count++] = admin_entry(session, arena);
    else if (is_own && mailbox->special_use.len > 0)
        list[count++] = special_use_entry(mailbox);
    *list_r = list;
    *count_r = count;
    return ERR_OK;
}

/* --- answering --- */

/* Section 4.2.2: "depth 1" for "/a" is "/a" and "/a/b", but not "/a/b/c". */
static bool is_wanted(struct slice entry, struct slice asked, uint32_t depth)
{
    struct slice below = slice_skip(entry, asked.len);
    if (!slice_starts_with_nocase(entry, asked) || (below.len > 0 && below.data[0] != '/'))
        return false;
    uint32_t levels = 0;
    for (size_t i = 0; i < below.len; i++)
        levels += below.data[i] == '/';
    return levels <= depth;
}

static bool is_bare(struct slice entry)
{
    for (size_t i = 0; i < entry.len; i++)
        if (!char_is_alnum(entry.data[i]) && !slice_has(S("/-._:+@$#"), entry.data[i]))
            return false;
    return true;
}

void respond_metadata_entry(struct buf *out, struct slice entry)
{
    if (is_bare(entry))
        buf_append(out, entry);
    else
        respond_string(out, entry, false);
}

struct metadata_answer {
    struct buf *out;
    struct slice name;
    bool utf8, is_open;
};

static void write_value(struct metadata_answer *answer, struct slice entry, struct slice value)
{
    if (!answer->is_open) {
        buf_append(answer->out, S("* METADATA "));
        respond_mailbox(answer->out, answer->name, answer->utf8);
    }
    buf_append(answer->out, answer->is_open ? S(" ") : S(" ("));
    answer->is_open = true;
    respond_metadata_entry(answer->out, entry);
    buf_append_char(answer->out, ' ');
    respond_nstring(answer->out, value, false);
}

void respond_metadata(struct buf *out, struct slice name, const struct metadata_request *request,
                      const struct annotation *list, size_t count, bool utf8, uint64_t *longest_r)
{
    struct metadata_answer answer = {.out = out, .name = name, .utf8 = utf8};
    struct arena arena = {0};
    bool *is_told = arena_array(&arena, bool, count);
    *longest_r = 0;
    for (size_t k = 0; k < request->entry_count; k++) {
        bool exists = false;
        for (size_t i = 0; i < count; i++) {
            if (!is_wanted(list[i].entry, request->entries[k], request->depth))
                continue;
            exists = true;
            if (request->has_max_size && list[i].value.len > request->max_size)
                *longest_r = MAX_OF(*longest_r, (uint64_t)list[i].value.len);
            else if (!is_told[i])
                write_value(&answer, list[i].entry, list[i].value);
            is_told[i] = true;
        }
        if (!exists)
            write_value(&answer, request->entries[k], (struct slice){NULL, 0});
    }
    if (answer.is_open)
        buf_append(out, S(")\r\n"));
    arena_free(&arena);
}
