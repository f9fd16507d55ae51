/* SPDX-License-Identifier: ISC */
/*
 * Binding. An IPv6 socket takes IPv6 only: "[::]:25" beside "0.0.0.0:25" are then two sockets, as they are
 * two lines in the configuration. A Unix socket's file that a killed supervisor left is removed; that is safe
 * because the lock on the pid file is held by now.
 */
#include "supervisor/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "identity.h"

#define BACKLOG        1024
#define RETRY_PAUSE_MS 100

/* The path of a Unix socket has a slash or no colon. */
static bool is_path(struct slice text)
{
    return slice_has(text, '/') || !slice_has(text, ':');
}

static enum err parse_path(struct slice path, struct sockaddr_storage *address_r, socklen_t *length_r)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path.len == 0) {
        return ERR_SYNTAX;
    }
    if (path.len >= sizeof(address.sun_path)) {
        return ERR_TOO_LONG;
    }
    memcpy(address.sun_path, path.data, path.len);
    memcpy(address_r, &address, sizeof(address));
    *length_r = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    return ERR_OK;
}

enum err listen_parse(const char *text, struct sockaddr_storage *address_r, socklen_t *length_r)
{
    struct slice host = slice_from(text);
    char name[INET6_ADDRSTRLEN];
    uint64_t port;
    *address_r = (struct sockaddr_storage){0};
    if (is_path(host)) {
        return parse_path(host, address_r, length_r);
    }
    size_t colon = slice_find_last(host, ':');
    if (!slice_to_u64(slice_skip(host, colon + 1), 65535, &port)) {
        return ERR_SYNTAX;
    }
    host = slice_take(host, colon);
    bool v6 = host.len > 2 && host.data[0] == '[' && host.data[host.len - 1] == ']';
    if (v6) {
        host = slice_take(slice_skip(host, 1), host.len - 2);
    }
    if (host.len >= sizeof(name)) {
        return ERR_SYNTAX;
    }
    memcpy(name, host.data, host.len);
    name[host.len] = '\0';
    struct sockaddr_in *in = (struct sockaddr_in *)address_r;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address_r;
    if (v6) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((uint16_t)port);
        *length_r = sizeof(*in6);
        return inet_pton(AF_INET6, name, &in6->sin6_addr) == 1 ? ERR_OK : ERR_SYNTAX;
    }
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)port);
    *length_r = sizeof(*in);
    return inet_pton(AF_INET, name, &in->sin_addr) == 1 ? ERR_OK : ERR_SYNTAX;
}

/* Only a socket is removed; what else has the name makes bind(2) fail, and stays. */
static void remove_stale_socket(const char *path)
{
    struct stat info;
    if (lstat(path, &info) == 0 && S_ISSOCK(info.st_mode)) {
        unlink(path);
    }
}

/* 0 or errno. */
static int bind_unix(const struct listener *listener, const struct sockaddr_storage *address,
                     socklen_t length)
{
    mode_t former = umask(0177); /* nobody else connects before the mode is set */
    remove_stale_socket(listener->address);
    int result = bind(listener->fd, (const struct sockaddr *)address, length) == 0 ? 0 : errno;
    umask(former);
    if (!result && chmod(listener->address, listener->mode) != 0) {
        result = errno;
    }
    return result;
}

/* A low port needs root. */
static int bind_internet(const struct listener *listener, const struct sockaddr_storage *address,
                         socklen_t length)
{
    int on = 1;
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->ss_family == AF_INET6) {
        setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    }
    identity_raise();
    int result = bind(listener->fd, (const struct sockaddr *)address, length) == 0 ? 0 : errno;
    identity_lower();
    return result;
}

/* 0 or errno; the descriptor is open only with 0. */
static int open_once(struct listener *listener, const struct sockaddr_storage *address, socklen_t length)
{
    listener->fd = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return errno;
    }
    int result =
        listener->is_unix ? bind_unix(listener, address, length) : bind_internet(listener, address, length);
    if (!result && listen(listener->fd, BACKLOG) != 0) {
        result = errno; /* two sockets may bind to one port, but only one may listen */
    }
    if (result) {
        close(listener->fd);
        listener->fd = -1;
    }
    return result;
}

static enum err open_listener(struct listener *listener, int64_t deadline, struct buf *why)
{
    const struct timespec pause = {.tv_nsec = RETRY_PAUSE_MS * 1000000L};
    struct sockaddr_storage address;
    socklen_t length = 0;
    enum err err = listen_parse(listener->address, &address, &length);
    if (err) {
        buf_printf(why, "cannot listen on %s: %s", listener->address,
                   err == ERR_TOO_LONG
                       ? "the path of a Unix socket has at most 107 bytes; move the run directory"
                       : "this is no address");
        return err;
    }
    listener->is_unix = address.ss_family == AF_UNIX;
    int result = open_once(listener, &address, length);
    while (result == EADDRINUSE && clock_monotonic_ms() < deadline) {
        nanosleep(&pause, NULL);
        result = open_once(listener, &address, length);
    }
    if (result) {
        buf_printf(why, "cannot listen on %s (%s): %s", listener->address, listener->name, strerror(result));
        return err_from_errno(result);
    }
    return ERR_OK;
}

static void add_listener(struct listeners *listeners, const char *name, const char *address,
                         const struct program *program, unsigned mode)
{
    listeners->items[listeners->count++] =
        (struct listener){.name = name, .address = address, .program = program, .fd = -1, .mode = mode};
}

static const struct program *program_of(enum conf_service service)
{
    for (size_t i = 0; i < program_count; i++) {
        if (programs[i].services & (1u << service)) {
            return &programs[i];
        }
    }
    return NULL;
}

static void collect(struct listeners *listeners, const struct conf *conf)
{
    size_t total = program_count;
    for (size_t i = 0; i < SERVICE_COUNT; i++) {
        total += conf->listeners[i].listen.count;
    }
    listeners->items = arena_array(&listeners->arena, struct listener, total);
    for (size_t i = 0; i < program_count; i++) {
        if (programs[i].socket) {
            const char *path =
                arena_printf(&listeners->arena, "%s/%s", conf->run_directory, programs[i].socket);
            add_listener(listeners, programs[i].name, path, &programs[i], 0600);
        }
    }
    for (enum conf_service service = 0; service < SERVICE_COUNT; service++) {
        const struct conf_list *list = &conf->listeners[service].listen;
        for (size_t i = 0; i < list->count; i++) {
            const char *address = arena_cstr(&listeners->arena, slice_from(list->items[i]));
            /* LMTP is for other programs of this host: those in the group may use it. */
            add_listener(listeners, conf_service_names[service], address, program_of(service), 0660);
        }
    }
}

enum err listeners_open(struct listeners *listeners, const struct conf *conf, int64_t patience_ms,
                        struct buf *why)
{
    int64_t deadline = clock_monotonic_ms() + patience_ms;
    enum err err = ERR_OK;
    *listeners = (struct listeners){0};
    collect(listeners, conf);
    for (size_t i = 0; i < listeners->count && !err; i++) {
        err = open_listener(&listeners->items[i], deadline, why);
    }
    if (err) {
        listeners_close(listeners);
    }
    return err;
}

static void close_listener(struct listener *listener)
{
    if (listener->fd >= 0) {
        close(listener->fd);
        listener->fd = -1;
        if (listener->is_unix) {
            remove_stale_socket(listener->address);
        }
    }
}

void listeners_refuse_clients(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (!listeners->items[i].program->single) {
            close_listener(&listeners->items[i]);
        }
    }
}

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        close_listener(&listeners->items[i]);
    }
    arena_free(&listeners->arena);
    *listeners = (struct listeners){0};
}
