/* SPDX-License-Identifier: ISC */
/* What is remembered of the TLS of other domains, in memory: two lists under one mutex. */
#ifndef STORAGE_MEMORY_TLS_POLICY_H
#define STORAGE_MEMORY_TLS_POLICY_H

#include "memory_store.h"
#include "storage/tls_policy.h"

struct tls_policies *tls_policies_new(void) NEVER_NULL;
void tls_policies_free(struct tls_policies *policies);

#endif
