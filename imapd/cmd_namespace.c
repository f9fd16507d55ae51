/* SPDX-License-Identifier: ISC */
/*
 * NAMESPACE (RFC 2342, RFC 9051 section 6.3.10): a user's own mailboxes have no prefix, those of other users
 * are under "Shared/<user>/"; there are none that belong to nobody.
 */
#include "session.h"

void imap_namespace(struct imap_session *session, struct parser *parser)
{
    if (!parse_end(parser)) {
        imap_bad_syntax(session, parser);
        return;
    }
    imap_untagged(session, "NAMESPACE ((\"\" \"/\")) ((\"Shared/\" \"/\")) NIL");
    imap_ok(session, NULL, "these are the namespaces");
}
