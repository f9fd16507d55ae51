/* SPDX-License-Identifier: ISC */
/* The message itself on its way out: up to a dot (RFC 5321 section 4.5.2), or as one chunk of known length
 * (RFC 3030). Both suspend. After an error nobody may take what was sent for the whole: the connection is to
 * be closed. */
#ifndef SMTPD_RELAY_TEXT_H
#define SMTPD_RELAY_TEXT_H

#include "relay_send.h"

enum err relay_write_dotted(struct relay_client *client, const struct relay_message *message) MUST_CHECK;
/* With the command, BDAT LAST, before it; what waits in the connection's output goes first. */
enum err relay_write_chunk(struct relay_client *client, const struct relay_message *message) MUST_CHECK;

#endif
