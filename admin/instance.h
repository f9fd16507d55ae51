/* SPDX-License-Identifier: ISC */
/* The instance that a command works on: its configuration, its store, its secrets. */
#ifndef ADMIN_INSTANCE_H
#define ADMIN_INSTANCE_H

#include "auth/secrets.h"
#include "base/conf.h"
#include "command.h"
#include "storage/store.h"

struct instance {
    struct conf *conf;
    struct store *store;
    struct secrets *secrets;
};

/* Of -c, else $POSTERN_CONFIG, else /etc/postern/postern.conf. */
const char *instance_config_path(const struct invocation *call);

/* Each returns EXIT_DONE, or the exit code after the reason was printed; instance_close is due in every case.
 * instance_load reads the configuration and becomes its user (identity.h); instance_open opens the store as
 * well. */
int instance_load(struct instance *instance, const struct invocation *call);
int instance_open(struct instance *instance, const struct invocation *call);
/* After instance_open, for commands that set or remove passwords. */
int instance_open_secrets(struct instance *instance);
void instance_close(struct instance *instance);

#endif
