/* SPDX-License-Identifier: ISC */
/*
 * SRS, the Sender Rewriting Scheme (Meng Weng Wong and Shevek, 2004): mail that is forwarded gets a sender of
 * our domain, because SPF lets only the sender's own hosts send in his name. Who answers to that address (a
 * report that it could not be delivered) reaches the original sender through us:
 *
 *     alice@example.net        →  SRS0=HHHH=TT=example.net=alice@ours
 *     SRS0=…@forwarder.example →  SRS1=HHHH=forwarder.example==…@ours      straight back to the first
 * forwarder SRS1=hhhh=first==…@other →  SRS1=HHHH=first==…@ours
 *
 * HHHH is a keyed hash, so that nobody but us makes such addresses; TT the day, so that they end. Letters of
 * either case are the same in all of it, since mail programs on the way change them. Pure; the key is kept in
 * a file of the data directory that the first who needs it makes.
 */
#ifndef SMTPD_OUTBOUND_SRS_H
#define SMTPD_OUTBOUND_SRS_H

#include "mail/address.h"

#define SRS_KEY_SIZE 32
#define SRS_DAYS     21 /* that an address is valid */

struct srs_key {
    unsigned char bytes[SRS_KEY_SIZE];
};

/* The key of this data directory, the same for all processes. */
enum err srs_key_load(const char *data_directory, struct srs_key *key_r) MUST_CHECK;

/* Does the local part look as if it was made by a forwarder? */
bool srs_is_rewritten(struct slice local);
/* The sender for a forward by `domain`, which is ours. ERR_TOO_LONG: the local part would pass the 64 octets
 * that every server must take (RFC 5321 section 4.5.3.1.1); ERR_SYNTAX: the null path. */
enum err srs_rewrite(const struct srs_key *key, const struct address *sender, struct slice domain,
                     int64_t now_us, struct arena *arena, struct address *rewritten_r) MUST_CHECK;
/* Whom an address that we made stands for. ERR_SYNTAX: it is none of that form; ERR_DENIED: not made by us;
 * ERR_TIMEOUT: made too long ago. */
enum err srs_reverse(const struct srs_key *key, struct slice local, int64_t now_us, struct arena *arena,
                     struct address *original_r) MUST_CHECK;

#endif
