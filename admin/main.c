/* SPDX-License-Identifier: ISC */
/* postern: the command with which a mail server is set up, run and looked after. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "command.h"
#include "identity.h"
#include "output.h"

int main(int argc, char **argv)
{
    struct invocation call;
    struct buf out;
    int code = EXIT_USAGE;
    umask(077);
    signal(SIGPIPE, SIG_DFL);
    buf_init(&out, 1024 * 1024);
    size_t argument_count = argc > 1 ? (size_t)argc - 1 : 0;
    const char *const *arguments = (const char *const *)argv + (argc > 0 ? 1 : 0);
    switch (command_parse(commands, command_count, argument_count, arguments, &call, &out)) {
    case COMMAND_RUN:
        code = call.command->run(&call);
        break;
    case COMMAND_HELP:
        code = print_text(buf_slice(&out));
        break;
    case COMMAND_VERSION:
        code = print_text(S("postern " POSTERN_VERSION "\n"));
        break;
    case COMMAND_MISUSE:
        fprintf(stderr, "postern: %s\n", buf_cstr(&out));
        break;
    }
    invocation_free(&call);
    buf_free(&out);
    identity_end();
    return code;
}
