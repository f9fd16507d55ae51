/* SPDX-License-Identifier: ISC */
#include "urlauth.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/encode.h"
#include "storage/batch.h"
#include "storage/directory.h"

/* The key is kept as an annotation of the mailbox, which only its owner can read. */
#define KEY_ENTRY S("/private/vendor/postern/urlauth-key")
#define VERSION   "01"

static enum err read_key(struct account *account, struct arena *arena, struct slice mailbox,
                         struct slice *key_r)
{
    struct snapshot *snapshot = NULL;
    struct mailbox_entry entry;
    struct annotation *list;
    size_t count = 0;
    enum err err = snapshot_open(account, &snapshot);
    if (!err)
        err = snapshot_mailbox(snapshot, mailbox_named(mailbox), arena, &entry);
    if (!err)
        err = snapshot_annotations(snapshot, entry.status.id, arena, &list, &count);
    snapshot_close(snapshot);
    *key_r = SLICE_EMPTY;
    for (size_t i = 0; !err && i < count; i++)
        if (slice_eq_nocase(list[i].entry, KEY_ENTRY) && list[i].value.len == URLAUTH_KEY_SIZE)
            *key_r = list[i].value;
    return err;
}

static struct batch_operation set_key(struct slice mailbox, struct slice key)
{
    return (struct batch_operation){.kind = BATCH_ANNOTATE,
                                    .mailbox = mailbox_named(mailbox),
                                    .annotate = {.entry = KEY_ENTRY, .value = key, .remove = key.len == 0}};
}

static enum err make_key(struct account *account, struct arena *arena, struct slice mailbox,
                         struct slice *key_r)
{
    char *key = arena_alloc(arena, URLAUTH_KEY_SIZE);
    randombytes_buf(key, URLAUTH_KEY_SIZE);
    *key_r = slice_of(key, URLAUTH_KEY_SIZE);
    struct batch_operation operation = set_key(mailbox, *key_r);
    return batch_commit(account, &operation, 1, NULL);
}

static void sign(struct slice key, struct slice rump, char token_r[URLAUTH_TOKEN_MAX])
{
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    struct buf hex;
    crypto_auth_hmacsha256(mac, (const unsigned char *)rump.data, rump.len, (const unsigned char *)key.data);
    buf_init(&hex, URLAUTH_TOKEN_MAX);
    hex_encode(&hex, slice_of(mac, sizeof(mac)));
    snprintf(token_r, URLAUTH_TOKEN_MAX, VERSION "%s", buf_cstr(&hex));
    buf_free(&hex);
}

/* Whose mailbox it is. Programs that make "imap://alice@example.org/…" of the login alice@example.org mean
 * this server, too. */
static bool owner_of(struct imap_session *session, const struct imapurl *url, struct slice *login_r)
{
    *login_r = url->user;
    if (!slice_eq_nocase(url->host, slice_from(session->conf->hostname)))
        *login_r = slice_from(
            arena_printf(&session->arena, "%.*s@%.*s", SLICE_ARG(url->user), SLICE_ARG(url->host)));
    return url->has_server && url->user.len > 0 && url->mailbox.data && url->access.len > 0;
}

enum err urlauth_make(struct imap_session *session, const struct imapurl *url,
                      char token_r[URLAUTH_TOKEN_MAX])
{
    struct slice key, owner;
    struct slice mailbox = mailbox_name_canonical(&session->arena, url->mailbox);
    if (!owner_of(session, url, &owner) || !slice_eq_nocase(owner, buf_slice(&session->login)))
        return ERR_DENIED;
    enum err err = read_key(session->account, &session->arena, mailbox, &key);
    if (!err && key.len == 0)
        err = make_key(session->account, &session->arena, mailbox, &key);
    if (!err)
        sign(key, url->rump, token_r);
    return err;
}

/* access = ("submit+" enc-user) / ("user+" enc-user) / "authuser" / "anonymous". Nobody who comes by IMAP is
 * a submission server. */
static bool access_covers(const struct imap_session *session, struct slice access)
{
    return slice_eq_nocase(access, S("anonymous")) || slice_eq_nocase(access, S("authuser")) ||
           (slice_starts_with_nocase(access, S("user+")) &&
            slice_eq_nocase(slice_skip(access, 5), buf_slice(&session->login)));
}

static enum err check_token(struct account *account, struct arena *arena, const struct imapurl *url)
{
    struct slice key;
    char token[URLAUTH_TOKEN_MAX];
    if (read_key(account, arena, mailbox_name_canonical(arena, url->mailbox), &key) || key.len == 0)
        return ERR_DENIED;
    sign(key, url->rump, token);
    size_t len = strlen(token);
    return url->token.len == len && sodium_memcmp(url->token.data, token, len) == 0 ? ERR_OK : ERR_DENIED;
}

enum err urlauth_open(struct imap_session *session, const struct imapurl *url, struct account **account_r)
{
    struct directory_user owner;
    struct slice login;
    struct store *store = session->context->store;
    if (!owner_of(session, url, &login) || !slice_eq_nocase(url->mechanism, S("internal")) ||
        !access_covers(session, url->access) || (url->expires_us != 0 && url->expires_us < clock_wall_us()) ||
        directory_user_get(store, &session->arena, login, &owner) || owner.disabled ||
        account_open(store, owner.login, account_r))
        return ERR_DENIED;
    enum err err = check_token(*account_r, &session->arena, url);
    if (err) {
        account_close(*account_r);
        *account_r = NULL;
    }
    return err;
}

enum err urlauth_reset(struct imap_session *session, struct slice mailbox)
{
    struct arena *arena = &session->arena;
    if (mailbox.len > 0) {
        struct batch_operation operation = set_key(mailbox_name_canonical(arena, mailbox), SLICE_EMPTY);
        return batch_commit(session->account, &operation, 1, NULL);
    }
    struct mailbox_entry *list;
    size_t count;
    enum err err = mailbox_list(session->account, arena, &list, &count);
    if (err)
        return err;
    struct batch_operation *operations = arena_array(arena, struct batch_operation, count);
    for (size_t i = 0; i < count; i++)
        operations[i] = set_key(list[i].name, SLICE_EMPTY);
    return batch_commit(session->account, operations, count, NULL);
}
