/* SPDX-License-Identifier: ISC */
/*
 * postern init: a new instance. The configuration is written last: an init that stopped halfway can be given
 * again and takes over what is there; an instance that is complete is never touched.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fsio.h"
#include "handlers.h"
#include "identity.h"
#include "init_plan.h"
#include "instance.h"
#include "net/tls.h"
#include "report.h"
#include "storage/directory.h"

#define WHY_CAP (64 * 1024)

/* Whether this machine has the IPv6 loopback address (or any IPv6 at all, for the unspecified one). */
static bool has_ipv6(bool loopback)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    if (loopback) {
        address.sin6_addr = in6addr_loopback;
    }
    bool works = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return works;
}

/* The full name of this machine as far as it knows it. */
static const char *own_host_name(struct arena *arena)
{
    char name[256] = "localhost";
    struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM}, *found = NULL;
    gethostname(name, sizeof(name) - 1);
    const char *result = arena_cstr(arena, slice_from(name));
    if (!strchr(name, '.') && getaddrinfo(name, NULL, &hints, &found) == 0) {
        if (found->ai_canonname && strchr(found->ai_canonname, '.')) {
            result = arena_cstr(arena, slice_from(found->ai_canonname));
        }
        freeaddrinfo(found);
    }
    return result;
}

/* From the options; EXIT_DONE or a usage error. */
static int make_plan(const struct invocation *call, struct arena *arena, struct init_plan *plan)
{
    const char *offset = option_value(call, "port-offset"), *hostname = option_value(call, "hostname");
    uint64_t number = 0;
    *plan = (struct init_plan){
        .root = option_value(call, "root"), .domain = option_value(call, "domain"), .user = ""};
    if (!plan->root || !plan->root[0]) {
        return misuse(call, "--root is missing: the folder to make");
    }
    if (offset && (!slice_to_u64(slice_from(offset), INIT_OFFSET_MAX, &number) || number == 0)) {
        return misuse(call, "--port-offset is a number from 1 to %d", INIT_OFFSET_MAX);
    }
    plan->port_offset = (unsigned)number;
    plan->ipv6 = has_ipv6(number > 0);
    if (option_value(call, "user")) {
        plan->user = option_value(call, "user");
    }
    plan->hostname = hostname       ? hostname
                     : plan->domain ? arena_printf(arena, "mail.%s", plan->domain)
                                    : own_host_name(arena);
    return EXIT_DONE;
}

static enum err make_folder(struct init_plan *plan, struct arena *arena, const char *name, unsigned mode,
                            struct buf *why)
{
    const char *path = arena_printf(arena, "%s/%s", plan->root, name);
    enum err err = fs_make_directories(path, mode);
    if (err) {
        buf_printf(why, "%s: %s", path, err_text(err));
        return err;
    }
    if (chmod(path, mode) != 0) { /* the umask cut it */
        buf_printf(why, "%s: %s", path, strerror(errno));
        return err_from_errno(errno);
    }
    return identity_give(path, plan->user, why);
}

/* The instance's folder, and its absolute name into the plan. One that exists keeps its mode: it may hold
 * other things. */
static enum err make_root(struct init_plan *plan, struct arena *arena, struct buf *why)
{
    struct stat info;
    bool shared = plan->user[0] != '\0'; /* a user of its own needs a way in */
    bool fresh = stat(plan->root, &info) != 0;
    enum err err = fs_make_directories(plan->root, 0755);
    char *absolute = err ? NULL : realpath(plan->root, NULL);
    if (!absolute || (fresh && chmod(absolute, shared ? 0755 : 0700) != 0)) {
        buf_printf(why, "%s: %s", plan->root, err ? err_text(err) : strerror(errno));
        err = err ? err : err_from_errno(errno);
    } else {
        plan->root = arena_cstr(arena, slice_from(absolute));
    }
    free(absolute);
    return err;
}

/* The root folder stays root's, so that the user cannot replace the configuration; what is below is the
 * user's. */
static enum err make_folders(struct init_plan *plan, struct arena *arena, struct buf *why)
{
    bool shared = plan->user[0] != '\0';
    umask(022);
    enum err err = make_root(plan, arena, why);
    umask(077);
    if (!err) {
        err = make_folder(plan, arena, "data", 0700, why);
    }
    if (!err) {
        err = make_folder(plan, arena, "run", shared ? 0755 : 0700, why);
    }
    return err ? err : make_folder(plan, arena, "tls", shared ? 0755 : 0700, why);
}

static enum err make_domain(const struct init_plan *plan, struct arena *arena, struct buf *why)
{
    struct store *store;
    enum err err = store_open(arena_printf(arena, "%s/data", plan->root), plan->hostname, &store, why);
    if (err) {
        return err;
    }
    if (plan->domain) {
        err = directory_domain_add(store, slice_from(plan->domain), why);
    }
    store_close(store);
    return err == ERR_EXISTS ? ERR_OK : err; /* from an init that stopped halfway */
}

/* Under a name that does not count yet, and checked: a host name or a path may be no good. */
static enum err write_draft(const struct init_plan *plan, const char *draft, struct buf *why)
{
    struct conf *conf = NULL;
    struct buf text;
    buf_init(&text, 64 * 1024);
    init_plan_configuration(plan, &text);
    enum err err = fs_write_durable(draft, buf_slice(&text), 0640);
    if (err) {
        buf_printf(why, "%s: %s", draft, err_text(err));
    } else {
        err = conf_load(draft, &conf, why);
        conf_free(conf);
    }
    buf_free(&text);
    return err;
}

/* The last step. Root's, readable by the instance's group: the daemons read it again at SIGHUP. */
static enum err complete(const struct init_plan *plan, const char *draft, const char *path, struct buf *why)
{
    identity_raise();
    enum err err = identity_share(draft, why);
    if (!err && rename(draft, path) != 0) {
        buf_printf(why, "%s: %s", path, strerror(errno));
        err = err_from_errno(errno);
    }
    if (!err) {
        err = fs_sync_directory(plan->root);
    }
    identity_lower();
    return err;
}

static enum err make_contents(struct init_plan *plan, struct arena *arena, struct buf *why)
{
    enum err err = identity_assume(plan->user, why);
    if (err) {
        return err;
    }
    init_plan_names(plan, arena);
    err = tls_make_certificate(arena_printf(arena, "%s/tls", plan->root), plan->names, plan->name_count, why);
    if (err && err != ERR_EXISTS) {
        return err;
    }
    buf_clear(why);
    return make_domain(plan, arena, why);
}

static enum err carry_out(struct init_plan *plan, struct arena *arena, struct buf *why)
{
    enum err err = make_folders(plan, arena, why);
    if (err) {
        return err;
    }
    const char *path = arena_printf(arena, "%s/postern.conf", plan->root);
    const char *draft = arena_printf(arena, "%s.new", path);
    err = write_draft(plan, draft, why);
    if (!err) {
        err = make_contents(plan, arena, why);
    }
    if (!err) {
        err = complete(plan, draft, path, why);
    }
    if (err) {
        identity_raise();
        unlink(draft);
    }
    return err;
}

/* What is to be typed next; the address is an example that works with the plan's domain. */
static void print_next_steps(const struct init_plan *plan)
{
    const char *domain = plan->domain ? plan->domain : "example.org";
    printf("Made %s: postern.conf, data/, run/, tls/ (authority: tls/ca.pem).\n", plan->root);
    if (plan->port_offset) {
        printf("It listens on loopback: smtp %u, submission %u and %u, pop3 %u and %u, imap %u and %u.\n",
               25 + plan->port_offset, 587 + plan->port_offset, 465 + plan->port_offset,
               110 + plan->port_offset, 995 + plan->port_offset, 143 + plan->port_offset,
               993 + plan->port_offset);
    }
    printf("\nNext:\n");
    if (!plan->domain) {
        printf("  postern -c %s/postern.conf domain add %s\n", plan->root, domain);
    }
    printf("  postern -c %s/postern.conf user add alice@%s\n", plan->root, domain);
    printf("  postern -c %s/postern.conf serve\n", plan->root);
}

int cmd_init(const struct invocation *call)
{
    struct init_plan plan;
    struct arena arena = {0};
    struct buf why;
    struct stat info;
    buf_init(&why, WHY_CAP);
    int code = make_plan(call, &arena, &plan);
    if (!code && lstat(arena_printf(&arena, "%s/postern.conf", plan.root), &info) == 0) {
        code = refuse("%s/postern.conf exists already; nothing was changed", plan.root);
    }
    if (!code) {
        enum err err = carry_out(&plan, &arena, &why);
        code = err ? refuse_because("init", err, &why) : EXIT_DONE;
    }
    if (!code) {
        print_next_steps(&plan);
    }
    buf_free(&why);
    arena_free(&arena);
    return code;
}
