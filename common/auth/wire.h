/* SPDX-License-Identifier: ISC */
/*
 * What authd and its clients say to each other over the Unix socket. Private to common/auth and authd.
 *
 * One connection carries one exchange; lines end with CRLF and hold at most 16 KiB; blobs travel in base64
 * (RFC 4648):
 *
 *     request = "BEGIN" SP "service=" word SP "mechanism=" word SP "peer=" word SP "tls=" ("0" / "1")
 *                       [SP "initial=" *base64] CRLF          ; words that are not known are skipped
 *             / "STEP" [SP base64] CRLF                       ; the client's answer to a challenge
 *     answer  = "CONTINUE" [SP base64] CRLF                   ; a challenge; a STEP must follow
 *             / "OK" SP login CRLF                            ; the account's name in lookup form; the end
 *             / "FAIL" SP reason CRLF                         ; the end
 *     reason  = "failed" / "disabled" / "malformed" / "mechanism" / "unavailable"
 *
 * "initial=" with nothing behind it is an empty initial response, which is something else than none (RFC 4954
 * section 4). Closing the connection is how a client gives up. An example, AUTH LOGIN with a wrong password:
 *
 *     BEGIN service=smtp mechanism=LOGIN peer=192.0.2.1 tls=1
 *     CONTINUE VXNlcm5hbWU6
 *     STEP YWxpY2U=
 *     CONTINUE UGFzc3dvcmQ6
 *     STEP b29wcw==
 *     FAIL failed
 */
#ifndef AUTH_WIRE_H
#define AUTH_WIRE_H

#include "auth/client.h"
#include "base/arena.h"

#define WIRE_LINE_LIMIT 16384 /* without the line end */

/* For one line; all the room it may need is there from the start, so that no copy of a password stays behind
 * in memory that was outgrown. */
void wire_buf_init(struct buf *line);
/* Overwrites the content, then frees it. */
void wire_buf_wipe(struct buf *line);

/* Write one line each, with its line end. A blob or name that makes it too long sets the buffer's error. */
void wire_put_begin(struct buf *line, const struct auth_request *request);
void wire_put_step(struct buf *line, struct slice response);
void wire_put_continue(struct buf *line, struct slice challenge);
void wire_put_ok(struct buf *line, struct slice login);
void wire_put_fail(struct buf *line, enum auth_outcome outcome);

/* The request's words are copied to the arena, the initial response is decoded into `initial` (a wire_buf).
 * ERR_SYNTAX. */
enum err wire_get_begin(struct slice line, struct arena *arena, struct auth_request *request_r,
                        struct buf *initial) MUST_CHECK;
enum err wire_get_step(struct slice line, struct buf *response) MUST_CHECK;
/* Appends the challenge (AUTH_CONTINUE) or the login (AUTH_OK). What is no answer at all counts as
 * AUTH_UNAVAILABLE. */
enum auth_outcome wire_get_answer(struct slice line, struct buf *text) MUST_CHECK;

/* The outcome as the wire and the log name it; static. */
const char *wire_outcome_text(enum auth_outcome outcome);

/* RFC 4422 section 3.1: sasl-mech = 1*20mech-char, mech-char = UPPER-ALPHA / DIGIT / HYPHEN / UNDERSCORE;
 * here in any case, as clients write it. */
bool wire_is_mechanism(struct slice name);

#endif
