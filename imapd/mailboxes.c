/* SPDX-License-Identifier: ISC */
#include "mailboxes.h"

#include "respond.h"

bool parse_mailbox_argument(struct parser *parser, struct slice *name_r)
{
    if (!parse_space(parser) || !parse_mailbox(parser, name_r))
        return false;
    if (name_r->len > 1 && name_r->data[name_r->len - 1] == '/')
        name_r->len--;
    return true;
}

void imap_tell_name(struct imap_session *session, struct slice said, struct slice kept, struct slice old_name)
{
    struct buf line;
    if (!(session->enabled & ENABLED_REV2) || slice_eq(said, kept))
        return;
    buf_init(&line, INPUT_TEXT_MAX);
    buf_append(&line, S("* LIST () \"/\" "));
    respond_mailbox(&line, kept, true);
    buf_append(&line, S(" (\"OLDNAME\" ("));
    respond_mailbox(&line, old_name, true);
    buf_append(&line, S("))\r\n"));
    conn_write(session->conn, buf_slice(&line));
    buf_free(&line);
}
