/* SPDX-License-Identifier: ISC */
/* <data>/queue/policy.db: what the deliverer remembers of the TLS of other domains (storage/tls_policy.h). */
#ifndef STORAGE_EMBEDDED_TLS_POLICY_H
#define STORAGE_EMBEDDED_TLS_POLICY_H

#include "db/db.h"
#include "storage/tls_policy.h"

struct store;

/* Opens it when it is first needed: most processes never do. Closed with the store. */
enum err tls_policy_database(struct store *store, struct db **db_r) MUST_CHECK;

#endif
