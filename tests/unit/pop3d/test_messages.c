/* SPDX-License-Identifier: ISC */
/*
 * Messages of many shapes and sizes on their way out: RETR sends the bytes that were stored, as many as LIST
 * says, whoever reads at whatever speed; pipelined or one by one.
 */
#include "world.h"

#include <sys/stat.h>

#include "net/dot.h"

/* --- messages by a seed --- */

static unsigned seed;

static unsigned pick(unsigned bound)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % bound;
}

static void add_line(struct buf *text)
{
    static const char *const starts[] = {"",      ".",  "..",       "...",      " ",
                                         "From ", "\t", "\xc3\xbc", "\x80\xff", "\r"};
    buf_append(text, slice_from(starts[pick(ARRAY_LEN(starts))]));
    for (unsigned length = pick(8) ? pick(80) : pick(1200); length > 0; length--)
        buf_append_char(text, pick(50) ? (char)('a' + pick(26)) : (char)(128 + pick(128)));
    buf_append(text, S("\r\n"));
}

/* A message of at least `size` bytes, unless it is to have no body, or no header. */
static const char *make_message(size_t size, unsigned number)
{
    struct buf text;
    buf_init(&text, 4 * 1024 * 1024);
    seed = number;
    if (number % 11 != 10)
        buf_printf(&text, "Subject: message %u\r\nX-Long: %*s\r\n", number, (int)pick(200), "x");
    if (number % 13 != 12)
        buf_append(&text, S("\r\n"));
    while (text.len < size && number % 13 != 12)
        add_line(&text);
    const char *copy = arena_cstr(&world.fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

/* --- what came back --- */

/* The next line of the answers, without CRLF. */
static struct slice next_line(struct slice *answers)
{
    size_t length = slice_find_text(*answers, S("\r\n"));
    assert_true(length < answers->len);
    struct slice line = slice_take(*answers, length);
    *answers = slice_skip(*answers, length + 2);
    return line;
}

/* The text of the next multi-line answer, unstuffed; in the arena. */
static struct slice next_text(struct slice *answers)
{
    struct dot_decoder decoder = {0};
    struct buf text;
    struct slice chunk;
    enum dot_result result;
    buf_init(&text, 4 * 1024 * 1024);
    assert_true(slice_starts_with(next_line(answers), S("+OK ")));
    while ((result = dot_decode(&decoder, answers, &chunk)) == DOT_CHUNK)
        buf_append(&text, chunk);
    assert_int_equal(result, DOT_END);
    struct slice copy = arena_copy(&world.fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static void skip_login(struct slice *answers)
{
    for (int i = 0; i < 3; i++)
        assert_true(slice_starts_with(next_line(answers), S("+OK ")));
}

static struct slice session(struct slice input, size_t capacity, size_t chunk)
{
    struct talk talk = {.input = input, .capacity = capacity, .chunk = chunk};
    run_talk(&talk);
    struct slice output = arena_copy(&world.fixture->arena, buf_slice(&talk.output));
    buf_free(&talk.output);
    return output;
}

enum { MANY = 60 };

static const char *texts[MANY];
static uint64_t sizes[MANY];

/* Most are small, some lie around the size of the buffers on the way, some are larger. */
static void fill_many(void)
{
    static const size_t large[] = {65534, 65536, 65537, 70000, 131072, 200000, 400000};
    for (unsigned i = 0; i < MANY; i++) {
        texts[i] = make_message(i % 8 == 7 ? large[i / 8 % ARRAY_LEN(large)] : i * 37, i);
        sizes[i] = strlen(texts[i]);
    }
    fill(texts, MANY);
}

/* LIST, then RETR of all, as one pipelined input. */
static struct slice input_for_all(const char *format)
{
    struct buf input;
    buf_init(&input, 100000);
    buf_append(&input, S(LOGIN "LIST\r\n"));
    for (int i = 1; i <= MANY; i++) {
        buf_append(&input, slice_from(format));
        buf_printf(&input, " %d\r\n", i);
    }
    buf_append(&input, S(QUIT));
    struct slice copy = arena_copy(&world.fixture->arena, buf_slice(&input));
    buf_free(&input);
    return copy;
}

static void check_listing(struct slice *answers)
{
    char expected[100];
    assert_true(slice_starts_with(next_line(answers), S("+OK ")));
    for (int i = 0; i < MANY; i++) {
        snprintf(expected, sizeof(expected), "%d %llu", i + 1, (unsigned long long)sizes[i]);
        assert_text(next_line(answers), expected);
    }
    assert_text(next_line(answers), ".");
}

static void retr_sends_what_list_says(void **state)
{
    (void)state;
    fill_many();
    struct slice answers = session(input_for_all("RETR"), 0, 0);
    skip_login(&answers);
    check_listing(&answers);
    for (int i = 0; i < MANY; i++) {
        struct slice text = next_text(&answers);
        assert_int_equal(text.len, sizes[i]);
        assert_text(text, texts[i]);
    }
    assert_text(next_line(&answers), "+OK goodbye");
    assert_int_equal(answers.len, 0);
    assert_int_equal(messages_left(), MANY);
}

/* A client that reads through a keyhole, and one that writes through one, get the same. */
static void speed_does_not_matter(void **state)
{
    (void)state;
    fill_many();
    struct slice input = input_for_all("RETR");
    struct slice expected = session(input, 0, 0);
    assert_true(slice_eq(session(input, 1000, 1), expected));
    assert_true(slice_eq(session(input, 50, 7), expected));
    assert_true(slice_eq(session(input, 3000, 3000), expected));
}

/* A client that waits for each answer, and takes the messages in an order of its own, in part with TOP. */
static void ask_for(struct conn *conn, unsigned step)
{
    if (step % 3 == 2)
        conn_printf(conn, "TOP %u 999999999\r\n", step % MANY + 1);
    else
        conn_printf(conn, "RETR %u\r\n", step % MANY + 1);
    conn_flush(conn);
}

static struct slice read_answer(struct conn *conn)
{
    struct buf text;
    struct slice line;
    buf_init(&text, 4 * 1024 * 1024);
    do {
        assert_ok(conn_read_line(conn, 1000000, &line));
        buf_append(&text, line);
        buf_append(&text, S("\r\n"));
    } while (!slice_eq(line, S(".")));
    struct slice copy = arena_copy(&world.fixture->arena, buf_slice(&text));
    buf_free(&text);
    return copy;
}

static void run_server(void *arg)
{
    pop3_session_run(arg, &world.context);
    conn_close(arg);
}

static void walk(void *arg)
{
    struct conn *ends[2];
    struct slice line;
    (void)arg;
    conn_pair(world.loop, 65536, 65536, ends);
    struct task *server = task_spawn(world.loop, "server", run_server, ends[0]);
    conn_write(ends[1], S(LOGIN));
    conn_flush(ends[1]);
    for (int i = 0; i < 3; i++)
        assert_ok(conn_read_line(ends[1], 1000, &line));
    seed = 7;
    unsigned number = 0;
    for (int step = 0; step < 300; step++) {
        number = pick(4) ? number + 1 : pick(MANY); /* in order most of the time */
        ask_for(ends[1], number);
        struct slice answer = read_answer(ends[1]);
        struct slice text = next_text(&answer);
        assert_text(text, texts[number % MANY]);
    }
    conn_write(ends[1], S(QUIT));
    conn_flush(ends[1]);
    assert_ok(conn_read_line(ends[1], 1000, &line));
    assert_text(line, "+OK goodbye");
    assert_ok(task_join(server));
    conn_close(ends[1]);
    loop_stop(world.loop);
}

static void any_order_one_at_a_time(void **state)
{
    (void)state;
    fill_many();
    task_detach(task_spawn(world.loop, "walk", walk, NULL));
    loop_run(world.loop);
}

/* Files of other programs: bare LF, no line end at the end, nothing at all (RFC 1939 section 11). */
static void foreign_files(void **state)
{
    static const struct {
        const char *file, *served;
    } files[] = {
        {"Subject: lf\n\n.dot\ntext\n", "Subject: lf\r\n\r\n.dot\r\ntext\r\n"},
        {"Subject: mixed\r\n\none\ntwo\r\n", "Subject: mixed\r\n\r\none\r\ntwo\r\n"},
        {"Subject: cr\n\none\rtwo\n", "Subject: cr\r\n\r\none\rtwo\r\n"},
        {"", ""},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const char *path = arena_printf(&fixture->arena, "%s/new/%zu.M1P1.elsewhere",
                                        path_of(fixture, ALICE_INBOX), i + 1700000000);
        FILE *file = fopen(path, "w");
        fputs(files[i].file, file);
        fclose(file);
    }
    struct slice answers =
        session(S(LOGIN "STAT\r\nRETR 1\r\nRETR 2\r\nRETR 3\r\nRETR 4\r\nLIST\r\n" QUIT), 0, 0);
    skip_login(&answers);
    struct slice stat = next_line(&answers);
    uint64_t total = 0;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        assert_text(next_text(&answers), files[i].served);
        total += strlen(files[i].served);
    }
    assert_text(stat, arena_printf(&fixture->arena, "+OK 4 %llu", (unsigned long long)total));
    next_line(&answers);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        assert_text(next_line(&answers),
                    arena_printf(&fixture->arena, "%zu %zu", i + 1, strlen(files[i].served)));
}

/* What cannot be read is refused, and does not count as retrieved: EXPIRE 0 must not remove it. */
static void a_message_that_cannot_be_read(void **state)
{
    static const char *const two[] = {"Subject: 1\r\n\r\none\r\n", "Subject: 2\r\n\r\ntwo\r\n"};
    struct fixture *fixture = *state;
    fill(two, 1);
    const char *cur = path_of(fixture, ALICE_INBOX "/cur");
    const char *path = arena_printf(&fixture->arena, "%s/%s", cur, only_file(fixture, ALICE_INBOX "/cur"));
    struct account *account = open_account(fixture, ALICE);
    append_text(fixture, account, "INBOX", slice_from(two[1]));
    account_close(account);
    const char *aside = path_of(fixture, "aside");
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* can be opened, but not read */
    world.conf.pop3_expire = 0;
    expect_once(S(LOGIN "RETR 1\r\nTOP 1 0\r\nRETR 2\r\n" QUIT), 0,
                LOGGED_IN "-ERR [SYS/TEMP] this message cannot be read just now$\n-ERR [SYS/TEMP]\n"
                          "+OK\nSubject: 2$\n$\ntwo$\n.$\n" BYE);
    assert_int_equal(messages_left(), 1);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(aside, path), 0);
    world.conf.pop3_expire = -1;
    expect(LOGIN "STAT\r\nRETR 1\r\n" QUIT, LOGGED_IN "+OK 1 19$\n+OK\nSubject: 1$\n$\none$\n.$\n" BYE);
}

/* Another session expunges a message while this one is being read: the answer says so, and QUIT is glad. */
static void expunge_second(struct talk *talk)
{
    if (talk->look_state++ > 0)
        return;
    struct account *account = open_account(world.fixture, ALICE);
    uint32_t uid = status_of(account, "INBOX").uidnext - 2;
    struct batch_operation expunge = {.kind = BATCH_EXPUNGE,
                                      .mailbox = mailbox_named(S("INBOX")),
                                      .expunge = {.uids = {&(struct uid_range){uid, uid}, 1}}};
    assert_ok(batch_commit(account, &expunge, 1, NULL));
    assert_int_equal(expunge.result.affected, 1);
    account_close(account);
}

static void a_message_that_another_session_removed(void **state)
{
    (void)state;
    const char *const three[] = {make_message(300000, 1), "Subject: 2\r\n\r\ntwo\r\n", "Subject: 3\r\n\r\n"};
    fill(three, 3);
    /* The first message is still on its way, through a narrow connection, when the second goes. */
    struct talk talk = {.input = S(LOGIN "RETR 1\r\nRETR 2\r\nTOP 2 0\r\nRETR 3\r\nDELE 2\r\nLIST\r\n" QUIT),
                        .capacity = 1000,
                        .look = expunge_second,
                        .look_after = 5000};
    run_talk(&talk);
    struct slice answers = buf_slice(&talk.output);
    skip_login(&answers);
    assert_text(next_text(&answers), three[0]);
    talk_compare(answers, "-ERR this message was removed by another session$\n-ERR this message was removed\n"
                          "+OK\nSubject: 3$\n$\n.$\n+OK marked\n+OK\n1 \n3 14$\n.$\n" BYE);
    buf_free(&talk.output);
    assert_int_equal(messages_left(), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        dialogue_test(retr_sends_what_list_says),     dialogue_test(speed_does_not_matter),
        dialogue_test(any_order_one_at_a_time),       dialogue_test(foreign_files),
        dialogue_test(a_message_that_cannot_be_read), dialogue_test(a_message_that_another_session_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
