/* SPDX-License-Identifier: ISC */
/* After the routes of the configuration changed: the queue follows. */
#ifndef SMTPD_OUTBOUND_REFRESH_H
#define SMTPD_OUTBOUND_REFRESH_H

#include "destination.h"
#include "storage/queue.h"

/* Recipients that wait or are held, and whose destination is no longer what destination_of says, go there,
 * due now. Those that an administrator sent another way stay on it as long as it exists. Blocks; one pass
 * over what is not over. To be called when who delivers begins and after each reload. */
enum err destination_refresh(struct store *store, const struct conf *conf, int64_t now_us,
                             uint64_t *count_r) MUST_CHECK;

#endif
