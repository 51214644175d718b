/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a set of rules finds what its patterns, checks and words say, where it
 * stands, in any bytes; it refuses patterns that could keep it busy; and a
 * database that comes from a cache finds the same.
 * Method: small rules of every kind beside texts; a cache in memory, damaged
 * on purpose; memory fails at every request in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "guard/ruleset.h"

static bool even(const struct llmp_rule_match *match)
{
    return (match->text.ptr[match->text.len - 1] - '0') % 2 == 0;
}

static bool after_hash(const struct llmp_rule_match *match)
{
    return match->before.len && match->before.ptr[match->before.len - 1] == '#';
}

static const struct llmp_rule items[] = {
    { .name = "mail",
      .pattern = "[a-z0-9._-]{1,30}@[a-z0-9-]{1,30}\\.[a-z]{2,8}",
      .flags = LLMP_RULE_CASELESS,
      .sure = 90 },
    { .name = "even",
      .pattern = "(?<![0-9])[0-9]{6}(?![0-9])",
      .valid = even,
      .sure = 50,
      .sure_in_context = 95,
      .context = "account no|счёт|номер*" },
    { .name = "needs",
      .pattern = "(?<![0-9])[0-9]{4}(?![0-9])",
      .sure_in_context = 80,
      .context = "pin|пин-код",
      .flags = LLMP_RULE_NEEDS_CONTEXT },
    { .name = "key",
      .pattern = "key-([a-f]{3})",
      .tail = "[a-f-]",
      .sure = 99 },
    { .name = "russian",
      .pattern = "забудь (?:все|прежние)",
      .flags = LLMP_RULE_CASELESS,
      .sure = 70 },
    { .name = "hash", .pattern = "x{2}", .valid = after_hash, .sure = 60 },
};
static const struct llmp_rules table = { items, LLMP_COUNT(items) };

struct fixture {
    struct llmp_ruleset *set;
    struct llmp_ruleset_scratch *scratch;
    char said[4096];
    size_t len;
};

static void note(const struct llmp_rule_find *find, void *ctx)
{
    struct fixture *f = ctx;

    f->len += (size_t)snprintf(f->said + f->len, sizeof(f->said) - f->len,
                               "%s %zu-%zu %u;",
                               llmp_ruleset_rule(f->set, find->rule)->name,
                               find->begin, find->end, find->sure);
}

static int set_up(void **state)
{
    static struct fixture f;

    f = (struct fixture){ .set = NULL };
    assert_int_equal(llmp_ruleset_new(&f.set, &table, 1, NULL, NULL), LLMP_OK);
    assert_int_equal(llmp_ruleset_scratch_new(&f.scratch, f.set, NULL),
                     LLMP_OK);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    llmp_ruleset_scratch_free(f->scratch);
    llmp_ruleset_free(f->set);
    return 0;
}

static const char *scan(struct fixture *f, struct llmp_str text, int expect)
{
    f->len = 0;
    f->said[0] = '\0';
    assert_int_equal(llmp_ruleset_scan(f->set, f->scratch, text,
                                       (struct llmp_rule_mask){ NULL }, note,
                                       f),
                     expect);
    return f->said;
}

static void finds_what_stands_there(void **state)
{
    static const struct {
        struct llmp_str text;
        const char *said;
    } cases[] = {
        { LLMP_STR(""), "" },
        { LLMP_STR("nothing"), "" },
        { LLMP_STR("mail Ann.Lee@Example.com now"), "mail 5-24 90;" },
        { LLMP_STR("a@b.commerce"), "mail 0-12 90;" },
        { LLMP_STR("a@b.com, c@d.org"), "mail 0-7 90;mail 9-16 90;" },
        { LLMP_STR("123456 123457 1234567"), "even 0-6 50;" },
        { LLMP_STR("Account_No: 123456"), "even 12-18 95;" },
        { LLMP_STR("accountno 123456"), "even 10-16 50;" },
        { LLMP_STR("СЧЁТ 123456"), "even 9-15 95;" },
        { LLMP_STR("по номерам 123456"), "even 20-26 95;" },
        { LLMP_STR("123456 is the account no"), "even 0-6 95;" },
        { LLMP_STR("1234"), "" },
        { LLMP_STR("PIN 1234 5678"), "needs 4-8 80;needs 9-13 80;" },
        { LLMP_STR("spin 1234"), "" },
        { LLMP_STR("ПИН-код: 1234"), "needs 15-19 80;" },
        { LLMP_STR("key-abcdef-ab-x"), "key 4-14 99;" },
        { LLMP_STR("ЗАБУДЬ ВСЕ"), "russian 0-19 70;" },
        { LLMP_STR("xxx#xx"), "hash 4-6 60;" },
        { LLMP_STR("a\0b 123456\0"), "even 4-10 50;" },
        { LLMP_STR("\xff\xfe"
                   "123456\xd0"),
          "even 2-8 50;" },
    };

    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        print_message("# %.*s\n", (int)cases[i].text.len, cases[i].text.ptr);
        assert_string_equal(scan(*state, cases[i].text, LLMP_OK),
                            cases[i].said);
    }
}

/* A match, and what its check may see, at all places of texts of all lengths:
 * Vectorscan goes through a text in blocks of 64 bytes. */
static void finds_at_any_place(void **state)
{
    char text[300];

    for (size_t len = 8; len < sizeof(text); len += 3)
        for (size_t at = 0; at + 7 <= len; at++) {
            char want[64];

            memset(text, '.', len);
            memcpy(text + at, "a@b.com", 7);
            (void)snprintf(want, sizeof(want), "mail %zu-%zu 90;", at, at + 7);
            if (at)
                text[at - 1] = ' ';
            assert_string_equal(
                scan(*state, (struct llmp_str){ text, len }, LLMP_OK), want);
        }
}

/* ---- streams ------------------------------------------------------------- */

static const struct llmp_rule flowing[] = {
    { .name = "mail", .pattern = "[a-z]@[a-z]", .sure = 90 },
    { .name = "not", .pattern = "[a-f0-9]{3}-[^@]{2,9}!", .sure = 90 },
    { .name = "number", .pattern = "\\b\\d{2}[ -]?\\d{3}\\b", .sure = 90 },
    { .name = "end", .pattern = "zebra\\z", .sure = 90 },
};

struct flowed {
    uint32_t rule;
    uint64_t to;
    bool hit;
};

static void note_hit(uint32_t rule, uint64_t to, void *ctx)
{
    struct flowed *flowed = ctx;

    flowed->hit |= rule == flowed->rule && to == flowed->to;
}

/* Whether a rule says that it matched up to `to`. */
static bool flows(struct fixture *f, struct llmp_str text, size_t piece,
                  uint32_t rule, uint64_t to)
{
    const struct llmp_rule_mask all = { NULL };
    struct flowed flowed = { rule, to, false };
    struct llmp_ruleset_flow *flow;

    assert_int_equal(llmp_ruleset_flow_open(&flow, f->set, all), LLMP_OK);
    for (size_t at = 0; at < text.len; at += piece) {
        size_t fresh = text.len - at < piece ? text.len - at : piece;
        size_t back =
            at > LLMP_RULESET_FLOW_BACK ? at - LLMP_RULESET_FLOW_BACK : 0;

        assert_int_equal(
            llmp_ruleset_flow_scan(
                flow, f->scratch,
                (struct llmp_str){ text.ptr + back, at + fresh - back }, fresh,
                all, note_hit, &flowed),
            LLMP_OK);
    }
    llmp_ruleset_flow_close(flow, f->scratch, all, note_hit, &flowed);
    return flowed.hit;
}

static void flows_in_any_pieces(void **state)
{
    static const struct llmp_rules alone = { flowing, LLMP_COUNT(flowing) };
    static const size_t pieces[] = { 1, 3, 16, 17, 24, 32, 63, 64, 80, 999 };
    static const char *const hits[] = { "a@b", "abc-zzzz!", "12 345", "zebra" };
    struct fixture f = { .set = NULL };
    char text[600];

    (void)state;
    assert_int_equal(llmp_ruleset_new(&f.set, &alone, 1, NULL, NULL), LLMP_OK);
    assert_int_equal(llmp_ruleset_scratch_new(&f.scratch, f.set, NULL),
                     LLMP_OK);
    for (uint32_t rule = 0; rule < LLMP_COUNT(hits); rule++)
        for (size_t i = 0; i < 400 * LLMP_COUNT(pieces); i++) {
            size_t at = i / LLMP_COUNT(pieces), len = strlen(hits[rule]);
            size_t size = rule == 3 ? at + len : at + len + i % 150;

            memset(text, '.', size);
            memcpy(text + at, hits[rule], len);
            assert_true(flows(&f, (struct llmp_str){ text, size },
                              pieces[i % LLMP_COUNT(pieces)], rule, at + len));
        }
    (void)scan(&f, LLMP_STR("a zebra"), LLMP_OK);
    assert_string_equal(f.said, "end 2-7 90;");
    (void)scan(&f, LLMP_STR("a zebra."), LLMP_OK);
    assert_string_equal(f.said, "");
    llmp_ruleset_scratch_free(f.scratch);
    llmp_ruleset_free(f.set);
}

static void looks_only_for_what_is_asked(void **state)
{
    struct fixture *f = *state;
    uint64_t bits = 1u << 1;

    f->len = 0;
    assert_int_equal(
        llmp_ruleset_scan(f->set, f->scratch, LLMP_STR("a@b.com 123456"),
                          (struct llmp_rule_mask){ &bits }, note, f),
        LLMP_OK);
    assert_string_equal(f->said, "even 8-14 50;");
}

/* More than anybody would list: said, not forgotten. */
static void says_when_it_stopped(void **state)
{
    enum { PERIOD = 50, COUNT = LLMP_RULESET_HITS_MAX + 10 };
    static char text[PERIOD * COUNT];
    struct fixture *f = *state;

    memset(text, ' ', sizeof(text));
    for (size_t i = 0; i < COUNT; i++)
        memcpy(text + i * PERIOD, "123457", 6);
    (void)scan(f, (struct llmp_str){ text, sizeof(text) }, LLMP_LIMITED);
}

static void refuses_bad_patterns(void **state)
{
    static const struct {
        const char *pattern, *said;
        int status;
    } cases[] = {
        { "(", "rule r: ", LLMP_E_SYNTAX },
        { "a*", "matches where nothing is", LLMP_E_SYNTAX },
        { "(a+)+b", "takes more than", LLMP_E_SYNTAX },
        { "(?:[a-z]+ ?)+!", "takes more than", LLMP_E_SYNTAX },
        { "(x+x+)+y", "takes more than", LLMP_E_SYNTAX },
        { "(?:a|a)*c", "takes more than", LLMP_E_SYNTAX },
        { "\\C", "rule r: ", LLMP_E_SYNTAX },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_rule one = { .name = "r", .pattern = cases[i].pattern };
        struct llmp_rules bad = { &one, 1 };
        struct llmp_ruleset *set = NULL;
        struct llmp_error err = { .status = 0 };

        print_message("# %s\n", cases[i].pattern);
        assert_int_equal(llmp_ruleset_new(&set, &bad, 1, NULL, &err),
                         cases[i].status);
        assert_non_null(strstr(err.message, cases[i].said));
        assert_null(set);
    }
}

/* A cache of two entries. */
struct shelf {
    char keys[4][81];
    struct llmp_buf bytes[4];
    int loads, saves;
};

static int shelf_load(struct llmp_str *bytes, const char *key, void *ctx)
{
    struct shelf *shelf = ctx;

    for (int i = 0; i < 4; i++)
        if (strcmp(shelf->keys[i], key) == 0) {
            *bytes = llmp_buf_str(&shelf->bytes[i]);
            shelf->loads++;
            return LLMP_OK;
        }
    return LLMP_MISS;
}

static void shelf_drop(struct llmp_str bytes, void *ctx)
{
    (void)bytes;
    (void)ctx;
}

static void shelf_save(const char *key, struct llmp_str bytes, void *ctx)
{
    struct shelf *shelf = ctx;
    int i = shelf->saves++ % 4;

    (void)snprintf(shelf->keys[i], sizeof(shelf->keys[i]), "%s", key);
    shelf->bytes[i].len = 0;
    assert_true(llmp_buf_add(&shelf->bytes[i], bytes));
}

static void keeps_databases(void **state)
{
    struct fixture *f = *state;
    struct shelf shelf = { .loads = 0 };
    struct llmp_guard_cache cache = { sizeof(cache), shelf_load, shelf_drop,
                                      shelf_save, &shelf };

    for (int round = 0; round < 3; round++) {
        llmp_ruleset_scratch_free(f->scratch);
        llmp_ruleset_free(f->set);
        assert_int_equal(llmp_ruleset_new(&f->set, &table, 1, &cache, NULL),
                         LLMP_OK);
        assert_int_equal(llmp_ruleset_scratch_new(&f->scratch, f->set, NULL),
                         LLMP_OK);
        assert_string_equal(scan(f, LLMP_STR("to a@b.com"), LLMP_OK),
                            "mail 3-10 90;");
        if (round == 1) /* damaged: made and saved again */
            shelf.bytes[0].ptr[shelf.bytes[0].len / 2] ^= 1;
    }
    assert_int_equal(shelf.loads, 8);
    assert_int_equal(shelf.saves, 5);
    for (int i = 0; i < 4; i++)
        llmp_buf_fini(&shelf.bytes[i]);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_ruleset *set = NULL;
        struct llmp_ruleset_scratch *scratch = NULL;
        int status;

        faulty_heap_arm(n);
        status = llmp_ruleset_new(&set, &table, 1, NULL, NULL);
        if (status == LLMP_OK)
            status = llmp_ruleset_scratch_new(&scratch, set, NULL);
        faulty_heap_pause(1);
        llmp_ruleset_scratch_free(scratch);
        llmp_ruleset_free(set);
        assert_int_equal(faulty_heap_live(), 0);
        if (status == LLMP_OK) {
            assert_true(n > 10);
            faulty_heap_off();
            return;
        }
        assert_int_equal(status, LLMP_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_what_stands_there, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(finds_at_any_place, set_up, tear_down),
        cmocka_unit_test(flows_in_any_pieces),
        cmocka_unit_test_setup_teardown(looks_only_for_what_is_asked, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(says_when_it_stopped, set_up,
                                        tear_down),
        cmocka_unit_test(refuses_bad_patterns),
        cmocka_unit_test_setup_teardown(keeps_databases, set_up, tear_down),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
