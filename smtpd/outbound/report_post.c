/* SPDX-License-Identifier: ISC */
/*
 * The way of a report to who sent the message. It has the null sender (RFC 5321 section 4.5.5), so whatever
 * becomes of it, nothing is told of it: what cannot be posted for good is dropped, and the log has it.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "destination.h"
#include "mail/header.h"
#include "report_private.h"
#include "resolve.h"
#include "storage/batch.h"

static void log_dropped(const struct report_text *text, struct slice address, const char *reason)
{
    log_warning("report.dropped", log_text("id", text->id), log_text("to", address),
                log_cstr("reason", reason));
}

/* Into each mailbox by itself: one that is full is no reason to withhold it from the others. */
static enum err deliver_here(struct store *store, const struct directory_route *route,
                             const struct report_text *text)
{
    enum err *results = mem_alloc(route->account_count * sizeof(enum err)), err = ERR_OK;
    deliver(store, route->accounts, route->account_count, text->blob, &text->summary, results);
    for (size_t i = 0; i < route->account_count; i++) {
        if (results[i] == ERR_OVER_QUOTA || results[i] == ERR_NOT_FOUND)
            log_dropped(text, route->accounts[i], err_text(results[i]));
        else if (results[i])
            err = results[i];
    }
    mem_free(results);
    return err;
}

static enum err make_recipient(const struct conf *conf, struct arena *arena, struct slice address,
                               int64_t now_us, struct queue_recipient *recipient_r)
{
    struct address parsed;
    enum err err = address_parse(arena, address, true, &parsed);
    if (!err)
        *recipient_r = (struct queue_recipient){.address = arena_copy(arena, address),
                                                .notify = QUEUE_NOTIFY_NEVER, /* RFC 3461 section 6.1 */
                                                .destination = destination_of(conf, parsed.domain, arena),
                                                .due_us = now_us};
    return err;
}

/* That the id is taken means that the report was posted before, by who died before he could say so. */
static enum err add_to_queue(struct store *store, const struct conf *conf, struct arena *arena,
                             const struct slice *addresses, size_t count, const struct report_text *text,
                             int64_t now_us)
{
    struct queue_recipient *recipients = arena_array(arena, struct queue_recipient, count);
    struct queue_envelope envelope = {.id = text->id,
                                      .message_id = text->message_id,
                                      .subject = header_unfold(arena, text->subject),
                                      .flags = text->flags | (text->is_8bit ? QUEUE_8BIT : 0),
                                      .received_us = now_us,
                                      .expires_us = now_us + conf->expire_after * 1000,
                                      .skip = text->skip};
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        if (make_recipient(conf, arena, addresses[i], now_us, &recipients[made]))
            log_dropped(text, addresses[i], "the address is malformed");
        else
            envelope.flags |= utf8_is_ascii(recipients[made++].address) ? 0 : QUEUE_SMTPUTF8;
    }
    enum err err = made ? queue_add(store, text->blob, &envelope, recipients, made, false) : ERR_OK;
    return err == ERR_EXISTS ? ERR_OK : err;
}

/* ERR_SYNTAX, ERR_TOO_LONG: the address is malformed. */
static enum err resolve(struct store *store, const struct conf *conf, struct arena *arena,
                        struct slice address, struct resolution *resolution_r)
{
    struct address parsed;
    enum err err = address_parse(arena, address, true, &parsed);
    return err ? err : resolve_address(store, conf, &parsed, arena, resolution_r);
}

enum err report_is_for_elsewhere(struct store *store, const struct conf *conf, struct arena *arena,
                                 struct slice address, bool *elsewhere_r)
{
    struct resolution resolution;
    enum err err = resolve(store, conf, arena, address, &resolution);
    *elsewhere_r =
        !err && (resolution.route.outcome == DIRECTORY_REMOTE || resolution.route.forward_count > 0);
    return err == ERR_SYNTAX || err == ERR_TOO_LONG ? ERR_OK : err;
}

enum err report_post(struct store *store, const struct conf *conf, struct arena *arena, struct slice address,
                     const struct report_text *text, int64_t now_us)
{
    static const char *const reasons[] = {[DIRECTORY_NO_USER] = "there is no such user",
                                          [DIRECTORY_DISABLED] = "the user is disabled",
                                          [DIRECTORY_LOOP] = "the aliases go in a circle"};
    struct resolution resolution;
    enum err err = resolve(store, conf, arena, address, &resolution);
    if (err == ERR_SYNTAX || err == ERR_TOO_LONG) {
        log_dropped(text, address, "the address is malformed");
        return ERR_OK;
    }
    if (err)
        return err;
    const struct directory_route *route = &resolution.route;
    if (route->outcome == DIRECTORY_REMOTE)
        return add_to_queue(store, conf, arena, &address, 1, text, now_us);
    if (route->outcome != DIRECTORY_OK) {
        log_dropped(text, address, reasons[route->outcome]);
        return ERR_OK;
    }
    if (route->forward_count > 0)
        err = add_to_queue(store, conf, arena, route->forwards, route->forward_count, text, now_us);
    if (!err && route->account_count > 0)
        err = deliver_here(store, route, text);
    return err;
}
