/* SPDX-License-Identifier: ISC */
/* For engines: a user is gone. */
#ifndef STORAGE_RIGHTS_FORGET_H
#define STORAGE_RIGHTS_FORGET_H

#include "storage/directory.h"

/* Takes what other accounts gave to this login back, so that who gets the name next does not inherit it; and
 * what he had seen there. What goes wrong is logged: the rights are in the lists of their owners. */
void rights_forget_user(struct store *store, struct slice login);

#endif
