/* SPDX-License-Identifier: ISC */
/* The table of daemons, and finding them. */
#include "supervisor/program.h"

#include <sched.h>
#include <unistd.h>

#define BIT(service) (1u << (service))

const struct program programs[] = {
    {.name = "authd", .socket = "authd.sock", .single = true},
    {.name = "smtpd",
     .services = BIT(SERVICE_SMTP) | BIT(SERVICE_SUBMISSION) | BIT(SERVICE_SUBMISSIONS) | BIT(SERVICE_LMTP)},
    {.name = "pop3d", .services = BIT(SERVICE_POP3) | BIT(SERVICE_POP3S)},
    {.name = "imapd", .services = BIT(SERVICE_IMAP) | BIT(SERVICE_IMAPS)},
    {.name = "relayd", .alone = true, .folder = "smtpd"},
};
const size_t program_count = ARRAY_LEN(programs);

/* The cores that this process may use, which in a container are fewer than there are. */
static unsigned core_count(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : MIN_OF((unsigned)count, WORKER_LIMIT);
}

unsigned program_workers(const struct program *program, const struct conf *conf)
{
    if (program->single || program->alone) {
        return 1;
    }
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        if (program->services & BIT(i) && conf->listeners[i].listen.count) {
            return conf->workers ? (unsigned)conf->workers : core_count();
        }
    }
    return 0;
}

const char *program_find(const struct program *program, const char *self, struct arena *arena,
                         struct buf *why)
{
    struct slice folder = slice_from(self);
    folder = slice_take(folder, slice_find_last(folder, '/'));
    struct slice above = slice_take(folder, slice_find_last(folder, '/'));
    struct slice name = slice_from(program->name);
    struct slice room = program->folder ? slice_from(program->folder) : name;
    const char *places[] = {
        /* build/admin/postern → build/smtpd/smtpd */
        arena_printf(arena, "%.*s/%.*s/%.*s", SLICE_ARG(above), SLICE_ARG(room), SLICE_ARG(name)),
        /* PREFIX/sbin/postern → PREFIX/libexec/postern/smtpd, also when the whole was moved */
        arena_printf(arena, "%.*s/libexec/postern/%.*s", SLICE_ARG(above), SLICE_ARG(name)),
        POSTERN_LIBEXECDIR,
    };
    places[2] = arena_printf(arena, "%s/%.*s", places[2], SLICE_ARG(name));
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (access(places[i], X_OK) == 0) {
            return places[i];
        }
    }
    buf_printf(why, "there is no program %s; looked for %s, %s and %s", program->name, places[0], places[1],
               places[2]);
    return NULL;
}
