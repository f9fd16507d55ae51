/* SPDX-License-Identifier: ISC */
/* Words about an option, for `postern config show` and for the manual page. */
#ifndef ADMIN_CONF_DESCRIBE_H
#define ADMIN_CONF_DESCRIBE_H

#include "base/conf.h"

/* "size": one word for programs. */
const char *conf_type_name(enum conf_type type);
/* "a size from 1K to 2G", "one of never, loopback, always", "a path". */
void conf_describe_values(const struct conf_option *option, struct buf *out);
/* "50M", or what having no default means. */
const char *conf_describe_default(const struct conf_option *option);

#endif
