/* SPDX-License-Identifier: ISC */
/*
 * NAMESPACE (RFC 2342, RFC 9051 section 6.3.10): a user's own mailboxes have no prefix, those of other users
 * are under "Shared/<user>/"; there are none that belong to nobody. To a client that chose a language other
 * than English it is told what to show instead of the prefix (RFC 5255 section 3.5):
 *
 *     namespace-trans = SP DQUOTE "TRANSLATION" DQUOTE SP "(" string ")"     in modified UTF-7
 */
#include "names.h"
#include "respond.h"
#include "session.h"

void imap_send_namespaces(struct imap_session *session)
{
    const char *translation = imap_words(session, SHARED_PREFIX);
    struct buf line;
    buf_init(&line, INPUT_LINE_MAX);
    buf_append(&line, S("NAMESPACE ((\"\" \"/\")) ((\"" SHARED_PREFIX "\" \"/\""));
    if (!slice_eq(slice_from(translation), S(SHARED_PREFIX))) {
        buf_append(&line, S(" \"TRANSLATION\" ("));
        respond_mailbox(&line, slice_from(translation), false);
        buf_append_char(&line, ')');
    }
    buf_append(&line, S(")) NIL"));
    imap_untagged(session, "%s", buf_cstr(&line));
    buf_free(&line);
}

void imap_namespace(struct imap_session *session, struct parser *parser)
{
    if (!parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    imap_send_namespaces(session);
    imap_ok(session, NULL, "these are the namespaces");
}
