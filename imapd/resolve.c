/* SPDX-License-Identifier: ISC */
/* From the sets that a command names to the messages of the open mailbox. */
#include "session.h"

/* What the client names may have come after we told it last (rule: a UID that is there works). Of the UIDs
 * that were given since, the first may be gone again. */
static bool by_uid(struct imap_session *session, const struct sequence_set *set, struct uid_set *uids_r)
{
    struct selected *selected = session->selected;
    if (sequence_highest(set) > view_last_uid(&selected->view)) {
        enum err err = imap_send_updates(session, UPDATE_NUMBERS_STAY);
        event_raise(&session->member.changed); /* there may be more to tell at the end */
        if (err) {
            imap_no_err(session, err);
            return false;
        }
    }
    *uids_r = sequence_uids(set, &selected->view, &session->arena);
    return true;
}

bool imap_resolve(struct imap_session *session, const struct sequence_set *set, struct uid_set *uids_r)
{
    struct selected *selected = session->selected;
    if (!session->by_uid && session->enabled & ENABLED_UIDONLY) { /* RFC 9586 section 3.3 */
        imap_bad(session, "message numbers are not used any more");
        session->answer.code = "UIDREQUIRED";
        return false;
    }
    if (set->saved) {
        struct uid_set saved = {selected->saved.ranges, selected->saved.count};
        *uids_r = view_intersect(&selected->view, &saved, &session->arena);
        return true;
    }
    if (session->by_uid)
        return by_uid(session, set, uids_r);
    if (sequence_messages(set, &selected->view, &session->arena, uids_r)) {
        imap_bad(session, "there is no message with this number");
        return false;
    }
    return true;
}
