/* SPDX-License-Identifier: ISC */
/*
 * SMTP command lines: through the table and into the parser of the command that was found, without a session.
 * What a parser accepts must be fit to be stored and shown: an address without controls, within its limits.
 */
#include <stdlib.h>

#include "arguments.h"
#include "commands.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_path(const struct mail_path *path)
{
    struct buf text;
    buf_init(&text, 10000);
    address_format(&text, &path->address);
    require(buf_ok(&text) && text.len <= (size_t)2 * ADDRESS_LOCAL_MAX + 3 + ADDRESS_DOMAIN_MAX);
    for (size_t i = 0; i < text.len; i++)
        require(!char_is_ctl(text.data[i]));
    require(path->is_null == (text.len == 0));
    buf_free(&text);
}

static void parse(const struct command *command, struct slice arguments)
{
    struct arena arena = {0};
    struct mail_arguments mail;
    struct mail_path path;
    struct bdat_arguments bdat;
    struct slice mechanism, initial;
    bool has_initial;
    if (command->run == cmd_mail) {
        for (int auth = 0; auth <= 1; auth++)
            if (!mail_arguments_parse(&arena, arguments, auth, &mail))
                check_path(&mail.path);
    } else if (command->run == cmd_rcpt) {
        for (int utf8 = 0; utf8 <= 1; utf8++)
            if (!rcpt_arguments_parse(&arena, arguments, utf8, &path)) {
                check_path(&path);
                require(!path.is_null);
            }
    } else if (command->run == cmd_bdat) {
        bdat_arguments_parse(arguments, &bdat);
    } else if (command->run == cmd_auth) {
        if (!auth_arguments_parse(arguments, &mechanism, &has_initial, &initial))
            require(mechanism.len > 0 && (has_initial || initial.len == 0));
    }
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice arguments;
    const struct command *command = command_find(slice_of(data, size), &arguments);
    if (command) {
        require(arguments.len < size || size == 0);
        parse(command, arguments);
    }
    return 0;
}
