/* SPDX-License-Identifier: ISC */
/* Getting a new password from the administrator: typed twice without echo, or the first line of stdin. */
#ifndef ADMIN_PASSWORD_H
#define ADMIN_PASSWORD_H

#include "command.h"

#define PASSWORD_MAX 1024

/* By --password-stdin or by asking, into `password` (cap above PASSWORD_MAX). Returns EXIT_DONE, or the exit
 * code after the reason was printed. The caller wipes the buffer with password_wipe. */
int password_read(const struct invocation *call, struct buf *password);
void password_wipe(struct buf *password);

#endif
