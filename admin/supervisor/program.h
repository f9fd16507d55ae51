/* SPDX-License-Identifier: ISC */
/* The daemons that the supervisor runs: which sockets each gets, how many of each there are, where the
 * programs lie. */
#ifndef SUPERVISOR_PROGRAM_H
#define SUPERVISOR_PROGRAM_H

#include "base/arena.h"
#include "base/conf.h"

#define WORKER_LIMIT 64

struct program {
    const char *name;   /* "smtpd" */
    const char *socket; /* a Unix socket of its own in the run directory, "authd.sock"; NULL: none */
    unsigned services;  /* bit per enum conf_service */
    bool single;        /* one process, and the others need it: started first, stopped last */
    bool alone;         /* one process, whatever listens */
    const char *folder; /* of the build tree; NULL: its name */
};

/* authd comes first. */
extern const struct program programs[];
extern const size_t program_count;

/* How many processes of it these settings ask for; 0 when none of its services listens. */
unsigned program_workers(const struct program *program, const struct conf *conf);

/* The program's file, for a `postern` whose own file is `self`: in the build tree beside its folder, else
 * where programs are installed. NULL, and the places that were looked at in `why`, when there is none. */
const char *program_find(const struct program *program, const char *self, struct arena *arena,
                         struct buf *why);

#endif
