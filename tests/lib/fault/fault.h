/* SPDX-License-Identifier: ISC */
/*
 * Faults under everything that touches files.
 *
 * A test program that is linked with layer.c has the file calls of libc in itself: open, write, pwrite,
 * fsync, rename, link, unlink, … The dynamic linker then finds them there for libsqlite3 too, so one layer
 * lies under the project's own file functions and under SQLite. It passes calls on to the kernel, and below
 * one watched folder it can
 *
 *     count      which calls there are: fault_count
 *     fail       the N-th with an error, or shorten it, or delay it: fault_arm
 *     kill       the process right before the N-th: fault_arm
 *     record     all that changes files, to build the disk of any moment from it: fault_record, disk.h
 *
 * What goes through memory maps is not seen: of the store that is the shared index of SQLite's WAL, which
 * does not survive a crash anyway.
 */
#ifndef TEST_FAULT_FAULT_H
#define TEST_FAULT_FAULT_H

#include "base/base.h"

/* What can fail. What changes nothing counts only when it is asked for. */
enum fault_call {
    FAULT_CREATE = 1, /* an open that makes a file */
    FAULT_WRITE = 2,
    FAULT_TRUNCATE = 4,
    FAULT_SYNC = 8,
    FAULT_RENAME = 16,
    FAULT_LINK = 32,
    FAULT_UNLINK = 64, /* and rmdir */
    FAULT_MKDIR = 128,
    FAULT_OPEN = 256, /* of what is there */
    FAULT_READ = 512
};
#define FAULT_CHANGES (FAULT_OPEN - 1)

/* Calls below this folder (absolute, without symbolic links) are looked at from now on; NULL: none. Forgets
 * all about the one before. */
void fault_watch(const char *folder);

struct fault {
    unsigned calls;   /* which kinds count: enum fault_call */
    unsigned at;      /* the first of them that is hit, counted from 1 after fault_arm */
    int error;        /* errno that it fails with; 0: it does not fail */
    bool for_good;    /* and all after it */
    bool short_write; /* before it fails, a write writes half; the next one gets the error */
    bool kill;        /* the process ends by SIGKILL instead */
    unsigned delay_us;
};
/* The calls are counted from here on. */
void fault_arm(const struct fault *fault);
/* No more faults. How many calls of the kinds were counted since fault_arm; *hit_r (may be NULL): what kind
 * was hit, 0 for none. */
unsigned fault_disarm(enum fault_call *hit_r);

/* The file system of the watched folder pretends to be of this kind (statfs); 0: what it is. */
void fault_pretend_file_system(unsigned long magic);

/* ---- the record ---- */

enum fault_step_kind {
    STEP_OPEN,   /* file number `file` is what is at `path`; changes nothing */
    STEP_CREATE, /* the same, and it is new */
    STEP_WRITE,
    STEP_TRUNCATE, /* to `offset` */
    STEP_SYNC,
    STEP_RENAME,
    STEP_LINK,
    STEP_UNLINK,
    STEP_MKDIR,
    STEP_TIME /* sets the time of a folder */
};

struct fault_step {
    enum fault_step_kind kind;
    unsigned file;      /* OPEN, CREATE, WRITE, TRUNCATE, SYNC, TIME */
    char *path, *path2; /* relative to the watched folder; "" is the folder itself */
    int64_t offset;
    size_t length;
    unsigned char *data;
    int64_t folder_time, folder_time2; /* of the folders of path and path2 afterwards, in ns */
};

/* Keeps what happens below the watched folder, from here on. */
void fault_record(void);
/* How many steps were kept so far. */
size_t fault_recorded(void);
/* Ends it; the steps belong to the caller, who frees them by fault_steps_free. */
struct fault_step *fault_record_end(size_t *count_r);
void fault_steps_free(struct fault_step *steps, size_t count);

#endif
