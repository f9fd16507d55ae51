/* SPDX-License-Identifier: ISC */
/*
 * What `postern init` will make, worked out from its options before anything is touched: the names of the
 * certificate, the listening addresses, the text of the configuration.
 */
#ifndef ADMIN_INIT_PLAN_H
#define ADMIN_INIT_PLAN_H

#include "base/arena.h"
#include "base/conf.h"

#define INIT_OFFSET_MAX (65535 - 995)
#define INIT_NAME_LIMIT 8

struct init_plan {
    const char *root; /* absolute */
    const char *hostname;
    const char *domain;   /* NULL: none yet */
    const char *user;     /* "": whoever starts it */
    unsigned port_offset; /* 0: the standard ports on every address */
    bool ipv6;            /* with an offset: whether [::1] can be listened on */

    const char *names[INIT_NAME_LIMIT]; /* the certificate's */
    size_t name_count;
};

/* The port of a service as it is known to everyone; 0 for LMTP. */
unsigned service_port(enum conf_service service);
/* Fills in `names` from hostname and domain, each once. */
void init_plan_names(struct init_plan *plan, struct arena *arena);
/* The text of postern.conf. */
void init_plan_configuration(const struct init_plan *plan, struct buf *out);

#endif
