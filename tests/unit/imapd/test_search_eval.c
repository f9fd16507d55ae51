/* SPDX-License-Identifier: ISC */
/* Random search programs over random messages, against an evaluator that looks at one message at a time. */
#include "../storage/fixture.h"

#include "mail/date.h"
#include "search_eval.h"

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
    assert_ok(search_bind(&job));
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

static enum err count_visit(void *data, enum err (*fn)(void *arg), void *arg)
{
    (*(size_t *)data)++;
    return fn(arg);
}

/* Long sets are worked out in visits, as everything that takes milliseconds; short ones at once. */
static void sets_by_visit(void **state)
{
    (void)state;
    for (uint32_t ranges = 10; ranges <= 100000; ranges *= 100) {
        struct arena arena = {0};
        struct search_source source = {0};
        struct search_program program;
        struct view view = {0};
        struct uid_set found;
        size_t visits = 0;
        for (uint32_t i = 1; i <= ranges; i++)
            view_append(&view, 2 * i);
        struct parser parser = parser_of(&arena, S(" OR UID 1:50 NOT UID 10:*"));
        assert_ok(parse_search_keys(&parser, &source, &program));
        struct search_job job = {
            .view = &view, .program = &program, .arena = &arena, .visit = count_visit, .data = &visits};
        assert_ok(search_bind(&job));
        assert_ok(search_run(&job, (struct search_demand){0, 0}, &found));
        assert_int_equal(uid_set_size(&found), MIN_OF(ranges, 25));
        if (ranges == 10)
            assert_int_equal(visits, 0);
        else if (ranges == 100000)
            assert_in_range(visits, 3, 10);
        view_free(&view);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_by_visit),
        cmocka_unit_test_setup_teardown(same_as_naive, make_scene, drop_scene),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
