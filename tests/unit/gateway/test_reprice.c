/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a repriced ledger agrees with itself: each row has the price of its
 * day, what nobody knows stays unknown, tokens stay as they were, however it is
 * grouped it adds up to the same, and doing it again changes nothing. Budgets
 * follow; a run is one event; short memory leaves the ledger as it was.
 * Method: a store in memory whose thread is this one, a table with dates, and a
 * sum made here row by row.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "gateway/admin.h"
#include "store/store_fixture.h"

#define WALL_S  UINT64_C(1800000000) /* 2027-01-15T08:00:00Z */
#define WALL_NS (WALL_S * LLMP_NS_PER_S)
#define DAY_S   UINT64_C(86400)

static const char yaml[] =
    "providers: [{ name: p, base_url: 'http://127.0.0.1:9/v1' }]\n"
    "models: [{ name: m, provider: p, model: um },\n"
    "         { name: free, provider: p }, { name: '*', provider: p }]\n"
    "auth: { pepper: a pepper of sixteen bytes or more }\n"
    "store: { path: unused }\n"
    "teams: [{ name: red, limits: { budget: { day: '1', month: '9' } } }]\n"
    "prices:\n"
    "  table: >-\n"
    "    {\"version\": \"own.2\", \"date\": \"2027-01-01\", \"entries\": [\n"
    "    {\"provider\": \"p\", \"model\": \"um\", \"currency\": \"USD\",\n"
    "    \"input\": \"1\", \"output\": \"2\", \"source\": \"here\",\n"
    "    \"as_of\": \"2027-01-01\", \"until\": \"2027-01-10\"},\n"
    "    {\"provider\": \"p\", \"model\": \"um\", \"currency\": \"USD\",\n"
    "    \"input\": \"10\", \"output\": \"20\", \"source\": \"here\",\n"
    "    \"as_of\": \"2027-01-01\", \"from\": \"2027-01-10\"}]}\n";

struct setting {
    struct llmp_config *config;
    struct llmp_gateway *gateway;
    struct llmp_store_writer *writer;
    struct llmp_store *store; /* another connection */
    bool over;
    unsigned status, rows;
    char body[8192];
};

static void fill_random(void *bytes, size_t size, void *ctx)
{
    (void)ctx;
    memset(bytes, 7, size);
}

static void loaded(int status, void *ctx)
{
    struct setting *s = ctx;

    assert_true(status >= 0);
    s->over = true;
}

static void pump(struct setting *s)
{
    while (!s->over)
        (void)llmp_store_writer_pump(s->writer, 1);
}

static int set_up_with(void **state, const char *text)
{
    static struct setting s;
    const struct llmp_config_source source = { .size = sizeof(source) };
    const struct llmp_random random = { .fill = fill_random };
    struct llmp_store *store;
    struct llmp_error err;

    s = (struct setting){ 0 };
    faulty_heap_arm(-1);
    if (llmp_config_parse(&s.config, llmp_str_of(text), &source, &err) < 0)
        fail_msg("configuration: %s", err.message);
    assert_int_equal(llmp_gateway_new(&s.gateway, s.config, &random, &err), 0);
    assert_int_equal(llmp_store_open_memory(&store, &err), 0);
    assert_int_equal(llmp_store_open_again(&s.store, store, &err), 0);
    assert_int_equal(llmp_store_writer_new(&s.writer, store, NULL, &err), 0);
    llmp_gateway_set_store(s.gateway, s.writer, loaded, &s);
    pump(&s);
    *state = &s;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, yaml);
}

static int set_up_shared(void **state)
{
    static char text[sizeof(yaml) + 64];
    const char *store = strstr(yaml, "unused }");

    (void)snprintf(text, sizeof(text), "%.*sunused, share_limits: true%s",
                   (int)(store - yaml), yaml, store + strlen("unused"));
    return set_up_with(state, text);
}

static int tear_down(void **state)
{
    struct setting *s = *state;

    llmp_gateway_set_store(s->gateway, NULL, NULL, NULL);
    llmp_store_writer_free(s->writer);
    llmp_store_close(s->store);
    llmp_gateway_free(s->gateway);
    llmp_config_unref(s->config);
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
    return 0;
}

static void answered(const struct llmp_admin_answer *answer, void *ctx)
{
    struct setting *s = ctx;

    s->status = answer->status;
    assert_true(answer->body.len < sizeof(s->body));
    memcpy(s->body, answer->body.ptr, answer->body.len);
    s->body[answer->body.len] = '\0';
    s->over = true;
}

static unsigned ask_as(struct setting *s, enum llmp_role role, const char *org,
                       const char *method, const char *target)
{
    const struct llmp_admin_request request = {
        .size = sizeof(request),
        .principal = { .size = sizeof(request.principal),
                       .kind = LLMP_PRINCIPAL_TOKEN,
                       .role = role,
                       .user = LLMP_STR("ann"),
                       .org = llmp_str_of(org) },
        .method = llmp_str_of(method),
        .target = llmp_str_of(target),
    };
    int rc;

    s->over = false;
    s->body[0] = '\0';
    rc = llmp_admin_begin(s->gateway, &request,
                          (struct llmp_time){ 1, WALL_NS }, answered, s, NULL);
    if (rc != LLMP_OK)
        return 503;
    pump(s);
    return s->status;
}

static unsigned reprice(struct setting *s, const char *query)
{
    char target[256];

    (void)snprintf(target, sizeof(target), "/admin/v1/reprice?%s", query);
    return ask_as(s, LLMP_ROLE_ADMIN, "", "POST", target);
}

static bool says(const struct setting *s, const char *text)
{
    return strstr(s->body, text) != NULL;
}

/* ---- the ledger ---------------------------------------------------------- */

/* 1000 tokens in, 500 out, `days` ago. */
static struct llmp_ledger_row row_of(const char *id, unsigned days,
                                     int64_t cost)
{
    struct llmp_ledger_row row = usage_row(id);

    row.wall_ns = (WALL_S - days * DAY_S) * LLMP_NS_PER_S;
    row.model = LLMP_STR("m");
    row.deployment = LLMP_STR("p/um");
    row.input = 1000;
    row.cached = 0;
    row.output = 500;
    row.reasoning = 0;
    row.cost_known = cost >= 0;
    row.cost_nano = cost >= 0 ? cost : 0;
    return row;
}

static void book(struct setting *s, const struct llmp_ledger_row *row)
{
    const struct llmp_counter_add adds[] = {
        { LLMP_STR("team/red/money/day"), WALL_S / DAY_S * DAY_S,
          row->cost_nano },
        { LLMP_STR("team/red/money/month"), 1798761600, row->cost_nano },
    };
    const struct llmp_ledger_entry entry = { row, adds, LLMP_COUNT(adds) };
    struct llmp_store_op op = { .kind = LLMP_STORE_USAGE, .of.usage = &entry };

    assert_int_equal(llmp_store_commit(s->store, &op, 1, NULL), LLMP_OK);
}

static void book_all(struct setting *s)
{
    struct llmp_ledger_row row;

    row = row_of("today-unknown", 0, -1);
    book(s, &row);
    row = row_of("today-wrong", 0, 5);
    book(s, &row);
    row = row_of("last-week", 8, -1); /* of January, at the former price */
    book(s, &row);
    row = row_of("no-price", 0, -1);
    row.model = row.deployment = LLMP_STR("p/other");
    row.model = LLMP_STR("other");
    book(s, &row);
    row = row_of("was-known", 0, 77);
    row.deployment = LLMP_STR("gone/old");
    row.model = LLMP_STR("old");
    book(s, &row);
    row = row_of("not-counted", 0, -1);
    row.basis = LLMP_USAGE_UNKNOWN;
    row.reserved_cost_nano = 9;
    book(s, &row);
    row = row_of("picture", 0, -1);
    row.operation = LLMP_STR("images");
    book(s, &row);
}

/* "id=cost" of each; also that nothing else changed. */
static int write_row(const struct llmp_ledger_row *row, uint64_t seq, void *ctx)
{
    struct setting *s = ctx;
    size_t at = strlen(s->body);

    (void)seq;
    assert_int_equal(row->input, 1000);
    assert_int_equal(row->output, 500);
    assert_int_equal(row->requests, 1);
    assert_string_equal(row->currency, "USD");
    if (row->cost_known)
        (void)snprintf(s->body + at, sizeof(s->body) - at, "%.*s=%lld@%.*s ",
                       (int)row->id.len, row->id.ptr, (long long)row->cost_nano,
                       (int)row->price_version.len, row->price_version.ptr);
    else
        (void)snprintf(s->body + at, sizeof(s->body) - at, "%.*s=? ",
                       (int)row->id.len, row->id.ptr);
    return 0;
}

static void assert_rows(struct setting *s, const char *expected)
{
    struct llmp_ledger_query query;

    llmp_ledger_query_init(&query);
    s->body[0] = '\0';
    assert_int_equal(
        llmp_store_ledger_rows(s->store, &query, write_row, s, NULL), LLMP_OK);
    assert_string_equal(s->body, expected);
}

#define AS_BOOKED                                                   \
    "today-unknown=? today-wrong=5@2026-01 last-week=? no-price=? " \
    "was-known=77@2026-01 not-counted=? picture=? "
#define AS_REPRICED                                            \
    "today-unknown=20000000@own.2 today-wrong=20000000@own.2 " \
    "last-week=2000000@own.2 no-price=? was-known=77@2026-01 " \
    "not-counted=? picture=? "

static int64_t counter(struct setting *s, const char *name, uint64_t window)
{
    struct llmp_counter out;

    assert_int_equal(
        llmp_store_counter(s->store, llmp_str_of(name), window, 0, &out, NULL),
        LLMP_OK);
    return out.used;
}

static int count_event(const struct llmp_store_event *event, void *ctx)
{
    assert_true(llmp_str_eq(event->action, LLMP_STR("price.update")));
    assert_true(llmp_str_eq(event->actor, LLMP_STR("user:ann")));
    ++*(unsigned *)ctx;
    return 0;
}

static unsigned events(struct setting *s)
{
    unsigned count = 0;

    assert_int_equal(
        llmp_store_events(s->store, 0, 0, count_event, &count, NULL), LLMP_OK);
    return count;
}

static int add_cost(const struct llmp_ledger_sum *sum, void *ctx)
{
    *(int64_t *)ctx += sum->cost_nano;
    return 0;
}

static void rows_get_the_price_of_their_day(void **state)
{
    struct setting *s = *state;

    book_all(s);
    assert_int_equal(reprice(s, "from=2027-01-01"), 200);
    assert_true(says(s, "\"rows\":7,\"changed\":3,\"unpriced\":3"));
    assert_true(says(s, "{\"model\":\"m\",\"currency\":\"USD\",\"rows\":5,"
                        "\"changed\":3,\"rows_unknown_before\":4,"
                        "\"rows_unknown_after\":2,\"before\":\"0.000000005\","
                        "\"after\":\"0.042\"}"));
    assert_true(says(s, "\"next\":null"));
    assert_rows(s, AS_REPRICED);
    assert_int_equal(events(s), 1);
    for (unsigned groups = 0; groups < 2 * LLMP_LEDGER_BY_MODEL; groups++) {
        struct llmp_ledger_query query;
        int64_t cost = 0;

        llmp_ledger_query_init(&query);
        query.groups = groups;
        assert_int_equal(
            llmp_store_ledger_sums(s->store, &query, add_cost, &cost, NULL),
            LLMP_OK);
        assert_int_equal(cost, 42000077);
    }
}

static void again_changes_nothing(void **state)
{
    struct setting *s = *state;

    book_all(s);
    assert_int_equal(reprice(s, "from=2027-01-01"), 200);
    assert_int_equal(reprice(s, "from=2027-01-01"), 200);
    assert_true(says(s, "\"changed\":0"));
    assert_rows(s, AS_REPRICED);
    assert_int_equal(events(s), 1);
    assert_int_equal(counter(s, "team/red/money/month", 1798761600), 42000077);
}

static void a_dry_run_changes_nothing(void **state)
{
    struct setting *s = *state;

    book_all(s);
    assert_int_equal(reprice(s, "from=2027-01-01&dry_run=true"), 200);
    assert_true(says(s, "\"changed\":3") && says(s, "\"after\":\"0.042\""));
    assert_rows(s, AS_BOOKED);
    assert_int_equal(events(s), 0);
}

static void only_what_was_asked_for_changes(void **state)
{
    struct setting *s = *state;

    book_all(s);
    assert_int_equal(reprice(s, "from=2027-01-01&to=2027-01-09"), 200);
    assert_true(says(s, "\"rows\":1,\"changed\":1"));
    assert_int_equal(reprice(s, "from=2027-01-01&model=other"), 200);
    assert_true(says(s, "\"rows\":1,\"changed\":0,\"unpriced\":1"));
    assert_int_equal(reprice(s, "from=2027-01-01&only_unknown=true"), 200);
    assert_true(says(s, "\"changed\":1"));
    assert_rows(s, "today-unknown=20000000@own.2 today-wrong=5@2026-01 "
                   "last-week=2000000@own.2 no-price=? was-known=77@2026-01 "
                   "not-counted=? picture=? ");
    assert_int_equal(events(s), 2);
}

/* Of the windows that are current, each has what lies in it. */
static void budgets_follow(void **state)
{
    struct setting *s = *state;
    const uint64_t today = WALL_S / DAY_S * DAY_S;
    struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX];
    struct llmp_limit_scope *scope;

    book_all(s);
    assert_int_equal(counter(s, "team/red/money/day", today), 82);
    assert_int_equal(reprice(s, "from=2027-01-01"), 200);
    assert_int_equal(counter(s, "team/red/money/day", today),
                     82 - 5 + 2 * 20000000);
    assert_int_equal(counter(s, "team/red/money/month", 1798761600),
                     82 - 5 + 2 * 20000000 + 2000000);
    assert_int_equal(llmp_limiter_find(&scope, s->gateway->limiter,
                                       LLMP_LIMIT_TEAM, LLMP_STR("red")),
                     LLMP_OK);
    assert_int_equal(
        llmp_limit_look(scope, (struct llmp_time){ 1, WALL_NS }, states), 2);
    assert_int_equal(states[0].used, 40000077);
    assert_int_equal(states[1].used, 42000077);
    llmp_limit_scope_unref(scope);
}

/* What turns out to be cheaper gives room at once. */
static void a_budget_becomes_less_used(void **state)
{
    struct setting *s = *state;
    const struct llmp_time now = { 1, WALL_NS };
    const uint64_t today = WALL_S / DAY_S * DAY_S;
    struct llmp_ledger_row row = row_of("dear", 0, 900000000);
    struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX];
    struct llmp_limit_scope *scope;

    book(s, &row);
    assert_int_equal(llmp_limiter_find(&scope, s->gateway->limiter,
                                       LLMP_LIMIT_TEAM, LLMP_STR("red")),
                     LLMP_OK);
    /* As if it had been served here, and another were under way. */
    llmp_limit_restore(scope, LLMP_LIMIT_MONEY, LLMP_WINDOW_DAY, today,
                       900000007, now);
    assert_int_equal(reprice(s, "from=2027-01-01"), 200);
    assert_int_equal(counter(s, "team/red/money/day", today), 20000000);
    assert_int_equal(llmp_limit_look(scope, now, states), 2);
    assert_int_equal(states[0].used, 20000007);
    assert_int_equal(states[1].used, 20000000);
    llmp_limit_scope_unref(scope);
}

/* A limit that is younger than the row never counted it. */
static void a_counter_never_falls_below_nothing(void **state)
{
    struct setting *s = *state;
    const uint64_t today = WALL_S / DAY_S * DAY_S;
    struct llmp_ledger_row row = row_of("dear", 0, 900000000);
    const struct llmp_counter_add less = { LLMP_STR("team/red/money/day"),
                                           today, -899999990 };
    struct llmp_store_op op = { .kind = LLMP_STORE_ADD, .of.add = &less };

    book(s, &row);
    assert_int_equal(llmp_store_commit(s->store, &op, 1, NULL), LLMP_OK);
    assert_int_equal(counter(s, "team/red/money/day", today), 10);
    assert_int_equal(reprice(s, "from=2027-01-01"), 200);
    assert_int_equal(counter(s, "team/red/money/day", today), 0);
}

/* What others hold of a limit that processes share stays theirs. */
static void shared_budgets_follow(void **state)
{
    struct setting *s = *state;
    const uint64_t today = WALL_S / DAY_S * DAY_S;
    const struct llmp_lease lease = {
        .counter = LLMP_STR("team/red/money/day"),
        .window = today,
        .holder = LLMP_STR("other"),
        .want = 300000000,
        .limit = 1000000000,
        .now_wall_ns = WALL_NS,
        .ttl_ns = LLMP_NS_PER_S,
    };
    struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX];
    struct llmp_limit_scope *scope;
    int64_t granted;

    book_all(s);
    assert_int_equal(llmp_store_lease(s->store, &lease, &granted, NULL),
                     LLMP_OK);
    assert_int_equal(reprice(s, "from=2027-01-01"), 200);
    assert_int_equal(counter(s, "team/red/money/day", today), 40000077);
    assert_int_equal(llmp_limiter_find(&scope, s->gateway->limiter,
                                       LLMP_LIMIT_TEAM, LLMP_STR("red")),
                     LLMP_OK);
    assert_int_equal(
        llmp_limit_look(scope, (struct llmp_time){ 1, WALL_NS }, states), 2);
    assert_true(states[0].rule.leased);
    assert_int_equal(states[0].used, 300000000 + 40000077);
    llmp_limit_scope_unref(scope);
}

static int count_changed(const struct llmp_ledger_row *row, uint64_t seq,
                         void *ctx)
{
    (void)seq;
    *(unsigned *)ctx += row->cost_known && row->cost_nano == 20000000;
    return 0;
}

static void a_long_run_is_many_pages_and_one_event(void **state)
{
    struct setting *s = *state;
    struct llmp_ledger_query query;
    char target[128] = "from=2027-01-01", run[64];
    unsigned pages = 0, changed = 0;
    uint64_t next = 0;

    for (unsigned i = 0; i < 2500; i++) {
        char id[16];

        (void)snprintf(id, sizeof(id), "r%u", i);

        const struct llmp_ledger_row row = row_of(id, 0, -1);

        book(s, &row);
    }
    do {
        const char *at;

        assert_int_equal(reprice(s, target), 200);
        pages++;
        assert_int_equal(sscanf(s->body, "{\"run\":\"%63[^\"]", run), 1);
        at = strstr(s->body, "\"next\":\"");
        next = 0;
        if (at)
            (void)sscanf(at, "\"next\":\"%llu", (unsigned long long *)&next);
        (void)snprintf(target, sizeof(target),
                       "from=2027-01-01&run=%s&after_seq=%llu", run,
                       (unsigned long long)next);
    } while (next);
    assert_int_equal(pages, 3);
    assert_int_equal(events(s), 1);
    llmp_ledger_query_init(&query);
    query.rows_max = LLMP_STORE_ROWS_MAX;
    assert_int_equal(
        llmp_store_ledger_rows(s->store, &query, count_changed, &changed, NULL),
        LLMP_OK);
    assert_int_equal(changed, 2500);
    /* Another's pages do not pass under this run's event. */
    assert_int_equal(counter(s, "team/red/money/day", WALL_S / DAY_S * DAY_S),
                     INT64_C(2500) * 20000000);
}

static void who_may_and_how_it_is_asked(void **state)
{
    struct setting *s = *state;
    static const char path[] = "/admin/v1/reprice?from=2027-01-01";

    book_all(s);
    assert_int_equal(ask_as(s, LLMP_ROLE_DEVELOPER, "", "POST", path), 403);
    assert_int_equal(ask_as(s, LLMP_ROLE_AUDITOR, "", "POST", path), 403);
    assert_int_equal(ask_as(s, LLMP_ROLE_ADMIN, "acme", "POST", path), 403);
    assert_int_equal(reprice(s, ""), 400);
    assert_int_equal(reprice(s, "from=yesterday"), 400);
    assert_int_equal(reprice(s, "from=2027-01-01&dry_run=yes"), 400);
    assert_int_equal(reprice(s, "from=2027-01-01&dry-run=true"), 400);
    assert_int_equal(reprice(s, "from=2027-01-01&dry_run"), 400);
    assert_rows(s, AS_BOOKED);
}

static void short_memory_leaves_it_as_it_was(void **state)
{
    struct setting *s = *state;
    unsigned status = 0;
    int n = 0;

    book_all(s);
    for (; status != 200 && n < 500; n++) {
        faulty_heap_fail_from(n);
        status = reprice(s, "from=2027-01-01");
        faulty_heap_fail_from(-1);
        assert_true(status == 200 || status == 503);
        if (status == 503)
            assert_rows(s, AS_BOOKED);
    }
    assert_true(n > 3 && status == 200);
    assert_rows(s, AS_REPRICED);
}

static void prices_say_where_they_are_from(void **state)
{
    struct setting *s = *state;
    static const char path[] = "/admin/v1/prices";

    assert_int_equal(ask_as(s, LLMP_ROLE_USER, "", "GET", path), 403);
    assert_int_equal(ask_as(s, LLMP_ROLE_DEVELOPER, "", "GET", path), 200);
    assert_true(says(s, "{\"model\":\"m\",\"provider\":\"p\",\"upstream\":"
                        "\"um\",\"status\":\"known\",\"currency\":\"USD\""));
    assert_true(says(s,
                     "\"source\":\"here\",\"as_of\":\"2027-01-01\",\"table\":"
                     "\"own.2\",\"from\":\"2027-01-10T00:00:00Z\","
                     "\"until\":null"));
    assert_true(says(s, "\"tiers\":[{\"above\":0,\"input\":\"10\","
                        "\"output\":\"20\"}]"));
    assert_true(says(s, "\"upstream\":\"free\",\"status\":\"unknown\"}"));
    assert_true(says(s, "\"upstream\":\"*\",\"status\":\"pattern\"}"));
    assert_int_equal(ask_as(s, LLMP_ROLE_ADMIN, "", "GET",
                            "/admin/v1/prices?model=anything"),
                     200);
    assert_true(says(s, "\"data\":[{\"model\":\"anything\",\"provider\":\"p\","
                        "\"upstream\":\"anything\",\"status\":\"unknown\"}]"));
}

#define WITH_SETTING(test) \
    cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SETTING(rows_get_the_price_of_their_day),
        WITH_SETTING(again_changes_nothing),
        WITH_SETTING(a_dry_run_changes_nothing),
        WITH_SETTING(only_what_was_asked_for_changes),
        WITH_SETTING(budgets_follow),
        WITH_SETTING(a_budget_becomes_less_used),
        WITH_SETTING(a_counter_never_falls_below_nothing),
        cmocka_unit_test_setup_teardown(shared_budgets_follow, set_up_shared,
                                        tear_down),
        WITH_SETTING(a_long_run_is_many_pages_and_one_event),
        WITH_SETTING(who_may_and_how_it_is_asked),
        WITH_SETTING(short_memory_leaves_it_as_it_was),
        WITH_SETTING(prices_say_where_they_are_from),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
