/* SPDX-License-Identifier: ISC */
/*
 * A session whose client is silent lets go of its account: the handles of the index and their pages, some 200
 * KiB, are more than all else that an idle connection costs. The store keeps those of a few hundred accounts
 * that were used last, and opens others again within milliseconds.
 *
 * Changes are heard of all the same, as the hub knows accounts by name. Mail that another program dropped
 * into INBOX is told of by the store's sweep; what it did elsewhere is seen when the session looks again,
 * after IMAP_DOZING_LOOK_MS.
 */
#include "doze.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "net/loop.h"
#include "storage/snapshot.h"

#include "session.h"

static enum err let_go(void *arg)
{
    struct imap_session *session = arg;
    struct selected *selected = session->selected;
    if (selected) {
        struct slice owner = account_login(selected->account);
        selected->owner = mem_alloc(owner.len + 1);
        memcpy(selected->owner, owner.data, owner.len);
        account_close(selected->account);
        selected->account = NULL;
    }
    account_close(session->account);
    session->account = NULL;
    return ERR_OK;
}

void imap_doze(struct imap_session *session)
{
    if (session->account && imap_on_thread(session, let_go, session))
        log_debug("imap.awake", log_text("login", buf_slice(&session->login))); /* it may be ending */
}

/* The account may have been removed and made anew, or its index built anew, and mailboxes' numbers given to
 * others. */
static enum err check_mailbox(struct selected *selected)
{
    struct snapshot *snapshot = NULL;
    struct mailbox_entry mailbox;
    struct arena arena = {0};
    enum err err = snapshot_open(selected->account, &snapshot);
    if (!err)
        err = snapshot_mailbox(snapshot, mailbox_numbered(selected->mailbox_id), &arena, &mailbox);
    if (!err &&
        (strcmp(mailbox.guid, selected->guid) != 0 || mailbox.status.uidvalidity != selected->uidvalidity ||
         snapshot_modseq(snapshot) < MAX_OF(selected->changes_known, selected->expunges_known)))
        err = ERR_NOT_FOUND;
    snapshot_close(snapshot);
    arena_free(&arena);
    return err;
}

static enum err take_up(void *arg)
{
    struct imap_session *session = arg;
    struct selected *selected = session->selected;
    struct store *store = session->context->store;
    enum err err = account_open(store, buf_slice(&session->login), &session->account);
    if (err)
        return ERR_UNAVAILABLE;
    if (!selected)
        return ERR_OK;
    err = account_open(store, slice_from(selected->owner), &selected->account);
    if (err)
        return err;
    mem_free(selected->owner);
    selected->owner = NULL;
    return check_mailbox(selected);
}

bool imap_wake(struct imap_session *session)
{
    if (session->account || session->state == IMAP_NOT_AUTHENTICATED)
        return true;
    enum err err = imap_on_thread(session, take_up, session);
    if (!err)
        return true;
    bool gone = err == ERR_NOT_FOUND;
    if (gone)
        imap_say(session, ANSWER_BYE, NULL, "the selected mailbox was deleted");
    else
        imap_say(session, ANSWER_BYE, "UNAVAILABLE", "the mail store does not answer");
    session->ended = gone ? "mailbox deleted" : err_text(err);
    return false;
}

enum err imap_wait(struct imap_session *session, struct event *event, int64_t look, int64_t end,
                   size_t *which_r)
{
    int64_t now = loop_now(conn_loop(session->conn));
    int64_t doze_at = session->context->doze_after ? now + session->context->doze_after : end;
    enum err err = conn_wait(session->conn, event, MIN_OF(MIN_OF(look, end), doze_at), which_r);
    if (err != ERR_TIMEOUT || doze_at >= MIN_OF(look, end))
        return err;
    imap_doze(session);
    look = look == NO_DEADLINE ? look : doze_at + IMAP_DOZING_LOOK_MS;
    return conn_wait(session->conn, event, MIN_OF(look, end), which_r);
}
