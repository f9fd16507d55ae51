/* SPDX-License-Identifier: ISC */
#include "providers.h"

#include <string.h>

#include "base/mem.h"

static struct provider *find(const struct relayd *relayd, const char *name)
{
    struct provider *provider;
    HASH_FIND(hh, relayd->providers, name, strlen(name), provider);
    return provider;
}

bool providers_have_room(const struct relayd *relayd, const struct limits *limits)
{
    const struct provider *provider = limits->provider ? find(relayd, limits->provider) : NULL;
    return !provider || provider->active < limits->concurrency;
}

void providers_move(struct relayd *relayd, struct provider **provider, const char *name)
{
    if (*provider) {
        (*provider)->active--;
    }
    *provider = name ? find(relayd, name) : NULL;
    if (name && !*provider) {
        *provider = mem_new(struct provider);
        (*provider)->name = name;
        HASH_ADD_KEYPTR(hh, relayd->providers, name, strlen(name), *provider);
    }
    if (*provider) {
        (*provider)->active++;
    }
}

void providers_free(struct relayd *relayd)
{
    struct provider *provider, *next;
    HASH_ITER (hh, relayd->providers, provider, next) {
        HASH_DEL(relayd->providers, provider);
        mem_free(provider);
    }
}
