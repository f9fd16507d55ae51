/* SPDX-License-Identifier: ISC */
/*
 * The file calls of libc, once more. Each resolves which file below the watched folder it means, asks whether
 * it is to fail, calls the kernel by syscall(2), and records what it did, all under one mutex: the record is
 * in the order in which things happened, whatever the number of threads.
 *
 * SQLite and the store are built with 64-bit file offsets, so the names with 64 at the end count; on the
 * platforms that we build for they are the same calls.
 */
#undef _FILE_OFFSET_BITS
#include "fault/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 4096

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static struct {
    char folder[PATH_MAX]; /* "" : nothing is watched */
    size_t folder_length;
    unsigned files[FILES_MAX]; /* by descriptor: the number of the file, 0 when it is not below the folder */
    unsigned last_file;

    struct fault fault;
    bool armed;
    bool half_written;
    unsigned count;
    enum fault_call hit;
    unsigned long magic;

    bool recording;
    struct fault_step *steps;
    size_t step_count, step_room;
} layer;

/* ---- which file ---- */

/* "a/./b/../c" becomes "a/c", in place. */
static void simplify(char *path)
{
    char *out = path;
    for (char *in = path; *in;) {
        char *end = strchrnul(in + 1, '/');
        size_t length = (size_t)(end - in);
        if (length == 3 && memcmp(in, "/..", 3) == 0) {
            *out = '\0';
            char *slash = strrchr(path, '/');
            out = slash ? slash : path;
        } else if (length > 1 && !(length == 2 && in[1] == '.')) {
            memmove(out, in, length);
            out += length;
        }
        in = end;
    }
    *out = '\0';
}

/* The path below the watched folder, or NULL. */
static const char *watched_path(int dir_fd, const char *path, char full[2 * PATH_MAX])
{
    char link[64];
    size_t length = 0;
    if (!layer.folder[0]) {
        return NULL;
    }
    if (path[0] != '/') {
        snprintf(link, sizeof(link), dir_fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", dir_fd);
        ssize_t got = readlink(link, full, PATH_MAX - 1);
        if (got < 0) {
            return NULL;
        }
        length = (size_t)got;
        full[length++] = '/';
    }
    snprintf(full + length, 2 * PATH_MAX - length, "%s", path);
    simplify(full);
    if (strncmp(full, layer.folder, layer.folder_length) != 0) {
        return NULL;
    }
    const char *rest = full + layer.folder_length;
    return *rest == '/' ? rest + 1 : *rest == '\0' ? rest : NULL;
}

static unsigned watched_file(int fd)
{
    return fd >= 0 && fd < FILES_MAX ? layer.files[fd] : 0;
}

/* ---- whether it fails ---- */

/* The errno that the call is to fail with; 0: go on. *length_r is what is left of a write that is to be
 * short. */
static int strike(enum fault_call call, size_t *length)
{
    if (!layer.armed || !(layer.fault.calls & call)) {
        return 0;
    }
    unsigned number = ++layer.count;
    bool again = layer.half_written || (layer.fault.for_good && number > layer.fault.at);
    if (number != layer.fault.at && !again) {
        return 0;
    }
    layer.hit = layer.hit ? layer.hit : call;
    if (layer.fault.kill) {
        kill(getpid(), SIGKILL);
    }
    if (layer.fault.delay_us) {
        struct timespec time = {0, (long)layer.fault.delay_us * 1000};
        nanosleep(&time, NULL);
    }
    if (call == FAULT_WRITE && layer.fault.short_write && !layer.half_written && length && *length > 1) {
        layer.half_written = true;
        *length /= 2;
        return 0;
    }
    layer.half_written = false;
    return layer.fault.error;
}

/* ---- the record ---- */

static int64_t folder_time_of(const char *path)
{
    char full[2 * PATH_MAX];
    struct stat info;
    snprintf(full, sizeof(full), "%s/%s", layer.folder, path);
    char *slash = strrchr(full, '/');
    *slash = '\0';
    return stat(full, &info) == 0 ? (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec : 0;
}

static struct fault_step *add_step(enum fault_step_kind kind, unsigned file, const char *path)
{
    if (layer.step_count == layer.step_room) {
        layer.step_room = layer.step_room ? 2 * layer.step_room : 1024;
        layer.steps = realloc(layer.steps, layer.step_room * sizeof(*layer.steps));
    }
    struct fault_step *step = &layer.steps[layer.step_count++];
    *step = (struct fault_step){.kind = kind, .file = file};
    if (path) {
        step->path = strdup(path);
        step->folder_time = path[0] ? folder_time_of(path) : 0;
    }
    return step;
}

static void record_write(unsigned file, const void *data, size_t length, int64_t offset)
{
    if (layer.recording && length) {
        struct fault_step *step = add_step(STEP_WRITE, file, NULL);
        step->offset = offset;
        step->length = length;
        step->data = malloc(length);
        memcpy(step->data, data, length);
    }
}

static void record_two(enum fault_step_kind kind, const char *from, const char *to)
{
    if (layer.recording) {
        struct fault_step *step = add_step(kind, 0, from);
        step->path2 = strdup(to);
        step->folder_time2 = folder_time_of(to);
    }
}

/* ---- control ---- */

void fault_watch(const char *folder)
{
    pthread_mutex_lock(&mutex);
    snprintf(layer.folder, sizeof(layer.folder), "%s", folder ? folder : "");
    layer.folder_length = strlen(layer.folder);
    memset(layer.files, 0, sizeof(layer.files));
    layer.armed = false;
    layer.magic = 0;
    pthread_mutex_unlock(&mutex);
}

void fault_arm(const struct fault *fault)
{
    pthread_mutex_lock(&mutex);
    layer.fault = *fault;
    layer.armed = true;
    layer.half_written = false;
    layer.count = 0;
    layer.hit = 0;
    pthread_mutex_unlock(&mutex);
}

unsigned fault_disarm(enum fault_call *hit_r)
{
    pthread_mutex_lock(&mutex);
    layer.armed = false;
    unsigned count = layer.count;
    if (hit_r) {
        *hit_r = layer.hit;
    }
    pthread_mutex_unlock(&mutex);
    return count;
}

void fault_pretend_file_system(unsigned long magic)
{
    layer.magic = magic;
}

void fault_record(void)
{
    pthread_mutex_lock(&mutex);
    layer.recording = true;
    pthread_mutex_unlock(&mutex);
}

size_t fault_recorded(void)
{
    pthread_mutex_lock(&mutex);
    size_t count = layer.step_count;
    pthread_mutex_unlock(&mutex);
    return count;
}

struct fault_step *fault_record_end(size_t *count_r)
{
    pthread_mutex_lock(&mutex);
    struct fault_step *steps = layer.steps;
    *count_r = layer.step_count;
    layer.recording = false;
    layer.steps = NULL;
    layer.step_count = layer.step_room = 0;
    pthread_mutex_unlock(&mutex);
    return steps;
}

void fault_steps_free(struct fault_step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(steps[i].path);
        free(steps[i].path2);
        free(steps[i].data);
    }
    free(steps);
}

/* ---- the calls ---- */

static int fail(int error)
{
    pthread_mutex_unlock(&mutex);
    errno = error;
    return -1;
}

static int done(int result)
{
    int error = errno;
    pthread_mutex_unlock(&mutex);
    errno = error;
    return result;
}

static bool is_there(int dir_fd, const char *path)
{
    struct stat info;
    return fstatat(dir_fd, path, &info, AT_SYMLINK_NOFOLLOW) == 0;
}

static int open_at(int dir_fd, const char *path, int flags, mode_t mode)
{
    char full[2 * PATH_MAX];
    pthread_mutex_lock(&mutex);
    const char *below = watched_path(dir_fd, path, full);
    bool creates = below && (flags & O_CREAT) && !is_there(dir_fd, path);
    int error = below ? strike(creates ? FAULT_CREATE : FAULT_OPEN, NULL) : 0;
    if (error) {
        return fail(error);
    }
    int fd = (int)syscall(SYS_openat, dir_fd, path, flags, mode);
    if (fd >= 0 && fd < FILES_MAX) {
        layer.files[fd] = below ? ++layer.last_file : 0;
        if (below && layer.recording) {
            add_step(creates ? STEP_CREATE : STEP_OPEN, layer.files[fd], below);
            if (!creates && (flags & O_TRUNC)) {
                add_step(STEP_TRUNCATE, layer.files[fd], NULL);
            }
        }
    }
    return done(fd);
}

static mode_t mode_argument(int flags, va_list args)
{
    return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(args, int) : 0;
}

#define DEFINE_OPEN(name)                            \
    int name(const char *path, int flags, ...)       \
    {                                                \
        va_list args;                                \
        va_start(args, flags);                       \
        mode_t mode = mode_argument(flags, args);    \
        va_end(args);                                \
        return open_at(AT_FDCWD, path, flags, mode); \
    }
#define DEFINE_OPENAT(name)                                \
    int name(int dir_fd, const char *path, int flags, ...) \
    {                                                      \
        va_list args;                                      \
        va_start(args, flags);                             \
        mode_t mode = mode_argument(flags, args);          \
        va_end(args);                                      \
        return open_at(dir_fd, path, flags, mode);         \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)
DEFINE_OPENAT(openat)
DEFINE_OPENAT(openat64)

int mkostemp(char *pattern, int flags)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static unsigned counter;
    size_t length = strlen(pattern);
    for (int tries = 0; tries < 100; tries++) {
        unsigned value = ++counter + (unsigned)getpid() * 7919;
        for (size_t i = 0; i < 6; i++, value /= 36) {
            pattern[length - 6 + i] = letters[value % 36];
        }
        int fd = open_at(AT_FDCWD, pattern, flags | O_RDWR | O_CREAT | O_EXCL, 0600);
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
    }
    return -1;
}

int mkostemp64(char *pattern, int flags)
{
    return mkostemp(pattern, flags);
}

int close(int fd)
{
    pthread_mutex_lock(&mutex);
    if (fd >= 0 && fd < FILES_MAX) {
        layer.files[fd] = 0;
    }
    return done((int)syscall(SYS_close, fd));
}

static ssize_t write_at(int fd, const void *data, size_t length, int64_t offset, bool positioned)
{
    pthread_mutex_lock(&mutex);
    unsigned file = watched_file(fd);
    int error = file ? strike(FAULT_WRITE, &length) : 0;
    if (error) {
        return fail(error);
    }
    if (file && !positioned) {
        int flags = (int)syscall(SYS_fcntl, fd, F_GETFL);
        offset = syscall(SYS_lseek, fd, 0L, flags & O_APPEND ? SEEK_END : SEEK_CUR);
    }
    ssize_t written =
        positioned ? syscall(SYS_pwrite64, fd, data, length, offset) : syscall(SYS_write, fd, data, length);
    if (file && written > 0) {
        record_write(file, data, (size_t)written, offset);
    }
    int reason = errno;
    pthread_mutex_unlock(&mutex);
    errno = reason;
    return written;
}

ssize_t write(int fd, const void *data, size_t length)
{
    return write_at(fd, data, length, 0, false);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset)
{
    return write_at(fd, data, length, offset, true);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset)
{
    return write_at(fd, data, length, offset, true);
}

/* One piece after the other: nobody relies on writev being one step. */
ssize_t writev(int fd, const struct iovec *pieces, int count)
{
    if (!watched_file(fd)) {
        return syscall(SYS_writev, fd, pieces, count);
    }
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t written = write(fd, pieces[i].iov_base, pieces[i].iov_len);
        if (written < 0) {
            return total ? total : written;
        }
        total += written;
        if ((size_t)written < pieces[i].iov_len) {
            break;
        }
    }
    return total;
}

static ssize_t read_at(int fd, void *data, size_t length, int64_t offset, bool positioned)
{
    pthread_mutex_lock(&mutex);
    int error = watched_file(fd) ? strike(FAULT_READ, NULL) : 0;
    pthread_mutex_unlock(&mutex);
    if (error) {
        errno = error;
        return -1;
    }
    return positioned ? syscall(SYS_pread64, fd, data, length, offset) : syscall(SYS_read, fd, data, length);
}

ssize_t read(int fd, void *data, size_t length)
{
    return read_at(fd, data, length, 0, false);
}

ssize_t pread(int fd, void *data, size_t length, off_t offset)
{
    return read_at(fd, data, length, offset, true);
}

ssize_t pread64(int fd, void *data, size_t length, off64_t offset)
{
    return read_at(fd, data, length, offset, true);
}

static int truncate_to(int fd, int64_t length)
{
    pthread_mutex_lock(&mutex);
    unsigned file = watched_file(fd);
    int error = file ? strike(FAULT_TRUNCATE, NULL) : 0;
    if (error) {
        return fail(error);
    }
    int result = (int)syscall(SYS_ftruncate, fd, length);
    if (file && result == 0 && layer.recording) {
        add_step(STEP_TRUNCATE, file, NULL)->offset = length;
    }
    return done(result);
}

int ftruncate(int fd, off_t length)
{
    return truncate_to(fd, length);
}

int ftruncate64(int fd, off64_t length)
{
    return truncate_to(fd, length);
}

static int sync_by(long number, int fd)
{
    pthread_mutex_lock(&mutex);
    unsigned file = watched_file(fd);
    int error = file ? strike(FAULT_SYNC, NULL) : 0;
    if (error) {
        return fail(error);
    }
    /* The disk is a model: the real one need not be asked. */
    int result = file ? 0 : (int)syscall(number, fd);
    if (file && layer.recording) {
        add_step(STEP_SYNC, file, NULL);
    }
    return done(result);
}

int fsync(int fd)
{
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    return sync_by(SYS_fdatasync, fd);
}

static int two_paths(enum fault_call call, enum fault_step_kind kind, int from_fd, const char *from,
                     int to_fd, const char *to)
{
    char full[2 * PATH_MAX], full2[2 * PATH_MAX];
    pthread_mutex_lock(&mutex);
    const char *below = watched_path(from_fd, from, full);
    const char *below2 = watched_path(to_fd, to, full2);
    int error = below && below2 ? strike(call, NULL) : 0;
    if (error) {
        return fail(error);
    }
    int result = call == FAULT_RENAME ? (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0)
                                      : (int)syscall(SYS_linkat, from_fd, from, to_fd, to, 0);
    if (result == 0 && below && below2) {
        record_two(kind, below, below2);
    }
    return done(result);
}

int rename(const char *from, const char *to)
{
    return two_paths(FAULT_RENAME, STEP_RENAME, AT_FDCWD, from, AT_FDCWD, to);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    return two_paths(FAULT_RENAME, STEP_RENAME, from_fd, from, to_fd, to);
}

int link(const char *from, const char *to)
{
    return two_paths(FAULT_LINK, STEP_LINK, AT_FDCWD, from, AT_FDCWD, to);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    (void)flags; /* nobody here links what a symbolic link leads to */
    return two_paths(FAULT_LINK, STEP_LINK, from_fd, from, to_fd, to);
}

static int remove_at(int dir_fd, const char *path, int flags)
{
    char full[2 * PATH_MAX];
    pthread_mutex_lock(&mutex);
    const char *below = watched_path(dir_fd, path, full);
    int error = below ? strike(FAULT_UNLINK, NULL) : 0;
    if (error) {
        return fail(error);
    }
    int result = (int)syscall(SYS_unlinkat, dir_fd, path, flags);
    if (result == 0 && below && layer.recording) {
        add_step(STEP_UNLINK, 0, below);
    }
    return done(result);
}

int unlink(const char *path)
{
    return remove_at(AT_FDCWD, path, 0);
}

int unlinkat(int dir_fd, const char *path, int flags)
{
    return remove_at(dir_fd, path, flags);
}

int rmdir(const char *path)
{
    return remove_at(AT_FDCWD, path, AT_REMOVEDIR);
}

int remove(const char *path)
{
    struct stat info;
    return remove_at(AT_FDCWD, path, lstat(path, &info) == 0 && S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0);
}

int mkdirat(int dir_fd, const char *path, mode_t mode)
{
    char full[2 * PATH_MAX];
    pthread_mutex_lock(&mutex);
    const char *below = watched_path(dir_fd, path, full);
    int error = below && !is_there(dir_fd, path) ? strike(FAULT_MKDIR, NULL) : 0;
    if (error) {
        return fail(error);
    }
    int result = (int)syscall(SYS_mkdirat, dir_fd, path, mode);
    if (result == 0 && below && layer.recording) {
        add_step(STEP_MKDIR, 0, below);
    }
    return done(result);
}

int mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

int futimens(int fd, const struct timespec times[2])
{
    pthread_mutex_lock(&mutex);
    unsigned file = watched_file(fd);
    int result = (int)syscall(SYS_utimensat, fd, NULL, times, 0);
    if (result == 0 && file && layer.recording) {
        struct stat info;
        struct fault_step *step = add_step(STEP_TIME, file, NULL);
        step->folder_time =
            fstat(fd, &info) == 0 ? (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec : 0;
    }
    return done(result);
}

int fstatfs64(int fd, struct statfs64 *info)
{
    int result = (int)syscall(SYS_fstatfs, fd, info);
    if (result == 0 && layer.magic) {
        info->f_type = (__typeof__(info->f_type))layer.magic;
    }
    return result;
}

int fstatfs(int fd, struct statfs *info)
{
    return fstatfs64(fd, (struct statfs64 *)info);
}
