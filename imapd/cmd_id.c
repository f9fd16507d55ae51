/* SPDX-License-Identifier: ISC */
/*
 * ID (RFC 2971): who we are, for who they are. What the client says is logged; by its name it is spared what
 * it is known to choke on (client_profile.c).
 *
 *     id              = "ID" SP id-params-list
 *     id-params-list  = "(" #(string SPACE nstring) ")" / nil
 */
#include "base/log.h"

#include "client_profile.h"
#include "session.h"

#define PARAMETERS_MAX 30 /* RFC 2971 section 3.3 */
#define LOGGED_MAX     512

static bool parse_parameters(struct parser *parser, struct buf *said, struct slice *name_r)
{
    if (parse_word(parser, S("NIL")))
        return true;
    if (!parse_char(parser, '('))
        return false;
    for (size_t i = 0; !parse_char(parser, ')'); i++) {
        struct slice field, value;
        if ((i > 0 && !parse_space(parser)) || !parse_string(parser, &field) || !parse_space(parser) ||
            !parse_nstring(parser, &value))
            return false;
        if (i == PARAMETERS_MAX)
            return parser_expected(parser, "at most 30 fields");
        if (slice_eq_nocase(field, S("name")))
            *name_r = value;
        if (said->len + field.len + value.len + 4 < LOGGED_MAX) {
            buf_append(said, said->len > 0 ? S(", ") : SLICE_EMPTY);
            buf_append(said, field);
            buf_append(said, S("="));
            buf_append(said, value);
        }
    }
    return true;
}

void imap_id(struct imap_session *session, struct parser *parser)
{
    struct slice name = SLICE_EMPTY;
    struct buf said;
    buf_init(&said, LOGGED_MAX);
    if (!parse_space(parser) || !parse_parameters(parser, &said, &name) || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
    } else {
        log_info("imap.id", log_text("login", buf_slice(&session->login)),
                 log_cstr("peer", conn_peer_address(session->conn)), log_text("client", buf_slice(&said)));
        session->profile = client_profile_find(name);
        imap_untagged(session, "ID (\"name\" \"Postern\" \"version\" \"%s\")", POSTERN_VERSION);
        imap_ok(session, NULL, "nice to meet you");
    }
    buf_free(&said);
}
