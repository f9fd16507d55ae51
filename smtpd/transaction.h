/* SPDX-License-Identifier: ISC */
/*
 * A mail transaction (RFC 5321 section 3.3): from MAIL to the end of the message, or to RSET. It lives in one
 * arena and is forgotten as a whole.
 */
#ifndef SMTPD_TRANSACTION_H
#define SMTPD_TRANSACTION_H

#include "base/arena.h"
#include "mail/address.h"
#include "mail/trace.h"

struct mail_arguments;
struct receive;

/* Accounts and forwards that all recipients of one transaction may lead to, counted with repetition: bounds
 * memory when many recipients are aliases of many. */
#define TRANSACTION_REFERENCE_LIMIT ((size_t)20000)

struct recipient {
    struct slice address; /* for replies and logs: "user@example.org" */
    struct address path;  /* the same in its parts */
    uint32_t *accounts;   /* indices into the transaction's accounts */
    size_t account_count;
    struct slice *forwards; /* addresses elsewhere that an alias leads to */
    size_t forward_count;
    bool is_elsewhere;  /* goes to another server; neither accounts nor forwards */
    unsigned notify;    /* QUEUE_NOTIFY_SUCCESS …: what the sender wants to hear (RFC 3461 section 4.1) */
    struct slice orcpt; /* whom he wrote to, as it came (section 4.2); empty: not said */
};

/* How the message itself comes in. */
enum transfer {
    TRANSFER_NONE,
    TRANSFER_CHUNKS, /* a BDAT was taken, more are to come */
    TRANSFER_FAILED  /* a BDAT was refused; only RSET helps (RFC 3030 section 2) */
};

struct transaction {
    struct arena arena;
    bool open;
    char
        id[TRACE_ID_LEN + 1]; /* follows the message from here to the log, the Received field and the reply */
    struct address sender;    /* both slices empty: the null path */
    struct slice sender_text; /* for logs */
    bool smtputf8;
    unsigned flags;     /* QUEUE_REQUIRETLS, QUEUE_RETURN_FULL, QUEUE_RETURN_HEADER, as MAIL has them */
    struct slice envid; /* for reports to the sender (RFC 3461 section 4.4) */

    struct recipient *recipients;
    size_t recipient_count, recipient_room;
    struct slice *accounts; /* logins of all recipients, each once */
    size_t account_count, account_room, reference_count;

    enum transfer transfer;
    struct receive *receive; /* TRANSFER_CHUNKS: what came so far */
};

void transaction_init(struct transaction *transaction);
/* Back to nothing, what was received so far included. */
void transaction_reset(struct transaction *transaction);
void transaction_free(struct transaction *transaction);

/* Opens it with what MAIL said, which is copied. */
void transaction_begin(struct transaction *transaction, const struct mail_arguments *mail);
/* Adds a recipient that leads to these accounts; copies. False, and nothing is changed, when that would be
 * too many. */
bool transaction_add(struct transaction *transaction, const struct recipient *recipient,
                     const struct slice *accounts, size_t account_count);

#endif
