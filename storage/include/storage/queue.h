/* SPDX-License-Identifier: ISC */
/*
 * The queue: mail that was accepted for elsewhere, until each of its recipients has it or will never have it,
 * and for a while after that, so that one can look. A message has an envelope, a body, and recipients; each
 * recipient has a life of his own:
 *
 *     PREPARED ──confirm──▶ WAITING ──claim──▶ TAKEN ──settle──▶ DELIVERED, FAILED
 *                              ▲ ▲               │
 *                     release  │ └──── settle ───┘ (not yet: again at `due_us`)
 *                              ▼
 *                            HELD                 REMOVED by an administrator, from any of them
 *
 * Who delivers claims recipients of one destination for a time (a lease); who dies loses what he claimed.
 * Several may share the queue. What a call changed is durable when it returns, and changes of several threads
 * share one commit; but of claims and of what came of them a power cut may take back the last: those
 * recipients are tried again.
 */
#ifndef STORAGE_QUEUE_H
#define STORAGE_QUEUE_H

#include "base/arena.h"
#include "storage/blob.h"
#include "storage/store.h"

enum queue_state {
    QUEUE_WAITING, /* for the next attempt */
    QUEUE_TAKEN,   /* an attempt is under way */
    QUEUE_HELD,    /* nothing is tried until it is released */
    QUEUE_PREPARED,
    QUEUE_DELIVERED, /* the next host has it */
    QUEUE_FAILED,    /* for good; the sender was told, if he wanted to be */
    QUEUE_REMOVED    /* by an administrator; nobody is told */
};
#define QUEUE_STATE_COUNT (QUEUE_REMOVED + 1)
/* "waiting", …; static. */
const char *queue_state_name(enum queue_state state);

/* What the sender wants to hear of a recipient (RFC 3461 section 4.1); none of them: the default, which is
 * failures and delays. */
enum queue_notify {
    QUEUE_NOTIFY_NEVER = 1,
    QUEUE_NOTIFY_SUCCESS = 2,
    QUEUE_NOTIFY_FAILURE = 4,
    QUEUE_NOTIFY_DELAY = 8
};

enum queue_flag {
    QUEUE_8BIT = 1,         /* BODY=8BITMIME, or octets above 127 in it (RFC 6152) */
    QUEUE_SMTPUTF8 = 2,     /* RFC 6531 */
    QUEUE_REQUIRETLS = 4,   /* RFC 8689 section 2 */
    QUEUE_TLS_OPTIONAL = 8, /* TLS-Required: no (RFC 8689 section 5) */
    QUEUE_RETURN_FULL = 16, /* RET=FULL (RFC 3461 section 4.3) */
    QUEUE_RETURN_HEADER = 32
};

struct queue_envelope {
    struct slice id;                  /* the trace id; no two messages have the same */
    struct slice sender;              /* the path of MAIL without brackets; empty: the null path */
    struct slice envid;               /* ENVID as it came (RFC 3461 section 4.4) */
    struct slice login;               /* the user who submitted it; empty: nobody did */
    struct slice message_id, subject; /* for who looks at the queue; cut, may be empty */
    unsigned flags;                   /* QUEUE_8BIT … */
    int64_t received_us;
    int64_t expires_us; /* after this no further attempt is made */
    uint64_t size;      /* bytes of the body; set by queue_add */
    uint64_t skip;      /* so many of them, at the beginning, are not for others: our Return-Path field */
    struct slice top;   /* header fields, with CRLF, that are sent before the rest of the body */
};

struct queue_recipient {
    struct slice address;     /* "user@example.net" */
    struct slice orcpt;       /* ORCPT as it came (RFC 3461 section 4.2); empty: none */
    unsigned notify;          /* QUEUE_NOTIFY_SUCCESS … */
    struct slice destination; /* what it is grouped by: who delivers knows what it means; not empty */
    int64_t due_us;           /* of the first attempt */
};

/* What became of the last attempt. */
struct queue_reply {
    unsigned code;     /* SMTP's; 0: there was none */
    struct slice text; /* the other side's own words, enhanced code included, or ours */
    struct slice host; /* who said so: "mx.example.net [192.0.2.1]"; empty: nobody */
    bool is_theirs;    /* the text came from that host */
};

/* Takes a blob (which stays the caller's) for these recipients, all or nothing; it need not be sealed when
 * nobody else gets it: this makes it durable, for a small one with less work. With `prepared`
 * nothing is tried before queue_confirm; who dies meanwhile has queued nothing. ERR_EXISTS: the id is taken;
 * ERR_SYNTAX: no recipient, or one without destination. */
enum err queue_add(struct store *store, struct blob *blob, const struct queue_envelope *envelope,
                   const struct queue_recipient *recipients, size_t count, bool prepared) MUST_CHECK;
/* ERR_NOT_FOUND. */
enum err queue_confirm(struct store *store, struct slice id) MUST_CHECK;
enum err queue_cancel(struct store *store, struct slice id) MUST_CHECK;

/* The place of the one who delivers: one process for a queue. Its descriptor becomes readable when something
 * new is due, by whatever process. ERR_BUSY: somebody delivers already. */
struct queue_bell;
enum err queue_bell_open(struct store *store, struct queue_bell **bell_r) MUST_CHECK;
int queue_bell_fd(const struct queue_bell *bell);
/* True: a person wants something to be tried (queue_change), whatever was found out about destinations. */
bool queue_bell_clear(struct queue_bell *bell);
void queue_bell_close(struct queue_bell *bell); /* NULL is fine */

/* Destinations that have recipients due, the longest due first, `limit` at most, without those for which
 * `skips` is true (called with a name that lives no longer). *next_us_r: when the first of the others is due,
 * INT64_MAX when none is, not after `now_us` when there were more than `limit`. Names live in the arena. */
enum err queue_due(struct store *store, int64_t now_us, size_t limit,
                   bool (*skips)(void *data, struct slice destination), void *data, struct arena *arena,
                   struct slice **destinations_r, size_t *count_r, int64_t *next_us_r) MUST_CHECK;

struct queue_taken_recipient {
    uint32_t number; /* within the message, from 0 */
    struct queue_recipient recipient;
    uint32_t attempts; /* that were made before */
    bool delay_told;   /* the sender knows that it takes long */
    struct queue_reply last;
};
/* Recipients of one message that go to one destination. */
struct queue_claim {
    int64_t message; /* the queue's own number */
    struct queue_envelope envelope;
    struct queue_taken_recipient *recipients;
    size_t count;
};
/* Takes recipients of a destination that are due, `limit` at most, of `messages` at most, the longest due
 * first, those of a message together. They are `owner`'s until `lease_us`. Everything lives in the arena. */
enum err queue_claim(struct store *store, struct slice destination, struct slice owner, int64_t now_us,
                     int64_t lease_us, size_t messages, size_t limit, struct arena *arena,
                     struct queue_claim **claims_r, size_t *count_r) MUST_CHECK;
/* The body of a message; ERR_NOT_FOUND when it is gone. */
enum err queue_open(struct store *store, int64_t message, struct blob_reader *reader_r) MUST_CHECK;

struct queue_outcome {
    int64_t message;
    uint32_t number;
    enum queue_state state; /* QUEUE_WAITING, QUEUE_DELIVERED, QUEUE_FAILED */
    int64_t due_us;         /* QUEUE_WAITING: of the next attempt */
    bool attempted;         /* it counts as an attempt */
    bool delay_told;
    struct queue_reply reply;
};
/* Recipients that their next host has just taken; queue_settle follows, and may take longer. Who is killed in
 * between does not deliver to them again: queue_recover knows. Waits for nobody; for the loop, too. A failure
 * is logged. */
void queue_note(struct store *store, int64_t message, const uint32_t *numbers, size_t count);
/* What came of recipients that `owner` has claimed. Those that are not his any more are passed over;
 * *settled_r counts the others. */
enum err queue_settle(struct store *store, struct slice owner, const struct queue_outcome *outcomes,
                      size_t count, int64_t now_us, size_t *settled_r) MUST_CHECK;
/* All that the owner has is his until this time. */
enum err queue_extend(struct store *store, struct slice owner, int64_t lease_us) MUST_CHECK;
/* What was taken until before `now_us` waits again, due at once; INT64_MAX: whatever was
 * taken, but for what was noted (queue_note). Messages that
 * were prepared before `prepared_us` and never confirmed go. To be called when who delivers begins, and now
 * and then. */
enum err queue_recover(struct store *store, int64_t now_us, int64_t prepared_us) MUST_CHECK;

/* --- for people --- */

struct queue_filter {
    struct slice id;                /* this message; empty fields ask for nothing */
    struct slice sender, recipient; /* addresses, in any case of letters; "@example.net": all of a domain; of
                                     * senders "<>": the null path */
    struct slice destination;
    struct slice text;          /* somewhere in the last reply, in any case of letters */
    unsigned states;            /* bits 1 << QUEUE_WAITING …; 0: all but those that are over */
    int64_t received_before_us; /* 0: whenever */
};
struct queue_item_recipient {
    struct queue_taken_recipient taken;
    enum queue_state state;
    int64_t changed_us; /* when the state or the reply changed last */
};
struct queue_item {
    int64_t message;
    struct queue_envelope envelope;
    struct queue_item_recipient *recipients; /* those that meet the filter */
    size_t count;
};
/* The messages, oldest first, that have recipients who meet the filter, behind the message `after` (0: from
 * the beginning), `limit` at most. */
enum err queue_list(struct store *store, const struct queue_filter *filter, int64_t after, size_t limit,
                    struct arena *arena, struct queue_item **items_r, size_t *count_r) MUST_CHECK;

/* Recipients of one destination whose last reply had the same code: what holds up mail. */
struct queue_cause {
    struct slice destination;
    uint64_t recipients;
    int64_t oldest_us;        /* when the oldest of their messages was received */
    int64_t due_us;           /* the next attempt for one of them; INT64_MAX: none waits */
    struct queue_reply reply; /* the newest of them */
};
/* Of those who meet the filter, most recipients first, `limit` at most. */
enum err queue_causes(struct store *store, const struct queue_filter *filter, size_t limit,
                      struct arena *arena, struct queue_cause **causes_r, size_t *count_r) MUST_CHECK;

enum queue_action {
    QUEUE_RETRY,   /* those that wait are due now */
    QUEUE_HOLD,    /* those that wait */
    QUEUE_RELEASE, /* those that are held; due now */
    QUEUE_REMOVE,  /* whatever is not over; an attempt under way may still succeed */
    QUEUE_ROUTE    /* those that wait or are held go to another destination, due now if they wait */
};
/* Does it to all recipients that meet the filter; *count_r: how many were changed. */
enum err queue_change(struct store *store, const struct queue_filter *filter, enum queue_action action,
                      struct slice destination, int64_t now_us, uint64_t *count_r) MUST_CHECK;

/* Where recipients go instead: asked for each that meets the filter and waits or is held. An empty answer, or
 * the destination that he has: stay. Answers live in the arena until the next call. Must not call the store.
 */
struct queue_router {
    struct slice (*destination)(void *data, struct slice now, struct slice address, struct arena *arena);
    void *data;
};
/* QUEUE_ROUTE with a destination for each. *count_r: how many were changed. */
enum err queue_reroute(struct store *store, const struct queue_filter *filter,
                       const struct queue_router *router, int64_t now_us, uint64_t *count_r) MUST_CHECK;

/* Removes messages that were over before this time, `limit` at most. *count_r: how many. */
enum err queue_forget(struct store *store, int64_t before_us, size_t limit, size_t *count_r) MUST_CHECK;

struct queue_figures {
    uint64_t messages; /* that are not over */
    uint64_t recipients[QUEUE_STATE_COUNT];
    uint64_t bytes;    /* of bodies that are not over */
    int64_t oldest_us; /* 0: there is none */
};
enum err queue_count(struct store *store, struct queue_figures *figures_r) MUST_CHECK;

#endif
