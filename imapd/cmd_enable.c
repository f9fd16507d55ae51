/* SPDX-License-Identifier: ISC */
/*
 * ENABLE (RFC 9051 section 6.3.1, RFC 5161): what a client must ask for before we answer in ways that older
 * ones would not understand.
 *
 *     enable          = "ENABLE" 1*(SP capability)
 *     enable-data     = "ENABLED" *(SP capability)
 */
#include "session.h"

/* `bits`: also what the extension implies (RFC 7162 section 3.2.3: QRESYNC is CONDSTORE and more). */
static const struct {
    struct slice name;
    unsigned bits;
} extensions[] = {
    {{"CONDSTORE", 9}, ENABLED_CONDSTORE}, {{"QRESYNC", 7}, ENABLED_CONDSTORE | ENABLED_QRESYNC},
    {{"UTF8=ACCEPT", 11}, ENABLED_UTF8},   {{"IMAP4rev2", 9}, ENABLED_REV2},
    {{"UIDONLY", 7}, ENABLED_UIDONLY},
};

void imap_enable(struct imap_session *session, struct parser *parser)
{
    struct buf enabled;
    struct slice name;
    buf_init(&enabled, INPUT_LINE_MAX);
    bool any = false;
    unsigned bits = session->enabled; /* nothing is switched on by half a command */
    while (parse_space(parser) && parse_name(parser, &name)) {
        any = true;
        for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
            if (!slice_eq_nocase(name, extensions[i].name) ||
                (bits & extensions[i].bits) == extensions[i].bits)
                continue;
            bits |= extensions[i].bits;
            buf_append_char(&enabled, ' ');
            buf_append(&enabled, extensions[i].name);
        }
    }
    if (!any || !parse_end(parser)) {
        imap_bad_syntax(session, parser);
    } else {
        session->enabled = bits;
        imap_untagged(session, "ENABLED%s", buf_cstr(&enabled));
        imap_ok(session, NULL, "enabled");
    }
    buf_free(&enabled);
}
