/* SPDX-License-Identifier: ISC */
#include "dispatch.h"

#include "base/log.h"
#include "base/utf8.h"
#include "destination.h"
#include "mail/path.h"
#include "srs.h"
#include "storage/batch.h"
#include "storage/directory.h"

struct dispatch_part {
    struct dispatch_part *next;
    struct slice sender;
    struct slice alias; /* its address for Delivered-To; empty: no forward */
    struct queue_recipient *recipients;
    size_t count, room;
};

/* Other servers know A-labels, and few of them UTF-8 (RFC 6531 section 3.2). */
static struct slice with_ascii_domain(struct slice address, struct arena *arena)
{
    struct slice domain = address_domain_of(address), key;
    if (utf8_is_ascii(domain) || address_domain_key(arena, domain, &key))
        return address;
    struct slice local = slice_take(address, address.len - domain.len);
    return slice_from(arena_printf(arena, "%.*s%.*s", SLICE_ARG(local), SLICE_ARG(key)));
}

void dispatch_init(struct dispatch *dispatch, struct store *store, const struct conf *conf,
                   struct arena *arena, const struct queue_envelope *envelope)
{
    *dispatch = (struct dispatch){.store = store, .conf = conf, .arena = arena, .envelope = *envelope};
    dispatch->envelope.sender = with_ascii_domain(envelope->sender, arena);
}

/* --- who is to get it --- */

static struct dispatch_part *find_part(struct dispatch *dispatch, struct slice sender, struct slice alias)
{
    struct dispatch_part **end = &dispatch->parts;
    for (; *end; end = &(*end)->next)
        if (slice_eq((*end)->sender, sender) && slice_eq((*end)->alias, alias))
            return *end;
    *end = arena_new(dispatch->arena, struct dispatch_part);
    **end = (struct dispatch_part){.sender = sender, .alias = alias};
    return *end;
}

/* Who is named twice gets it once. */
static void add_recipient(struct dispatch *dispatch, struct dispatch_part *part,
                          const struct dispatch_recipient *recipient)
{
    struct slice address = with_ascii_domain(recipient->address, dispatch->arena);
    for (size_t i = 0; i < part->count; i++)
        if (slice_eq(part->recipients[i].address, address))
            return;
    if (part->count == part->room) {
        struct queue_recipient *old = part->recipients;
        part->room = part->room ? 2 * part->room : 4;
        part->recipients = arena_array(dispatch->arena, struct queue_recipient, part->room);
        for (size_t i = 0; i < part->count; i++)
            part->recipients[i] = old[i];
    }
    part->recipients[part->count++] = (struct queue_recipient){
        .address = address,
        .orcpt = recipient->orcpt,
        .notify = recipient->notify,
        .destination = destination_of(dispatch->conf, address_domain_of(address), dispatch->arena),
        .due_us = dispatch->envelope.received_us};
}

void dispatch_remote(struct dispatch *dispatch, const struct dispatch_recipient *recipient)
{
    add_recipient(dispatch, find_part(dispatch, dispatch->envelope.sender, SLICE_EMPTY), recipient);
}

/* --- forwards --- */

static enum err rewrite_sender(struct dispatch *dispatch, const struct address *sender, struct slice domain,
                               struct slice *sender_r)
{
    struct srs_key key;
    struct address rewritten;
    enum err err = srs_key_load(dispatch->conf->data_directory, &key);
    if (err)
        return err;
    err = srs_rewrite(&key, sender, domain, dispatch->envelope.received_us, dispatch->arena, &rewritten);
    if (!err)
        *sender_r = address_text(dispatch->arena, &rewritten);
    else
        log_info("srs.not_rewritten", log_text("id", dispatch->envelope.id),
                 log_text("from", dispatch->envelope.sender), log_err(err));
    return ERR_OK;
}

/* The null sender stays what it is, and so does one of ours; and one that would become too long goes as it
 * came: some hosts may refuse that, and more would refuse the long one. */
static enum err forward_sender(struct dispatch *dispatch, const struct address *alias, struct slice *sender_r)
{
    struct address sender;
    struct slice domain;
    bool ours = false;
    *sender_r = dispatch->envelope.sender;
    if (sender_r->len == 0 || address_parse(dispatch->arena, *sender_r, true, &sender) ||
        address_domain_key(dispatch->arena, alias->domain, &domain) || domain.len == 0)
        return ERR_OK;
    enum err err = directory_is_local_domain(dispatch->store, sender.domain, &ours);
    return err || ours ? err : rewrite_sender(dispatch, &sender, domain, sender_r);
}

/* RFC 3461 section 5.2.1 (d): whom the sender wrote to, if he has not told. */
static struct slice original_recipient(struct dispatch *dispatch, const struct dispatch_recipient *recipient)
{
    struct buf text;
    if (recipient->orcpt.len > 0 || !utf8_is_ascii(recipient->address))
        return recipient->orcpt;
    buf_init(&text, 3 * recipient->address.len + 10);
    buf_append(&text, S("rfc822;"));
    xtext_encode(&text, recipient->address);
    struct slice copy = arena_copy(dispatch->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

/* RFC 3461 section 5.2.7.3 (c) */
static unsigned without_success(unsigned notify)
{
    return notify == QUEUE_NOTIFY_SUCCESS ? QUEUE_NOTIFY_NEVER : notify & ~(unsigned)QUEUE_NOTIFY_SUCCESS;
}

enum err dispatch_forward(struct dispatch *dispatch, const struct dispatch_alias *alias,
                          const struct dispatch_recipient *recipient)
{
    struct dispatch_recipient target = *recipient;
    struct slice sender, key;
    enum err err = forward_sender(dispatch, &alias->address, &sender);
    if (!err)
        err = address_key(dispatch->arena, &alias->address, &key);
    if (err)
        return err;
    struct dispatch_part *part = find_part(dispatch, sender, key);
    target.orcpt = original_recipient(dispatch, recipient);
    if (alias->is_shared || alias->count > 1)
        target.notify = without_success(recipient->notify);
    for (size_t i = 0; i < alias->count; i++) {
        target.address = alias->targets[i];
        add_recipient(dispatch, part, &target);
    }
    return ERR_OK;
}

/* Whether a field Delivered-To of the message names the alias. */
static bool has_been_at(struct slice headers, struct slice alias)
{
    static const struct slice name = S("Delivered-To:");
    while (headers.data) {
        struct slice line = slice_split(&headers, '\r');
        headers = slice_skip(headers, 1); /* the LF */
        if (slice_starts_with_nocase(line, name) &&
            slice_eq_nocase(slice_trim(slice_skip(line, name.len)), alias))
            return true;
    }
    return false;
}

static bool runs_in_a_circle(const struct dispatch *dispatch, const struct message_summary *summary)
{
    for (const struct dispatch_part *part = dispatch->parts; part; part = part->next)
        if (part->alias.len > 0 && has_been_at(summary->headers, part->alias))
            return true;
    return false;
}

/* --- on its way --- */

/* The longest that any of these is tried: who delivers knows what holds for each. */
static int64_t expiry(const struct dispatch *dispatch, const struct dispatch_part *part)
{
    int64_t longest_ms = 0;
    for (size_t i = 0; i < part->count; i++) {
        const struct conf_route *route =
            dispatch->conf->route_count > 0
                ? destination_route(dispatch->conf, address_domain_of(part->recipients[i].address))
                : NULL;
        longest_ms = MAX_OF(longest_ms, route && route->expire_after > 0 ? route->expire_after
                                                                         : dispatch->conf->expire_after);
    }
    return dispatch->envelope.received_us + longest_ms * 1000;
}

/* The id of the entry in the queue. */
static struct slice part_id(const struct dispatch *dispatch, unsigned number)
{
    struct slice id = dispatch->envelope.id;
    return number == 0 ? id : slice_from(arena_printf(dispatch->arena, "%.*s.%u", SLICE_ARG(id), number));
}

static enum err queue_part(const struct dispatch *dispatch, const struct dispatch_part *part, unsigned number,
                           struct blob *blob, bool prepared)
{
    struct queue_envelope envelope = dispatch->envelope;
    envelope.id = part_id(dispatch, number);
    envelope.sender = part->sender;
    if (envelope.expires_us == 0)
        envelope.expires_us = expiry(dispatch, part);
    if (part->alias.len > 0)
        envelope.top = slice_from(arena_printf(dispatch->arena, "Delivered-To: %.*s\r\n%.*s",
                                               SLICE_ARG(part->alias), SLICE_ARG(envelope.top)));
    if (!utf8_is_ascii(part->alias))
        envelope.flags |= QUEUE_8BIT | QUEUE_SMTPUTF8;
    return queue_add(dispatch->store, blob, &envelope, part->recipients, part->count, prepared);
}

/* All parts, to be confirmed; *count_r: how many were. */
static enum err prepare(const struct dispatch *dispatch, struct blob *blob, unsigned *count_r)
{
    enum err err = ERR_OK;
    *count_r = 0;
    for (const struct dispatch_part *part = dispatch->parts; part && !err; part = part->next) {
        err = queue_part(dispatch, part, *count_r, blob, true);
        *count_r += !err;
    }
    return err;
}

static void cancel(const struct dispatch *dispatch, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        struct slice id = part_id(dispatch, i);
        enum err err = queue_cancel(dispatch->store, id);
        if (err) /* it was never confirmed: queue_recover takes it away */
            log_warning("queue.cancel_failed", log_text("id", id), log_err(err));
    }
}

static enum err deliver_and_confirm(const struct dispatch *dispatch, struct blob *blob,
                                    const struct message_summary *summary)
{
    unsigned count = 0, confirmed = 0;
    enum err err = blob_seal(blob);
    if (!err)
        err = prepare(dispatch, blob, &count);
    if (!err && dispatch->account_count > 0)
        err = deliver_all(dispatch->store, dispatch->accounts, dispatch->account_count, blob, summary);
    while (confirmed < count && !err) {
        err = queue_confirm(dispatch->store, part_id(dispatch, confirmed));
        confirmed += !err;
    }
    if (err)
        cancel(dispatch, confirmed, count);
    return err;
}

enum err dispatch_run(struct dispatch *dispatch, struct blob *blob, const struct message_summary *summary)
{
    const struct dispatch_part *parts = dispatch->parts;
    if (!parts) {
        enum err err = blob_seal(blob);
        return err ? err
                   : deliver_all(dispatch->store, dispatch->accounts, dispatch->account_count, blob, summary);
    }
    if (runs_in_a_circle(dispatch, summary))
        return ERR_LIMIT;
    if (!parts->next && dispatch->account_count == 0)
        return queue_part(dispatch, parts, 0, blob, false);
    return deliver_and_confirm(dispatch, blob, summary);
}
