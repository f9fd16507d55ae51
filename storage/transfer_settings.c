/* SPDX-License-Identifier: ISC */
/* What an account has beside messages: out of the store, into `postern-account`, and back. */
#include "transfer_private.h"

#include <errno.h>
#include <string.h>

#include "base/encode.h"
#include "base/fsio.h"
#include "base/mem.h"

void settings_free(struct settings *settings)
{
    mem_free(settings->mailboxes);
    mem_free(settings->subscriptions);
    mem_free(settings->annotations);
    mem_free(settings->rights);
    mem_free(settings->scripts);
    mem_free(settings->keywords);
    mem_free(settings->seen);
    arena_free(&settings->arena);
    *settings = (struct settings){0};
}

/* Room for one more, which is returned. */
#define ADD(list, count) \
    (*((list) = mem_realloc_array((list), (count) + 1, sizeof(*(list))), &(list)[(count)++]))

void settings_add_keywords(struct settings *settings, struct slice mailbox, uint32_t uid,
                           const struct slice *list, size_t count)
{
    struct arena *arena = &settings->arena;
    struct slice *copy = arena_array(arena, struct slice, count + 1);
    for (size_t i = 0; i < count; i++) {
        copy[i] = arena_copy(arena, list[i]);
    }
    ADD(settings->keywords, settings->keyword_count) =
        (struct message_keywords){arena_copy(arena, mailbox), uid, copy, count};
}

/* ---- from the account ---- */

static enum err read_of_mailbox(struct snapshot *snapshot, int64_t id, struct slice name,
                                struct settings *settings)
{
    struct annotation *annotations;
    struct rights_entry *rights = NULL;
    size_t count = 0, rights_count = 0;
    enum err err = snapshot_annotations(snapshot, id, &settings->arena, &annotations, &count);
    if (!err && id) {
        err = snapshot_rights(snapshot, id, &settings->arena, &rights, &rights_count);
    }
    if (err) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        ADD(settings->annotations, settings->annotation_count) =
            (struct setting){name, annotations[i].entry, annotations[i].value};
    }
    for (size_t i = 0; i < rights_count; i++) {
        ADD(settings->rights, settings->rights_count) =
            (struct setting){name, rights[i].identifier, rights[i].rights};
    }
    return ERR_OK;
}

static enum err read_mailboxes(struct snapshot *snapshot, struct settings *settings)
{
    struct mailbox_entry *list;
    size_t count = 0;
    enum err err = snapshot_mailboxes(snapshot, &settings->arena, &list, &count);
    for (size_t i = 0; i < count && !err; i++) {
        struct mailbox_facts facts = {
            .path = SLICE_EMPTY,
            .name = list[i].name,
            .special_use = list[i].special_use,
            .uidvalidity = list[i].status.uidvalidity,
            .uidnext = list[i].status.uidnext,
        };
        facts.has_guid = guid_parse(slice_from(list[i].guid), facts.guid);
        ADD(settings->mailboxes, settings->mailbox_count) = facts;
        err = read_of_mailbox(snapshot, list[i].status.id, list[i].name, settings);
        if (!err) {
            err = settings_read_seen(snapshot, list[i].status.id, list[i].name, settings);
        }
    }
    return err;
}

static enum err read_scripts(struct snapshot *snapshot, struct settings *settings)
{
    struct sieve_entry *list;
    size_t count = 0;
    enum err err = snapshot_sieve_list(snapshot, &settings->arena, &list, &count);
    for (size_t i = 0; i < count && !err; i++) {
        struct sieve_script script = {.name = list[i].name, .active = list[i].active};
        err = snapshot_sieve(snapshot, script.name, &settings->arena, &script.text);
        if (!err) {
            ADD(settings->scripts, settings->script_count) = script;
        }
    }
    return err;
}

static enum err read_snapshot(struct snapshot *snapshot, struct settings *settings)
{
    struct slice *names;
    size_t count = 0;
    enum err err = read_mailboxes(snapshot, settings);
    if (!err) {
        err = read_of_mailbox(snapshot, 0, SLICE_EMPTY, settings);
    }
    if (!err) {
        err = read_scripts(snapshot, settings);
    }
    if (!err) {
        err = snapshot_subscriptions(snapshot, &settings->arena, &names, &count);
    }
    for (size_t i = 0; i < count && !err; i++) {
        ADD(settings->subscriptions, settings->subscription_count) = names[i];
    }
    return err;
}

enum err settings_read_account(struct account *account, struct settings *settings)
{
    struct snapshot *snapshot = NULL;
    enum err err = snapshot_open(account, &snapshot);
    if (!err) {
        settings->present = true;
        err = read_snapshot(snapshot, settings);
    }
    snapshot_close(snapshot);
    return err;
}

/* ---- to the file ---- */

static void append_guid(struct buf *out, const struct mailbox_facts *facts)
{
    struct buf hex;
    buf_init(&hex, 2 * sizeof(facts->guid));
    if (facts->has_guid) {
        hex_encode(&hex, slice_of(facts->guid, sizeof(facts->guid)));
    }
    field_append(out, buf_slice(&hex));
    buf_free(&hex);
}

static void append_mailboxes(struct buf *out, const struct settings *settings)
{
    for (size_t i = 0; i < settings->mailbox_count; i++) {
        const struct mailbox_facts *facts = &settings->mailboxes[i];
        field_append(out, S("mailbox"));
        field_append(out, facts->path);
        field_append_number(out, facts->uidvalidity);
        field_append_number(out, facts->uidnext);
        append_guid(out, facts);
        field_append(out, facts->special_use);
        field_append(out, facts->name);
        buf_append_char(out, '\n');
    }
}

static void append_settings(struct buf *out, const char *kind, const struct setting *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        field_append(out, slice_from(kind));
        field_append(out, list[i].mailbox);
        field_append(out, list[i].name);
        field_append(out, list[i].value);
        buf_append_char(out, '\n');
    }
}

static void append_keywords(struct buf *out, const struct settings *settings)
{
    for (size_t i = 0; i < settings->keyword_count; i++) {
        field_append(out, S("keywords"));
        field_append(out, settings->keywords[i].mailbox);
        field_append_number(out, settings->keywords[i].uid);
        for (size_t k = 0; k < settings->keywords[i].count; k++) {
            field_append(out, settings->keywords[i].list[k]);
        }
        buf_append_char(out, '\n');
    }
}

static void append_all(struct buf *out, const struct settings *settings)
{
    field_append(out, S(ACCOUNT_FILE));
    field_append(out, S("1"));
    field_append(out, settings->format == TRANSFER_MBOX ? S("mbox") : S("maildir"));
    buf_append_char(out, '\n');
    append_mailboxes(out, settings);
    for (size_t i = 0; i < settings->subscription_count; i++) {
        field_append(out, S("subscription"));
        field_append(out, settings->subscriptions[i]);
        buf_append_char(out, '\n');
    }
    append_settings(out, "annotation", settings->annotations, settings->annotation_count);
    append_settings(out, "rights", settings->rights, settings->rights_count);
    for (size_t i = 0; i < settings->script_count; i++) {
        field_append(out, S("sieve"));
        field_append(out, settings->scripts[i].name);
        field_append_number(out, settings->scripts[i].active);
        buf_append_char(out, '\n');
    }
    append_keywords(out, settings);
    settings_append_seen(out, settings);
}

static const char *script_path(struct arena *arena, const char *folder, struct slice name)
{
    return arena_printf(arena, "%s/" SIEVE_FOLDER "/%s.sieve", folder, file_name_of(arena, name));
}

enum err settings_write_file(const char *folder, const struct settings *settings)
{
    struct arena arena = {0};
    struct buf text;
    enum err err = settings->script_count
                       ? fs_make_directories(arena_printf(&arena, "%s/" SIEVE_FOLDER, folder), 0700)
                       : ERR_OK;
    for (size_t i = 0; i < settings->script_count && !err; i++) {
        err = fs_write_durable(script_path(&arena, folder, settings->scripts[i].name),
                               settings->scripts[i].text, 0600);
    }
    buf_init(&text, ACCOUNT_FILE_MAX);
    append_all(&text, settings);
    if (!err) {
        err = buf_ok(&text)
                  ? fs_write_durable(arena_printf(&arena, "%s/" ACCOUNT_FILE, folder), buf_slice(&text), 0600)
                  : ERR_TOO_LONG;
    }
    buf_free(&text);
    arena_free(&arena);
    return err;
}

/* ---- from the file ---- */

static bool parse_mailbox(struct settings *settings, struct slice line)
{
    struct mailbox_facts facts = {0};
    struct slice guid, name;
    uint64_t uidvalidity, uidnext;
    if (!field_take(&line, &settings->arena, &facts.path) ||
        !field_take_number(&line, UINT32_MAX, &uidvalidity) ||
        !field_take_number(&line, UINT32_MAX, &uidnext) || !field_take(&line, &settings->arena, &guid) ||
        !field_take(&line, &settings->arena, &facts.special_use) ||
        !field_take(&line, &settings->arena, &name) ||
        mailbox_name_check(&settings->arena, name, &facts.name)) {
        return false;
    }
    facts.uidvalidity = (uint32_t)uidvalidity;
    facts.uidnext = (uint32_t)uidnext;
    facts.has_guid = guid_parse(guid, facts.guid);
    ADD(settings->mailboxes, settings->mailbox_count) = facts;
    return true;
}

static bool parse_setting(struct settings *settings, struct slice line, bool rights)
{
    struct setting setting;
    if (!field_take(&line, &settings->arena, &setting.mailbox) ||
        !field_take(&line, &settings->arena, &setting.name) ||
        !field_take(&line, &settings->arena, &setting.value)) {
        return false;
    }
    if (rights) {
        ADD(settings->rights, settings->rights_count) = setting;
    } else {
        ADD(settings->annotations, settings->annotation_count) = setting;
    }
    return true;
}

static bool parse_subscription(struct settings *settings, struct slice line)
{
    struct slice name;
    if (!field_take(&line, &settings->arena, &name)) {
        return false;
    }
    ADD(settings->subscriptions, settings->subscription_count) = name;
    return true;
}

static bool parse_script(struct settings *settings, struct slice line)
{
    struct sieve_script script = {.text = SLICE_EMPTY};
    uint64_t active;
    if (!field_take(&line, &settings->arena, &script.name) || !field_take_number(&line, 1, &active)) {
        return false;
    }
    script.active = active != 0;
    ADD(settings->scripts, settings->script_count) = script;
    return true;
}

static bool parse_keywords(struct settings *settings, struct slice line)
{
    struct message_keywords entry = {0};
    uint64_t uid;
    size_t room = 0;
    for (size_t i = 0; i < line.len; i++) {
        room += line.data[i] == ' ';
    }
    if (!field_take(&line, &settings->arena, &entry.mailbox) || !field_take_number(&line, UINT32_MAX, &uid)) {
        return false;
    }
    entry.uid = (uint32_t)uid;
    entry.list = arena_array(&settings->arena, struct slice, room + 1);
    while (line.data) {
        if (!field_take(&line, &settings->arena, &entry.list[entry.count++])) {
            return false;
        }
    }
    ADD(settings->keywords, settings->keyword_count) = entry;
    return true;
}

/* Lines of a later version are passed over. */
static bool parse_line(struct settings *settings, struct slice line)
{
    struct slice kind = slice_split(&line, ' ');
    if (slice_eq(kind, S("mailbox"))) {
        return parse_mailbox(settings, line);
    }
    if (slice_eq(kind, S("subscription"))) {
        return parse_subscription(settings, line);
    }
    if (slice_eq(kind, S("annotation")) || slice_eq(kind, S("rights"))) {
        return parse_setting(settings, line, slice_eq(kind, S("rights")));
    }
    if (slice_eq(kind, S("sieve"))) {
        return parse_script(settings, line);
    }
    if (slice_eq(kind, S("keywords"))) {
        return parse_keywords(settings, line);
    }
    if (slice_eq(kind, S("seen"))) {
        return settings_parse_seen(settings, line);
    }
    return true;
}

static enum err parse_text(struct settings *settings, struct slice text)
{
    struct slice first = slice_split(&text, '\n');
    if (slice_eq(first, S(ACCOUNT_FILE " 1 maildir"))) {
        settings->format = TRANSFER_MAILDIR;
    } else if (slice_eq(first, S(ACCOUNT_FILE " 1 mbox"))) {
        settings->format = TRANSFER_MBOX;
    } else {
        return ERR_CORRUPT;
    }
    while (text.len) {
        struct slice line = slice_split(&text, '\n');
        if (line.len && !parse_line(settings, line)) {
            return ERR_CORRUPT;
        }
    }
    return ERR_OK;
}

static enum err read_script_files(struct settings *settings, const char *folder)
{
    enum err err = ERR_OK;
    for (size_t i = 0; i < settings->script_count && !err; i++) {
        struct buf text;
        buf_init(&text, SIEVE_SCRIPT_MAX);
        err = fs_read_file(script_path(&settings->arena, folder, settings->scripts[i].name), &text);
        settings->scripts[i].text = arena_copy(&settings->arena, buf_slice(&text));
        buf_free(&text);
    }
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

enum err settings_read_file(const char *folder, struct settings *settings)
{
    struct buf text;
    buf_init(&text, ACCOUNT_FILE_MAX);
    enum err err = fs_read_file(arena_printf(&settings->arena, "%s/" ACCOUNT_FILE, folder), &text);
    if (!err) {
        err = parse_text(settings, arena_copy(&settings->arena, buf_slice(&text)));
    }
    buf_free(&text);
    if (!err) {
        settings->present = true;
        err = read_script_files(settings, folder);
    }
    return err;
}

const struct mailbox_facts *settings_by_path(const struct settings *settings, struct slice path)
{
    for (size_t i = 0; i < settings->mailbox_count; i++) {
        if (slice_eq(settings->mailboxes[i].path, path)) {
            return &settings->mailboxes[i];
        }
    }
    return NULL;
}
