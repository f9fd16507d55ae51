/* SPDX-License-Identifier: ISC */
/* Making identifiers. */
#include "guid.h"

#include <sodium.h>

#include "base/clock.h"

#define TIME_SIZE 6

void guid_make(unsigned char guid_r[GUID_SIZE])
{
    uint64_t milliseconds = (uint64_t)(clock_wall_us() / 1000);
    for (int i = 0; i < TIME_SIZE; i++) {
        guid_r[i] = (unsigned char)(milliseconds >> (8 * (TIME_SIZE - 1 - i)));
    }
    randombytes_buf(guid_r + TIME_SIZE, GUID_SIZE - TIME_SIZE);
}
