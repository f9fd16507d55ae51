/* SPDX-License-Identifier: ISC */
/* What the files of authd share. */
#ifndef AUTHD_PRIV_H
#define AUTHD_PRIV_H

#include "authd.h"
#include "net/work.h"
#include "sasl.h"
#include "throttle.h"
#include "verify.h"

struct authd {
    struct loop *loop;
    struct sasl_library *sasl;
    struct verifier *verifier;
    struct throttle *throttle;
    struct work_pool *lookups; /* short reads: never stand behind a hash */
    struct work_pool *hashes;  /* as many threads as the memory allows */
};

#endif
