/* SPDX-License-Identifier: ISC */
/*
 * A compressor takes 70 KiB and a decompressor 40, in four or five pieces, and both come and go with what a
 * client does. From malloc they would leave holes between the small things that stay, and the process would
 * keep them; a mapping goes back whole. It costs only the pages that are touched: a client that sent a few
 * commands has filled one or two pages of its 32 KiB window.
 */
#include "zlib_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"

enum {
    /* More than zlib, or any of those that stand in for it, asks for with our settings. Address space only.
     */
    MAPPING_SIZE = 512 * 1024,
    ALIGNMENT = 64
};

/* `count` and `size` are zlib's own constants, never chosen by a peer. Z_NULL makes zlib's call fail, which
 * its callers treat as want of memory. */
static voidpf take(voidpf opaque, uInt count, uInt size)
{
    struct zlib_memory *memory = opaque;
    size_t bytes = ((size_t)count * size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (bytes > MAPPING_SIZE - memory->used)
        return Z_NULL;
    char *piece = memory->base + memory->used;
    memory->used += bytes;
    return piece;
}

static void leave(voidpf opaque, voidpf piece)
{
    (void)opaque, (void)piece;
}

void zlib_memory_take(struct zlib_memory *memory, z_stream *zlib)
{
    char *base =
        mmap(NULL, MAPPING_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        log_error("memory.exhausted", log_cstr("for", "compression"), log_errno(errno));
        abort();
    }
    /* Neighbouring mappings become one to the kernel, which must not take that for a reason to fill it with
     * huge pages. Fails where there are none. */
    madvise(base, MAPPING_SIZE, MADV_NOHUGEPAGE);
    *memory = (struct zlib_memory){.base = base};
    *zlib = (z_stream){.zalloc = take, .zfree = leave, .opaque = memory};
}

void zlib_memory_release(struct zlib_memory *memory)
{
    if (memory->base)
        munmap(memory->base, MAPPING_SIZE);
    *memory = (struct zlib_memory){0};
}
