/* SPDX-License-Identifier: ISC */
/* FETCH over files that others cut, removed, or wrote; over the store on disk. */
#include "fetching.h"

/* The file of a message in INBOX, by its UID ("…,U=2,…"). */
static const char *file_of(uint32_t uid)
{
    static const char *const folders[] = {"cur", "new"};
    struct arena *arena = &world.fixture->arena;
    const char *mark = arena_printf(arena, ",U=%u,", uid);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        const char *folder =
            arena_printf(arena, "%s/" ALICE_INBOX "/%s", world.fixture->directory, folders[i]);
        DIR *directory = opendir(folder);
        struct dirent *entry;
        assert_non_null(directory);
        while ((entry = readdir(directory)))
            if (strstr(entry->d_name, mark)) {
                const char *path = arena_printf(arena, "%s/%s", folder, entry->d_name);
                closedir(directory);
                return path;
            }
        closedir(directory);
    }
    fail_msg("no file of UID %u", uid);
    return NULL;
}

static void append_large(void)
{
    struct buf text;
    buf_init(&text, 1000000);
    buf_append(&text, S("Subject: large\r\n\r\n"));
    for (unsigned i = 0; i < 30000; i++)
        buf_printf(&text, "line %u\r\n", i);
    append_bytes(buf_slice(&text));
    buf_free(&text);
}

/* Whatever is only read from the index is answered; the message whose octets are not there is passed over. */
static void a_small_file_was_cut(void)
{
    fill(3);
    struct peer *a = peer_at("EXAMINE INBOX");
    assert_int_equal(truncate(file_of(2), 20), 0);
    peer_do(a, "FETCH 1:3 (UID BODY.PEEK[TEXT])",
            "* 1 FETCH (UID 1 BODY[TEXT] {8}$\nbody 1$\n)$\n* 3 FETCH (UID 3 BODY[TEXT] {8}$\nbody 3$\n)$\n"
            "NO [SERVERBUG] ");
    peer_do(a, "FETCH 2 (RFC822.SIZE BODY.PEEK[HEADER.FIELDS (SUBJECT)])",
            "* 2 FETCH (RFC822.SIZE 43 BODY[HEADER.FIELDS (SUBJECT)] {14}$\nSubject: 2$\n$\n)$\nOK ");
    peer_do(a, "FETCH 2 BODY.PEEK[HEADER.FIELDS (RECEIVED)]", "NO [SERVERBUG] ");
    peer_do(a, "FETCH 1 BODY.PEEK[TEXT]", "* 1 FETCH (BODY[TEXT] {8}$\nbody 1$\n)$\nOK ");
}
PEER_CASE(a_small_file_was_cut)

/* A part of the literal is on its way: the client must not take what comes next for the rest. */
static void a_large_file_was_cut(void)
{
    append_large();
    struct peer *a = peer_at("EXAMINE INBOX");
    assert_int_equal(truncate(file_of(1), 200000), 0);
    peer_send(a, "x FETCH 1 BODY.PEEK[]\r\n");
    peer_expect(a, "* 1 FETCH (BODY[] {\nSubject: large$\n$\nline 0$");
    struct slice line;
    enum err err;
    while (!(err = conn_read_line(a->client, 1000, &line)))
        assert_false(slice_starts_with(line, S("x ")) || slice_starts_with(line, S(")")));
    assert_err(err, ERR_CLOSED);
}
PEER_CASE(a_large_file_was_cut)

static void a_file_was_removed(void)
{
    fill(3);
    struct peer *a = peer_at_inbox();
    assert_int_equal(unlink(file_of(2)), 0);
    peer_do(a, "FETCH 1:3 BODY.PEEK[TEXT]<0.1>",
            "* 1 FETCH (BODY[TEXT]<0> {1}$\nb)$\n* 3 FETCH (BODY[TEXT]<0> {1}$\nb)$\nNO [EXPUNGEISSUED] ");
    peer_do(a, "NOOP", "* 2 EXPUNGE$\nOK ");
}
PEER_CASE(a_file_was_removed)

/* Something was written behind the message: what the index knows of it is not true any more. */
static void a_file_grew(void)
{
    fill(2);
    struct peer *a = peer_at("EXAMINE INBOX");
    FILE *file = fopen(file_of(1), "a");
    assert_non_null(file);
    fputs("and more\r\n", file);
    fclose(file);
    peer_do(a, "FETCH 1:2 BODY.PEEK[TEXT]", "* 2 FETCH (BODY[TEXT] {8}$\nbody 2$\n)$\nNO [SERVERBUG] ");
    peer_do(a, "FETCH 1 FLAGS", "* 1 FETCH (FLAGS (\\Recent))$\nOK ");
}
PEER_CASE(a_file_grew)

/* Dropped into the Maildir by another program, with LF. */
static void a_file_of_another_program(void)
{
    struct arena *arena = &world.fixture->arena;
    const char *path =
        arena_printf(arena, "%s/" ALICE_INBOX "/new/1700000000.1.host", world.fixture->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("From: a@example.org\nSubject: dropped\n\nline\nline\n", file);
    fclose(file);
    struct peer *a = peer_at("EXAMINE INBOX");
    expect_literal(a, "BODY[]", "BODY[]", "From: a@example.org\nSubject: dropped\n\nline\nline\n");
    expect_literal(a, "BODY[TEXT]<6.4>", "BODY[TEXT]<6>", "line");
    expect_answer(a, "RFC822.SIZE", "RFC822.SIZE 53");
    expect_literal(a, "BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "BODY[HEADER.FIELDS (SUBJECT)]",
                   "Subject: dropped\n\n");
}
PEER_CASE(a_file_of_another_program)

/* While a piece is on its way, messages of the next ones go and come: the store is not held, nor the view. */
static void others_are_not_held_up(void)
{
    append_large();
    fill(3);
    world.chunk = 2000;
    struct peer *a = peer_at("EXAMINE INBOX");
    peer_send(a, "x FETCH 1:4 BODY.PEEK[TEXT]\r\n");
    peer_expect(a, "* 1 FETCH (BODY[TEXT] {");
    expunge_elsewhere("INBOX", 3);
    append("INBOX", "Subject: new\r\n\r\n");
    struct slice line;
    do
        line = peer_line(a);
    while (!slice_starts_with(line, S("x ")));
    /* Which of them were read before is a matter of time; the connection holds, and the numbers do. */
    assert_true(slice_starts_with(line, S("x OK ")) || slice_starts_with(line, S("x NO [EXPUNGEISSUED]")));
    peer_do(a, "FETCH 4 (UID)", "* 4 FETCH (UID 4)$\n* 5 EXISTS$\n* 5 RECENT$\nOK ");
    peer_do(a, "NOOP", "* 3 EXPUNGE$\nOK ");
}
PEER_CASE(others_are_not_held_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peer_test(a_small_file_was_cut),      peer_test(a_large_file_was_cut),
        peer_test(a_file_was_removed),        peer_test(a_file_grew),
        peer_test(a_file_of_another_program), peer_test(others_are_not_held_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
