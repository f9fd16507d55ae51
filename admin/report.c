/* SPDX-License-Identifier: ISC */
/* Reasons on stderr. Texts may hold what a stranger or a file gave, so control characters are not passed on.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>

#include "mail/address.h"

static void print_reason(const struct buf *text)
{
    fputs("postern: ", stderr);
    for (size_t i = 0; i < text->len; i++) {
        char c = text->data[i];
        fputc(char_is_ctl(c) && c != '\n' ? '?' : c, stderr);
    }
    fputc('\n', stderr);
}

static void print_format(const char *format, va_list args) PRINTF_LIKE(1, 0);
static void print_format(const char *format, va_list args)
{
    struct buf text;
    buf_init(&text, 64 * 1024);
    buf_vprintf(&text, format, args);
    print_reason(&text);
    buf_free(&text);
}

int refuse(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_format(format, args);
    va_end(args);
    return EXIT_REFUSED;
}

int refuse_because(const char *what, enum err err, const struct buf *why)
{
    struct slice reason = why && why->len ? slice_trim_right(buf_slice(why)) : slice_from(err_text(err));
    while (reason.len && reason.data[reason.len - 1] == '\n') {
        reason.len--;
    }
    return refuse("%s: %.*s", what, SLICE_ARG(reason));
}

int refuse_new_address(const char *address, enum err err, const struct buf *why)
{
    struct slice domain = address_domain_of(slice_from(address));
    if (err == ERR_NOT_FOUND && domain.len) {
        return refuse("no mail is received for %.*s; add it first: postern domain add %.*s",
                      SLICE_ARG(domain), SLICE_ARG(domain));
    }
    return refuse_because(address, err, why);
}

int misuse(const struct invocation *call, const char *format, ...)
{
    struct buf usage;
    va_list args;
    va_start(args, format);
    print_format(format, args);
    va_end(args);
    buf_init(&usage, 4096);
    command_usage(call->command, &usage);
    fprintf(stderr, "usage: %s\n", buf_cstr(&usage));
    buf_free(&usage);
    return EXIT_USAGE;
}

int option_number(const struct invocation *call, const char *option, uint64_t least, uint64_t most,
                  uint64_t otherwise, uint64_t *number_r)
{
    const char *text = option_value(call, option);
    *number_r = otherwise;
    if (text && (!slice_to_u64(slice_from(text), most, number_r) || *number_r < least)) {
        return misuse(call, "--%s must be a number from %llu to %llu", option, (unsigned long long)least,
                      (unsigned long long)most);
    }
    return EXIT_DONE;
}
