/* SPDX-License-Identifier: ISC */
/* FETCH: what the index answers, \Seen, modifiers, and who sees what when several sessions are at work. */
#include "world.h"

/* A client whose INBOX is open; what SELECT says is another test's subject. */
static struct peer *peer_at_inbox(void)
{
    struct peer *peer = peer_login();
    peer_send(peer, "s SELECT INBOX\r\n");
    while (!slice_starts_with(peer_line(peer), S("s OK ")))
        ;
    return peer;
}

static void items_of_the_index(void)
{
    fill(2);
    struct peer *a = peer_at_inbox();
    peer_do(a, "FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\\Recent))$\nOK ");
    peer_do(a, "FETCH 1:2 (UID RFC822.SIZE)",
            "* 1 FETCH (UID 1 RFC822.SIZE 43)$\n* 2 FETCH (UID 2 RFC822.SIZE 43)$\nOK ");
    peer_do(
        a, "FETCH 2 ENVELOPE",
        "* 2 FETCH (ENVELOPE (NIL \"2\" ((NIL NIL \"a\" \"example.org\")) ((NIL NIL \"a\" \"example.org\")) "
        "((NIL NIL \"a\" \"example.org\")) NIL NIL NIL NIL NIL))$\nOK ");
    peer_do(a, "UID FETCH 2 FAST", "* 2 FETCH (UID 2 FLAGS (\\Recent) INTERNALDATE \"\nOK ");
    peer_do(a, "FETCH * (BODY BODYSTRUCTURE)",
            "* 2 FETCH (BODY (\"text\" \"plain\" NIL NIL NIL \"7bit\" 8 1) BODYSTRUCTURE "
            "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 8 1 NIL NIL NIL NIL))$\nOK ");
    peer_do(a, "FETCH 1 BODY.PEEK[]<0.10>", "* 1 FETCH (BODY[]<0> {10}$\nFrom: a@ex)$\nOK ");
    peer_do(a, "FETCH 1 BODY[TEXT]", "* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT] {8}$\nbody 1$\n)$\nOK ");
    peer_do(a, "FETCH 3 FLAGS", "BAD ");
    peer_do(a, "UID FETCH 3 FLAGS", "OK ");
}
PEER_CASE(items_of_the_index)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(items_of_the_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
