/* SPDX-License-Identifier: ISC */
/* The functions behind the rows of commands.c. */
#ifndef ADMIN_HANDLERS_H
#define ADMIN_HANDLERS_H

#include "command.h"

int cmd_init(const struct invocation *call);
int cmd_serve(const struct invocation *call);
int cmd_status(const struct invocation *call);

int cmd_config_check(const struct invocation *call);
int cmd_config_show(const struct invocation *call);

int cmd_domain_add(const struct invocation *call);
int cmd_domain_list(const struct invocation *call);
int cmd_domain_set(const struct invocation *call);
int cmd_domain_remove(const struct invocation *call);

int cmd_user_add(const struct invocation *call);
int cmd_user_list(const struct invocation *call);
int cmd_user_set(const struct invocation *call);
int cmd_user_passwd(const struct invocation *call);
int cmd_user_remove(const struct invocation *call);

int cmd_alias_add(const struct invocation *call);
int cmd_alias_list(const struct invocation *call);
int cmd_alias_remove(const struct invocation *call);

int cmd_store_check(const struct invocation *call);
int cmd_store_rebuild(const struct invocation *call);
int cmd_store_stats(const struct invocation *call);

int cmd_queue_list(const struct invocation *call);
int cmd_queue_show(const struct invocation *call);
int cmd_queue_causes(const struct invocation *call);
int cmd_queue_count(const struct invocation *call);
int cmd_queue_retry(const struct invocation *call);
int cmd_queue_hold(const struct invocation *call);
int cmd_queue_release(const struct invocation *call);
int cmd_queue_remove(const struct invocation *call);
int cmd_queue_route(const struct invocation *call);
int cmd_queue_suppress(const struct invocation *call);

int cmd_dns_check(const struct invocation *call);

int cmd_backup(const struct invocation *call);
int cmd_restore(const struct invocation *call);
int cmd_export(const struct invocation *call);
int cmd_import(const struct invocation *call);

#endif
