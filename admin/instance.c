/* SPDX-License-Identifier: ISC */
/* Opens what a command needs and says why it cannot. */
#include "instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "identity.h"
#include "report.h"

#define DEFAULT_CONFIG "/etc/postern/postern.conf"
#define WHY_CAP        (64 * 1024)

const char *instance_config_path(const struct invocation *call)
{
    const char *environment = getenv("POSTERN_CONFIG");
    if (call->config) {
        return call->config;
    }
    return environment && environment[0] ? environment : DEFAULT_CONFIG;
}

static int load(struct instance *instance, const char *path, struct buf *why)
{
    enum err err = conf_load(path, &instance->conf, why);
    if (err == ERR_NOT_FOUND && access(path, F_OK) != 0 && errno == ENOENT) {
        return refuse("there is no configuration %s; name one with -c, or make one: postern init --root DIR",
                      path);
    }
    if (err) {
        fputs(buf_cstr(why), stderr);
        return refuse("the configuration cannot be used");
    }
    err = identity_assume(instance->conf->user, why);
    return err ? refuse_because("cannot start", err, why) : EXIT_DONE;
}

int instance_load(struct instance *instance, const struct invocation *call)
{
    struct buf why;
    *instance = (struct instance){0};
    buf_init(&why, WHY_CAP);
    int code = load(instance, instance_config_path(call), &why);
    buf_free(&why);
    return code;
}

int instance_open(struct instance *instance, const struct invocation *call)
{
    struct buf why;
    int code = instance_load(instance, call);
    if (code) {
        return code;
    }
    buf_init(&why, WHY_CAP);
    enum err err =
        store_open(instance->conf->data_directory, instance->conf->hostname, &instance->store, &why);
    if (err) {
        code = refuse_because("cannot open the store", err, &why);
    }
    buf_free(&why);
    return code;
}

int instance_open_secrets(struct instance *instance)
{
    struct buf why;
    struct arena arena = {0};
    int code = EXIT_DONE;
    const char *path = arena_printf(&arena, "%s/secrets.db", instance->conf->data_directory);
    buf_init(&why, WHY_CAP);
    enum err err = secrets_open(path, &instance->secrets, &why);
    if (err) {
        code = refuse_because("cannot open the passwords", err, &why);
    }
    buf_free(&why);
    arena_free(&arena);
    return code;
}

void instance_close(struct instance *instance)
{
    if (instance->secrets) {
        secrets_close(instance->secrets);
    }
    if (instance->store) {
        store_close(instance->store);
    }
    conf_free(instance->conf);
    *instance = (struct instance){0};
}
