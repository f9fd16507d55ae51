/* SPDX-License-Identifier: ISC */
/*
 * COMPRESS (RFC 4978 section 5):
 *
 *     compress        = "COMPRESS" SP algorithm
 *     algorithm       = "DEFLATE"
 *
 * "The server MUST compress starting immediately after the CRLF which ends the tagged OK response" (section
 * 3). How it is done is common/net's.
 */
#include "session.h"

void imap_compress(struct imap_session *session, struct parser *parser)
{
    struct slice algorithm;
    if (!parse_space(parser) || !parse_name(parser, &algorithm) || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
    } else if (!slice_eq_nocase(algorithm, S("DEFLATE"))) {
        imap_bad(session, "DEFLATE is the only algorithm there is");
    } else if (conn_is_deflated(session->conn)) { /* section 3: BAD, as no other layer compresses */
        imap_bad(session, "compression is active already");
    } else {
        imap_ok(session, NULL, "DEFLATE active");
        imap_send_answer(session);
        enum err err = conn_start_deflate(session->conn);
        if (err)
            session->ended = err_text(err);
    }
}
