/* SPDX-License-Identifier: ISC */
#include "txt_record.h"

static bool has_version(struct slice text, struct slice version)
{
    struct slice first = slice_trim_right(slice_split(&text, ';'));
    return text.data && slice_eq(first, version);
}

enum err txt_record_find(const struct slice *texts, size_t count, struct slice version,
                         struct slice *record_r)
{
    enum err err = ERR_NOT_FOUND;
    for (size_t i = 0; i < count; i++) {
        if (!has_version(texts[i], version))
            continue;
        if (!err)
            return ERR_SYNTAX;
        *record_r = texts[i];
        err = ERR_OK;
    }
    return err;
}
