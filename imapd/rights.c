/* SPDX-License-Identifier: ISC */
#include "rights.h"

#include "storage/directory.h"

static const char letters[] = "lrswipkxtea";

_Static_assert(1 << (sizeof(letters) - 1) == RIGHTS_ALL + 1, "a letter for each right");

/* RFC 4314 section 2.1.1: of the two readings of "c" and "d" the first, in which deleting a mailbox belongs
 * to creating one. */
#define OBSOLETE_CREATE (RIGHT_CREATE | RIGHT_DELETE_MAILBOX)
#define OBSOLETE_DELETE (RIGHT_DELETE_MESSAGES | RIGHT_EXPUNGE)

static unsigned right_of(char letter)
{
    size_t place = slice_find(S("lrswipkxtea"), letter);
    if (letter == 'c')
        return OBSOLETE_CREATE;
    if (letter == 'd')
        return OBSOLETE_DELETE;
    return place < sizeof(letters) - 1 ? 1u << place : 0;
}

bool rights_parse(struct slice text, unsigned *rights_r, char *wrong_r)
{
    unsigned rights = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned right = right_of(text.data[i]);
        if (right == 0) {
            *wrong_r = text.data[i];
            return false;
        }
        rights |= right;
    }
    *rights_r = rights;
    return true;
}

bool rights_parse_change(struct slice text, enum rights_change *change_r, unsigned *rights_r, char *wrong_r)
{
    char sign = text.len > 0 ? text.data[0] : '\0';
    *change_r = sign == '+' ? RIGHTS_ADD : sign == '-' ? RIGHTS_REMOVE : RIGHTS_REPLACE;
    return rights_parse(slice_skip(text, *change_r == RIGHTS_REPLACE ? 0 : 1), rights_r, wrong_r);
}

unsigned rights_changed(unsigned before, enum rights_change change, unsigned rights)
{
    switch (change) {
    case RIGHTS_ADD:
        return before | rights;
    case RIGHTS_REMOVE:
        return before & ~rights;
    case RIGHTS_REPLACE:
        break;
    }
    return rights;
}

static char *write_letters(unsigned rights, char *end)
{
    for (size_t i = 0; i < sizeof(letters) - 1; i++)
        if (rights & 1u << i)
            *end++ = letters[i];
    return end;
}

void rights_format(unsigned rights, char text_r[RIGHTS_TEXT_MAX])
{
    *write_letters(rights, text_r) = '\0';
}

void rights_format_for_client(unsigned rights, char text_r[RIGHTS_TEXT_MAX])
{
    char *end = write_letters(rights, text_r);
    if (rights & OBSOLETE_CREATE)
        *end++ = 'c';
    if (rights & OBSOLETE_DELETE)
        *end++ = 'd';
    *end = '\0';
}

uint32_t rights_flags(unsigned rights)
{
    uint32_t flags = 0;
    if (rights & RIGHT_SEEN)
        flags |= MESSAGE_SEEN;
    if (rights & RIGHT_DELETE_MESSAGES)
        flags |= MESSAGE_DELETED;
    if (rights & RIGHT_WRITE)
        flags |= MESSAGE_FLAGS_ALL & ~(uint32_t)(MESSAGE_SEEN | MESSAGE_DELETED);
    return flags;
}

static bool applies(struct slice identifier, struct slice login)
{
    return slice_eq(identifier, login) || slice_eq(identifier, S(RIGHTS_ANYONE)) ||
           slice_eq(identifier, S(RIGHTS_AUTHENTICATED));
}

/* What another program or a later version wrote into an entry counts as far as it is understood. */
static unsigned known_rights(struct slice text)
{
    unsigned rights = 0;
    for (size_t i = 0; i < text.len; i++)
        rights |= right_of(text.data[i]);
    return rights;
}

unsigned rights_of_user(const struct rights_entry *list, size_t count, struct slice login)
{
    unsigned given = 0, taken = 0;
    for (size_t i = 0; i < count; i++) {
        struct slice identifier = list[i].identifier;
        if (identifier.len > 0 && identifier.data[0] == '-' && applies(slice_skip(identifier, 1), login))
            taken |= known_rights(list[i].rights);
        else if (applies(identifier, login))
            given |= known_rights(list[i].rights);
    }
    return given & ~taken;
}

unsigned rights_of_identifier(const struct rights_entry *list, size_t count, struct slice identifier)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq(list[i].identifier, identifier))
            return known_rights(list[i].rights);
    return 0;
}
