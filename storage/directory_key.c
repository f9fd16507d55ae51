/* SPDX-License-Identifier: ISC */
/* From what people type to what tables hold. */
#include "directory_key.h"

void directory_explain(struct buf *why, const char *format, ...)
{
    if (why) {
        va_list args;
        va_start(args, format);
        buf_vprintf(why, format, args);
        va_end(args);
    }
}

enum err directory_key_of(struct arena *arena, const struct address *address, struct directory_key *key_r)
{
    struct directory_key key;
    enum err err = address_domain_key(arena, address->domain, &key.domain);
    if (!err) {
        err = address_key(arena, address, &key.text);
    }
    if (!err) {
        key.local = address_local_key(arena, address->local);
        *key_r = key;
    }
    return err;
}

enum err directory_key_parse(struct arena *arena, struct slice text, struct directory_key *key_r,
                             struct buf *why)
{
    struct address address;
    enum err err = address_parse(arena, text, true, &address);
    if (!err) {
        err = directory_key_of(arena, &address, key_r);
    }
    if (err) {
        directory_explain(why, "'%.*s' is not a mail address", SLICE_ARG(text));
    }
    return err;
}

enum err directory_domain_key(struct arena *arena, struct slice name, struct slice *key_r, struct buf *why)
{
    enum err err = address_check_domain(name, true);
    if (!err) {
        err = address_domain_key(arena, name, key_r);
    }
    if (err) {
        directory_explain(why, "'%.*s' is not a domain name", SLICE_ARG(name));
    }
    return err;
}
