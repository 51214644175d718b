/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every backend means the same by every call.
 * Method: each test runs over each backend, most with two connections to the
 * same data, of which one writes and the other reads. What is read is written
 * down as text and compared with what is expected.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/internal.h"
#include "base/str.h"
#include "faulty_heap.h"
#include "store_fixture.h"

#define DAY_NS (86400 * LLMP_NS_PER_S)

struct pair {
    struct store_fixture fixture;
    struct llmp_store *a, *b; /* two connections */
    struct llmp_buf seen;
};

static int open_pair(void **state, enum backend backend)
{
    struct pair *pair = calloc(1, sizeof(*pair));

    store_fixture_open(&pair->fixture, backend);
    pair->a = pair->fixture.store;
    assert_int_equal(llmp_store_open_again(&pair->b, pair->a, NULL), LLMP_OK);
    *state = pair;
    return 0;
}

static int open_memory(void **state)
{
    return open_pair(state, BACKEND_MEMORY);
}

static int open_sqlite(void **state)
{
    return open_pair(state, BACKEND_SQLITE);
}

static int close_pair(void **state)
{
    struct pair *pair = *state;

    llmp_store_close(pair->b);
    store_fixture_close(&pair->fixture);
    llmp_buf_fini(&pair->seen);
    free(pair);
    return 0;
}

/* ---- writing down what is seen ------------------------------------------- */

static int note_doc(const struct llmp_store_doc *doc, void *ctx)
{
    struct pair *pair = ctx;

    llmp_buf_printf(&pair->seen, "%.*s%s=%.*s(%.*s) ", (int)doc->id.len,
                    doc->id.ptr, doc->deleted ? "-" : "", (int)doc->body.len,
                    doc->body.ptr, (int)doc->lookup.len, doc->lookup.ptr);
    return 0;
}

static int note_row(const struct llmp_ledger_row *row, uint64_t seq, void *ctx)
{
    struct pair *pair = ctx;

    (void)seq;
    llmp_buf_printf(&pair->seen, "%.*s ", (int)row->id.len, row->id.ptr);
    return 0;
}

static int note_sum(const struct llmp_ledger_sum *sum, void *ctx)
{
    struct pair *pair = ctx;

    llmp_buf_printf(
        &pair->seen, "%llu/%.*s/%.*s/%.*s/%.*s/%.*s/%s:%lldx%lld ",
        (unsigned long long)sum->day, (int)sum->org.len, sum->org.ptr,
        (int)sum->team.len, sum->team.ptr, (int)sum->user.len, sum->user.ptr,
        (int)sum->key.len, sum->key.ptr, (int)sum->model.len, sum->model.ptr,
        sum->currency, (long long)sum->rows, (long long)sum->cost_nano);
    return 0;
}

static int note_event(const struct llmp_store_event *event, void *ctx)
{
    struct pair *pair = ctx;

    llmp_buf_printf(&pair->seen, "%.*s:%.*s:%.*s:%.*s>%.*s ",
                    (int)event->id.len, event->id.ptr, (int)event->actor.len,
                    event->actor.ptr, (int)event->object_id.len,
                    event->object_id.ptr, (int)event->before.len,
                    event->before.ptr, (int)event->after.len, event->after.ptr);
    return 0;
}

/* Compares, and forgets what was seen. */
static void assert_seen(struct pair *pair, const char *expected)
{
    assert_true(llmp_buf_add(&pair->seen, (struct llmp_str){ "", 1 }));
    assert_string_equal(pair->seen.ptr, expected);
    pair->seen.len = 0;
}

/* ---- short forms --------------------------------------------------------- */

static int put(struct llmp_store *store, const char *id, uint64_t version,
               const char *body, const char *lookup, uint64_t *new_version)
{
    struct llmp_store_doc doc = { .kind = LLMP_STR("key"),
                                  .id = llmp_str_of(id),
                                  .version = version,
                                  .body = llmp_str_of(body),
                                  .lookup = llmp_str_of(lookup),
                                  .updated_wall_ns = 5 };
    struct llmp_store_op op = { .kind = LLMP_STORE_PUT, .of.doc = &doc };
    int rc = llmp_store_commit(store, &op, 1, NULL);

    if (new_version)
        *new_version = (uint64_t)op.result;
    return rc;
}

static int delete (struct llmp_store *store, const char *id, uint64_t version)
{
    struct llmp_store_doc doc = { .kind = LLMP_STR("key"),
                                  .id = llmp_str_of(id),
                                  .version = version };
    struct llmp_store_op op = { .kind = LLMP_STORE_DELETE, .of.doc = &doc };

    return llmp_store_commit(store, &op, 1, NULL);
}

static int book(struct llmp_store *store, const struct llmp_ledger_row *row,
                int64_t counted)
{
    const struct llmp_counter_add add = { LLMP_STR("spend"), 3, counted };
    const struct llmp_ledger_entry entry = { row, &add, 1 };
    struct llmp_store_op op = { .kind = LLMP_STORE_USAGE, .of.usage = &entry };
    int rc = llmp_store_commit(store, &op, 1, NULL);

    return rc < 0 ? rc : (int)op.result;
}

static int64_t used(struct llmp_store *store, const char *name, uint64_t window,
                    uint64_t now)
{
    struct llmp_counter counter;

    assert_int_equal(llmp_store_counter(store, llmp_str_of(name), window, now,
                                        &counter, NULL),
                     LLMP_OK);
    return counter.used;
}

static int64_t leased(struct llmp_store *store, const char *name,
                      uint64_t window, uint64_t now)
{
    struct llmp_counter counter;

    assert_int_equal(llmp_store_counter(store, llmp_str_of(name), window, now,
                                        &counter, NULL),
                     LLMP_OK);
    return counter.leased;
}

static int64_t lease(struct llmp_store *store, const char *holder, int64_t want,
                     int64_t limit, uint64_t now)
{
    const struct llmp_lease wanted = { .counter = LLMP_STR("budget"),
                                       .window = 1,
                                       .holder = llmp_str_of(holder),
                                       .want = want,
                                       .limit = limit,
                                       .now_wall_ns = now,
                                       .ttl_ns = 100 };
    int64_t granted = -1;

    assert_int_equal(llmp_store_lease(store, &wanted, &granted, NULL), LLMP_OK);
    return granted;
}

static int give_back(struct llmp_store *store, const char *holder,
                     int64_t unused, uint64_t now)
{
    return llmp_store_lease_return(store, LLMP_STR("budget"), 1,
                                   llmp_str_of(holder), unused, now, NULL);
}

/* ---- documents ----------------------------------------------------------- */

static void a_version_is_compared_and_set(void **state)
{
    struct pair *pair = *state;
    uint64_t first, second, third;
    const struct llmp_str kind = LLMP_STR("key");

    assert_int_equal(put(pair->a, "k1", 0, "{1}", "h1", &first), LLMP_OK);
    assert_int_equal(put(pair->b, "k1", 0, "{2}", "h1", NULL), LLMP_CONFLICT);
    assert_int_equal(put(pair->b, "k1", first, "{2}", "h2", &second), LLMP_OK);
    assert_true(second > first);
    assert_int_equal(put(pair->a, "k1", first, "{3}", "", NULL), LLMP_CONFLICT);
    assert_int_equal(put(pair->a, "k2", first, "{3}", "", NULL), LLMP_CONFLICT);
    assert_int_equal(
        llmp_store_get(pair->a, kind, LLMP_STR("k1"), note_doc, pair, NULL),
        LLMP_OK);
    assert_seen(pair, "k1={2}(h2) ");
    assert_int_equal(delete (pair->a, "k1", first), LLMP_CONFLICT);
    assert_int_equal(delete (pair->a, "k1", second), LLMP_OK);
    assert_int_equal(
        llmp_store_get(pair->b, kind, LLMP_STR("k1"), note_doc, pair, NULL),
        LLMP_MISS);
    /* Made again, it has a version that it never had. */
    assert_int_equal(put(pair->b, "k1", second, "{4}", "", NULL),
                     LLMP_CONFLICT);
    assert_int_equal(put(pair->b, "k1", 0, "{4}", "", &third), LLMP_OK);
    assert_true(third > second);
    assert_int_equal(put(pair->b, "k1", LLMP_STORE_ANY, "{5}", "", NULL),
                     LLMP_OK);
    assert_int_equal(delete (pair->a, "none", LLMP_STORE_ANY), LLMP_OK);
    assert_int_equal(delete (pair->a, "none", 7), LLMP_CONFLICT);
}

static void a_lookup_key_is_unique_in_its_kind(void **state)
{
    struct pair *pair = *state;
    const struct llmp_str kind = LLMP_STR("key");

    assert_int_equal(put(pair->a, "k1", 0, "{1}", "h1", NULL), LLMP_OK);
    assert_int_equal(put(pair->b, "k2", 0, "{2}", "h1", NULL), LLMP_CONFLICT);
    assert_int_equal(put(pair->b, "k2", 0, "{2}", "", NULL), LLMP_OK);
    assert_int_equal(put(pair->b, "k3", 0, "{3}", "", NULL), LLMP_OK);
    assert_int_equal(put(pair->b, "k1", LLMP_STORE_ANY, "{4}", "h1", NULL),
                     LLMP_OK);
    assert_int_equal(
        llmp_store_find(pair->b, kind, LLMP_STR("h1"), note_doc, pair, NULL),
        LLMP_OK);
    assert_seen(pair, "k1={4}(h1) ");
    /* A deleted document leaves its key to others. */
    assert_int_equal(delete (pair->a, "k1", LLMP_STORE_ANY), LLMP_OK);
    assert_int_equal(
        llmp_store_find(pair->b, kind, LLMP_STR("h1"), note_doc, pair, NULL),
        LLMP_MISS);
    assert_int_equal(put(pair->b, "k2", LLMP_STORE_ANY, "{5}", "h1", NULL),
                     LLMP_OK);
}

static void lists_come_in_pages(void **state)
{
    struct pair *pair = *state;
    struct llmp_store_list list = { .kind = LLMP_STR("key"), .rows_max = 2 };
    static const char *const ids[] = { "b2", "a", "b", "b\xC3\xA4", "c", "b1" };

    for (size_t i = 0; i < LLMP_COUNT(ids); i++)
        assert_int_equal(put(pair->a, ids[i], 0, "{}", "", NULL), LLMP_OK);
    assert_int_equal(delete (pair->a, "b1", LLMP_STORE_ANY), LLMP_OK);
    assert_int_equal(llmp_store_list(pair->b, &list, note_doc, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "a={}() b={}() ");
    list.after = LLMP_STR("b");
    assert_int_equal(llmp_store_list(pair->b, &list, note_doc, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "b2={}() b\xC3\xA4={}() ");
    list.prefix = LLMP_STR("b");
    list.after = LLMP_STR("b2");
    assert_int_equal(llmp_store_list(pair->b, &list, note_doc, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "b\xC3\xA4={}() ");
    list.after = LLMP_STR("a"); /* before the prefix */
    assert_int_equal(llmp_store_list(pair->b, &list, note_doc, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "b={}() b2={}() ");
}

static int keep_version(const struct llmp_store_doc *doc, void *ctx)
{
    uint64_t *version = ctx;

    assert_true(doc->version > *version);
    *version = doc->version;
    return 0;
}

static void changes_are_seen_by_the_other_connection(void **state)
{
    struct pair *pair = *state;
    uint64_t at = 0;

    assert_int_equal(put(pair->a, "k1", 0, "{1}", "", NULL), LLMP_OK);
    assert_int_equal(put(pair->a, "k2", 0, "{2}", "", NULL), LLMP_OK);
    assert_int_equal(put(pair->a, "k1", LLMP_STORE_ANY, "{3}", "h", NULL),
                     LLMP_OK);
    assert_int_equal(llmp_store_changes(pair->b, 0, 0, note_doc, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "k2={2}() k1={3}(h) ");
    assert_int_equal(llmp_store_changes(pair->b, 0, 1, note_doc, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "k2={2}() ");
    assert_int_equal(llmp_store_changes(pair->b, 0, 0, keep_version, &at, NULL),
                     LLMP_OK);
    assert_int_equal(delete (pair->a, "k1", LLMP_STORE_ANY), LLMP_OK);
    assert_int_equal(llmp_store_changes(pair->b, at, 0, note_doc, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "k1-=() ");
}

/* ---- batches ------------------------------------------------------------- */

static void a_batch_is_all_or_nothing(void **state)
{
    struct pair *pair = *state;
    struct llmp_ledger_row row = usage_row("r1");
    const struct llmp_counter_add add = { LLMP_STR("spend"), 3, 5 };
    const struct llmp_ledger_entry entry = { &row, &add, 1 };
    const struct llmp_store_event event = { .id = LLMP_STR("e1"),
                                            .actor = LLMP_STR("root"),
                                            .action = LLMP_STR("key.create"),
                                            .object_id = LLMP_STR("k1"),
                                            .after = LLMP_STR("{1}") };
    struct llmp_store_doc doc = { .kind = LLMP_STR("key"),
                                  .id = LLMP_STR("k1"),
                                  .body = LLMP_STR("{1}") };
    struct llmp_store_doc taken = doc;
    struct llmp_store_op ops[] = {
        { .kind = LLMP_STORE_PUT, .of.doc = &doc },
        { .kind = LLMP_STORE_EVENT, .of.event = &event },
        { .kind = LLMP_STORE_USAGE, .of.usage = &entry },
        { .kind = LLMP_STORE_ADD, .of.add = &add },
        { .kind = LLMP_STORE_PUT, .of.doc = &taken },
    };

    /* The last one meets what the first one did. */
    assert_int_equal(llmp_store_commit(pair->a, ops, 5, NULL), LLMP_CONFLICT);
    assert_int_equal(ops[4].status, LLMP_CONFLICT);
    assert_int_equal(ops[0].status, LLMP_OK);
    assert_int_equal(llmp_store_changes(pair->b, 0, 0, note_doc, pair, NULL),
                     LLMP_OK);
    assert_int_equal(llmp_store_events(pair->b, 0, 0, note_event, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "");
    assert_int_equal(used(pair->b, "spend", 3, 0), 0);

    taken.version = LLMP_STORE_ANY;
    taken.body = LLMP_STR("{2}");
    assert_int_equal(llmp_store_commit(pair->a, ops, 5, NULL), LLMP_OK);
    assert_int_equal(ops[2].result, 1);
    assert_int_equal(ops[3].result, 10);
    assert_int_equal(llmp_store_changes(pair->b, 0, 0, note_doc, pair, NULL),
                     LLMP_OK);
    assert_int_equal(llmp_store_events(pair->b, 0, 0, note_event, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "k1={2}() e1:root:k1:>{1} ");
    assert_int_equal(used(pair->b, "spend", 3, 0), 10);
}

static void an_event_is_stored_once(void **state)
{
    struct pair *pair = *state;
    struct llmp_store_event event = { .id = LLMP_STR("e1"),
                                      .actor = LLMP_STR("root"),
                                      .action = LLMP_STR("login") };
    struct llmp_store_op op = { .kind = LLMP_STORE_EVENT, .of.event = &event };

    assert_int_equal(llmp_store_commit(pair->a, &op, 1, NULL), LLMP_OK);
    assert_int_equal(op.result, 1);
    assert_int_equal(llmp_store_commit(pair->b, &op, 1, NULL), LLMP_OK);
    assert_int_equal(op.result, 0);
    event.id = LLMP_STR("e2");
    assert_int_equal(llmp_store_commit(pair->b, &op, 1, NULL), LLMP_OK);
    assert_int_equal(llmp_store_events(pair->a, 0, 1, note_event, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "e1:root::> ");
    assert_int_equal(llmp_store_events(pair->a, 1, 0, note_event, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "e2:root::> ");
}

static void bad_operations_are_refused_before_they_begin(void **state)
{
    struct pair *pair = *state;
    struct llmp_ledger_row row = usage_row("r");
    char long_id[LLMP_STORE_NAME_MAX + 2];
    struct llmp_ledger_query query;

    memset(long_id, 'x', sizeof(long_id));
    long_id[sizeof(long_id) - 1] = '\0';
    assert_int_equal(put(pair->a, long_id, 0, "{}", "", NULL), LLMP_E_LIMIT);
    assert_int_equal(put(pair->a, "", 0, "{}", "", NULL), LLMP_E_INVALID);
    assert_int_equal(put(pair->a, "k", 0, "", "", NULL), LLMP_E_INVALID);
    assert_int_equal(put(pair->a, "k\xFF", 0, "{}", "", NULL), LLMP_E_INVALID);
    row.model = (struct llmp_str){ "a\0b", 3 };
    assert_int_equal(book(pair->a, &row, 1), LLMP_E_INVALID);
    row = usage_row("r");
    row.input = -1;
    assert_int_equal(book(pair->a, &row, 1), LLMP_E_LIMIT);
    row = usage_row("r");
    row.currency[0] = 'u';
    assert_int_equal(book(pair->a, &row, 1), LLMP_E_INVALID);
    row = usage_row("r");
    row.size--;
    assert_int_equal(book(pair->a, &row, 1), LLMP_E_ABI);
    llmp_ledger_query_init(&query);
    query.rows_max = LLMP_STORE_ROWS_MAX + 1;
    assert_int_equal(
        llmp_store_ledger_rows(pair->a, &query, note_row, pair, NULL),
        LLMP_E_LIMIT);
}

/* ---- the ledger ---------------------------------------------------------- */

static void a_row_is_booked_once(void **state)
{
    struct pair *pair = *state;
    struct llmp_ledger_row row = usage_row("r1");
    struct llmp_ledger_query query;

    assert_int_equal(book(pair->a, &row, 7), 1);
    assert_int_equal(book(pair->b, &row, 7), 0);
    row.cost_nano = 99;
    assert_int_equal(book(pair->a, &row, 7), 0);
    assert_int_equal(used(pair->b, "spend", 3, 0), 7);
    assert_int_equal(used(pair->b, "spend", 4, 0), 0);
    llmp_ledger_query_init(&query);
    assert_int_equal(
        llmp_store_ledger_sums(pair->b, &query, note_sum, pair, NULL), LLMP_OK);
    assert_seen(pair, "0//////USD:1x7 ");
}

static int check_row(const struct llmp_ledger_row *row, uint64_t seq, void *ctx)
{
    const struct llmp_ledger_row *expected = ctx;

    assert_true(seq > 0);
#define SAME_TEXT(member) \
    assert_true(llmp_str_eq(row->member, expected->member))
    SAME_TEXT(id);
    SAME_TEXT(key);
    SAME_TEXT(user);
    SAME_TEXT(team);
    SAME_TEXT(org);
    SAME_TEXT(model);
    SAME_TEXT(deployment);
    SAME_TEXT(operation);
    SAME_TEXT(status);
    SAME_TEXT(price_version);
    SAME_TEXT(object);
    assert_string_equal(row->currency, expected->currency);
    assert_int_equal(row->wall_ns, expected->wall_ns);
    assert_int_equal(row->basis, expected->basis);
    assert_int_equal(row->input, expected->input);
    assert_int_equal(row->cached, expected->cached);
    assert_int_equal(row->output, expected->output);
    assert_int_equal(row->reasoning, expected->reasoning);
    assert_int_equal(row->requests, expected->requests);
    assert_int_equal(row->cost_nano, expected->cost_nano);
    assert_int_equal(row->cost_known, expected->cost_known);
    assert_int_equal(row->reserved_input, expected->reserved_input);
    assert_int_equal(row->reserved_output, expected->reserved_output);
    assert_int_equal(row->reserved_cost_nano, expected->reserved_cost_nano);
    return 17;
}

static void a_row_comes_back_as_it_was(void **state)
{
    struct pair *pair = *state;
    struct llmp_ledger_row row = usage_row("r1");
    struct llmp_ledger_query query;

    row.reserved_input = 11;
    row.reserved_output = 12;
    row.reserved_cost_nano = -13;
    row.cost_nano = -LLMP_STORE_MONEY_MAX;
    row.input = LLMP_STORE_COUNT_MAX;
    assert_int_equal(book(pair->a, &row, 1), 1);
    llmp_ledger_query_init(&query);
    assert_int_equal(
        llmp_store_ledger_rows(pair->b, &query, check_row, &row, NULL), 17);
}

/* Three days, two teams, two currencies. */
static void book_many(struct pair *pair)
{
    static const struct {
        const char *id;
        uint64_t day;
        const char *team, *key, *currency;
        enum llmp_usage_basis basis;
    } rows[] = {
        { "r1", 0, "red", "k1", "USD", LLMP_USAGE_REPORTED },
        { "r2", 0, "red", "k2", "USD", LLMP_USAGE_ESTIMATED },
        { "r3", 1, "blue", "k1", "EUR", LLMP_USAGE_REPORTED },
        { "r4", 1, "red", "k1", "USD", LLMP_USAGE_UNKNOWN },
        { "r5", 2, "", "k1", "USD", LLMP_USAGE_REPORTED },
    };

    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        struct llmp_ledger_row row = usage_row(rows[i].id);

        row.wall_ns = rows[i].day * DAY_NS + i;
        row.team = llmp_str_of(rows[i].team);
        row.key = llmp_str_of(rows[i].key);
        memcpy(row.currency, rows[i].currency, 4);
        row.basis = rows[i].basis;
        row.reserved_input = 100;
        row.reserved_cost_nano = 1000;
        row.cost_known = row.basis != LLMP_USAGE_UNKNOWN;
        assert_int_equal(book(pair->a, &row, 1), 1);
    }
}

static void sums_are_grouped_filtered_and_paged(void **state)
{
    struct pair *pair = *state;
    struct llmp_ledger_query query;

    book_many(pair);
    llmp_ledger_query_init(&query);
    assert_int_equal(
        llmp_store_ledger_sums(pair->b, &query, note_sum, pair, NULL), LLMP_OK);
    assert_seen(pair, "0//////EUR:1x7 0//////USD:4x21 ");
    query.groups = LLMP_LEDGER_BY_DAY | LLMP_LEDGER_BY_TEAM;
    assert_int_equal(
        llmp_store_ledger_sums(pair->b, &query, note_sum, pair, NULL), LLMP_OK);
    assert_seen(pair, "0//red////USD:2x14 1//blue////EUR:1x7 "
                      "1//red////USD:1x0 2//////USD:1x7 ");
    query.rows_skip = 1;
    query.rows_max = 2;
    assert_int_equal(
        llmp_store_ledger_sums(pair->b, &query, note_sum, pair, NULL), LLMP_OK);
    assert_seen(pair, "1//blue////EUR:1x7 1//red////USD:1x0 ");

    llmp_ledger_query_init(&query);
    query.groups = LLMP_LEDGER_BY_KEY | LLMP_LEDGER_BY_ORG |
                   LLMP_LEDGER_BY_USER | LLMP_LEDGER_BY_MODEL;
    query.team = LLMP_STR("red");
    query.from_wall_ns = 1;
    query.to_wall_ns = DAY_NS + 3;
    assert_int_equal(
        llmp_store_ledger_sums(pair->b, &query, note_sum, pair, NULL), LLMP_OK);
    assert_seen(pair, "0/acme//ann/k2/gpt/USD:1x7 ");
    llmp_ledger_query_init(&query);
    query.team = LLMP_STR(""); /* those without one */
    assert_int_equal(
        llmp_store_ledger_sums(pair->b, &query, note_sum, pair, NULL), LLMP_OK);
    assert_seen(pair, "0//////USD:1x7 ");
    query.team = LLMP_STR("green");
    assert_int_equal(
        llmp_store_ledger_sums(pair->b, &query, note_sum, pair, NULL), LLMP_OK);
    assert_seen(pair, "");
}

static int check_bases(const struct llmp_ledger_sum *sum, void *ctx)
{
    (void)ctx;
    if (strcmp(sum->currency, "USD") != 0)
        return 0;
    assert_int_equal(sum->rows, 4);
    assert_int_equal(sum->requests, 4);
    assert_int_equal(sum->input, 40);
    assert_int_equal(sum->cached, 16);
    assert_int_equal(sum->output, 20);
    assert_int_equal(sum->reasoning, 8);
    assert_int_equal(sum->rows_by_basis[LLMP_USAGE_NONE], 0);
    assert_int_equal(sum->rows_by_basis[LLMP_USAGE_REPORTED], 2);
    assert_int_equal(sum->rows_by_basis[LLMP_USAGE_ESTIMATED], 1);
    assert_int_equal(sum->rows_by_basis[LLMP_USAGE_UNKNOWN], 1);
    assert_int_equal(sum->rows_cost_unknown, 1);
    assert_int_equal(sum->reserved_input, 100);
    assert_int_equal(sum->reserved_output, 0);
    assert_int_equal(sum->reserved_cost_nano, 1000);
    return 23;
}

static void sums_say_what_they_rest_on(void **state)
{
    struct pair *pair = *state;
    struct llmp_ledger_query query;

    book_many(pair);
    llmp_ledger_query_init(&query);
    assert_int_equal(
        llmp_store_ledger_sums(pair->b, &query, check_bases, NULL, NULL), 23);
}

static int keep_seq(const struct llmp_ledger_row *row, uint64_t seq, void *ctx)
{
    (void)row;
    *(uint64_t *)ctx = seq;
    return 0;
}

static void rows_come_in_pages(void **state)
{
    struct pair *pair = *state;
    struct llmp_ledger_query query;

    book_many(pair);
    llmp_ledger_query_init(&query);
    query.key = LLMP_STR("k1");
    query.rows_max = 3;
    assert_int_equal(
        llmp_store_ledger_rows(pair->b, &query, note_row, pair, NULL), LLMP_OK);
    assert_seen(pair, "r1 r3 r4 ");
    assert_int_equal(llmp_store_ledger_rows(pair->b, &query, keep_seq,
                                            &query.after_seq, NULL),
                     LLMP_OK);
    assert_int_equal(
        llmp_store_ledger_rows(pair->b, &query, note_row, pair, NULL), LLMP_OK);
    assert_seen(pair, "r5 ");
}

static void a_row_is_found_by_its_object(void **state)
{
    struct pair *pair = *state;
    struct llmp_ledger_row row = usage_row("r9");
    struct llmp_ledger_query query;

    for (int i = 0; i < 3; i++) {
        char id[] = "r0";

        id[1] = (char)('0' + i);
        row.id = llmp_str_of(id);
        row.object = i == 0 ? LLMP_STR("") : LLMP_STR("file-1");
        assert_int_equal(book(pair->a, &row, 1), 1);
    }
    llmp_ledger_query_init(&query);
    query.object = LLMP_STR("file-1");
    query.rows_max = 1;
    assert_int_equal(
        llmp_store_ledger_rows(pair->b, &query, note_row, pair, NULL), LLMP_OK);
    assert_seen(pair, "r1 ");
    query.rows_max = 0;
    query.team = LLMP_STR("blue"); /* the other filters hold, too */
    assert_int_equal(
        llmp_store_ledger_rows(pair->b, &query, note_row, pair, NULL), LLMP_OK);
    assert_seen(pair, "");
    query.team = (struct llmp_str){ NULL, 0 };
    query.object = LLMP_STR("file-2");
    assert_int_equal(
        llmp_store_ledger_rows(pair->b, &query, note_row, pair, NULL), LLMP_OK);
    assert_seen(pair, "");
}

static void a_sum_beyond_its_range_is_an_error(void **state)
{
    struct pair *pair = *state;
    struct llmp_ledger_query query;
    struct llmp_ledger_row row = usage_row("");
    char id[16];

    row.cost_nano = LLMP_STORE_MONEY_MAX;
    for (int i = 0; i < 1024; i++) {
        struct llmp_ledger_entry entry = { &row, NULL, 0 };
        struct llmp_store_op op = { .kind = LLMP_STORE_USAGE,
                                    .of.usage = &entry };

        row.id =
            (struct llmp_str){ id, (size_t)snprintf(id, sizeof(id), "r%d", i) };
        assert_int_equal(llmp_store_commit(pair->a, &op, 1, NULL), LLMP_OK);
    }
    llmp_ledger_query_init(&query);
    assert_int_equal(
        llmp_store_ledger_sums(pair->b, &query, note_sum, pair, NULL),
        LLMP_E_LIMIT);
}

static int reprice(struct llmp_store *store, const char *id, int64_t was,
                   int64_t cost)
{
    const struct llmp_ledger_price price = { .id = llmp_str_of(id),
                                             .was_known = was >= 0,
                                             .was_nano = was >= 0 ? was : 0,
                                             .cost_known = true,
                                             .cost_nano = cost,
                                             .currency = "USD",
                                             .price_version =
                                                 LLMP_STR("2027-01") };
    struct llmp_store_op op = { .kind = LLMP_STORE_REPRICE,
                                .of.price = &price };

    return llmp_store_commit(store, &op, 1, NULL);
}

static void a_repriced_row_changes_in_nothing_else(void **state)
{
    struct pair *pair = *state;
    struct llmp_ledger_row row = usage_row("r1");
    struct llmp_ledger_query query;

    row.cost_known = false;
    row.cost_nano = 0;
    assert_int_equal(book(pair->a, &row, 7), 1);
    assert_int_equal(reprice(pair->b, "r2", -1, 9), LLMP_CONFLICT);
    assert_int_equal(reprice(pair->b, "r1", 0, 9), LLMP_CONFLICT);
    assert_int_equal(reprice(pair->b, "r1", -1, 9), LLMP_OK);
    assert_int_equal(reprice(pair->b, "r1", -1, 10), LLMP_CONFLICT);
    assert_int_equal(reprice(pair->a, "r1", 9, 11), LLMP_OK);
    row.cost_known = true;
    row.cost_nano = 11;
    row.price_version = LLMP_STR("2027-01");
    llmp_ledger_query_init(&query);
    assert_int_equal(
        llmp_store_ledger_rows(pair->b, &query, check_row, &row, NULL), 17);
    assert_int_equal(used(pair->b, "spend", 3, 0), 7);
    assert_int_equal(book(pair->a, &row, 7), 0);
}

/* Whatever it is grouped by, it adds up to the same. */
static void sums_follow_a_repriced_row(void **state)
{
    static const char *const expected[] = {
        "0//////EUR:1x7 0//////USD:4x32 ",
        "0//////USD:2x14 1//////EUR:1x7 1//////USD:1x11 2//////USD:1x7 ",
        "0/////gpt/EUR:1x7 0/////gpt/USD:4x32 ",
    };
    static const unsigned groups[] = { 0, LLMP_LEDGER_BY_DAY,
                                       LLMP_LEDGER_BY_MODEL };
    struct pair *pair = *state;
    struct llmp_ledger_query query;

    book_many(pair);
    assert_int_equal(reprice(pair->a, "r4", -1, 11), LLMP_OK);
    for (size_t i = 0; i < LLMP_COUNT(groups); i++) {
        llmp_ledger_query_init(&query);
        query.groups = groups[i];
        assert_int_equal(
            llmp_store_ledger_sums(pair->b, &query, note_sum, pair, NULL),
            LLMP_OK);
        assert_seen(pair, expected[i]);
    }
    llmp_ledger_query_init(&query);
    assert_int_equal(
        llmp_store_ledger_rows(pair->b, &query, note_row, pair, NULL), LLMP_OK);
    assert_seen(pair, "r1 r2 r3 r4 r5 ");
}

static void a_batch_of_prices_is_all_or_nothing(void **state)
{
    struct pair *pair = *state;
    const struct llmp_ledger_price prices[] = {
        { .id = LLMP_STR("r1"),
          .was_known = true,
          .was_nano = 7,
          .cost_known = true,
          .cost_nano = 70,
          .currency = "USD" },
        { .id = LLMP_STR("r2"),
          .was_known = true,
          .was_nano = 8,
          .cost_known = true,
          .cost_nano = 80,
          .currency = "USD" },
    };
    const struct llmp_counter_add add = { LLMP_STR("spend"), 3, 63 };
    struct llmp_store_op ops[] = {
        { .kind = LLMP_STORE_ADD, .of.add = &add },
        { .kind = LLMP_STORE_REPRICE, .of.price = &prices[0] },
        { .kind = LLMP_STORE_REPRICE, .of.price = &prices[1] },
    };
    struct llmp_ledger_query query;

    book_many(pair);
    assert_int_equal(llmp_store_commit(pair->a, ops, LLMP_COUNT(ops), NULL),
                     LLMP_CONFLICT);
    assert_int_equal(ops[2].status, LLMP_CONFLICT);
    assert_int_equal(used(pair->b, "spend", 3, 0), 5);
    llmp_ledger_query_init(&query);
    assert_int_equal(
        llmp_store_ledger_sums(pair->b, &query, note_sum, pair, NULL), LLMP_OK);
    assert_seen(pair, "0//////EUR:1x7 0//////USD:4x21 ");
    assert_int_equal(llmp_store_commit(pair->a, ops, 2, NULL), LLMP_OK);
    assert_int_equal(used(pair->b, "spend", 3, 0), 68);
    assert_int_equal(
        llmp_store_ledger_sums(pair->b, &query, note_sum, pair, NULL), LLMP_OK);
    assert_seen(pair, "0//////EUR:1x7 0//////USD:4x84 ");
}

/* ---- what is old --------------------------------------------------------- */

static int64_t trim(struct llmp_store *store, enum llmp_store_age what,
                    uint64_t before_wall_ns, uint32_t rows_max)
{
    const struct llmp_store_trim old = { what, before_wall_ns, rows_max };
    struct llmp_store_op op = { .kind = LLMP_STORE_TRIM, .of.trim = &old };

    assert_int_equal(llmp_store_commit(store, &op, 1, NULL), LLMP_OK);
    return op.result;
}

static void old_rows_go_and_counters_stay(void **state)
{
    struct pair *pair = *state;
    struct llmp_ledger_query query;

    book_many(pair);
    assert_int_equal(trim(pair->a, LLMP_STORE_OLD_ROWS, 0, 10), 0);
    assert_int_equal(trim(pair->a, LLMP_STORE_OLD_ROWS, 2 * DAY_NS, 3), 3);
    assert_int_equal(trim(pair->b, LLMP_STORE_OLD_ROWS, 2 * DAY_NS, 3), 1);
    assert_int_equal(trim(pair->a, LLMP_STORE_OLD_ROWS, 2 * DAY_NS, 3), 0);
    llmp_ledger_query_init(&query);
    assert_int_equal(
        llmp_store_ledger_rows(pair->b, &query, note_row, pair, NULL), LLMP_OK);
    assert_seen(pair, "r5 ");
    assert_int_equal(used(pair->b, "spend", 3, 0), 5);
    assert_int_equal(reprice(pair->a, "r1", 7, 8), LLMP_CONFLICT);
    assert_int_equal(reprice(pair->a, "r5", 7, 8), LLMP_OK);
}

static void old_events_go(void **state)
{
    struct pair *pair = *state;

    for (unsigned i = 1; i <= 3; i++) {
        char id[] = { 'e', (char)('0' + i), '\0' };
        const struct llmp_store_event event = { .id = llmp_str_of(id),
                                                .wall_ns = i * DAY_NS,
                                                .actor = LLMP_STR("root"),
                                                .action = LLMP_STR("x") };
        struct llmp_store_op op = { .kind = LLMP_STORE_EVENT,
                                    .of.event = &event };

        assert_int_equal(llmp_store_commit(pair->a, &op, 1, NULL), LLMP_OK);
    }
    assert_int_equal(trim(pair->b, LLMP_STORE_OLD_EVENTS, 3 * DAY_NS, 9), 2);
    assert_int_equal(llmp_store_events(pair->a, 0, 0, note_event, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "e3:root::> ");
}

/* Documents stay, however old they are. */
static void old_tombstones_go(void **state)
{
    struct pair *pair = *state;

    assert_int_equal(put(pair->a, "k1", 0, "{1}", "", NULL), LLMP_OK);
    assert_int_equal(put(pair->a, "k2", 0, "{2}", "", NULL), LLMP_OK);
    assert_int_equal(delete (pair->a, "k1", LLMP_STORE_ANY), LLMP_OK);
    assert_int_equal(trim(pair->b, LLMP_STORE_OLD_TOMBSTONES, 0, 9), 0);
    assert_int_equal(trim(pair->b, LLMP_STORE_OLD_TOMBSTONES, 9, 9), 1);
    assert_int_equal(llmp_store_changes(pair->b, 0, 0, note_doc, pair, NULL),
                     LLMP_OK);
    assert_seen(pair, "k2={2}() ");
    assert_int_equal(put(pair->b, "k1", 0, "{3}", "", NULL), LLMP_OK);
}

static void a_trim_is_alone_in_its_batch(void **state)
{
    struct pair *pair = *state;
    const struct llmp_store_trim old = { LLMP_STORE_OLD_EVENTS, 1, 1 };
    struct llmp_store_op ops[] = {
        { .kind = LLMP_STORE_TRIM, .of.trim = &old },
        { .kind = LLMP_STORE_TRIM, .of.trim = &old },
    };

    assert_int_equal(llmp_store_commit(pair->a, ops, 2, NULL), LLMP_E_INVALID);
}

/* ---- counters and leases ------------------------------------------------- */

static void counters_are_added_to_and_forgotten(void **state)
{
    struct pair *pair = *state;
    struct llmp_counter_add add = { LLMP_STR("c"), 0, 5 };
    struct llmp_store_op op = { .kind = LLMP_STORE_ADD, .of.add = &add };

    for (add.window = 0; add.window < 4; add.window++)
        assert_int_equal(llmp_store_commit(pair->a, &op, 1, NULL), LLMP_OK);
    add.window = 3;
    add.amount = -7;
    assert_int_equal(llmp_store_commit(pair->b, &op, 1, NULL), LLMP_OK);
    assert_int_equal(op.result, -2);
    op.kind = LLMP_STORE_FORGET;
    add.window = 2;
    assert_int_equal(llmp_store_commit(pair->b, &op, 1, NULL), LLMP_OK);
    assert_int_equal(used(pair->a, "c", 0, 0), 0);
    assert_int_equal(used(pair->a, "c", 1, 0), 0);
    assert_int_equal(used(pair->a, "c", 2, 0), 5);
    assert_int_equal(used(pair->a, "c", 3, 0), -2);
}

static void a_counter_does_not_wrap(void **state)
{
    struct pair *pair = *state;
    const struct llmp_counter_add add = { LLMP_STR("c"), 0,
                                          LLMP_STORE_MONEY_MAX };
    struct llmp_store_op ops[1024];

    for (size_t i = 0; i < LLMP_COUNT(ops); i++)
        ops[i] =
            (struct llmp_store_op){ .kind = LLMP_STORE_ADD, .of.add = &add };
    assert_int_equal(llmp_store_commit(pair->a, ops, 1024, NULL), LLMP_E_LIMIT);
    assert_int_equal(ops[1023].status, LLMP_E_LIMIT);
    assert_int_equal(used(pair->b, "c", 0, 0), 0);
    assert_int_equal(llmp_store_commit(pair->a, ops, 1023, NULL), LLMP_OK);
}

static void leases_never_exceed_the_limit(void **state)
{
    struct pair *pair = *state;

    assert_int_equal(lease(pair->a, "p1", 40, 100, 10), 40);
    assert_int_equal(lease(pair->b, "p2", 40, 100, 10), 40);
    assert_int_equal(lease(pair->b, "p2", 40, 100, 20), 20);
    assert_int_equal(lease(pair->a, "p1", 1, 100, 20), 0);
    assert_int_equal(leased(pair->a, "budget", 1, 20), 100);
    assert_int_equal(used(pair->a, "budget", 1, 20), 0);

    /* What is given back may be leased, what was spent may not. */
    assert_int_equal(give_back(pair->b, "p2", 25, 30), LLMP_OK);
    assert_int_equal(used(pair->a, "budget", 1, 30), 35);
    assert_int_equal(lease(pair->a, "p3", 100, 100, 30), 25);
    assert_int_equal(give_back(pair->b, "p2", 0, 30), LLMP_MISS);
    assert_int_equal(give_back(pair->b, "p3", 26, 30), LLMP_E_INVALID);
    assert_int_equal(leased(pair->a, "budget", 1, 30), 65);
    /* A smaller limit than what is out. */
    assert_int_equal(lease(pair->a, "p4", 10, 50, 30), 0);
}

static void a_lease_that_ends_counts_as_used(void **state)
{
    struct pair *pair = *state;

    assert_int_equal(lease(pair->a, "p1", 40, 100, 10), 40);
    assert_int_equal(lease(pair->b, "p2", 40, 100, 50), 40);
    /* p1's ended at 110; asking for nothing moves p2's end to 209. */
    assert_int_equal(lease(pair->b, "p2", 0, 100, 109), 0);
    assert_int_equal(used(pair->a, "budget", 1, 110), 40);
    assert_int_equal(leased(pair->a, "budget", 1, 110), 40);
    assert_int_equal(lease(pair->b, "p2", 100, 100, 110), 20);
    assert_int_equal(give_back(pair->a, "p1", 40, 111), LLMP_MISS);
    assert_int_equal(used(pair->a, "budget", 1, 111), 40);
    assert_int_equal(give_back(pair->b, "p2", 60, 300), LLMP_MISS);
    assert_int_equal(used(pair->a, "budget", 1, 300), 100);
    assert_int_equal(leased(pair->a, "budget", 1, 300), 0);
}

/* ---- two processes ------------------------------------------------------- */

enum { PROCESSES = 2, SHARED_LIMIT = 200 };

/* A process of its own leases small slices until nothing is left, and gives
 * back what it got by chance. Writes to `to` how much it has spent. */
static void lease_all(const char *path, int number, int to)
{
    struct llmp_store_sqlite_options opts;
    struct llmp_store *store;
    char holder[8];
    int64_t spent = 0, got;

    llmp_store_sqlite_options_init(&opts);
    opts.path = path;
    if (llmp_store_open_sqlite(&store, &opts, NULL) != LLMP_OK)
        _exit(1);
    (void)snprintf(holder, sizeof(holder), "p%d", number);
    while ((got = lease(store, holder, 5, SHARED_LIMIT, 10)) > 0) {
        int64_t unused = spent % 3 == 0 && got > 1 ? 1 : 0;

        spent += got - unused;
        if (give_back(store, holder, unused, 10) != LLMP_OK)
            _exit(2);
        (void)usleep(500); /* the other one's turn */
    }
    llmp_store_close(store);
    _exit(write(to, &spent, sizeof(spent)) == sizeof(spent) ? 0 : 3);
}

static void two_processes_share_a_budget(void **state)
{
    struct pair *pair = *state;
    int64_t total = 0, spent;
    int pipes[2], status;

    /* After a fork a connection is the parent's. */
    llmp_store_close(pair->b);
    llmp_store_close(pair->fixture.store);
    assert_int_equal(pipe(pipes), 0);
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0)
            lease_all(pair->fixture.path, i, pipes[1]);
    for (int i = 0; i < PROCESSES; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
        assert_int_equal(read(pipes[0], &spent, sizeof(spent)), sizeof(spent));
        total += spent;
    }
    assert_int_equal(total, SHARED_LIMIT);
    (void)close(pipes[0]);
    (void)close(pipes[1]);

    struct llmp_store_sqlite_options opts;

    llmp_store_sqlite_options_init(&opts);
    opts.path = pair->fixture.path;
    assert_int_equal(llmp_store_open_sqlite(&pair->fixture.store, &opts, NULL),
                     LLMP_OK);
    pair->a = pair->fixture.store;
    assert_int_equal(llmp_store_open_again(&pair->b, pair->a, NULL), LLMP_OK);
    assert_int_equal(used(pair->a, "budget", 1, 10), SHARED_LIMIT);
}

/* ---- memory -------------------------------------------------------------- */

/* Everything once, each time with less memory missing, until it succeeds. What
 * fails must leave the store as it was. */
static void memory_may_be_short_at_any_time(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_store *store = NULL;
        struct llmp_ledger_row row = usage_row("r1");
        const struct llmp_counter_add add = { LLMP_STR("spend"), 3, 5 };
        const struct llmp_ledger_entry entry = { &row, &add, 1 };
        const struct llmp_store_event event = { .id = LLMP_STR("e1"),
                                                .actor = LLMP_STR("root"),
                                                .action = LLMP_STR("x") };
        const struct llmp_ledger_price price = { .id = row.id,
                                                 .was_known = true,
                                                 .was_nano = 7 };
        const struct llmp_store_doc doc = { .kind = LLMP_STR("key"),
                                            .id = LLMP_STR("k1"),
                                            .body = LLMP_STR("{1}") };
        struct llmp_store_op ops[] = {
            { .kind = LLMP_STORE_PUT, .of.doc = &doc },
            { .kind = LLMP_STORE_EVENT, .of.event = &event },
            { .kind = LLMP_STORE_USAGE, .of.usage = &entry },
            { .kind = LLMP_STORE_REPRICE, .of.price = &price },
        };

        faulty_heap_arm(n);

        int rc = llmp_store_open_memory(&store, NULL);

        if (rc == LLMP_OK)
            rc = llmp_store_commit(store, ops, LLMP_COUNT(ops), NULL);
        faulty_heap_pause(1);
        if (rc != LLMP_OK && store) {
            assert_int_equal(used(store, "spend", 3, 0), 0);
            assert_int_equal(
                llmp_store_get(store, doc.kind, doc.id, NULL, NULL, NULL),
                LLMP_E_INVALID);
        }
        llmp_store_close(store);
        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
        if (rc == LLMP_OK) {
            assert_true(n > 5);
            return;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
    }
}

static void a_backend_without_a_function_is_refused(void **state)
{
    struct llmp_store_ops ops = { .size = sizeof(ops), .name = "none" };
    struct llmp_store *store;
    (void)state;

    assert_int_equal(llmp_store_new(&store, &ops, NULL, NULL), LLMP_E_INVALID);
    ops.size--;
    assert_int_equal(llmp_store_new(&store, &ops, NULL, NULL), LLMP_E_ABI);
    llmp_store_close(NULL);
}

#define ON_BOTH(test)                                          \
    { "memory: " #test, test, open_memory, close_pair, NULL }, \
    {                                                          \
        "sqlite: " #test, test, open_sqlite, close_pair, NULL  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_version_is_compared_and_set),
        ON_BOTH(a_lookup_key_is_unique_in_its_kind),
        ON_BOTH(lists_come_in_pages),
        ON_BOTH(changes_are_seen_by_the_other_connection),
        ON_BOTH(a_batch_is_all_or_nothing),
        ON_BOTH(an_event_is_stored_once),
        ON_BOTH(bad_operations_are_refused_before_they_begin),
        ON_BOTH(a_row_is_booked_once),
        ON_BOTH(a_row_comes_back_as_it_was),
        ON_BOTH(sums_are_grouped_filtered_and_paged),
        ON_BOTH(sums_say_what_they_rest_on),
        ON_BOTH(rows_come_in_pages),
        ON_BOTH(a_row_is_found_by_its_object),
        ON_BOTH(a_sum_beyond_its_range_is_an_error),
        ON_BOTH(a_repriced_row_changes_in_nothing_else),
        ON_BOTH(sums_follow_a_repriced_row),
        ON_BOTH(a_batch_of_prices_is_all_or_nothing),
        ON_BOTH(old_rows_go_and_counters_stay),
        ON_BOTH(old_events_go),
        ON_BOTH(old_tombstones_go),
        ON_BOTH(a_trim_is_alone_in_its_batch),
        ON_BOTH(counters_are_added_to_and_forgotten),
        ON_BOTH(a_counter_does_not_wrap),
        ON_BOTH(leases_never_exceed_the_limit),
        ON_BOTH(a_lease_that_ends_counts_as_used),
        cmocka_unit_test_setup_teardown(two_processes_share_a_budget,
                                        open_sqlite, close_pair),
        cmocka_unit_test(memory_may_be_short_at_any_time),
        cmocka_unit_test(a_backend_without_a_function_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
