/* SPDX-License-Identifier: ISC */
/*
 * A disk at any moment of a recorded run, as a crash could have left it.
 *
 * The model knows for each file which writes are not synced yet, and for each folder which of its entries.
 * Steps of a record (fault.h) are played one by one; in between, the folder can be built as it would be found
 * after
 *
 *     a kill          all that was done is there; of a write that was going on, a part
 *     a power cut     what was synced is there. What was not synced may be there or not: each write by
 * itself, cut at a multiple of 512 bytes in the file; each entry of a folder by itself
 *
 * What counts as synced is strict: fsync or fdatasync of a file makes its content durable but not its name;
 * fsync of a folder makes its entries durable, and nothing of the files. A rename is there as a whole or not
 * at all, and is durable when one of its two folders was synced. The time of a folder comes with its last
 * change that is there.
 */
#ifndef TEST_FAULT_DISK_H
#define TEST_FAULT_DISK_H

#include "fault/fault.h"

struct disk;

enum disk_cut {
    CUT_KILL,      /* everything is there */
    CUT_KILL_TORN, /* and half of the step that comes next, if that is a write (disk_next) */
    CUT_SYNCED,    /* only what is sure */
    CUT_NAMES,     /* all entries of folders, no content that was not synced */
    CUT_CONTENT,   /* all content, no entries that were not synced */
    CUT_ORDER,     /* entries up to a random one, as file systems with one journal do; content at random */
    CUT_RANDOM     /* each by itself at random, writes torn */
};

/* Everything below the folder, and all of it durable. */
struct disk *disk_load(const char *folder);
void disk_free(struct disk *disk);
/* The next step happens. The step must live as long as the disk. */
void disk_play(struct disk *disk, const struct fault_step *step);
/* The step that would come next, for CUT_KILL_TORN; NULL for none. */
void disk_next(struct disk *disk, const struct fault_step *step);

/* Decides what is there; the same cut and seed give the same. A number that differs for different disks, so
 * that none need be looked at twice. */
uint64_t disk_cut(struct disk *disk, enum disk_cut cut, unsigned seed);
/* Builds the disk of the last disk_cut in a folder that does not exist yet. */
void disk_build(struct disk *disk, const char *folder);

/* Deletes a folder with all in it. */
void disk_remove(const char *folder);

#endif
