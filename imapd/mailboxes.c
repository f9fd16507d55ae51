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

/* RFC 6154 section 2, RFC 8457. Not \All and \Flagged, which show messages of other mailboxes. */
static const struct slice special_uses[] = {
    {"\\Archive", 8}, {"\\Drafts", 7}, {"\\Junk", 5}, {"\\Sent", 5}, {"\\Trash", 6}, {"\\Important", 10},
};

bool imap_special_use(struct slice name, struct slice *use_r)
{
    for (size_t i = 0; i < ARRAY_LEN(special_uses); i++)
        if (slice_eq_nocase(name, special_uses[i])) {
            *use_r = special_uses[i];
            return true;
        }
    return false;
}

void respond_renamed(struct buf *out, const char *attributes, struct slice name, struct slice old_name)
{
    buf_printf(out, "* LIST (%s) \"/\" ", attributes);
    respond_mailbox(out, name, true);
    if (!slice_eq(name, old_name)) {
        buf_append(out, S(" (\"OLDNAME\" ("));
        respond_mailbox(out, old_name, true);
        buf_append(out, S("))"));
    }
    buf_append(out, S("\r\n"));
}

void imap_tell_name(struct imap_session *session, const char *attributes, struct slice said,
                    struct slice kept, struct slice old_name)
{
    struct buf line;
    if (!(session->enabled & ENABLED_REV2) || slice_eq(said, kept))
        return;
    buf_init(&line, INPUT_TEXT_MAX);
    respond_renamed(&line, attributes, kept, old_name);
    conn_write(session->conn, buf_slice(&line));
    buf_free(&line);
}
