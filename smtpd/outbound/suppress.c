/* SPDX-License-Identifier: ISC */
#include "suppress.h"

#include "base/log.h"
#include "dsn.h"
#include "mail/address.h"
#include "mail/date.h"
#include "storage/queue.h"

/* Of the former words, so that the sentence around them stays whole in the queue. */
#define QUOTE_MAX 300

/*
 * Codes that mean "there is no such mailbox" whatever the message (RFC 3463 section 3.2):
 *
 *   5.1.1    bad destination mailbox address
 *   5.1.6    destination mailbox has moved, no forwarding address
 *   5.1.10   recipient address has null MX (RFC 7505)
 *
 * Not 5.1.2 (bad domain): what is wrong in the DNS is seen there anew each time, and bothers nobody.
 * Not 5.2.1 (mailbox disabled): servers say so, too, of mailboxes that get too much at the moment. Not 5.7.x
 * and codes without a detail: they speak of the message or of us. And only what the other server said itself.
 */
static const char *const hard[] = {"5.1.1", "5.1.6", "5.1.10"};

bool suppress_is_hard(const struct queue_reply *reply)
{
    struct slice rest = reply->text, status = slice_split(&rest, ' ');
    if (!reply->is_theirs || reply->code / 100 != 5)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(hard); i++)
        if (slice_eq(status, slice_from(hard[i])))
            return true;
    return false;
}

static const struct queue_taken_recipient *find_recipient(const struct queue_claim *claim, uint32_t number)
{
    for (size_t i = 0; i < claim->count; i++)
        if (claim->recipients[i].number == number)
            return &claim->recipients[i];
    return NULL;
}

/* What cannot be looked up later (no list has it) is passed over. */
static bool is_address(struct slice text)
{
    struct arena arena = {0};
    struct address address;
    struct slice key;
    bool is = address_parse(&arena, text, true, &address) == ERR_OK &&
              address_key(&arena, &address, &key) == ERR_OK;
    arena_free(&arena);
    return is;
}

enum err suppress_remember(struct store *store, const struct conf *conf, const struct queue_claim *claim,
                           const struct queue_outcome *outcomes, size_t count, int64_t now_us)
{
    struct arena arena = {0};
    struct suppression *entries = arena_array(&arena, struct suppression, count);
    size_t found = 0;
    for (size_t i = 0; i < count && conf->suppress_for > 0; i++) {
        const struct queue_taken_recipient *taken = find_recipient(claim, outcomes[i].number);
        if (!taken || outcomes[i].state != QUEUE_FAILED || !suppress_is_hard(&outcomes[i].reply) ||
            !is_address(taken->recipient.address))
            continue;
        entries[found++] = (struct suppression){.address = taken->recipient.address,
                                                .reply = outcomes[i].reply,
                                                .since_us = now_us,
                                                .until_us = now_us + conf->suppress_for * 1000};
        log_info("address.suppressed", log_text("rcpt", taken->recipient.address),
                 log_text("reply", outcomes[i].reply.text), log_text("host", outcomes[i].reply.host));
    }
    enum err err = found > 0 ? suppression_add(store, entries, found) : ERR_OK;
    arena_free(&arena);
    return err;
}

/* The sentence around the former words. ASCII: the fields of a report have room for no more. */
static const struct phrases {
    const char *begin;                       /* the time that the address is suppressed since follows */
    const char *who, *answered, *to_address; /* around the host, and behind its words */
    const char *stopped;                     /* by the administrator, whose words follow */
    const char *until, *end;
} phrases[] = {
    [LANGUAGE_ENGLISH] = {.begin = "this was not tried: on ",
                          .who = " ",
                          .answered = " answered",
                          .to_address = " for this address",
                          .stopped = " the administrator stopped mail to this address:",
                          .until = ", and until ",
                          .end = " no mail is sent there; the administrator can lift that by:"},
    [LANGUAGE_GERMAN] = {.begin = "es wurde nicht versucht: am ",
                         .who = " antwortete ",
                         .answered = "",
                         .to_address = " zu dieser Adresse",
                         .stopped = " hat der Administrator Mail an diese Adresse gesperrt:",
                         .until = ", und bis ",
                         .end = " wird keine Mail dorthin gesandt; der Administrator kann das aufheben mit:"},
};

/* With the enhanced code of the former words, and what to do. */
static struct slice explain(const struct suppression *entry, enum conf_language language, struct arena *arena)
{
    const struct phrases *say = &phrases[language];
    struct dsn_recipient former = {.code = entry->reply.code ? entry->reply.code : 550,
                                   .text = entry->reply.text};
    struct slice quote = slice_take(entry->reply.text, QUOTE_MAX);
    struct buf text;
    char status[16];
    dsn_status(&former, DSN_FAILED, status);
    buf_init(&text, 4096);
    buf_printf(&text, "%s %s", status, say->begin);
    date_format(&text, entry->since_us / 1000000, date_local_zone(entry->since_us / 1000000));
    if (entry->reply.is_theirs)
        buf_printf(&text, "%s%.*s%s \"%u %.*s\"%s", say->who, SLICE_ARG(entry->reply.host), say->answered,
                   entry->reply.code, SLICE_ARG(quote), say->to_address);
    else
        buf_printf(&text, "%s \"%.*s\"", say->stopped, SLICE_ARG(quote));
    buf_append(&text, slice_from(say->until));
    date_format(&text, entry->until_us / 1000000, date_local_zone(entry->until_us / 1000000));
    buf_printf(&text, "%s postern queue suppress remove %.*s", say->end, SLICE_ARG(entry->address));
    struct slice copy = arena_copy(arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

enum err suppress_claim(struct store *store, const struct conf *conf, const struct queue_claim *claim,
                        int64_t now_us, struct arena *arena, struct queue_outcome **outcomes_r,
                        size_t *count_r)
{
    struct slice *addresses = arena_array(arena, struct slice, claim->count);
    struct suppression *found = arena_array(arena, struct suppression, claim->count);
    struct queue_outcome *outcomes = arena_array(arena, struct queue_outcome, claim->count);
    size_t count = 0;
    for (size_t i = 0; i < claim->count; i++)
        addresses[i] = claim->recipients[i].recipient.address;
    enum err err = suppression_find(store, addresses, claim->count, now_us, arena, found);
    if (err)
        return err;
    for (size_t i = 0; i < claim->count; i++)
        if (found[i].address.len > 0)
            outcomes[count++] = (struct queue_outcome){
                .message = claim->message,
                .number = claim->recipients[i].number,
                .state = QUEUE_FAILED,
                .delay_told = claim->recipients[i].delay_told,
                .reply = {.code = found[i].reply.code ? found[i].reply.code : 550,
                          .text = explain(&found[i], (enum conf_language)conf->report_language, arena)}};
    *outcomes_r = outcomes;
    *count_r = count;
    return ERR_OK;
}
