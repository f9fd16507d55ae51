/* SPDX-License-Identifier: ISC */
/*
 * The two clocks: one that never jumps, for deadlines, and the one that people read. Tests let days pass on
 * the latter: POSTERN_TEST_CLOCK names a file with the microseconds that it is ahead, which may grow at any
 * time.
 */
#include "base/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const _Atomic int64_t *ahead_us; /* NULL: no test moves the clock */

static void map_test_clock(void)
{
    const char *path = getenv("POSTERN_TEST_CLOCK");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    struct stat info;
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &info) == 0 && info.st_size >= (off_t)sizeof(*ahead_us)) {
        void *memory = mmap(NULL, sizeof(*ahead_us), PROT_READ, MAP_SHARED, fd, 0);
        ahead_us = memory == MAP_FAILED ? NULL : memory;
    }
    close(fd);
}

bool clock_is_moved_by_test(void)
{
    pthread_once(&once, map_test_clock);
    return ahead_us != NULL;
}

int64_t clock_monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    return clock_is_moved_by_test() ? us + atomic_load(ahead_us) : us;
}
