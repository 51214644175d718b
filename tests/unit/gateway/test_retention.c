/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is older than the configuration says goes, a little with each
 * tick; what is not, and what budgets have used, stays; without a word in the
 * configuration no row and no event is ever deleted.
 * Method: each backend behind a gateway whose ticks are made here, with a time
 * that is chosen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "gateway/gateway.h"
#include "store/store_fixture.h"

#define DAY_NS  (86400 * LLMP_NS_PER_S)
#define NOW_NS  (20833 * DAY_NS)
#define HOUR_NS (3600 * LLMP_NS_PER_S)

static const char head[] =
    "providers: [{ name: p, base_url: 'http://127.0.0.1:9/v1' }]\n"
    "teams: [{ name: red, limits: { budget: { month: '9', total: '9' } } }]\n"
    "store: { path: unused";

struct setting {
    struct store_fixture fixture;
    struct llmp_store *seen; /* another connection */
    struct llmp_config *config;
    struct llmp_gateway *gateway;
    struct llmp_store_writer *writer;
    struct llmp_time now;
    bool loaded;
};

static struct setting set;

static void fill_random(void *bytes, size_t size, void *ctx)
{
    (void)ctx;
    memset(bytes, 7, size);
}

static int open_set(enum backend backend)
{
    set = (struct setting){ .now = { 1, NOW_NS } };
    store_fixture_open(&set.fixture, backend);
    return llmp_store_open_again(&set.seen, set.fixture.store, NULL);
}

static int open_memory(void **state)
{
    (void)state;
    return open_set(BACKEND_MEMORY);
}

static int open_sqlite(void **state)
{
    (void)state;
    return open_set(BACKEND_SQLITE);
}

static void loaded(int status, void *ctx)
{
    (void)ctx;
    assert_true(status >= 0);
    set.loaded = true;
}

static void start(const char *retention)
{
    const struct llmp_config_source source = { .size = sizeof(source) };
    const struct llmp_random random = { .fill = fill_random };
    struct llmp_error err;
    char yaml[512];

    (void)snprintf(yaml, sizeof(yaml), "%s%s }\n", head, retention);
    if (llmp_config_parse(&set.config, llmp_str_of(yaml), &source, &err) < 0)
        fail_msg("configuration: %s", err.message);
    assert_int_equal(llmp_gateway_new(&set.gateway, set.config, &random, &err),
                     0);
    assert_int_equal(
        llmp_store_writer_new(&set.writer, set.fixture.store, NULL, &err), 0);
    llmp_gateway_set_store(set.gateway, set.writer, loaded, NULL);
    while (!set.loaded)
        (void)llmp_store_writer_pump(set.writer, 1);
}

static int close_set(void **state)
{
    (void)state;
    llmp_gateway_set_store(set.gateway, NULL, NULL, NULL);
    llmp_store_writer_free(set.writer); /* and the fixture's store */
    llmp_store_close(set.seen);
    llmp_gateway_free(set.gateway);
    llmp_config_unref(set.config);
    store_fixture_remove(set.fixture.folder);
    return 0;
}

static void tick(unsigned times)
{
    while (times-- > 0) {
        llmp_gateway_sync(set.gateway, set.now);
        (void)llmp_store_writer_pump(set.writer, set.now.mono_ns);
    }
}

/* ---- what is in it ------------------------------------------------------- */

static void book(unsigned number, uint64_t days)
{
    const struct llmp_counter_add add = { LLMP_STR("team/red/money/total"), 0,
                                          7 };
    char id[16];
    struct llmp_ledger_row row;
    struct llmp_store_op op = { .kind = LLMP_STORE_USAGE };

    (void)snprintf(id, sizeof(id), "r%u", number);
    row = usage_row(id);
    row.wall_ns = NOW_NS - days * DAY_NS;

    const struct llmp_ledger_entry entry = { &row, &add, 1 };

    op.of.usage = &entry;
    assert_int_equal(llmp_store_commit(set.seen, &op, 1, NULL), LLMP_OK);
}

static void tell(const char *id, uint64_t days)
{
    const struct llmp_store_event event = { .id = llmp_str_of(id),
                                            .wall_ns = NOW_NS - days * DAY_NS,
                                            .actor = LLMP_STR("root"),
                                            .action = LLMP_STR("x") };
    struct llmp_store_op op = { .kind = LLMP_STORE_EVENT, .of.event = &event };

    assert_int_equal(llmp_store_commit(set.seen, &op, 1, NULL), LLMP_OK);
}

static void bury(const char *id, uint64_t days)
{
    struct llmp_store_doc doc = { .kind = LLMP_STR("note"),
                                  .id = llmp_str_of(id),
                                  .body = LLMP_STR("{}"),
                                  .version = LLMP_STORE_ANY,
                                  .updated_wall_ns = NOW_NS - days * DAY_NS };
    struct llmp_store_op ops[] = {
        { .kind = LLMP_STORE_PUT, .of.doc = &doc },
        { .kind = LLMP_STORE_DELETE, .of.doc = &doc },
    };

    assert_int_equal(llmp_store_commit(set.seen, ops, 2, NULL), LLMP_OK);
}

static int count_row(const struct llmp_ledger_row *row, uint64_t seq, void *ctx)
{
    (void)row;
    (void)seq;
    ++*(unsigned *)ctx;
    return 0;
}

static unsigned rows(void)
{
    struct llmp_ledger_query query;
    unsigned count = 0;

    llmp_ledger_query_init(&query);
    query.rows_max = LLMP_STORE_ROWS_MAX;
    assert_int_equal(
        llmp_store_ledger_rows(set.seen, &query, count_row, &count, NULL),
        LLMP_OK);
    return count;
}

static int count_event(const struct llmp_store_event *event, void *ctx)
{
    (void)event;
    ++*(unsigned *)ctx;
    return 0;
}

static unsigned events(void)
{
    unsigned count = 0;

    assert_int_equal(
        llmp_store_events(set.seen, 0, 0, count_event, &count, NULL), LLMP_OK);
    return count;
}

static int count_doc(const struct llmp_store_doc *doc, void *ctx)
{
    (void)doc;
    ++*(unsigned *)ctx;
    return 0;
}

static unsigned docs(void)
{
    unsigned count = 0;

    assert_int_equal(
        llmp_store_changes(set.seen, 0, 0, count_doc, &count, NULL), LLMP_OK);
    return count;
}

static int64_t spent(void)
{
    struct llmp_counter out;

    assert_int_equal(llmp_store_counter(set.seen,
                                        LLMP_STR("team/red/money/total"), 0,
                                        NOW_NS, &out, NULL),
                     LLMP_OK);
    return out.used;
}

/* ---- tests --------------------------------------------------------------- */

static void nothing_goes_by_itself(void **state)
{
    (void)state;
    start("");
    book(1, 20000);
    tell("e1", 20000);
    bury("d1", 89);
    bury("d2", 91);
    tick(10);
    assert_int_equal(rows(), 1);
    assert_int_equal(events(), 1);
    assert_int_equal(docs(), 1); /* of a deletion nobody has to know any more */
}

static void what_is_old_goes_little_by_little(void **state)
{
    (void)state;
    start(", retention: { ledger: 40d, events: 2d, deleted: 1d }");
    for (unsigned i = 0; i < 3300; i++)
        book(i, 41);
    book(5000, 39);
    tell("e1", 3);
    tell("e2", 1);
    bury("d1", 2);
    tick(1);
    assert_int_equal(rows(), 1801);
    assert_int_equal(events(), 1); /* nobody waits for anybody's end */
    assert_int_equal(docs(), 0);
    tick(1);
    assert_int_equal(rows(), 301);
    tick(2);
    assert_int_equal(rows(), 1);
    assert_int_equal(events(), 1);
    assert_int_equal(spent(), 3301 * 7);
    /* Looked at again in an hour. */
    set.now.wall_ns += 2 * DAY_NS;
    tick(10);
    assert_int_equal(rows(), 1);
    set.now.mono_ns += HOUR_NS;
    tick(10);
    assert_int_equal(rows(), 0);
    assert_int_equal(events(), 0);
    assert_int_equal(spent(), 3301 * 7);
}

/* A clock that is wrong by years deletes nothing before it is set. */
static void a_clock_that_has_not_begun_deletes_nothing(void **state)
{
    (void)state;
    start(", retention: { ledger: 40d, events: 40d, deleted: 40d }");
    book(1, 41);
    tell("e1", 41);
    set.now.wall_ns = 39 * DAY_NS;
    tick(10);
    assert_int_equal(rows(), 1);
    assert_int_equal(events(), 1);
}

#define ON_BOTH(test)                                         \
    { "memory: " #test, test, open_memory, close_set, NULL }, \
    {                                                         \
        "sqlite: " #test, test, open_sqlite, close_set, NULL  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(nothing_goes_by_itself),
        ON_BOTH(what_is_old_goes_little_by_little),
        ON_BOTH(a_clock_that_has_not_begun_deletes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
