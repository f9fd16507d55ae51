/* SPDX-License-Identifier: ISC */
/* The beginning of IMAP command lines: what is taken apart must give the line when it is put together again,
 * and a tag must be fit to be sent back. */
#include <stdlib.h>

#include "base/buf.h"
#include "session.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void check_tag(struct slice tag)
{
    for (size_t i = 0; i < tag.len; i++)
        must((unsigned char)tag.data[i] < 0x80 && !char_is_ctl(tag.data[i]) &&
             !slice_has(S("(){ %*\"\\+"), tag.data[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = slice_of(data, size), tag, name, arguments;
    bool good = imap_parse_command(line, &tag, &name, &arguments);
    check_tag(tag);
    must(slice_starts_with(line, tag));
    if (!good)
        return 0;
    must(tag.len > 0 && name.len > 0 && !slice_has(name, ' '));
    struct buf again;
    buf_init(&again, size + 2);
    buf_append(&again, tag);
    buf_append_char(&again, ' ');
    buf_append(&again, name);
    if (again.len < size) {
        buf_append_char(&again, ' ');
        buf_append(&again, arguments);
    }
    must(slice_eq(buf_slice(&again), line));
    buf_free(&again);
    const struct imap_command *command = imap_command_find(name);
    must(!command || (command->run && slice_eq_nocase(command->name, name)));
    return 0;
}
