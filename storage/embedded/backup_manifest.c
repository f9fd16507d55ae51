/* SPDX-License-Identifier: ISC */
/* Manifests: what a backup consists of. They are written when everything else is on the disk. */
#include "backup_private.h"

#include <inttypes.h>
#include <string.h>

#include "base/encode.h"
#include "base/fsio.h"
#include "base/mem.h"

#define MANIFEST_MAX ((size_t)1 << 30) /* some 5 million messages of one account */

static const struct {
    enum manifest_kind kind;
    const char *name;
} kinds[] = {
    {MANIFEST_FILE, "file"},
    {MANIFEST_BODY, "body"},
    {MANIFEST_MISSING, "missing"},
    {MANIFEST_ACCOUNT, "account"},
};

void manifest_free(struct manifest *manifest)
{
    mem_free(manifest->entries);
    arena_free(&manifest->arena);
    *manifest = (struct manifest){0};
}

static struct manifest_entry *new_entry(struct manifest *manifest)
{
    if (manifest->count == manifest->room) {
        manifest->room = manifest->room ? 2 * manifest->room : 64;
        manifest->entries = mem_realloc_array(manifest->entries, manifest->room, sizeof(*manifest->entries));
    }
    return &manifest->entries[manifest->count++];
}

struct manifest_entry *manifest_add(struct manifest *manifest, enum manifest_kind kind, struct slice path,
                                    uint64_t size, const unsigned char *hash)
{
    struct manifest_entry *entry = new_entry(manifest);
    *entry = (struct manifest_entry){.kind = kind, .path = arena_copy(&manifest->arena, path), .size = size};
    if (hash) {
        memcpy(entry->hash, hash, BACKUP_HASH_SIZE);
    }
    return entry;
}

/* ---- writing ---- */

static void append_path(struct buf *out, struct slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        char c = path.data[i];
        if (char_is_ctl(c) || c == ' ' || c == '%') {
            buf_printf(out, "%%%02X", (unsigned char)c);
        } else {
            buf_append_char(out, c);
        }
    }
}

static void append_entry(struct buf *out, const struct manifest_entry *entry)
{
    buf_printf(out, "%s ", kinds[entry->kind].name);
    if (entry->kind != MANIFEST_MISSING) {
        hex_encode(out, slice_of(entry->hash, BACKUP_HASH_SIZE));
        buf_printf(out, " %" PRIu64 " ", entry->size);
    }
    append_path(out, entry->path);
    buf_append_char(out, '\n');
}

static void append_manifest(struct buf *out, const struct manifest *manifest)
{
    buf_printf(out, "postern-backup 1\ncreated %" PRId64 "\n", manifest->created_us);
    if (manifest->login.len) {
        buf_append(out, S("login "));
        append_path(out, manifest->login);
        buf_append(out, S("\nstate "));
        append_path(out, manifest->state);
        buf_append_char(out, '\n');
    } else {
        buf_printf(out, "accounts %" PRIu64 "\n", manifest->accounts);
    }
    buf_printf(out, "messages %" PRIu64 "\nbytes %" PRIu64 "\n", manifest->messages, manifest->bytes);
    for (size_t i = 0; i < manifest->count; i++) {
        append_entry(out, &manifest->entries[i]);
    }
}

static void hash_text(struct slice text, unsigned char hash_r[BACKUP_HASH_SIZE])
{
    crypto_generichash(hash_r, BACKUP_HASH_SIZE, (const unsigned char *)text.data, text.len, NULL, 0);
}

enum err manifest_write(const char *folder, const struct manifest *manifest,
                        unsigned char hash_r[BACKUP_HASH_SIZE], uint64_t *size_r)
{
    struct arena arena = {0};
    struct buf text;
    unsigned char hash[BACKUP_HASH_SIZE];
    buf_init(&text, MANIFEST_MAX);
    append_manifest(&text, manifest);
    hash_text(buf_slice(&text), hash);
    buf_append(&text, S("end "));
    hex_encode(&text, slice_of(hash, BACKUP_HASH_SIZE));
    buf_append_char(&text, '\n');
    enum err err = buf_ok(&text) ? fs_write_durable(arena_printf(&arena, "%s/" BACKUP_MANIFEST, folder),
                                                    buf_slice(&text), 0600)
                                 : ERR_TOO_LONG;
    if (!err && hash_r) {
        memcpy(hash_r, hash, BACKUP_HASH_SIZE);
    }
    if (!err && size_r) {
        *size_r = text.len;
    }
    buf_free(&text);
    arena_free(&arena);
    return err;
}

/* ---- reading ---- */

static bool parse_hash(struct slice text, unsigned char hash_r[BACKUP_HASH_SIZE])
{
    struct buf bytes;
    buf_init(&bytes, BACKUP_HASH_SIZE);
    bool good = text.len == 2 * (size_t)BACKUP_HASH_SIZE && !hex_decode(&bytes, text);
    if (good) {
        memcpy(hash_r, bytes.data, BACKUP_HASH_SIZE);
    }
    buf_free(&bytes);
    return good;
}

static int hex_digit(char c)
{
    return char_is_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_path(struct arena *arena, struct slice text, struct slice *path_r)
{
    char *path = arena_alloc(arena, text.len + 1);
    size_t length = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '%') {
            path[length++] = text.data[i];
            continue;
        }
        if (i + 2 >= text.len || hex_digit(text.data[i + 1]) < 0 || hex_digit(text.data[i + 2]) < 0) {
            return false;
        }
        path[length++] = (char)(hex_digit(text.data[i + 1]) * 16 + hex_digit(text.data[i + 2]));
        i += 2;
    }
    *path_r = slice_of(path, length);
    return true;
}

/* A manifest leads nowhere but below its folder, whoever wrote it. */
static bool is_path_below(struct slice path)
{
    struct slice rest = path;
    if (path.len == 0 || slice_has(path, '\0')) {
        return false;
    }
    while (rest.data) {
        struct slice part = slice_split(&rest, '/');
        if (part.len == 0 || slice_eq(part, S(".")) || slice_eq(part, S(".."))) {
            return false;
        }
    }
    return true;
}

static bool parse_entry(struct manifest *manifest, enum manifest_kind kind, struct slice value)
{
    struct manifest_entry *entry = new_entry(manifest);
    struct slice rest = value;
    *entry = (struct manifest_entry){.kind = kind};
    if (kind != MANIFEST_MISSING) {
        if (!parse_hash(slice_split(&rest, ' '), entry->hash) || !rest.data ||
            !slice_to_u64(slice_split(&rest, ' '), INT64_MAX, &entry->size) || !rest.data) {
            return false;
        }
    }
    return parse_path(&manifest->arena, rest, &entry->path) && is_path_below(entry->path);
}

static bool parse_line(struct manifest *manifest, struct slice line)
{
    struct slice value = line;
    struct slice key = slice_split(&value, ' ');
    uint64_t number = 0;
    value = value.data ? value : SLICE_EMPTY;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (slice_eq(key, slice_from(kinds[i].name))) {
            return parse_entry(manifest, kinds[i].kind, value);
        }
    }
    if (slice_eq(key, S("postern-backup"))) {
        return slice_eq(value, S("1"));
    }
    if (slice_eq(key, S("login"))) {
        return parse_path(&manifest->arena, value, &manifest->login);
    }
    if (slice_eq(key, S("state"))) {
        return parse_path(&manifest->arena, value, &manifest->state);
    }
    if (!slice_to_u64(value, INT64_MAX, &number)) {
        return false;
    }
    if (slice_eq(key, S("created"))) {
        manifest->created_us = (int64_t)number;
    } else if (slice_eq(key, S("accounts"))) {
        manifest->accounts = number;
    } else if (slice_eq(key, S("messages"))) {
        manifest->messages = number;
    } else if (slice_eq(key, S("bytes"))) {
        manifest->bytes = number;
    }
    return true;
}

#define END_LINE_LENGTH (4 + 2 * (size_t)BACKUP_HASH_SIZE + 1)

static enum err parse_manifest(struct manifest *manifest, struct slice text, unsigned char *hash_r)
{
    unsigned char said[BACKUP_HASH_SIZE], is[BACKUP_HASH_SIZE];
    if (text.len < END_LINE_LENGTH) {
        return ERR_CORRUPT;
    }
    struct slice rest = slice_take(text, text.len - END_LINE_LENGTH);
    struct slice end = slice_skip(text, rest.len);
    if (!slice_starts_with(end, S("end ")) || !parse_hash(slice_take(slice_skip(end, 4), 64), said)) {
        return ERR_CORRUPT;
    }
    hash_text(rest, is);
    if (memcmp(said, is, BACKUP_HASH_SIZE) != 0) {
        return ERR_CORRUPT;
    }
    while (rest.len) {
        if (!parse_line(manifest, slice_split(&rest, '\n'))) {
            return ERR_CORRUPT;
        }
    }
    if (hash_r) {
        memcpy(hash_r, is, BACKUP_HASH_SIZE);
    }
    return ERR_OK;
}

enum err manifest_read(const char *folder, struct manifest *manifest, unsigned char hash_r[BACKUP_HASH_SIZE])
{
    struct buf text;
    *manifest = (struct manifest){0};
    buf_init(&text, MANIFEST_MAX);
    enum err err = fs_read_file(arena_printf(&manifest->arena, "%s/" BACKUP_MANIFEST, folder), &text);
    if (!err) {
        err = parse_manifest(manifest, buf_slice(&text), hash_r);
    }
    buf_free(&text);
    return err;
}
