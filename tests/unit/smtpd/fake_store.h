/* SPDX-License-Identifier: ISC */
/*
 * The part of storage that smtpd uses, in memory: what was delivered can be looked at, and any step can be
 * made to fail. Its functions take the place of the library's at link time.
 *
 *     domains  example.org, catch.example (catch-all: alice)         users  alice, bob, carol (disabled),
 * dave (over quota) aliases  team → alice, bob    sales → alice    out → bob and elsewhere    loop → itself
 * far → elsewhere    farther → two elsewhere; all @example.org
 */
#ifndef TEST_FAKE_STORE_H
#define TEST_FAKE_STORE_H

#include "base/buf.h"
#include "base/mem.h"
#include "check.h"
#include "report.h"
#include "storage/batch.h"
#include "storage/blob.h"
#include "storage/directory.h"
#include "storage/queue.h"

struct store {
    enum err directory_error, begin_error, write_error, seal_error, deliver_error;
    size_t message_count;
    struct {
        char login[64];
        struct buf bytes;
        uint64_t summary_size;
    } messages[4000];
    size_t delivery_calls;
    int blobs; /* begun and not freed */
    enum err queue_error;
    struct fake_queued {
        char id[64], sender[200], top[200], recipients[1000]; /* "address ORCPT notify destination," … */
        char envid[101], login[100], subject[200];
        unsigned flags;
        enum { FAKE_PREPARED, FAKE_WAITING, FAKE_CANCELED } state;
        struct buf sent; /* top, and the body without what is not for others */
    } queued[100];
    size_t queued_count;
    char reports[1000]; /* "delivered to <sender>: recipient [ORCPT] …", a line each */
    enum err report_error;
};

struct blob {
    struct store *store;
    struct buf bytes;
    bool sealed;
};

static struct store fake_store;

static void fake_store_reset(void)
{
    for (size_t i = 0; i < fake_store.message_count; i++)
        buf_free(&fake_store.messages[i].bytes);
    for (size_t i = 0; i < fake_store.queued_count; i++)
        buf_free(&fake_store.queued[i].sent);
    assert_int_equal(fake_store.blobs, 0);
    memset(&fake_store, 0, sizeof(fake_store));
}

/* The newest message of that account; empty when it has none. */
static UNUSED struct slice fake_store_last(const char *login)
{
    for (size_t i = fake_store.message_count; i > 0; i--)
        if (strcmp(fake_store.messages[i - 1].login, login) == 0)
            return buf_slice(&fake_store.messages[i - 1].bytes);
    return SLICE_EMPTY;
}

static UNUSED size_t fake_store_count(const char *login)
{
    size_t count = 0;
    for (size_t i = 0; i < fake_store.message_count; i++)
        count += strcmp(fake_store.messages[i].login, login) == 0;
    return count;
}

enum err blob_begin(struct store *store, struct blob **blob_r)
{
    if (store->begin_error)
        return store->begin_error;
    *blob_r = mem_new(struct blob);
    (*blob_r)->store = store;
    buf_init(&(*blob_r)->bytes, SIZE_MAX / 4);
    store->blobs++;
    return ERR_OK;
}

enum err blob_write(struct blob *blob, struct slice bytes)
{
    assert_false(blob->sealed);
    buf_append(&blob->bytes, bytes);
    return blob->store->write_error;
}

enum err blob_seal(struct blob *blob)
{
    blob->sealed = true;
    return blob->store->seal_error;
}

void blob_free(struct blob *blob)
{
    if (!blob)
        return;
    blob->store->blobs--;
    buf_free(&blob->bytes);
    mem_free(blob);
}

static enum err fake_append(struct store *store, struct slice login, const struct blob *blob,
                            const struct message_summary *summary)
{
    if (slice_eq(login, S("dave@example.org")))
        return ERR_OVER_QUOTA;
    assert_true(blob->sealed);
    assert_true(store->message_count < ARRAY_LEN(store->messages));
    assert_int_equal(summary->file_size, blob->bytes.len);
    size_t i = store->message_count++;
    snprintf(store->messages[i].login, sizeof(store->messages[i].login), "%.*s", SLICE_ARG(login));
    buf_init(&store->messages[i].bytes, SIZE_MAX / 4);
    buf_append(&store->messages[i].bytes, buf_slice(&blob->bytes));
    return ERR_OK;
}

void deliver(struct store *store, const struct slice *logins, size_t count, struct blob *blob,
             const struct message_summary *summary, enum err *results)
{
    store->delivery_calls++;
    for (size_t i = 0; i < count; i++)
        results[i] =
            store->deliver_error ? store->deliver_error : fake_append(store, logins[i], blob, summary);
}

enum err deliver_all(struct store *store, const struct slice *logins, size_t count, struct blob *blob,
                     const struct message_summary *summary)
{
    store->delivery_calls++;
    if (store->deliver_error)
        return store->deliver_error;
    for (size_t i = 0; i < count; i++)
        if (slice_eq(logins[i], S("dave@example.org")))
            return ERR_OVER_QUOTA;
    for (size_t i = 0; i < count; i++)
        assert_ok(fake_append(store, logins[i], blob, summary));
    return ERR_OK;
}

/* --- the queue --- */

enum err queue_add(struct store *store, struct blob *blob, const struct queue_envelope *envelope,
                   const struct queue_recipient *recipients, size_t count, bool prepared)
{
    assert_true(blob->sealed || !prepared); /* who prepares delivers it as well */
    assert_true(store->queued_count < ARRAY_LEN(store->queued));
    if (store->queue_error || store->seal_error)
        return store->queue_error ? store->queue_error : store->seal_error;
    struct fake_queued *queued = &store->queued[store->queued_count++];
    struct buf text;
    snprintf(queued->id, sizeof(queued->id), "%.*s", SLICE_ARG(envelope->id));
    snprintf(queued->sender, sizeof(queued->sender), "%.*s", SLICE_ARG(envelope->sender));
    snprintf(queued->top, sizeof(queued->top), "%.*s", SLICE_ARG(envelope->top));
    snprintf(queued->envid, sizeof(queued->envid), "%.*s", SLICE_ARG(envelope->envid));
    snprintf(queued->login, sizeof(queued->login), "%.*s", SLICE_ARG(envelope->login));
    snprintf(queued->subject, sizeof(queued->subject), "%.*s", SLICE_ARG(envelope->subject));
    queued->flags = envelope->flags;
    queued->state = prepared ? FAKE_PREPARED : FAKE_WAITING;
    buf_init(&text, sizeof(queued->recipients));
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%.*s [%.*s] %u %.*s", i ? ", " : "", SLICE_ARG(recipients[i].address),
                   SLICE_ARG(recipients[i].orcpt), recipients[i].notify,
                   SLICE_ARG(recipients[i].destination));
    snprintf(queued->recipients, sizeof(queued->recipients), "%s", buf_cstr(&text));
    buf_free(&text);
    buf_init(&queued->sent, SIZE_MAX / 4);
    buf_append(&queued->sent, envelope->top);
    buf_append(&queued->sent, slice_skip(buf_slice(&blob->bytes), envelope->skip));
    return ERR_OK;
}

static enum err fake_queue_settle(struct store *store, struct slice id, int state)
{
    for (size_t i = 0; i < store->queued_count; i++)
        if (slice_eq(slice_from(store->queued[i].id), id) && store->queued[i].state == FAKE_PREPARED) {
            store->queued[i].state = state;
            return ERR_OK;
        }
    return ERR_NOT_FOUND;
}

enum err queue_confirm(struct store *store, struct slice id)
{
    return fake_queue_settle(store, id, FAKE_WAITING);
}

enum err queue_cancel(struct store *store, struct slice id)
{
    return fake_queue_settle(store, id, FAKE_CANCELED);
}

/* The nth that waits, from 0; NULL when there are not so many. */
static UNUSED const struct fake_queued *fake_store_queued(size_t n)
{
    for (size_t i = 0; i < fake_store.queued_count; i++)
        if (fake_store.queued[i].state == FAKE_WAITING && n-- == 0)
            return &fake_store.queued[i];
    return NULL;
}

/* --- reports --- */

enum err report_delivered(struct store *store, const struct conf *conf, const struct queue_envelope *envelope,
                          const struct queue_recipient *recipients, size_t count, enum dsn_action action,
                          struct slice header, int64_t now_us)
{
    struct buf text;
    (void)conf;
    (void)now_us;
    buf_init(&text, sizeof(store->reports));
    buf_printf(&text, "%s%s to <%.*s>:", store->reports, action == DSN_DELIVERED ? "delivered" : "expanded",
               SLICE_ARG(envelope->sender));
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, " %.*s [%.*s]", SLICE_ARG(recipients[i].address), SLICE_ARG(recipients[i].orcpt));
    assert_true(slice_starts_with(header, S("Received:")));
    snprintf(store->reports, sizeof(store->reports), "%s\n", buf_cstr(&text));
    buf_free(&text);
    return store->report_error;
}

/* --- the directory --- */

static struct slice login_of(struct arena *arena, const char *name)
{
    return slice_from(arena_printf(arena, "%s@example.org", name));
}

static void route_to(struct arena *arena, struct directory_route *route, const char *first,
                     const char *second)
{
    route->outcome = DIRECTORY_OK;
    route->accounts = arena_array(arena, struct slice, 2);
    route->accounts[route->account_count++] = login_of(arena, first);
    if (second)
        route->accounts[route->account_count++] = login_of(arena, second);
}

static const char *const fake_users[] = {"alice", "bob", "dave", "postmaster"};

enum err directory_resolve(struct store *store, struct arena *arena, const struct address *address,
                           const char *delimiter, struct directory_route *route_r)
{
    if (store->directory_error)
        return store->directory_error;
    *route_r = (struct directory_route){.outcome = DIRECTORY_NO_USER};
    struct slice local, detail;
    address_split_detail(address->local, slice_from(delimiter), &local, &detail);
    if (slice_eq_nocase(address->domain, S("catch.example"))) {
        route_to(arena, route_r, "alice", NULL);
        return ERR_OK;
    }
    if (address->domain.len > 0 && !slice_eq_nocase(address->domain, S("example.org")) &&
        !slice_eq_nocase(address->domain, S("xn--bcher-kva.example"))) {
        route_r->outcome = DIRECTORY_REMOTE;
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(fake_users); i++)
        if (slice_eq_nocase(local, slice_from(fake_users[i])))
            route_to(arena, route_r, strcmp(fake_users[i], "postmaster") == 0 ? "alice" : fake_users[i],
                     NULL);
    if (slice_eq(local, S("gr\xc3\xbc\xc3\x9f"
                          "e")) ||
        slice_eq(local, S("sales")))
        route_to(arena, route_r, "alice", NULL);
    if (slice_starts_with(local, S("u-"))) /* u-1, u-2, …: as many users as a test wants */
        route_to(arena, route_r, arena_cstr(arena, local), NULL);
    if (slice_eq(local, S("team")))
        route_to(arena, route_r, "alice", "bob");
    if (slice_eq(local, S("quotateam")))
        route_to(arena, route_r, "alice", "dave");
    if (slice_eq(local, S("out"))) {
        route_to(arena, route_r, "bob", NULL);
        route_r->forwards = arena_array(arena, struct slice, 1);
        route_r->forwards[route_r->forward_count++] = S("x@elsewhere.example");
    }
    if (slice_eq(local, S("far")) || slice_eq(local, S("farther"))) {
        route_r->outcome = DIRECTORY_OK;
        route_r->forwards = arena_array(arena, struct slice, 2);
        route_r->forwards[route_r->forward_count++] = S("x@elsewhere.example");
        if (local.len > 3)
            route_r->forwards[route_r->forward_count++] = S("y@elsewhere.example");
    }
    if (slice_eq(local, S("carol")))
        route_r->outcome = DIRECTORY_DISABLED;
    if (slice_eq(local, S("loop")))
        route_r->outcome = DIRECTORY_LOOP;
    return ERR_OK;
}

enum err directory_is_local_domain(struct store *store, struct slice domain, bool *local_r)
{
    *local_r = slice_eq_nocase(domain, S("example.org")) || slice_eq_nocase(domain, S("catch.example")) ||
               slice_eq_nocase(domain, S("xn--bcher-kva.example"));
    return store->directory_error;
}

enum err directory_may_send_as(struct store *store, struct slice login, const struct address *address,
                               const char *delimiter, bool *allowed_r)
{
    if (store->directory_error)
        return store->directory_error;
    struct slice local, detail;
    address_split_detail(address->local, slice_from(delimiter), &local, &detail);
    struct slice name = slice_take(login, slice_find(login, '@'));
    bool sales = slice_eq(login, S("alice@example.org")) && slice_eq(local, S("sales"));
    *allowed_r =
        slice_eq_nocase(address->domain, S("example.org")) && (slice_eq_nocase(local, name) || sales);
    return ERR_OK;
}

#endif
