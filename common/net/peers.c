/* SPDX-License-Identifier: ISC */
/*
 * Connections per address, counted in a file that the workers of a protocol map together.
 *
 *     header: magic, secret | total of each worker | rows of worker 0 | rows of worker 1 | …
 *
 * A row holds the hash of an address and its number of connections. The hash is keyed with a secret made with
 * the file, so that nobody can choose addresses that fall on the same rows. An address may stand only in the
 * PROBE_ROWS rows that follow its own place; a row whose count is 0 keeps its hash until another address
 * needs it. So nothing is ever removed, and looking up an address has a bounded cost whatever the history.
 *
 * Only its own worker writes a row, all others read it; a reader may see a count that is one connection old.
 * Untouched parts of the file take neither disk nor memory.
 */
#include "net/peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { WORKERS = 64, ROWS = 16384, PROBE_ROWS = 64 };

static const uint64_t MAGIC = 0x3176737265657000; /* "\0peersv1" */

struct row {
    _Atomic uint64_t hash; /* 0: never used */
    _Atomic uint32_t count;
};

struct table {
    uint64_t magic;
    unsigned char secret[crypto_shorthash_KEYBYTES];
    _Atomic uint32_t totals[WORKERS];
    struct row rows[WORKERS][ROWS];
};

struct peers {
    struct table *table;
    unsigned worker;
};

/* Opens the file and takes a lock on it, so that one worker sets it up while the others wait. */
static enum err open_locked(const char *path, int *fd_r)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_from_errno(errno);
    int locked;
    do {
        locked = flock(fd, LOCK_EX);
    } while (locked != 0 && errno == EINTR);
    if (locked != 0) {
        enum err err = err_from_errno(errno);
        close(fd);
        return err;
    }
    *fd_r = fd;
    return ERR_OK;
}

/* The mapping keeps the open file alive, and that would keep the lock, so closing is not enough. */
static void close_locked(int fd)
{
    flock(fd, LOCK_UN);
    close(fd);
}

/* ERR_CORRUPT for a file of another size or kind, which processes of another version may still use. */
static enum err map_table(int fd, struct table **table_r)
{
    struct stat stat;
    if (fstat(fd, &stat) != 0)
        return err_from_errno(errno);
    if (stat.st_size != 0 && stat.st_size != (off_t)sizeof(struct table))
        return ERR_CORRUPT;
    if (stat.st_size == 0 && ftruncate(fd, sizeof(struct table)) != 0)
        return err_from_errno(errno);
    struct table *table = mmap(NULL, sizeof(*table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (table == MAP_FAILED)
        return err_from_errno(errno);
    if (table->magic != MAGIC && table->magic != 0) {
        munmap(table, sizeof(*table));
        return ERR_CORRUPT;
    }
    if (table->magic == 0) {
        crypto_shorthash_keygen(table->secret);
        table->magic = MAGIC;
    }
    *table_r = table;
    return ERR_OK;
}

static void clear_worker(struct table *table, unsigned worker)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &table->rows[worker][i];
        if (atomic_load_explicit(&row->count, memory_order_relaxed) != 0)
            atomic_store_explicit(&row->count, 0, memory_order_relaxed);
    }
    atomic_store(&table->totals[worker], 0);
}

enum err peers_open(const char *path, unsigned worker, struct peers **peers_r)
{
    if (worker >= WORKERS)
        return ERR_LIMIT;
    if (sodium_init() < 0)
        return ERR_UNAVAILABLE;
    int fd = -1;
    enum err err = open_locked(path, &fd);
    if (err)
        return err;
    struct table *table = NULL;
    err = map_table(fd, &table);
    if (err == ERR_CORRUPT) {
        log_warning("peers.replaced", log_cstr("file", path));
        close_locked(fd);
        if (unlink(path) != 0 && errno != ENOENT)
            return err_from_errno(errno);
        err = open_locked(path, &fd);
        if (err)
            return err;
        err = map_table(fd, &table);
    }
    close_locked(fd);
    if (err)
        return err;
    clear_worker(table, worker);
    struct peers *peers = mem_new(struct peers);
    peers->table = table;
    peers->worker = worker;
    *peers_r = peers;
    return ERR_OK;
}

void peers_close(struct peers *peers)
{
    if (!peers)
        return;
    clear_worker(peers->table, peers->worker);
    munmap(peers->table, sizeof(*peers->table));
    mem_free(peers);
}

/* The bytes that stand for one peer: an IPv4 address, the /64 of an IPv6 address (what a customer gets, who
 * may use any address in it), or any other text as it is. */
struct peer_id {
    unsigned char bytes[128];
    size_t len;
};

static struct peer_id peer_identify(struct slice address)
{
    struct peer_id id = {0};
    char text[sizeof(id.bytes)] = "";
    struct slice without_zone = slice_take(address, slice_find(address, '%'));
    id.len = MIN_OF(without_zone.len, sizeof(text) - 1);
    if (id.len > 0)
        memcpy(text, without_zone.data, id.len);

    unsigned char binary[16];
    static const unsigned char v4_mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (inet_pton(AF_INET, text, binary) == 1) {
        id.len = 4;
        memcpy(id.bytes, binary, id.len);
    } else if (inet_pton(AF_INET6, text, binary) == 1) {
        bool is_mapped = memcmp(binary, v4_mapped, sizeof(v4_mapped)) == 0;
        id.len = is_mapped ? 4 : 8;
        memcpy(id.bytes, is_mapped ? binary + sizeof(v4_mapped) : binary, id.len);
    } else {
        memcpy(id.bytes, text, id.len);
    }
    return id;
}

static uint64_t peer_hash(const struct peers *peers, struct slice address)
{
    struct peer_id id = peer_identify(address);
    uint64_t hash;
    _Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "a hash fits a row");
    crypto_shorthash((unsigned char *)&hash, id.bytes, id.len, peers->table->secret);
    return hash ? hash : 1;
}

static struct row *probe(const struct peers *peers, unsigned worker, uint64_t hash, size_t step)
{
    return &peers->table->rows[worker][(hash + step) % ROWS];
}

static struct row *find_row(const struct peers *peers, unsigned worker, uint64_t hash)
{
    for (size_t step = 0; step < PROBE_ROWS; step++) {
        struct row *row = probe(peers, worker, hash, step);
        uint64_t there = atomic_load_explicit(&row->hash, memory_order_acquire);
        if (there == hash)
            return row;
        if (there == 0)
            return NULL;
    }
    return NULL;
}

/* This worker's row of the address, taken from a peer that is gone if need be; NULL when all places are in
 * use. */
static struct row *claim_row(struct peers *peers, uint64_t hash)
{
    struct row *row = find_row(peers, peers->worker, hash);
    for (size_t step = 0; !row && step < PROBE_ROWS; step++) {
        struct row *candidate = probe(peers, peers->worker, hash, step);
        if (atomic_load_explicit(&candidate->count, memory_order_relaxed) == 0)
            row = candidate;
    }
    if (row)
        atomic_store_explicit(&row->hash, hash, memory_order_release);
    return row;
}

static uint32_t total_of(const struct peers *peers, unsigned worker)
{
    return atomic_load_explicit(&peers->table->totals[worker], memory_order_relaxed);
}

static size_t address_total(const struct peers *peers, uint64_t hash)
{
    size_t sum = 0;
    for (unsigned worker = 0; worker < WORKERS; worker++) {
        if (total_of(peers, worker) == 0)
            continue; /* most workers do not exist: their rows are not even touched */
        struct row *row = find_row(peers, worker, hash);
        if (row)
            sum += atomic_load_explicit(&row->count, memory_order_relaxed);
    }
    return sum;
}

size_t peers_total(const struct peers *peers)
{
    size_t sum = 0;
    for (unsigned worker = 0; worker < WORKERS; worker++)
        sum += total_of(peers, worker);
    return sum;
}

static void count_one(struct peers *peers, struct row *row)
{
    atomic_fetch_add(&row->count, 1);
    atomic_fetch_add(&peers->table->totals[peers->worker], 1);
}

static void uncount_one(struct peers *peers, struct row *row)
{
    atomic_fetch_sub(&row->count, 1);
    atomic_fetch_sub(&peers->table->totals[peers->worker], 1);
}

/* Counts first and looks at the sums then: two workers that accept at the same moment may both refuse, but
 * never both pass a limit. */
enum err peers_enter(struct peers *peers, struct slice address, size_t total_limit, size_t address_limit)
{
    uint64_t hash = peer_hash(peers, address);
    struct row *row = claim_row(peers, hash);
    if (!row)
        return ERR_LIMIT;
    count_one(peers, row);
    if (peers_total(peers) > total_limit || address_total(peers, hash) > address_limit) {
        uncount_one(peers, row);
        return ERR_LIMIT;
    }
    return ERR_OK;
}

void peers_leave(struct peers *peers, struct slice address)
{
    struct row *row = find_row(peers, peers->worker, peer_hash(peers, address));
    /* A successor with the same number may have cleared the rows while this process still ends its last
     * sessions. */
    if (row && atomic_load_explicit(&row->count, memory_order_relaxed) > 0)
        uncount_one(peers, row);
}

enum err peers_read_total(const char *path, size_t *total_r)
{
    struct {
        uint64_t magic;
        unsigned char secret[crypto_shorthash_KEYBYTES];
        uint32_t totals[WORKERS];
    } head;
    _Static_assert(sizeof(head) == offsetof(struct table, rows), "the table without its rows");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return err_from_errno(errno);
    ssize_t got = pread(fd, &head, sizeof(head), 0);
    close(fd);
    if (got != (ssize_t)sizeof(head) || head.magic != MAGIC)
        return ERR_CORRUPT;
    size_t total = 0;
    for (size_t i = 0; i < WORKERS; i++)
        total += head.totals[i];
    *total_r = total;
    return ERR_OK;
}
