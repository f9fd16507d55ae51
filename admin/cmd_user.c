/* SPDX-License-Identifier: ISC */
/*
 * postern user: the people who get mail here. A user is a row in the directory with an account, and a
 * password in secrets.db; these are two databases, so the order of the steps decides what an interruption
 * leaves behind: never a user whom somebody else's old password opens, and nothing that running the command
 * again would not mend.
 */
#include <string.h>

#include "handlers.h"
#include "instance.h"
#include "output.h"
#include "password.h"
#include "report.h"
#include "storage/directory.h"

#define WHY_CAP 4096

static int refuse_user(const char *address, enum err err, const struct buf *why)
{
    if (err == ERR_NOT_FOUND) {
        return refuse("there is no user %s; 'postern user list' shows all", address);
    }
    return refuse_because(address, err, why);
}

/* --quota: true when it is absent or good. */
static bool read_quota(const struct invocation *call, uint64_t *bytes_r)
{
    const char *text = option_value(call, "quota");
    if (text && strcmp(text, "none") == 0) {
        *bytes_r = 0;
        return true;
    }
    return !text || parse_size(slice_from(text), bytes_r);
}

static int misuse_quota(const struct invocation *call)
{
    return misuse(call, "'%s' is no size; write for example 500M, 5G or none", option_value(call, "quota"));
}

static int set_password(const struct instance *instance, struct slice login, const struct buf *password)
{
    enum err err = secrets_set_password(instance->secrets, login, buf_slice(password));
    if (err == ERR_SYNTAX) {
        return refuse("a password is 1 to %d bytes without NUL, CR and LF", PASSWORD_MAX);
    }
    return err ? refuse_because("cannot store the password", err, NULL) : EXIT_DONE;
}

/* The user's row exists; without a password it is taken back. */
static int complete_user(const struct instance *instance, struct slice address, const struct buf *password)
{
    struct arena arena = {0};
    struct directory_user user;
    struct buf why;
    buf_init(&why, WHY_CAP);
    enum err err = directory_user_get(instance->store, &arena, address, &user);
    int code = err ? refuse_because("cannot read the new user", err, NULL)
                   : set_password(instance, user.login, password);
    if (code && directory_user_remove(instance->store, address, true, &why)) {
        refuse("... and the user could not be removed again; run: postern user remove %.*s",
               SLICE_ARG(address));
    }
    buf_free(&why);
    arena_free(&arena);
    return code;
}

static int add_user(const struct instance *instance, const struct invocation *call, uint64_t quota)
{
    const char *address = call->arguments[0];
    struct buf password, why;
    buf_init(&password, 2 * PASSWORD_MAX);
    buf_init(&why, WHY_CAP);
    int code = password_read(call, &password);
    if (!code) {
        enum err err = directory_user_add(instance->store, slice_from(address),
                                          slice_from(option_value(call, "name")), quota, &why);
        code = err ? refuse_new_address(address, err, &why)
                   : complete_user(instance, slice_from(address), &password);
    }
    password_wipe(&password);
    buf_free(&why);
    return code;
}

int cmd_user_add(const struct invocation *call)
{
    struct instance instance;
    uint64_t quota = 0;
    if (!read_quota(call, &quota)) {
        return misuse_quota(call);
    }
    int code = instance_open(&instance, call);
    if (!code) {
        code = instance_open_secrets(&instance);
    }
    if (!code) {
        code = add_user(&instance, call, quota);
    }
    instance_close(&instance);
    return code;
}

static json_t *user_json(const struct directory_user *user)
{
    return json_pack("{s:o, s:o, s:b, s:o, s:o}", "address", json_text(user->login), "name",
                     json_text(user->display_name), "disabled", (int)user->disabled, "quota",
                     user->quota_bytes ? json_integer((json_int_t)user->quota_bytes) : json_null(), "created",
                     json_time(user->created_us));
}

static void add_user_row(struct table *table, const struct directory_user *user)
{
    struct buf text;
    buf_init(&text, 256);
    table_add(table, user->login);
    table_add(table, user->disabled ? S("disabled") : S("enabled"));
    if (user->quota_bytes) {
        format_size(user->quota_bytes, &text);
    }
    table_add(table, text.len ? buf_slice(&text) : S("-"));
    buf_clear(&text);
    format_time(user->created_us, &text);
    table_add(table, buf_slice(&text));
    table_add(table, user->display_name);
    buf_free(&text);
}

static int print_users(const struct directory_user *users, size_t count, bool json)
{
    if (json) {
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++) {
            json_array_append_new(list, user_json(&users[i]));
        }
        return print_json(list);
    }
    struct table table;
    table_init(&table, 5);
    table_add(&table, S("ADDRESS"));
    table_add(&table, S("STATE"));
    table_add(&table, S("QUOTA"));
    table_add(&table, S("CREATED"));
    table_add(&table, S("NAME"));
    for (size_t i = 0; i < count; i++) {
        add_user_row(&table, &users[i]);
    }
    return print_table(&table);
}

int cmd_user_list(const struct invocation *call)
{
    struct instance instance;
    struct arena arena = {0};
    struct directory_user *users;
    size_t count;
    int code = instance_open(&instance, call);
    if (!code) {
        enum err err = directory_user_list(instance.store, &arena, slice_from(option_value(call, "domain")),
                                           &users, &count);
        code = err ? refuse_because("cannot list the users", err, NULL)
                   : print_users(users, count, option_given(call, "json"));
    }
    instance_close(&instance);
    arena_free(&arena);
    return code;
}

static int change_user(const struct instance *instance, const struct invocation *call, uint64_t quota)
{
    struct slice address = slice_from(call->arguments[0]);
    enum err err = ERR_OK;
    if (option_given(call, "name")) {
        err = directory_user_set_name(instance->store, address, slice_from(option_value(call, "name")));
    }
    if (!err && option_given(call, "quota")) {
        err = directory_user_set_quota(instance->store, address, quota);
    }
    if (!err && (option_given(call, "disable") || option_given(call, "enable"))) {
        err = directory_user_set_disabled(instance->store, address, option_given(call, "disable"));
    }
    return err ? refuse_user(call->arguments[0], err, NULL) : EXIT_DONE;
}

int cmd_user_set(const struct invocation *call)
{
    struct instance instance;
    uint64_t quota = 0;
    bool disable = option_given(call, "disable"), enable = option_given(call, "enable");
    if (!option_given(call, "name") && !option_given(call, "quota") && !disable && !enable) {
        return misuse(call, "what is to be changed?");
    }
    if (disable && enable) {
        return misuse(call, "--disable and --enable exclude each other");
    }
    if (!read_quota(call, &quota)) {
        return misuse_quota(call);
    }
    int code = instance_open(&instance, call);
    if (!code) {
        code = change_user(&instance, call, quota);
    }
    instance_close(&instance);
    return code;
}

/* Opens both stores and finds the user under the name that was typed; `user` lives in the arena. */
static int find_user(struct instance *instance, const struct invocation *call, struct arena *arena,
                     struct directory_user *user)
{
    int code = instance_open(instance, call);
    if (!code) {
        code = instance_open_secrets(instance);
    }
    if (code) {
        return code;
    }
    enum err err = directory_user_get(instance->store, arena, slice_from(call->arguments[0]), user);
    return err ? refuse_user(call->arguments[0], err, NULL) : EXIT_DONE;
}

int cmd_user_passwd(const struct invocation *call)
{
    struct instance instance;
    struct arena arena = {0};
    struct directory_user user;
    struct buf password;
    buf_init(&password, 2 * PASSWORD_MAX);
    int code = find_user(&instance, call, &arena, &user);
    if (!code) {
        code = password_read(call, &password);
    }
    if (!code) {
        code = set_password(&instance, user.login, &password);
    }
    password_wipe(&password);
    instance_close(&instance);
    arena_free(&arena);
    return code;
}

/* The password goes first: interrupted, the command can be given again, and no old password waits for a later
 * user of the same name. */
static int remove_user(const struct instance *instance, const struct invocation *call, struct slice login)
{
    struct buf why;
    enum err err = secrets_remove(instance->secrets, login);
    if (err && err != ERR_NOT_FOUND) {
        return refuse_because("cannot remove the password", err, NULL);
    }
    buf_init(&why, WHY_CAP);
    err = directory_user_remove(instance->store, login, option_given(call, "purge"), &why);
    int code = err ? refuse_user(call->arguments[0], err, &why) : EXIT_DONE;
    buf_free(&why);
    return code;
}

int cmd_user_remove(const struct invocation *call)
{
    struct instance instance;
    struct arena arena = {0};
    struct directory_user user;
    int code = find_user(&instance, call, &arena, &user);
    if (!code) {
        code = remove_user(&instance, call, user.login);
    }
    instance_close(&instance);
    arena_free(&arena);
    return code;
}
