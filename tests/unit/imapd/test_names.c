/* SPDX-License-Identifier: ISC */
/* Names of mailboxes of others (RFC 2342). */
#include "check.h"

#include "names.h"

static void expect_place(const char *name, const char *owner, const char *mailbox)
{
    struct arena arena = {0};
    struct imap_name place = imap_name_parse(&arena, slice_from(name));
    assert_slice(place.owner, slice_from(owner));
    assert_slice(place.mailbox, slice_from(mailbox));
    arena_free(&arena);
}

static void names_lead_to_owner_and_mailbox(void **state)
{
    (void)state;
    expect_place("inbox", "", "INBOX");
    expect_place("Work/2024", "", "Work/2024");
    expect_place("Shared/bob@example.org", "bob@example.org", "INBOX");
    expect_place("Shared/bob@example.org/Projects/a", "bob@example.org", "Projects/a");
    expect_place("Shared/Bob@Example.ORG/Projects", "bob@example.org", "Projects");
    expect_place("Shared/bob@example.org/inbox", "bob@example.org", "INBOX");
    expect_place("Shared/bob@example.org/inbox/x", "bob@example.org", "INBOX/x");
    expect_place("Shared/bob@example.org/", "bob@example.org", "");
    /* What is no login is a name of one's own. */
    expect_place("Shared", "", "Shared");
    expect_place("Shared/", "", "Shared/");
    expect_place("Shared/Reports", "", "Shared/Reports");
    expect_place("Shared/Reports/bob@example.org", "", "Shared/Reports/bob@example.org");
    expect_place("shared/bob@example.org", "", "shared/bob@example.org");
    expect_place("Sharedbob@example.org", "", "Sharedbob@example.org");
}

static void names_and_owners_are_each_others_reverse(void **state)
{
    static const char *const owners[] = {"bob@example.org", "a/b@example.org", "50%=*@example.org",
                                         "=2f@example.org", "ä@example.org"};
    static const char *const mailboxes[] = {"INBOX", "Projects", "INBOX/x", "a/b@c/d", "=2F"};
    struct arena arena = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(owners); i++)
        for (size_t j = 0; j < ARRAY_LEN(mailboxes); j++) {
            struct slice name = imap_shared_name(&arena, slice_from(owners[i]), slice_from(mailboxes[j]));
            assert_false(slice_has(name, '%') || slice_has(name, '*'));
            expect_place(arena_cstr(&arena, name), owners[i], mailboxes[j]);
        }
    assert_slice(imap_shared_name(&arena, S("bob@example.org"), S("INBOX")), S("Shared/bob@example.org"));
    assert_slice(imap_shared_name(&arena, S("a/b@example.org"), S("c")), S("Shared/a=2Fb@example.org/c"));
    arena_free(&arena);
}

static void escapes_that_are_none_stand_for_themselves(void **state)
{
    (void)state;
    expect_place("Shared/a=@example.org", "a=@example.org", "INBOX");
    expect_place("Shared/a=2@x", "a=2@x", "INBOX");
    expect_place("Shared/a=zz@x", "a=zz@x", "INBOX");
    expect_place("Shared/@x=2", "@x=2", "INBOX");
    expect_place("Shared/@=", "@=", "INBOX");
    expect_place("Shared/a=42@x", "ab@x", "INBOX"); /* in lower case, as all logins */
}

static void some_names_are_not_for_ones_own(void **state)
{
    (void)state;
    assert_true(imap_name_is_reserved(S("Shared")));
    assert_true(imap_name_is_reserved(S("Shared/x")));
    assert_false(imap_name_is_reserved(S("shared")));
    assert_false(imap_name_is_reserved(S("Shared things")));
    assert_false(imap_name_is_reserved(S("Work/Shared")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_to_owner_and_mailbox),
        cmocka_unit_test(names_and_owners_are_each_others_reverse),
        cmocka_unit_test(escapes_that_are_none_stand_for_themselves),
        cmocka_unit_test(some_names_are_not_for_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
