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
    struct rcpt_arguments rcpt;
    struct bdat_arguments bdat;
    struct slice mechanism, initial;
    bool has_initial;
    if (command->run == cmd_mail) {
        for (unsigned knows = 0; knows <= 3; knows++)
            if (!mail_arguments_parse(&arena, arguments, knows, &mail)) {
                check_path(&mail.path);
                require(mail.envid.len <= 100 && (!mail.requiretls || (knows & MAIL_KNOWS_REQUIRETLS)));
            }
    } else if (command->run == cmd_rcpt) {
        for (int utf8 = 0; utf8 <= 1; utf8++)
            if (!rcpt_arguments_parse(&arena, arguments, utf8, &rcpt)) {
                check_path(&rcpt.path);
                require(!rcpt.path.is_null && rcpt.notify < 16 && rcpt.orcpt.len <= 500);
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
