/* SPDX-License-Identifier: ISC */
/* Settings into an account, one batch each: one that the store refuses does not keep the others out. What the
 * account has already is newer, and stays. */
#include "transfer_private.h"

#include "base/log.h"

struct apply {
    struct account *account;
    const struct settings *settings;
    struct settings now; /* what the account has */
};

/* What cannot be had here (too many, too long, no such mailbox) is worth a line in the log, not a failure. */
static enum err commit(struct apply *apply, struct batch_operation operation, const char *what,
                       struct slice name)
{
    enum err err = batch_commit(apply->account, &operation, 1, NULL);
    if (err == ERR_LIMIT || err == ERR_SYNTAX || err == ERR_EXISTS || err == ERR_NOT_FOUND ||
        err == ERR_TOO_LONG) {
        log_warning("import.setting_refused", log_text("account", account_login(apply->account)),
                    log_cstr("what", what), log_text("name", name), log_err(err));
        return ERR_OK;
    }
    return err;
}

static bool has_name(const struct slice *list, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(list[i], name)) {
            return true;
        }
    }
    return false;
}

static bool has_setting(const struct setting *list, size_t count, const struct setting *setting)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_eq(list[i].mailbox, setting->mailbox) && slice_eq_nocase(list[i].name, setting->name)) {
            return true;
        }
    }
    return false;
}

static enum err apply_subscriptions(struct apply *apply)
{
    const struct settings *settings = apply->settings;
    enum err err = ERR_OK;
    for (size_t i = 0; i < settings->subscription_count && !err; i++) {
        struct slice name = settings->subscriptions[i];
        if (!has_name(apply->now.subscriptions, apply->now.subscription_count, name)) {
            err = commit(apply,
                         (struct batch_operation){.kind = BATCH_SUBSCRIBE,
                                                  .mailbox = mailbox_named(name),
                                                  .subscribe = {.subscribed = true}},
                         "subscription", name);
        }
    }
    return err;
}

static enum err apply_annotations(struct apply *apply)
{
    const struct settings *settings = apply->settings;
    enum err err = ERR_OK;
    for (size_t i = 0; i < settings->annotation_count && !err; i++) {
        const struct setting *setting = &settings->annotations[i];
        if (!has_setting(apply->now.annotations, apply->now.annotation_count, setting)) {
            err = commit(
                apply,
                (struct batch_operation){.kind = BATCH_ANNOTATE,
                                         .mailbox = mailbox_named(setting->mailbox),
                                         .annotate = {.entry = setting->name, .value = setting->value}},
                "annotation", setting->name);
        }
    }
    return err;
}

static enum err apply_rights(struct apply *apply)
{
    const struct settings *settings = apply->settings;
    enum err err = ERR_OK;
    for (size_t i = 0; i < settings->rights_count && !err; i++) {
        const struct setting *setting = &settings->rights[i];
        if (!has_setting(apply->now.rights, apply->now.rights_count, setting)) {
            err = commit(
                apply,
                (struct batch_operation){.kind = BATCH_SET_RIGHTS,
                                         .mailbox = mailbox_named(setting->mailbox),
                                         .rights = {.identifier = setting->name, .rights = setting->value}},
                "rights", setting->name);
        }
    }
    return err;
}

static enum err apply_scripts(struct apply *apply)
{
    const struct settings *settings = apply->settings;
    bool has_active = false;
    enum err err = ERR_OK;
    for (size_t i = 0; i < apply->now.script_count; i++) {
        has_active |= apply->now.scripts[i].active;
    }
    for (size_t i = 0; i < settings->script_count && !err; i++) {
        const struct sieve_script *script = &settings->scripts[i];
        bool present = false;
        for (size_t k = 0; k < apply->now.script_count; k++) {
            present |= slice_eq(apply->now.scripts[k].name, script->name);
        }
        if (!present) {
            err = commit(apply,
                         (struct batch_operation){.kind = BATCH_SIEVE_PUT,
                                                  .sieve = {.name = script->name, .script = script->text}},
                         "script", script->name);
        }
        if (!err && script->active && !has_active) {
            err = commit(
                apply,
                (struct batch_operation){.kind = BATCH_SIEVE_ACTIVATE, .sieve = {.name = script->name}},
                "active script", script->name);
        }
    }
    return err;
}

enum err settings_apply(struct account *account, const struct settings *settings)
{
    struct apply apply = {.account = account, .settings = settings};
    enum err err = settings_read_account(account, &apply.now);
    if (!err) {
        err = apply_subscriptions(&apply);
    }
    if (!err) {
        err = apply_annotations(&apply);
    }
    if (!err) {
        err = apply_rights(&apply);
    }
    if (!err) {
        err = apply_scripts(&apply);
    }
    if (!err) {
        err = settings_apply_seen(account, settings, &apply.now);
    }
    settings_free(&apply.now);
    return err;
}
