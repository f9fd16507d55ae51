/* SPDX-License-Identifier: ISC */
/*
 * An account as simple as it can be, for comparison: arrays that are copied whole for each batch, so that a
 * batch that fails has no effect because its copy is thrown away. Names are valid and short; what a store
 * chooses (ids, UIDVALIDITY, MODSEQ) is learned from it and must then stay.
 */
#ifndef CONFORMANCE_MODEL_H
#define CONFORMANCE_MODEL_H

#include "suite.h"

#define MODEL_MAILBOXES 24
#define MODEL_MESSAGES  60
#define MODEL_GONE      200
#define MODEL_NAME      60
#define MODEL_WORDS     8
#define MODEL_ENTRIES   6
#define MODEL_TEXTS     5

/* Of the batch that is running: its MODSEQ is not known yet. Higher than any. */
#define MODSEQ_NOW UINT64_MAX

struct model_message {
    uint32_t uid, flags;
    unsigned words; /* keywords, a bit for each of model_words */
    uint64_t modseq;
    int text;               /* which body */
    int64_t date;           /* 0: to be learned */
    unsigned char guid[16]; /* learned from the result of the append */
    size_t result;          /* of which operation, plus 1; 0: known */
};
struct model_gone {
    uint32_t uid;
    uint64_t modseq;
};
struct model_mailbox {
    char name[MODEL_NAME + 1];
    int64_t id;           /* 0: to be learned */
    uint32_t uidvalidity; /* likewise */
    uint32_t uidnext, first_recent;
    uint64_t modseq;
    size_t count, gone_count;
    uint64_t gone_floor; /* what went up to here is not in the list any more */
    struct model_message messages[MODEL_MESSAGES];
    struct model_gone gone[MODEL_GONE];
};
struct model {
    struct model_mailbox mailboxes[MODEL_MAILBOXES];
    size_t count;
    char subscriptions[MODEL_MAILBOXES * 10][MODEL_NAME + 1];
    size_t subscription_count;
    int annotations[MODEL_ENTRIES]; /* of the account: the value's number; 0: none */
    int scripts[MODEL_ENTRIES];     /* by name: what it says; 0: none */
    int active;                     /* which script, plus 1; 0: none */
    uint64_t limit_bytes, limit_messages;
    uint64_t modseq;
    bool changed; /* some message or mailbox did, in this batch */
};

static const struct slice model_words[MODEL_WORDS] = {
    {"$Forwarded", 10}, {"$Junk", 5}, {"$MDNSent", 8}, {"alpha", 5},
    {"Beta", 4},        {"gamma", 5}, {"delta", 5},    {"x-1", 3},
};

static inline struct model_mailbox *model_find(struct model *model, const char *name)
{
    for (size_t i = 0; i < model->count; i++) {
        if (strcmp(model->mailboxes[i].name, name) == 0) {
            return &model->mailboxes[i];
        }
    }
    return NULL;
}

static inline struct model_message *model_message(struct model_mailbox *mailbox, uint32_t uid)
{
    for (size_t i = 0; i < mailbox->count; i++) {
        if (mailbox->messages[i].uid == uid) {
            return &mailbox->messages[i];
        }
    }
    return NULL;
}

static inline void model_touch(struct model *model, struct model_mailbox *mailbox)
{
    mailbox->modseq = MODSEQ_NOW;
    model->changed = true;
}

static inline struct model_mailbox *model_make(struct model *model, const char *name)
{
    assert_true(model->count < MODEL_MAILBOXES);
    struct model_mailbox *made = &model->mailboxes[model->count++];
    memset(made, 0, sizeof(*made));
    snprintf(made->name, sizeof(made->name), "%s", name);
    made->uidnext = made->first_recent = 1;
    model_touch(model, made);
    return made;
}

static inline void model_levels_above(struct model *model, const char *name)
{
    char above[MODEL_NAME + 1];
    for (size_t i = 0; name[i]; i++) {
        if (name[i] == '/') {
            snprintf(above, sizeof(above), "%.*s", (int)i, name);
            if (!model_find(model, above)) {
                model_make(model, above);
            }
        }
    }
}

static inline bool model_is_below(const char *name, const char *above)
{
    size_t length = strlen(above);
    return strncmp(name, above, length) == 0 && name[length] == '/';
}

static inline void model_usage(const struct model *model, const size_t *sizes, uint64_t *messages_r,
                               uint64_t *bytes_r)
{
    *messages_r = *bytes_r = 0;
    for (size_t i = 0; i < model->count; i++) {
        for (size_t j = 0; j < model->mailboxes[i].count; j++) {
            *bytes_r += sizes[model->mailboxes[i].messages[j].text];
            (*messages_r)++;
        }
    }
}

static inline bool model_has_room(const struct model *model, const size_t *sizes, uint64_t messages,
                                  uint64_t bytes)
{
    uint64_t used, used_bytes;
    model_usage(model, sizes, &used, &used_bytes);
    return (!model->limit_messages || used + messages <= model->limit_messages) &&
           (!model->limit_bytes || used_bytes + bytes <= model->limit_bytes);
}

static inline void model_put(struct model *model, struct model_mailbox *mailbox, struct model_message message)
{
    assert_true(mailbox->count < MODEL_MESSAGES);
    message.uid = mailbox->uidnext++;
    message.modseq = MODSEQ_NOW;
    mailbox->messages[mailbox->count++] = message;
    model_touch(model, mailbox);
}

static inline void model_take(struct model *model, struct model_mailbox *mailbox, uint32_t uid)
{
    struct model_message *message = model_message(mailbox, uid);
    size_t behind = (size_t)(mailbox->messages + mailbox->count - (message + 1));
    if (mailbox->gone_count == MODEL_GONE) {
        mailbox->gone_floor = mailbox->gone[0].modseq;
        memmove(mailbox->gone, mailbox->gone + 1, (MODEL_GONE - 1) * sizeof(mailbox->gone[0]));
        mailbox->gone_count--;
    }
    mailbox->gone[mailbox->gone_count++] = (struct model_gone){uid, MODSEQ_NOW};
    memmove(message, message + 1, behind * sizeof(*message));
    mailbox->count--;
    model_touch(model, mailbox);
}

static inline int model_subscription(const struct model *model, const char *name)
{
    for (size_t i = 0; i < model->subscription_count; i++) {
        if (strcmp(model->subscriptions[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static inline void model_subscribe(struct model *model, const char *name, bool subscribed)
{
    int at = model_subscription(model, name);
    if (subscribed && at < 0) {
        assert_true(model->subscription_count < ARRAY_LEN(model->subscriptions));
        snprintf(model->subscriptions[model->subscription_count++], MODEL_NAME + 1, "%.60s", name);
    } else if (!subscribed && at >= 0) {
        model->subscription_count--;
        memmove(model->subscriptions[at], model->subscriptions[model->subscription_count], MODEL_NAME + 1);
    }
}

static inline bool model_is_in_tree(const char *name, const char *top)
{
    return strcmp(name, top) == 0 || model_is_below(name, top);
}

static inline const char *model_new_name(char buffer[MODEL_NAME + 1], const char *name, const char *from,
                                         const char *to)
{
    assert_true(snprintf(buffer, MODEL_NAME + 1, "%s%s", to, name + strlen(from)) <= MODEL_NAME);
    return buffer;
}

/* RFC 3501 section 6.3.5 */
static inline void model_rename_inbox(struct model *model, const char *to)
{
    model_levels_above(model, to);
    struct model_mailbox *made = model_make(model, to), *inbox = model_find(model, "INBOX");
    while (inbox->count) {
        model_put(model, made, inbox->messages[0]);
        model_take(model, inbox, inbox->messages[0].uid);
    }
}

static inline enum err model_rename(struct model *model, const char *from, const char *to)
{
    char name[MODEL_NAME + 1];
    struct model *old;
    if (!model_find(model, from)) {
        return ERR_NOT_FOUND;
    }
    if (strcmp(from, "INBOX") != 0 && model_is_below(to, from)) {
        return ERR_SYNTAX;
    }
    if (model_find(model, to)) {
        return ERR_EXISTS;
    }
    if (strcmp(from, "INBOX") == 0) {
        model_rename_inbox(model, to);
        return ERR_OK;
    }
    old = malloc(sizeof(*old));
    *old = *model;
    for (size_t i = 0; i < old->count; i++) {
        if (model_is_in_tree(old->mailboxes[i].name, from)) {
            struct model_mailbox *other =
                model_find(old, model_new_name(name, old->mailboxes[i].name, from, to));
            if (other && !model_is_in_tree(other->name, from)) {
                free(old);
                return ERR_EXISTS;
            }
            memcpy(model->mailboxes[i].name, name, sizeof(name));
        }
    }
    for (size_t i = 0; i < old->count; i++) { /* all old ones first: a new name may be an old one */
        if (model_is_in_tree(old->mailboxes[i].name, from)) {
            model_subscribe(model, old->mailboxes[i].name, false);
        }
    }
    for (size_t i = 0; i < old->count; i++) {
        if (model_is_in_tree(old->mailboxes[i].name, from) &&
            model_subscription(old, old->mailboxes[i].name) >= 0) {
            model_subscribe(model, model->mailboxes[i].name, true);
        }
    }
    free(old);
    model_levels_above(model, to);
    model->changed = true;
    return ERR_OK;
}

static inline enum err model_delete(struct model *model, const char *name)
{
    struct model_mailbox *mailbox = model_find(model, name);
    if (!mailbox) {
        return ERR_NOT_FOUND;
    }
    if (strcmp(name, "INBOX") == 0) {
        return ERR_DENIED;
    }
    *mailbox = model->mailboxes[--model->count];
    model->changed = true;
    return ERR_OK;
}

/* The batch went well and has this MODSEQ. */
static inline void model_settle(struct model *model, uint64_t modseq)
{
    model->modseq = modseq;
    model->changed = false;
    for (size_t i = 0; i < model->count; i++) {
        struct model_mailbox *mailbox = &model->mailboxes[i];
        mailbox->modseq = mailbox->modseq == MODSEQ_NOW ? modseq : mailbox->modseq;
        mailbox->gone_floor = mailbox->gone_floor == MODSEQ_NOW ? modseq : mailbox->gone_floor;
        for (size_t j = 0; j < mailbox->count; j++) {
            struct model_message *message = &mailbox->messages[j];
            message->modseq = message->modseq == MODSEQ_NOW ? modseq : message->modseq;
        }
        for (size_t j = 0; j < mailbox->gone_count; j++) {
            struct model_gone *gone = &mailbox->gone[j];
            gone->modseq = gone->modseq == MODSEQ_NOW ? modseq : gone->modseq;
        }
    }
}

#endif
