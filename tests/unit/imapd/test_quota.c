/* SPDX-License-Identifier: ISC */
/* Quotas: RFC 9208, with its examples' forms. */
#include "world.h"

static void limit(uint64_t bytes, uint64_t messages)
{
    change((struct batch_operation){.kind = BATCH_QUOTA_SET,
                                    .quota = {.limit_bytes = bytes, .limit_messages = messages}});
}

/* Section 4.1.2; 42 messages of 8 bytes are begun KiB. */
static void both_limits(void)
{
    limit(111 * 1024 + 5, 1000);
    for (unsigned i = 0; i < 42; i++)
        append("INBOX", "S: 1\r\n\r\n");
    struct peer *a = peer_login();
    peer_do(a, "GETQUOTAROOT INBOX",
            "* QUOTAROOT \"INBOX\" \"alice@example.org\"$\n"
            "* QUOTA \"alice@example.org\" (STORAGE 1 111 MESSAGE 42 1000)$\nOK ");
    peer_do(a, "GETQUOTA \"alice@example.org\"",
            "* QUOTA \"alice@example.org\" (STORAGE 1 111 MESSAGE 42 1000)$\nOK ");
    peer_do(a, "GETQUOTA \"\"", "* QUOTA \"alice@example.org\" (STORAGE 1 111 MESSAGE 42 1000)$\nOK ");
    peer_do(a, "GETQUOTAROOT \"not yet there\"",
            "* QUOTAROOT \"not yet there\" \"alice@example.org\"$\n* QUOTA \nOK ");
    peer_do(a, "GETQUOTA \"bob@example.org\"", "NO [NONEXISTENT] ");
    peer_do(a, "GETQUOTA", "BAD ");
    peer_do(a, "GETQUOTAROOT", "BAD ");
    peer_do(a, "GETQUOTAROOT \"\"", "NO [CANNOT] ");
}
PEER_CASE(both_limits)

/* Resources that are not named are not limited (section 4.2.1). */
static void one_limit(void)
{
    fill(2);
    limit(0, 10);
    struct peer *a = peer_login();
    peer_do(a, "GETQUOTAROOT INBOX",
            "* QUOTAROOT \"INBOX\" \"alice@example.org\"$\n"
            "* QUOTA \"alice@example.org\" (MESSAGE 2 10)$\nOK ");
    limit(512 * 1024, 0);
    peer_do(a, "GETQUOTA \"ALICE@example.org\"", "* QUOTA \"alice@example.org\" (STORAGE 1 512)$\nOK ");
}
PEER_CASE(one_limit)

static void no_limit(void)
{
    struct peer *a = peer_login();
    peer_do(a, "GETQUOTAROOT INBOX", "* QUOTAROOT \"INBOX\"$\nOK ");
    peer_do(a, "GETQUOTA \"\"", "NO [NONEXISTENT] ");
}
PEER_CASE(no_limit)

/* Section 4.1.3: without QUOTASET. */
static void set_is_refused(void)
{
    limit(1024, 0);
    struct peer *a = peer_login();
    peer_do(a, "SETQUOTA \"alice@example.org\" (STORAGE 99999999)", "NO [NOPERM] ");
    peer_do(a, "SETQUOTA \"\" ()", "NO [NOPERM] ");
    peer_do(a, "SETQUOTA \"\" (STORAGE)", "BAD ");
    peer_do(a, "SETQUOTA \"\"", "BAD ");
    peer_do(a, "GETQUOTA \"\"", "* QUOTA \"alice@example.org\" (STORAGE 0 1)$\nOK ");
}
PEER_CASE(set_is_refused)

/* Section 4.3.1 */
static void over_quota(void)
{
    fill(2);
    limit(0, 3);
    struct peer *a = peer_login();
    peer_do(
        a, "SELECT INBOX",
        "* FLAGS (\n* OK [PERMANENTFLAGS (\n* 2 EXISTS$\n* 2 RECENT$\n* OK [UNSEEN 1] \n* OK [UIDVALIDITY \n"
        "* OK [UIDNEXT 3] \n* OK [HIGHESTMODSEQ \n* OK [MAILBOXID (F\nOK ");
    peer_do(a, "COPY 1:2 Archive", "NO [OVERQUOTA] ");
    peer_do(a, "APPEND Archive {8+}\r\nS: 1\r\n\r\n", "OK [APPENDUID ");
    peer_do(a, "APPEND Archive {8+}\r\nS: 1\r\n\r\n", "NO [OVERQUOTA] ");
    peer_do(a, "MOVE 1 Archive", "* OK [COPYUID \n* 1 EXPUNGE$\nOK "); /* needs no room */
    peer_do(a, "GETQUOTA \"\"", "* QUOTA \"alice@example.org\" (MESSAGE 3 3)$\nOK ");
}
PEER_CASE(over_quota)

/* What one puts into another's mailbox counts as his. */
static void of_shared_mailboxes(void)
{
    assert_ok(directory_user_add(world.fixture->store, S("bob@example.org"), S("Bob"), 0, NULL));
    struct account *account = open_account(world.fixture, S("bob@example.org"));
    struct batch_operation operations[] = {
        {.kind = BATCH_SET_RIGHTS,
         .mailbox = mailbox_named(S("Sent")),
         .rights = {.identifier = ALICE, .rights = S("lr")}},
        {.kind = BATCH_QUOTA_SET, .quota = {.limit_messages = 7}},
    };
    assert_ok(batch_commit(account, operations, 2, NULL));
    account_close(account);
    struct peer *a = peer_login();
    peer_do(a, "GETQUOTAROOT Shared/bob@example.org/Sent",
            "* QUOTAROOT \"Shared/bob@example.org/Sent\" \"bob@example.org\"$\n"
            "* QUOTA \"bob@example.org\" (MESSAGE 0 7)$\nOK ");
    peer_do(a, "GETQUOTAROOT Shared/bob@example.org/Trash", "NO [NONEXISTENT] ");
}
PEER_CASE(of_shared_mailboxes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(both_limits),    peer_test(one_limit),  peer_test(no_limit),
        peer_test(set_is_refused), peer_test(over_quota), peer_test(of_shared_mailboxes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
