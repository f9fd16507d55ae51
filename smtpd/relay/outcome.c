/* SPDX-License-Identifier: ISC */
#include "outcome.h"

#include "base/log.h"

struct queue_outcome outcome_put_back(const struct queue_claim *claim,
                                      const struct queue_taken_recipient *taken, int64_t due_us)
{
    return (struct queue_outcome){.message = claim->message,
                                  .number = taken->number,
                                  .state = QUEUE_WAITING,
                                  .due_us = due_us,
                                  .delay_told = taken->delay_told,
                                  .reply = taken->last};
}

/* The sender is told that it takes long after an attempt that failed (outbound/report.h): when it is time to
 * tell him, there is one. */
static int64_t no_later_than_notice(const struct queue_claim *claim,
                                    const struct queue_taken_recipient *taken, const struct limits *limits,
                                    int64_t now_us, int64_t due_us)
{
    int64_t notice_us = claim->envelope.received_us + limits->delay_notice_after_us;
    bool is_to_come = limits->delay_notice_after_us > 0 && !taken->delay_told && now_us < notice_us;
    return is_to_come && due_us > notice_us ? notice_us : due_us;
}

struct queue_outcome outcome_of(const struct queue_claim *claim, const struct queue_taken_recipient *taken,
                                const struct verdict *verdict, const struct limits *limits, int64_t now_us,
                                uint32_t chance)
{
    struct queue_outcome outcome = {.message = claim->message,
                                    .number = taken->number,
                                    .attempted = true,
                                    .delay_told = taken->delay_told,
                                    .reply = verdict->reply};
    if (verdict->fate == RELAY_ACCEPTED) {
        outcome.state = QUEUE_DELIVERED;
        return outcome;
    }
    if (verdict->fate != RELAY_REFUSED) {
        int64_t due_us =
            limits_retry_at(limits, taken->attempts + 1, now_us, claim->envelope.expires_us, chance);
        outcome.due_us = no_later_than_notice(claim, taken, limits, now_us, due_us);
    }
    outcome.state = outcome.due_us > 0 ? QUEUE_WAITING : QUEUE_FAILED;
    return outcome;
}

void outcome_log(const char *destination, const struct queue_envelope *envelope,
                 const struct queue_taken_recipient *taken, const struct queue_outcome *outcome)
{
    const char *event = outcome->state == QUEUE_DELIVERED ? "delivery.sent"
                        : outcome->state == QUEUE_FAILED  ? "delivery.failed"
                                                          : "delivery.deferred";
    log_info(event, log_text("id", envelope->id), log_text("from", envelope->sender),
             log_text("rcpt", taken->recipient.address), log_cstr("destination", destination),
             log_text("host", outcome->reply.host), log_number("attempt", taken->attempts + 1),
             log_number("code", outcome->reply.code), log_text("text", outcome->reply.text));
}

struct verdict verdict_deferred(struct slice text, struct slice host)
{
    return (struct verdict){.fate = RELAY_DEFERRED, .reply = {.text = text, .host = host}};
}
