/* SPDX-License-Identifier: ISC */
/* What the writers of mailboxes need of a blob. */
#ifndef STORAGE_BLOB_PRIVATE_H
#define STORAGE_BLOB_PRIVATE_H

#include <sodium.h>

#include "mail_file.h"
#include "storage/blob.h"
#include "store_private.h"

#define BLOB_HASH_SIZE crypto_generichash_BYTES /* BLAKE2b-256 */

struct blob {
    struct store *store;
    char name[64]; /* in the spool; "" before there is a file */
    int fd;        /* -1 before there is a file and after sealing */
    struct buf memory;
    uint64_t size;
    crypto_generichash_state hash_state;
    unsigned char hash[BLOB_HASH_SIZE]; /* of a sealed blob */
    bool sealed;
    enum err error;
};

/* Makes a message's file appear under a name in the folder `cur_fd`, beside which there is a folder tmp. The
 * entry is not synced yet. A hard link; where the file system refuses one, a synced copy. ERR_NOT_FOUND when
 * there is no such file. */
enum err file_link(struct store *store, int from_fd, const char *from_name, int cur_fd,
                   const char *name) MUST_CHECK;
/* Makes the sealed blob appear as `name` in the folder, in the same way. */
enum err blob_link(const struct blob *blob, int cur_fd, const char *name) MUST_CHECK;

/* The spool is divided into folders "00" … */
#define SPOOL_FOLDERS 32
#define SPOOL_FOLDER  "%02u"
/* Makes them. */
enum err spool_prepare(struct store *store) MUST_CHECK;
/* Removes what processes that died left in the spool. */
void spool_remove_leftovers(struct store *store);

#endif
