/* SPDX-License-Identifier: ISC */
/* Texts of the outcomes, and the outcomes that errno values stand for. */
#include "base/error.h"

#include <errno.h>

#include "base/base.h"

const char *err_text(enum err err)
{
    static const char *const texts[] = {
#define X(name, text) [name] = text,
        ERROR_LIST(X)
#undef X
    };
    if ((size_t)err >= ARRAY_LEN(texts)) {
        return "unknown error";
    }
    return texts[err];
}

enum err err_from_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    default:
        return ERR_IO;
    }
}
