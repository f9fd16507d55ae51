/* SPDX-License-Identifier: ISC */
#include "report.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "limits.h"
#include "report_private.h"

/* Of the original. RFC 3461 section 6.2: FULL is for failures, and up to a length that is ours to choose.
 * Never of a message that demands TLS all the way (RFC 8689 section 5). */
#define RETURN_UNASKED_MAX ((uint64_t)64 * 1024)
#define RETURN_ASKED_MAX   ((uint64_t)1024 * 1024)
#define HEADER_MAX         ((size_t)128 * 1024)
/* Recipients here have other numbers than those of the same message in the queue: two reports, two ids. */
#define LOCAL_NUMBERS 0x80000000U

struct telling {
    struct store *store;
    const struct conf *conf;
    const struct queue_envelope *envelope;
    int64_t message; /* the queue's number; 0: not from the queue, `header` is at hand */
    struct slice header;
    int64_t now_us;
};

/* --- who hears (RFC 3461 sections 4.1 and 5.2) --- */

/* None of them: the default. */
static bool wants(const struct queue_recipient *recipient, enum queue_notify what)
{
    if (recipient->notify == 0)
        return what != QUEUE_NOTIFY_SUCCESS;
    return (recipient->notify & what) && !(recipient->notify & QUEUE_NOTIFY_NEVER);
}

static bool is_late(const struct telling *telling, const struct queue_recipient *recipient)
{
    struct arena arena = {0};
    struct destination destination = {0};
    if (destination_parse(telling->conf, recipient->destination, &arena, &destination))
        destination = (struct destination){0};
    int64_t after_us = limits_for(telling->conf, &destination, NULL).delay_notice_after_us;
    arena_free(&arena);
    return after_us > 0 && telling->now_us - telling->envelope->received_us >= after_us;
}

/* Whether the recipient belongs into the report of this kind. */
static bool is_told(const struct queue_recipient *recipient, const struct queue_outcome *outcome,
                    enum report_hop hop, bool newly_late, enum dsn_action action)
{
    switch (action) {
    case DSN_FAILED:
        return outcome->state == QUEUE_FAILED && wants(recipient, QUEUE_NOTIFY_FAILURE);
    case DSN_DELAYED:
        return newly_late && wants(recipient, QUEUE_NOTIFY_DELAY);
    case DSN_RELAYED:
    case DSN_DELIVERED:
        return outcome->state == QUEUE_DELIVERED && wants(recipient, QUEUE_NOTIFY_SUCCESS) &&
               hop == (action == DSN_RELAYED ? REPORT_HOP_SILENT : REPORT_HOP_DELIVERS);
    case DSN_EXPANDED:
        break;
    }
    return false;
}

/* --- what of the message goes back --- */

static enum err read_body(int fd, uint64_t offset, char *text, size_t size, size_t *length_r)
{
    size_t length = 0;
    ssize_t got = 1;
    while (length < size && got > 0) {
        got = pread(fd, text + length, size - length, (off_t)(offset + length));
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            length += (size_t)got;
    }
    *length_r = length;
    return got < 0 ? err_from_errno(errno) : ERR_OK;
}

static bool returns_message(const struct telling *telling, enum dsn_action action, uint64_t size)
{
    unsigned flags = telling->envelope->flags;
    if (action != DSN_FAILED || telling->message == 0 || (flags & (QUEUE_RETURN_HEADER | QUEUE_REQUIRETLS)))
        return false;
    return size <= (flags & QUEUE_RETURN_FULL ? RETURN_ASKED_MAX : RETURN_UNASKED_MAX);
}

/* A message whose body is gone or cannot be read can still be reported. */
static enum err read_original(const struct telling *telling, enum dsn_action action, struct arena *arena,
                              bool *whole_r, struct slice *original_r)
{
    struct blob_reader reader;
    uint64_t skip = telling->envelope->skip;
    *whole_r = false;
    *original_r = telling->header;
    if (telling->message == 0)
        return ERR_OK;
    enum err err = queue_open(telling->store, telling->message, &reader);
    if (err)
        return err == ERR_NOT_FOUND || err == ERR_IO ? ERR_OK : err;
    uint64_t size = reader.size > skip ? reader.size - skip : 0;
    *whole_r = returns_message(telling, action, size);
    size_t wanted = (size_t)(*whole_r ? size : MIN_OF(size, (uint64_t)HEADER_MAX)), length;
    char *text = arena_alloc(arena, wanted + 1);
    err = read_body(reader.fd, skip, text, wanted, &length);
    *original_r = slice_of(text, length);
    if (!*whole_r || err)
        *original_r = report_header_of(*original_r);
    *whole_r = *whole_r && !err;
    blob_reader_close(&reader);
    return err == ERR_IO ? ERR_OK : err;
}

/* --- one report --- */

static const char *kind_name(enum dsn_action action)
{
    static const char *const names[] = {[DSN_FAILED] = "failed",
                                        [DSN_DELAYED] = "delayed",
                                        [DSN_DELIVERED] = "delivered",
                                        [DSN_RELAYED] = "relayed",
                                        [DSN_EXPANDED] = "expanded"};
    return names[action];
}

/* The same for the same recipients of the same message: FNV-1a over their numbers. */
static struct slice make_id(const struct telling *telling, enum dsn_action action, const uint32_t *numbers,
                            size_t count, struct arena *arena)
{
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = 0; i < count; i++)
        for (unsigned shift = 0; shift < 32; shift += 8)
            hash = (hash ^ (numbers[i] >> shift & 0xff)) * 0x100000001b3U;
    return slice_from(arena_printf(arena, "%.*s.%s-%08llx", SLICE_ARG(telling->envelope->id),
                                   kind_name(action), (unsigned long long)(hash ^ hash >> 32) & 0xffffffff));
}

/* What goes elsewhere may meet hosts without 8BITMIME. RFC 6522 section 3: "When 8-bit or binary data not
 * encoded in a 7-bit form is to be returned, and the return path is not guaranteed to be 8-bit or binary
 * capable, … the text/rfc822-headers media type MAY be used". A message with UTF-8 in its header may be
 * encoded whole (RFC 6533 section 4.5). Who has a UTF-8 address himself gets mail by hosts that take 8 bits
 * (RFC 6531 section 3.1). */
static enum err fit_way_back(const struct telling *telling, struct arena *arena, struct dsn_report *report,
                             struct slice *original)
{
    bool elsewhere = false;
    enum err err = report_is_for_elsewhere(telling->store, telling->conf, arena, report->sender, &elsewhere);
    report->is_7bit = elsewhere && utf8_is_ascii(report->sender);
    struct slice header = report_header_of(*original);
    bool is_global = !utf8_is_ascii(header) && utf8_is_valid(header);
    if (report->is_7bit && report->returns_message && !is_global && !utf8_is_ascii(*original)) {
        report->returns_message = false;
        *original = header;
    }
    return err;
}

static enum err tell(const struct telling *telling, enum dsn_action action,
                     const struct dsn_recipient *recipients, const uint32_t *numbers, size_t count,
                     struct arena *arena)
{
    const struct queue_envelope *envelope = telling->envelope;
    struct dsn_report report = {.action = action,
                                .language = (enum conf_language)telling->conf->report_language,
                                .host = slice_from(telling->conf->hostname),
                                .sender = envelope->sender,
                                .envid = envelope->envid,
                                .trace = envelope->id,
                                .message_id = envelope->message_id,
                                .subject = envelope->subject,
                                .arrived_us = envelope->received_us,
                                .now_us = telling->now_us,
                                .expires_us = envelope->expires_us,
                                .recipients = recipients,
                                .count = count,
                                .id = make_id(telling, action, numbers, count, arena)};
    struct slice original;
    struct report_text text;
    enum err err = read_original(telling, action, arena, &report.returns_message, &original);
    if (!err)
        err = fit_way_back(telling, arena, &report, &original);
    if (!err)
        err = report_build(telling->store, arena, &report, original, &text);
    if (err)
        return err;
    text.flags = envelope->flags & QUEUE_REQUIRETLS; /* RFC 8689 section 5 */
    err = report_post(telling->store, telling->conf, arena, envelope->sender, &text, telling->now_us);
    if (!err)
        log_info("report.posted", log_text("id", text.id), log_cstr("kind", kind_name(action)),
                 log_text("message", envelope->id), log_text("to", envelope->sender),
                 log_number("rcpts", count));
    blob_free(text.blob);
    return err;
}

/* --- what an attempt came to --- */

static const struct queue_taken_recipient *find_recipient(const struct queue_claim *claim, uint32_t number)
{
    for (size_t i = 0; i < claim->count; i++)
        if (claim->recipients[i].number == number)
            return &claim->recipients[i];
    return NULL;
}

static struct dsn_recipient describe(const struct queue_recipient *recipient,
                                     const struct queue_outcome *outcome, int64_t now_us)
{
    return (struct dsn_recipient){.address = recipient->address,
                                  .orcpt = recipient->orcpt,
                                  .code = outcome->reply.code,
                                  .text = outcome->reply.text,
                                  .host = outcome->reply.host,
                                  .is_theirs = outcome->reply.is_theirs,
                                  .last_attempt_us = outcome->attempted ? now_us : 0};
}

/* Those who belong into the report of a kind; none: nobody hears anything. */
static enum err tell_kind(const struct telling *telling, const struct queue_claim *claim,
                          const struct queue_outcome *outcomes, const bool *newly_late,
                          const enum report_hop *hops, size_t count, enum dsn_action action)
{
    struct arena arena = {0};
    struct dsn_recipient *recipients = arena_array(&arena, struct dsn_recipient, count);
    uint32_t *numbers = arena_array(&arena, uint32_t, count);
    size_t told = 0;
    for (size_t i = 0; i < count; i++) {
        const struct queue_taken_recipient *taken = find_recipient(claim, outcomes[i].number);
        if (!taken || !is_told(&taken->recipient, &outcomes[i], hops ? hops[i] : REPORT_HOP_SILENT,
                               newly_late[i], action))
            continue;
        recipients[told] = describe(&taken->recipient, &outcomes[i], telling->now_us);
        numbers[told++] = outcomes[i].number;
    }
    enum err err = told > 0 ? tell(telling, action, recipients, numbers, told, &arena) : ERR_OK;
    arena_free(&arena);
    return err;
}

enum err report_outcomes(struct store *store, const struct conf *conf, const struct queue_claim *claim,
                         struct queue_outcome *outcomes, const enum report_hop *hops, size_t count,
                         int64_t now_us)
{
    static const enum dsn_action kinds[] = {DSN_FAILED, DSN_DELAYED, DSN_RELAYED, DSN_DELIVERED};
    struct telling telling = {.store = store,
                              .conf = conf,
                              .envelope = &claim->envelope,
                              .message = claim->message,
                              .now_us = now_us};
    bool *newly_late = mem_alloc(MAX_OF(count, (size_t)1) * sizeof(bool));
    enum err err = ERR_OK;
    for (size_t i = 0; i < count; i++) {
        const struct queue_taken_recipient *taken = find_recipient(claim, outcomes[i].number);
        if (!taken)
            continue;
        newly_late[i] =
            outcomes[i].state == QUEUE_WAITING && !taken->delay_told && is_late(&telling, &taken->recipient);
        outcomes[i].delay_told = taken->delay_told;
    }
    for (size_t k = 0; k < ARRAY_LEN(kinds) && claim->envelope.sender.len > 0 && !err; k++)
        err = tell_kind(&telling, claim, outcomes, newly_late, hops, count, kinds[k]);
    for (size_t i = 0; i < count && !err; i++)
        outcomes[i].delay_told |= newly_late[i];
    mem_free(newly_late);
    return err;
}

enum err report_delivered(struct store *store, const struct conf *conf, const struct queue_envelope *envelope,
                          const struct queue_recipient *recipients, size_t count, enum dsn_action action,
                          struct slice header, int64_t now_us)
{
    struct telling telling = {
        .store = store, .conf = conf, .envelope = envelope, .header = header, .now_us = now_us};
    struct arena arena = {0};
    struct dsn_recipient *told = arena_array(&arena, struct dsn_recipient, count);
    uint32_t *numbers = arena_array(&arena, uint32_t, count);
    size_t told_count = 0;
    for (size_t i = 0; i < count && envelope->sender.len > 0; i++)
        if (wants(&recipients[i], QUEUE_NOTIFY_SUCCESS)) {
            numbers[told_count] = LOCAL_NUMBERS | (uint32_t)i;
            told[told_count++] =
                (struct dsn_recipient){.address = recipients[i].address, .orcpt = recipients[i].orcpt};
        }
    enum err err = told_count > 0 ? tell(&telling, action, told, numbers, told_count, &arena) : ERR_OK;
    arena_free(&arena);
    return err;
}
