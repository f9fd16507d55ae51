/* SPDX-License-Identifier: ISC */
/*
 * The sending side. The list of sockets is kept as long as the folder's time stays the same. A socket whose
 * process died refuses, and is removed. A queue that is full (it holds ten datagrams by default) is no reason
 * to wait: the word beside the socket tells its owner to look at everything.
 */
#include "notify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "base/clock.h"
#include "base/fsio.h"
#include "base/log.h"
#include "base/mem.h"

#define TARGETS_MAX 1024
/* The time of a folder moves in steps of some milliseconds: a list that was read while it was as young as
 * this may lack what came in the same step. */
#define UNSURE_NS 100000000

struct target {
    char name[NOTIFY_NAME_MAX];
    struct sockaddr_un address;
    atomic_uint *full; /* mapped when it is needed first */
};

struct notifier {
    struct store *store;
    int folder_fd;
    pthread_mutex_t mutex; /* for all below */
    int socket_fd;
    int64_t listed_mtime; /* of the folder when it was read; 0: read it again */
    struct target *targets;
    size_t count;
};

struct notifier *notifier_new(struct store *store)
{
    struct notifier *notifier = mem_new(struct notifier);
    notifier->store = store;
    notifier->socket_fd = -1;
    notifier->folder_fd = openat(store->data_fd, NOTIFY_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (notifier->folder_fd < 0) {
        log_warning("notify.no_folder", log_cstr("directory", store->data), log_errno(errno));
    }
    pthread_mutex_init(&notifier->mutex, NULL);
    return notifier;
}

static void drop_targets(struct notifier *notifier)
{
    for (size_t i = 0; i < notifier->count; i++) {
        notify_unmap_full(notifier->targets[i].full);
    }
    mem_free(notifier->targets);
    notifier->targets = NULL;
    notifier->count = 0;
}

void notifier_free(struct notifier *notifier)
{
    if (!notifier) {
        return;
    }
    drop_targets(notifier);
    if (notifier->socket_fd >= 0) {
        close(notifier->socket_fd);
    }
    if (notifier->folder_fd >= 0) {
        close(notifier->folder_fd);
    }
    pthread_mutex_destroy(&notifier->mutex);
    mem_free(notifier);
}

int notify_folder(const struct notifier *notifier)
{
    return notifier->folder_fd;
}

uint64_t notice_key(struct slice login)
{
    unsigned char hash[crypto_generichash_BYTES_MIN];
    uint64_t key;
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)login.data, login.len, NULL, 0);
    memcpy(&key, hash, sizeof(key));
    return key;
}

enum err notify_address(struct store *store, const char *name, struct sockaddr_un *address_r)
{
    *address_r = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t room = sizeof(address_r->sun_path);
    int length = snprintf(address_r->sun_path, room, "%s/" NOTIFY_DIRECTORY "/%s", store->data, name);
    if (length >= (int)room) {
        length =
            snprintf(address_r->sun_path, room, "/proc/self/fd/%d/%s", notify_folder(store->notifier), name);
    }
    return length < (int)room ? ERR_OK : ERR_TOO_LONG;
}

static const char *name_of_full(char path[NOTIFY_NAME_MAX + sizeof(NOTIFY_FULL)], const char *name)
{
    snprintf(path, NOTIFY_NAME_MAX + sizeof(NOTIFY_FULL), "%s" NOTIFY_FULL, name);
    return path;
}

atomic_uint *notify_map_full(int folder_fd, const char *name, bool create)
{
    char path[NOTIFY_NAME_MAX + sizeof(NOTIFY_FULL)];
    struct stat info;
    int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0);
    int fd = openat(folder_fd, name_of_full(path, name), flags, 0600);
    void *memory = MAP_FAILED;
    if (fd < 0) {
        return NULL;
    }
    /* Shorter than what is mapped, it would kill us at the first touch. */
    if ((!create || ftruncate(fd, sizeof(atomic_uint)) == 0) && fstat(fd, &info) == 0 &&
        info.st_size >= (off_t)sizeof(atomic_uint)) {
        memory = mmap(NULL, sizeof(atomic_uint), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    close(fd);
    return memory == MAP_FAILED ? NULL : memory;
}

void notify_unmap_full(atomic_uint *full)
{
    if (full) {
        munmap(full, sizeof(*full));
    }
}

void notify_remove(int folder_fd, const char *name)
{
    char path[NOTIFY_NAME_MAX + sizeof(NOTIFY_FULL)];
    unlinkat(folder_fd, name, 0);
    unlinkat(folder_fd, name_of_full(path, name), 0);
}

static void add_target(struct notifier *notifier, const char *name)
{
    struct target target = {.full = NULL};
    if (name[0] == '.' || strlen(name) >= NOTIFY_NAME_MAX || notifier->count == TARGETS_MAX ||
        slice_ends_with_nocase(slice_from(name), S(NOTIFY_FULL)) ||
        notify_address(notifier->store, name, &target.address)) {
        return;
    }
    snprintf(target.name, sizeof(target.name), "%s", name);
    notifier->targets = mem_realloc_array(notifier->targets, notifier->count + 1, sizeof(target));
    notifier->targets[notifier->count++] = target;
}

static void list_targets(struct notifier *notifier, int64_t mtime)
{
    int fd = openat(notifier->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    drop_targets(notifier);
    while (directory && (entry = readdir(directory))) {
        add_target(notifier, entry->d_name);
    }
    if (directory) {
        closedir(directory);
    }
    notifier->listed_mtime = clock_wall_us() * 1000 - mtime > UNSURE_NS ? mtime : 0;
}

static void mark_full(struct notifier *notifier, struct target *target)
{
    if (!target->full) {
        target->full = notify_map_full(notifier->folder_fd, target->name, false);
    }
    if (target->full) {
        atomic_store(target->full, 1);
    }
}

static void send_to(struct notifier *notifier, struct target *target, const struct notice *notice)
{
    if (sendto(notifier->socket_fd, notice, sizeof(*notice), MSG_DONTWAIT | MSG_NOSIGNAL,
               (const struct sockaddr *)&target->address, sizeof(target->address)) >= 0) {
        return;
    }
    if (errno == ECONNREFUSED) { /* nobody holds it any more */
        notify_remove(notifier->folder_fd, target->name);
    } else if (errno != ENOENT) {
        mark_full(notifier, target);
    }
}

static void send_to_all(struct notifier *notifier, int64_t mtime, const struct notice *notice)
{
    if (notifier->listed_mtime == 0 || notifier->listed_mtime != mtime) {
        list_targets(notifier, mtime);
    }
    if (notifier->count && notifier->socket_fd < 0) {
        notifier->socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
    for (size_t i = 0; i < notifier->count && notifier->socket_fd >= 0; i++) {
        send_to(notifier, &notifier->targets[i], notice);
    }
}

void notify_commit(struct account *account, uint64_t modseq, int64_t mailbox)
{
    struct notifier *notifier = account->store->notifier;
    struct stat info;
    if (notifier->folder_fd < 0 || fstat(notifier->folder_fd, &info) != 0) {
        return;
    }
    int64_t mtime = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    pthread_mutex_lock(&notifier->mutex);
    if (notifier->count || notifier->listed_mtime != mtime) {
        struct notice notice = {
            .account = notice_key(slice_from(account->login)),
            .modseq = modseq,
            .mailbox = mailbox > 0 && mailbox <= UINT32_MAX ? (uint32_t)mailbox : 0,
            .kind = NOTICE_COMMIT,
        };
        send_to_all(notifier, mtime, &notice);
    }
    pthread_mutex_unlock(&notifier->mutex);
}
