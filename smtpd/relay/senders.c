/* SPDX-License-Identifier: ISC */
#include "senders.h"

#include "base/mem.h"

#define HOUR_US ((int64_t)3600 * 1000000)
/* A twentieth of what goes in an hour may go at once. */
#define BURST_PART 20

struct sender {
    UT_hash_handle hh;
    struct pacer pace;
    int64_t used_us;
    size_t length;
    char login[];
};

static struct sender *find(struct relayd *relayd, struct slice login)
{
    struct sender *sender;
    HASH_FIND(hh, relayd->senders, login.data, login.len, sender);
    if (!sender) {
        sender = mem_alloc(sizeof(*sender) + login.len + 1);
        memcpy(sender->login, login.data, login.len);
        sender->length = login.len;
        HASH_ADD(hh, relayd->senders, login[0], sender->length, sender);
    }
    return sender;
}

bool senders_allow(struct relayd *relayd, struct slice login, uint64_t count, int64_t now_us,
                   int64_t *again_us)
{
    int64_t rate = relayd->tools.conf->user_rate;
    if (login.len == 0 || rate == 0) {
        return true;
    }
    struct sender *sender = find(relayd, login);
    sender->used_us = now_us;
    return pacer_take(&sender->pace, count, HOUR_US / rate, (uint64_t)rate / BURST_PART + 1, now_us,
                      again_us);
}

void senders_forget(struct relayd *relayd, int64_t now_us)
{
    struct sender *sender, *next;
    HASH_ITER (hh, relayd->senders, sender, next) {
        if (now_us - sender->used_us > HOUR_US && sender->pace.line_until_us < now_us) {
            HASH_DEL(relayd->senders, sender);
            mem_free(sender);
        }
    }
}

void senders_free(struct relayd *relayd)
{
    struct sender *sender, *next;
    HASH_ITER (hh, relayd->senders, sender, next) {
        HASH_DEL(relayd->senders, sender);
        mem_free(sender);
    }
}
