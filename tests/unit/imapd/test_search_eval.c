/* SPDX-License-Identifier: ISC */
/* Random search programs over random messages, against an evaluator that looks at one message at a time; and
 * how programs are put together. */
#include "../storage/fixture.h"

#include "mail/date.h"
#include "search_return.h"

#define MESSAGES 300
#define PROGRAMS 1000

/* What is known of a message without asking the store. */
struct known {
    uint32_t uid, flags;
    bool work, recent;
    const char *subject, *from, *body, *mood; /* mood: NULL, no such field */
    uint64_t size;
    int64_t internal_us, sent_day; /* INT64_MIN: no date */
};

struct scene {
    struct fixture *fixture;
    struct account *account;
    int64_t mailbox_id;
    struct view view;
    struct uid_set recent;
    struct known messages[MESSAGES];
    size_t count;
};

static struct scene scene;
static uint64_t seed;

static unsigned pick(unsigned below)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((seed >> 33) % below);
}

static const char *const words[] = {"lunch", "supper", "Smith", "wien", "xy", "a"};

static void make_message(uint32_t number)
{
    struct arena *arena = &scene.fixture->arena;
    struct known known = {.flags = pick(32), .work = pick(4) == 0, .internal_us = 0, .sent_day = INT64_MIN};
    known.subject = arena_printf(arena, "%s %s %u", words[pick(6)], words[pick(6)], number);
    known.from = arena_printf(arena, "%s@example.org", words[pick(6)]);
    known.body = arena_printf(arena, "%s and %s", words[pick(6)], words[pick(6)]);
    known.mood = pick(3) == 0 ? words[pick(6)] : NULL;
    known.internal_us = ((int64_t)9000 + pick(20)) * 86400000000 + pick(86400) * (int64_t)1000000;
    const char *date = "";
    if (pick(5) > 0) { /* near midnight, in far zones */
        known.sent_day = 9000 + pick(20);
        int64_t year;
        unsigned month, day;
        static const char *const times[] = {"00:10:00 +1200", "23:50:00 -1100", "12:00:00 +0000",
                                            "23:59:59 +0530"};
        static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        date_civil_from_days(known.sent_day, &year, &month, &day);
        date = arena_printf(arena, "Date: %u %.3s %d %s\r\n", day, months + (size_t)3 * (month - 1),
                            (int)year, times[pick(4)]);
    }
    const char *text =
        arena_printf(arena, "Subject: %s\r\nFrom: %s\r\n%s%s%s%s\r\n%s%*s\r\n", known.subject, known.from,
                     date, known.mood ? "X-Mood: " : "", known.mood ? known.mood : "",
                     known.mood ? "\r\n" : "", known.body, (int)pick(300), "");
    known.size = strlen(text);
    struct slice work = S("Work");
    struct sealed sealed = seal(scene.fixture, slice_from(text));
    struct batch_operation append = append_to("INBOX", &sealed);
    append.append.flags = known.flags;
    append.append.keywords = &work;
    append.append.keyword_count = known.work;
    append.append.internal_date_us = known.internal_us;
    assert_ok(batch_commit(scene.account, &append, 1, arena));
    blob_free(sealed.blob);
    known.uid = append.result.uid;
    known.recent = known.uid > MESSAGES / 2;
    scene.messages[scene.count++] = known;
}

static int make_scene(void **state)
{
    set_up(state);
    memset(&scene, 0, sizeof(scene));
    scene.fixture = *state;
    scene.account = open_account(scene.fixture, ALICE);
    seed = 20;
    for (uint32_t i = 1; i <= MESSAGES; i++) {
        make_message(i);
        if (pick(6) > 0)
            continue;
        struct uid_range last = {scene.messages[scene.count - 1].uid, scene.messages[scene.count - 1].uid};
        struct batch_operation expunge = {
            .kind = BATCH_EXPUNGE, .mailbox = mailbox_named(S("INBOX")), .expunge = {.uids = {&last, 1}}};
        assert_ok(batch_commit(scene.account, &expunge, 1, NULL));
        scene.count--;
    }
    scene.mailbox_id = status_of(scene.account, "INBOX").id;
    for (size_t i = 0; i < scene.count; i++)
        view_append(&scene.view, scene.messages[i].uid);
    static const struct uid_range recent = {MESSAGES / 2 + 1, UINT32_MAX};
    scene.recent = (struct uid_set){&recent, 1};
    return 0;
}

static int drop_scene(void **state)
{
    view_free(&scene.view);
    account_close(scene.account);
    return tear_down(state);
}

/* --- one message at a time --- */

static bool contains(const char *text, struct slice what)
{
    struct arena arena = {0};
    bool found = text && strcasestr(text, arena_cstr(&arena, what)) != NULL;
    arena_free(&arena);
    return found;
}

static bool text_holds(const struct known *known, const struct search_term *term)
{
    if (term->where == SEARCH_BODY)
        return contains(known->body, term->text);
    if (term->where == SEARCH_TEXT)
        return contains(known->body, term->text) || contains(known->subject, term->text) ||
               contains(known->from, term->text) || contains(known->mood, term->text);
    if (slice_eq_nocase(term->header, S("X-Mood")))
        return contains(known->mood, term->text);
    return contains(slice_eq_nocase(term->header, S("Subject")) ? known->subject : known->from, term->text);
}

static bool set_holds(const struct sequence_set *set, uint32_t value, uint32_t last)
{
    for (size_t i = 0; i < set->count; i++) {
        uint32_t from = set->ranges[i].from == SEQUENCE_LAST ? last : set->ranges[i].from;
        uint32_t to = set->ranges[i].to == SEQUENCE_LAST ? last : set->ranges[i].to;
        if (MIN_OF(from, to) <= value && value <= MAX_OF(from, to))
            return true;
    }
    return false;
}

static bool in_days(struct day_range days, int64_t day)
{
    return days.first <= day && day < days.end;
}

static bool naive(const struct search_program *program, uint32_t index, size_t number)
{
    const struct search_node *node = &program->nodes[index];
    const struct known *known = &scene.messages[number - 1];
    bool held = node->key == KEY_AND;
    switch (node->key) {
    case KEY_AND:
        for (uint32_t c = node->child; c != 0; c = program->nodes[c].next)
            held &= naive(program, c, number);
        return held;
    case KEY_OR:
        for (uint32_t c = node->child; c != 0; c = program->nodes[c].next)
            held |= naive(program, c, number);
        return held;
    case KEY_NOT:
        return !naive(program, node->child, number);
    case KEY_ALL:
        return true;
    case KEY_NUMBERS:
        return set_holds(&node->set, (uint32_t)number, (uint32_t)scene.count);
    case KEY_UIDS:
        return set_holds(&node->set, known->uid, scene.messages[scene.count - 1].uid);
    case KEY_RECENT:
        return known->recent;
    case KEY_FLAGS:
        return (known->flags & node->flags.mask) == node->flags.value;
    case KEY_KEYWORD:
        return known->work && slice_eq_nocase(node->keyword, S("Work"));
    case KEY_LARGER:
        return known->size > node->number;
    case KEY_SMALLER:
        return known->size < node->number;
    case KEY_ARRIVED:
        return in_days(node->days, search_day_of(known->internal_us));
    case KEY_SENT:
        return known->sent_day != INT64_MIN && in_days(node->days, known->sent_day);
    case KEY_TEXT:
        return text_holds(known, &node->text);
    default:
        fail();
        return false;
    }
}

/* --- random programs --- */

static void append_date(struct buf *out)
{
    buf_printf(out, " %u-Sep-1994", 1 + pick(20)); /* 9009 … 9028 */
}

static void append_leaf(struct buf *out)
{
    static const char *const flags[] = {
        "ALL",       "ANSWERED",  "DELETED", "DRAFT", "FLAGGED", "SEEN",   "UNSEEN",       "UNANSWERED",
        "UNDELETED", "UNFLAGGED", "UNDRAFT", "NEW",   "OLD",     "RECENT", "KEYWORD work", "UNKEYWORD WORK"};
    static const char *const dates[] = {"BEFORE", "ON", "SINCE", "SENTBEFORE", "SENTON", "SENTSINCE"};
    static const char *const texts[] = {"SUBJECT", "FROM", "BODY", "TEXT", "HEADER X-Mood"};
    switch (pick(7)) {
    case 0:
        buf_printf(out, "%s", dates[pick(6)]);
        append_date(out);
        break;
    case 1:
        buf_printf(out, "%s %s", texts[pick(5)], words[pick(6)]);
        break;
    case 2:
        buf_printf(out, "%s%u:%u,%u", pick(2) ? "UID " : "", 1 + pick(350), 1 + pick(350), 1 + pick(350));
        break;
    case 3:
        buf_printf(out, "%u:*", 1 + pick(400));
        break;
    case 4:
        buf_printf(out, "%s %u", pick(2) ? "LARGER" : "SMALLER", 50 + pick(400));
        break;
    default:
        buf_printf(out, "%s", flags[pick(16)]);
    }
}

static void append_key(struct buf *out, unsigned depth)
{
    unsigned kind = depth > 0 ? pick(8) : 7;
    if (kind == 0) {
        buf_append(out, S("NOT "));
        append_key(out, depth - 1);
    } else if (kind <= 2) {
        buf_append(out, S("OR "));
        append_key(out, depth - 1);
        buf_append_char(out, ' ');
        append_key(out, depth - 1);
    } else if (kind <= 4) {
        buf_append_char(out, '(');
        for (unsigned i = 1 + pick(3); i > 0; i--) {
            append_key(out, depth - 1);
            buf_append_char(out, i > 1 ? ' ' : ')');
        }
    } else {
        append_leaf(out);
    }
}

static enum err visit(void *data, enum err (*fn)(void *arg), void *arg)
{
    (void)data;
    return fn(arg);
}

static struct search_job job_of(const struct search_program *program, struct arena *arena)
{
    struct search_job job = {.account = scene.account,
                             .mailbox_id = scene.mailbox_id,
                             .view = &scene.view,
                             .recent = scene.recent,
                             .program = program,
                             .arena = arena,
                             .visit = visit};
    search_bind(&job);
    return job;
}

static void check_found(const struct search_program *program, const struct uid_set *found, const char *text)
{
    for (size_t n = 1; n <= scene.count; n++) {
        bool wanted = naive(program, 0, n), got = uid_set_has(found, scene.messages[n - 1].uid);
        if (wanted == got)
            continue;
        print_error("%s: message %zu should %smatch\n", text, n, wanted ? "" : "not ");
        fail();
    }
}

/* The first and the last ones are right when only some are asked for. */
static void check_demand(struct search_job *job, const struct uid_set *all, struct search_demand demand,
                         const char *text)
{
    struct uid_set some;
    job->first_piece = 1 + pick(40);
    assert_ok(search_run(job, demand, &some));
    struct uid_set extra = uid_set_minus(job->arena, &some, all);
    assert_int_equal(extra.count, 0);
    uint64_t size = uid_set_size(all);
    if (uid_set_size(&some) < MIN_OF(size, MAX_OF(demand.first, demand.last))) {
        print_error("%s: too few\n", text);
        fail();
    }
    if (size > 0 && demand.first > 0)
        assert_int_equal(some.ranges[0].first, all->ranges[0].first);
    if (size > 0 && demand.last > 0)
        assert_int_equal(some.ranges[some.count - 1].last, all->ranges[all->count - 1].last);
}

static void same_as_naive(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1024 * 1024);
    for (unsigned i = 0; i < PROGRAMS; i++) {
        struct arena arena = {0};
        struct search_source source = {0};
        struct search_program program;
        struct uid_set found;
        buf_clear(&text);
        seed = i;
        for (unsigned keys = 1 + pick(3); keys > 0; keys--) {
            buf_append_char(&text, ' ');
            append_key(&text, 4);
        }
        struct parser parser = parser_of(&arena, buf_slice(&text));
        assert_ok(parse_search_keys(&parser, &source, &program));
        struct search_job job = job_of(&program, &arena);
        assert_ok(search_run(&job, (struct search_demand){0, 0}, &found));
        check_found(&program, &found, buf_cstr(&text));
        check_demand(&job, &found, (struct search_demand){1 + pick(5), pick(3)}, buf_cstr(&text));
        check_demand(&job, &found, (struct search_demand){0, 1 + pick(5)}, buf_cstr(&text));
        arena_free(&arena);
    }
    buf_free(&text);
}

/* --- how programs are put together --- */

static void dump(const struct search_program *program, uint32_t index, struct buf *out)
{
    static const char *const names[] = {[KEY_AND] = "and", [KEY_OR] = "or", [KEY_NOT] = "not"};
    const struct search_node *node = &program->nodes[index];
    if (node->key > KEY_NOT) {
        if (node->key == KEY_NUMBERS)
            buf_printf(out, "%u", (unsigned)node->set.ranges[0].from);
        else if (node->key == KEY_TEXT)
            buf_append(out, node->text.text);
        else
            buf_printf(out, "k%d", node->key);
        return;
    }
    buf_printf(out, "%s(", names[node->key]);
    for (uint32_t c = node->child; c != 0; c = program->nodes[c].next) {
        dump(program, c, out);
        if (program->nodes[c].next != 0)
            buf_append_char(out, ' ');
    }
    buf_append_char(out, ')');
}

static bool filter_text(void *data, struct slice name, struct slice *text_r)
{
    (void)data;
    static const struct {
        struct slice name, text;
    } filters[] = {{{"on-the-road", 11}, {"OR 8 FROM \"boss@example.com\"", 28}},
                   {{"two", 3}, {"8 9", 3}},
                   {{"nested", 6}, {"FILTER two 7", 12}},
                   {{"loop", 4}, {"FILTER loop", 11}},
                   {{"half", 4}, {"OR 8", 4}}};
    for (size_t i = 0; i < ARRAY_LEN(filters); i++)
        if (slice_eq(filters[i].name, name)) {
            *text_r = filters[i].text;
            return true;
        }
    return false;
}

static enum err parse_to(const char *text, struct buf *out)
{
    struct arena arena = {0};
    struct search_source source = {.filter = filter_text};
    struct search_program program, copy;
    struct parser parser = parser_of(&arena, slice_from(text));
    enum err err = parse_search_keys(&parser, &source, &program);
    buf_clear(out);
    if (!err) {
        search_program_copy(&program, &arena, &copy);
        dump(&copy, 0, out);
    } else {
        buf_append(out, slice_from(parser_complaint(&parser)));
    }
    arena_free(&arena);
    return err;
}

static void programs(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {" 1", "and(1)"},
        {" 1 2 (3 4)", "and(1 2 3 4)"},
        {" ((((1))))", "and(1)"},
        {" OR 1 2", "and(or(1 2))"},
        {" OR 1 OR 2 3", "and(or(1 2 3))"},
        {" OR OR OR 1 2 3 4", "and(or(1 2 3 4))"},
        {" OR (OR 1 2) (OR 3 4)", "and(or(1 2 3 4))"},
        {" OR (1 2) (3 (4 5))", "and(or(and(1 2) and(3 4 5)))"},
        {" OR (1 OR 2 3) 4 5", "and(or(and(1 or(2 3)) 4) 5)"},
        {" NOT 1 2", "and(not(1) 2)"},
        {" NOT (1 2) 3", "and(not(and(1 2)) 3)"},
        {" NOT OR 1 2 3", "and(not(or(1 2)) 3)"},
        {" OR NOT 1 NOT (2) 3", "and(or(not(1) not(2)) 3)"},
        {" FUZZY (1 2) 3", "and(1 2 3)"},
        {" FUZZY TEXT \"a b\" 3", "and(and(a b) 3)"},
        {" OR FUZZY TEXT \"a b\" FUZZY 1", "and(or(and(a b) 1))"},
        {" FILTER on-the-road 3", "and(or(8 boss@example.com) 3)"},
        {" NOT FILTER two OR FILTER nested 1", "and(not(and(8 9)) or(and(8 9 7) 1))"},
    };
    struct buf out;
    buf_init(&out, 65536);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_ok(parse_to(cases[i][0], &out));
        assert_string_equal(buf_cstr(&out), cases[i][1]);
    }
    assert_int_equal(parse_to(" FILTER loop", &out), ERR_NOT_FOUND);
    assert_int_equal(parse_to(" FILTER none", &out), ERR_NOT_FOUND);
    assert_int_equal(parse_to(" FILTER half 2", &out), ERR_SYNTAX);
    buf_free(&out);
}

/* Chains of a thousand ORs are one node; what alternates is bounded, and so is the number of keys. */
static void long_and_deep(void **state)
{
    (void)state;
    struct buf text, out;
    buf_init(&text, 1024 * 1024);
    buf_init(&out, 65536);
    for (unsigned i = 0; i < 1000; i++)
        buf_append(&text, S(" OR 1"));
    buf_append(&text, S(" 2"));
    assert_ok(parse_to(buf_cstr(&text), &out));
    buf_clear(&text);
    buf_append_char(&text, ' ');
    for (unsigned i = 0; i < 1000; i++)
        buf_append(&text, S("OR "));
    for (unsigned i = 0; i < 1001; i++)
        buf_append(&text, S("3 "));
    assert_ok(parse_to(buf_cstr(&text), &out));
    buf_clear(&text);
    for (unsigned i = 0; i < 100; i++)
        buf_append(&text, S(" NOT"));
    buf_append(&text, S(" 1"));
    assert_int_equal(parse_to(buf_cstr(&text), &out), ERR_LIMIT);
    buf_clear(&text);
    for (unsigned i = 0; i <= SEARCH_KEYS_MAX; i++)
        buf_append(&text, S(" 1"));
    assert_int_equal(parse_to(buf_cstr(&text), &out), ERR_LIMIT);
    buf_free(&text);
    buf_free(&out);
}

/* How much of the matches the return options need. */
static void demands(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct search_demand demand;
    } cases[] = {
        {"", {0, 0}},
        {" RETURN ()", {0, 0}},
        {" RETURN (SAVE)", {0, 0}},
        {" RETURN (MIN)", {1, 0}},
        {" RETURN (MAX CONTEXT)", {0, 1}},
        {" RETURN (MIN MAX SAVE)", {1, 1}},
        {" RETURN (MIN COUNT)", {0, 0}},
        {" RETURN (MIN UPDATE)", {0, 0}},
        {" RETURN (PARTIAL 500:1)", {500, 0}},
        {" RETURN (PARTIAL -3:-100 MIN)", {1, 100}},
        {" RETURN (PARTIAL 2:3 MAX MIN)", {3, 1}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = {0};
        struct parser parser = parser_of(&arena, slice_from(cases[i].text));
        struct search_return wanted;
        assert_true(parse_search_return(&parser, &wanted));
        struct search_demand demand = search_return_demand(&wanted);
        assert_int_equal(demand.first, cases[i].demand.first);
        assert_int_equal(demand.last, cases[i].demand.last);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(same_as_naive, make_scene, drop_scene),
        cmocka_unit_test(programs),
        cmocka_unit_test(demands),
        cmocka_unit_test(long_and_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
