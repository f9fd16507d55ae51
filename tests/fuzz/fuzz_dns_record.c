/* SPDX-License-Identifier: ISC */
/*
 * RDATA of whoever runs a name server: a name that is accepted is one that a host can have, and is what stood
 * on the wire but for the case of its letters; nothing points outside of the record.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "net/dns_record.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* Written as on the wire again, it is the record. */
static void check_name(struct slice name, struct slice wire)
{
    struct slice rest = name;
    size_t at = 0;
    require(name.len <= DNS_NAME_MAX);
    while (rest.len > 0) {
        struct slice label = slice_split(&rest, '.');
        require(label.len > 0 && label.len <= 63 && at + 1 + label.len < wire.len);
        require((unsigned char)wire.data[at] == label.len);
        for (size_t i = 0; i < label.len; i++) {
            require(label.data[i] == char_lower(wire.data[at + 1 + i]));
            require((unsigned char)label.data[i] > ' ' && (unsigned char)label.data[i] < 0x7f);
        }
        at += 1 + label.len;
    }
    require(at + 1 == wire.len && wire.data[at] == '\0');
}

static void check_address(struct slice address, struct slice record)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char octets[16];
    require(address.len < sizeof(text));
    memcpy(text, address.data, address.len);
    text[address.len] = '\0';
    require(inet_pton(record.len == 4 ? AF_INET : AF_INET6, text, octets) == 1);
    require(memcmp(octets, record.data, record.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice record = slice_of(data, size);
    struct arena arena = {0};
    struct slice value;
    struct dns_mx mx;
    struct dns_tlsa tlsa;
    if (!dns_parse_mx(&arena, record, &mx)) {
        require(mx.preference == ((unsigned)data[0] << 8 | data[1]));
        check_name(mx.host, slice_skip(record, 2));
    }
    if (!dns_parse_name(&arena, record, &value))
        check_name(value, record);
    if (!dns_parse_address(&arena, record, &value))
        check_address(value, record);
    if (!dns_parse_text(&arena, record, &value))
        require(value.len < record.len);
    if (!dns_parse_tlsa(record, &tlsa)) {
        require(tlsa.data.data == record.data + 3 && tlsa.data.len == record.len - 3 && tlsa.data.len > 0);
        require(tlsa.usage == data[0] && tlsa.selector == data[1] && tlsa.matching == data[2]);
    }
    arena_free(&arena);
    return 0;
}
