/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: addresses have one form, rubbish is none, sets answer as arithmetic
 * does, and X-Forwarded-For is believed as far as trusted proxies wrote it.
 * Method: tables of texts; inet_pton and inet_ntop as references; random sets
 * compared with a plain loop; memory that fails.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth_fixture.h"
#include "faulty_heap.h"

static struct llmp_address address(const char *text)
{
    struct llmp_address out;

    if (llmp_address_parse(&out, llmp_str_of(text), false) != LLMP_OK)
        fail_msg("%s", text);
    return out;
}

static void texts_come_back(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } steps[] = {
        { "0.0.0.0", "0.0.0.0" },
        { "192.0.2.255", "192.0.2.255" },
        { "::", "::" },
        { "::1", "::1" },
        { "1::", "1::" },
        { "2001:DB8::a:0:0:1", "2001:db8::a:0:0:1" },
        { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
        { "1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0" },
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "::FFFF:c000:201", "192.0.2.1" },
        { "0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1" },
        { "[::1]", "::1" },
        { "fe80::1:2:3:4:5:6", "fe80:0:1:2:3:4:5:6" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
          "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_address out = address(steps[i].text);
        char text[LLMP_ADDRESS_TEXT_SIZE];
        size_t len = llmp_address_text(text, &out);

        assert_string_equal(text, steps[i].expected);
        assert_int_equal(len, strlen(text));
    }
}

static void rubbish_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.04",
        "1.2.3.256",
        "1.2.3.-4",
        "0x1.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.4%eth0",
        ":",
        ":::",
        "1:",
        ":1",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1::2::3",
        "12345::",
        "g::",
        "::1%lo",
        "[::1",
        "::1]",
        "[1.2.3.4]",
        "[]",
        "::1.2.3",
        "::1.2.3.4.5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1:2:3:4:5:6:7:8::",
        "1.2.3.4:80",
        "[::1]:80",
        "unknown",
        "_hidden",
        "::ffff:1.2.3.4:1",
        "1:2:3:4:5:6:7::8:9",
        "::1/64",
        "127.1",
    };

    for (size_t i = 0; i < LLMP_COUNT(texts); i++) {
        struct llmp_address out;

        if (llmp_address_parse(&out, llmp_str_of(texts[i]), false) == LLMP_OK)
            fail_msg("\"%s\" was accepted", texts[i]);
    }
}

static void ports_only_where_allowed(void **state)
{
    struct llmp_address out;

    (void)state;
    assert_int_equal(llmp_address_parse(&out, S("1.2.3.4:80"), true), 0);
    assert_int_equal(llmp_address_parse(&out, S("[::1]:65535"), true), 0);
    assert_true(llmp_address_parse(&out, S("[::1]:65536"), true) < 0);
    assert_true(llmp_address_parse(&out, S("1.2.3.4:"), true) < 0);
    assert_true(llmp_address_parse(&out, S("1.2.3.4:8x"), true) < 0);
    assert_true(llmp_address_parse(&out, S("[::1]80"), true) < 0);
}

/* What we accept inet_pton reads in the same way; what it refuses we do. */
static void agrees_with_inet_pton(void **state)
{
    static const char alphabet[] = "0123456789abcf::::....";
    uint64_t seed = 4;
    size_t accepted = 0;

    (void)state;
    for (size_t i = 0; i < 400000; i++) {
        uint8_t bytes[24], reference[16] = { 0 };
        struct llmp_address out, mapped;
        char text[25];
        size_t len;
        bool ours, theirs;

        fixture_fill(bytes, sizeof(bytes), &seed);
        len = bytes[0] % 20;
        for (size_t j = 0; j < len; j++)
            text[j] = alphabet[bytes[j + 1] % (sizeof(alphabet) - 1)];
        text[len] = '\0';
        ours = llmp_address_parse(&out, llmp_str_of(text), false) == LLMP_OK;
        if (inet_pton(AF_INET, text, reference) == 1) {
            theirs = true;
            llmp_address_set_bytes(&mapped, reference, 4);
        } else {
            theirs = inet_pton(AF_INET6, text, reference) == 1;
            llmp_address_set_bytes(&mapped, reference, 16);
        }
        if (ours != theirs)
            fail_msg("\"%s\": %d, inet_pton %d", text, ours, theirs);
        if (ours)
            assert_memory_equal(&out, &mapped, sizeof(out));
        accepted += ours;
    }
    assert_true(accepted > 300);
}

static bool has(const char *const *cidrs, size_t count, const char *text)
{
    struct llmp_address_set *set = NULL;
    struct llmp_address a = address(text);
    struct llmp_str list[16];
    bool found;

    for (size_t i = 0; i < count; i++)
        list[i] = llmp_str_of(cidrs[i]);
    assert_int_equal(llmp_address_set_new(&set, list, count, NULL), LLMP_OK);
    found = llmp_address_set_has(set, &a);
    llmp_address_set_unref(set);
    return found;
}

static void sets_contain_their_ranges(void **state)
{
    (void)state;
    static const char *const cidrs[] = { "10.0.0.0/8", "10.1.0.0/16",
                                         "192.0.2.7", "2001:db8::/33" };
    static const char *const v6[] = { "::/0" }, *const v4[] = { "0.0.0.0/0" };
    static const char *const mapped[] = { "::ffff:10.0.0.0/104" };

    assert_true(has(cidrs, 4, "10.0.0.0"));
    assert_true(has(cidrs, 4, "10.255.255.255"));
    assert_true(has(cidrs, 4, "::ffff:10.3.3.3"));
    assert_false(has(cidrs, 4, "11.0.0.0"));
    assert_false(has(cidrs, 4, "9.255.255.255"));
    assert_true(has(cidrs, 4, "192.0.2.7"));
    assert_false(has(cidrs, 4, "192.0.2.6"));
    assert_true(has(cidrs, 4, "2001:db8:7fff::1"));
    assert_false(has(cidrs, 4, "2001:db8:8000::"));
    assert_true(has(v6, 1, "::1"));
    assert_true(has(v6, 1, "ffff::"));
    assert_true(has(v6, 1, "::1:0:0:0"));
    assert_true(has(v6, 1, "::fffe:ffff:ffff"));
    assert_false(has(v6, 1, "1.2.3.4"));
    assert_true(has(v4, 1, "1.2.3.4"));
    assert_false(has(v4, 1, "::1"));
    assert_true(has(mapped, 1, "10.1.1.1"));
    assert_false(has(NULL, 0, "10.1.1.1"));
}

static void bad_cidrs_are_named(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "10.0.0.1/8",  "10.0.0.0/33",  "::/129", "10.0.0.0/",
        "10.0.0.0/08", "/8",           "x",      "10.0.0.0/-1",
        "::1/64",      "10.0.0.0/8/8", "[::]/0x"
    };

    for (size_t i = 0; i < LLMP_COUNT(texts); i++) {
        struct llmp_str list[] = { S("10.0.0.0/8"), llmp_str_of(texts[i]) };
        struct llmp_address_set *set = NULL;
        struct llmp_error err;

        assert_int_equal(llmp_address_set_new(&set, list, 2, &err),
                         LLMP_E_SYNTAX);
        assert_non_null(strstr(err.message, texts[i]));
        assert_null(set);
    }
}

static void random_sets_agree_with_a_loop(void **state)
{
    enum { COUNT = 40 };
    uint64_t seed = 12;

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct llmp_address_set *set = NULL;
        char texts[COUNT][32];
        struct llmp_str list[COUNT];
        uint32_t first[COUNT], mask[COUNT];

        for (unsigned i = 0; i < COUNT; i++) {
            uint32_t r[2];

            fixture_fill(r, sizeof(r), &seed);
            mask[i] = ~UINT32_C(0) << (r[1] % 12);
            first[i] = (UINT32_C(0x0A000000) | (r[0] & 0xFFFF)) & mask[i];
            (void)snprintf(texts[i], sizeof(texts[i]), "%u.%u.%u.%u/%u",
                           first[i] >> 24, first[i] >> 16 & 255,
                           first[i] >> 8 & 255, first[i] & 255, 32 - r[1] % 12);
            list[i] = llmp_str_of(texts[i]);
        }
        assert_int_equal(llmp_address_set_new(&set, list, COUNT, NULL), 0);
        for (uint32_t low = 0; low < 0x10000; low += 37) {
            uint32_t value = htonl(UINT32_C(0x0A000000) | low);
            struct llmp_address a;
            bool expected = false;

            llmp_address_set_bytes(&a, &value, 4);
            for (unsigned i = 0; i < COUNT; i++)
                expected |= ((0x0A000000 | low) & mask[i]) == first[i];
            assert_int_equal(llmp_address_set_has(set, &a), expected);
        }
        llmp_address_set_unref(set);
    }
}

static void denied_wins(void **state)
{
    struct llmp_str inner = S("10.1.0.0/16"), outer = S("10.0.0.0/8");
    struct llmp_address_set *allow = NULL, *deny = NULL;
    struct llmp_address in = address("10.1.1.1"), out = address("10.2.1.1"),
                        other = address("192.0.2.1");

    (void)state;
    assert_int_equal(llmp_address_set_new(&allow, &outer, 1, NULL), 0);
    assert_int_equal(llmp_address_set_new(&deny, &inner, 1, NULL), 0);
    assert_int_equal(llmp_address_check(allow, deny, &in),
                     LLMP_AUTH_ADDRESS_DENIED);
    assert_int_equal(llmp_address_check(allow, deny, &out), LLMP_OK);
    assert_int_equal(llmp_address_check(allow, deny, &other),
                     LLMP_AUTH_ADDRESS_DENIED);
    assert_int_equal(llmp_address_check(NULL, deny, &other), LLMP_OK);
    assert_int_equal(llmp_address_check(NULL, NULL, &in), LLMP_OK);
    assert_int_equal(llmp_address_check(NULL, NULL, NULL), LLMP_OK);
    assert_int_equal(llmp_address_check(allow, NULL, NULL),
                     LLMP_AUTH_ADDRESS_DENIED);
    assert_int_equal(llmp_address_check(NULL, deny, NULL),
                     LLMP_AUTH_ADDRESS_DENIED);
    llmp_address_set_unref(allow);
    llmp_address_set_unref(deny);
}

static void forwarded_is_walked_from_the_right(void **state)
{
    (void)state;
    static const struct {
        const char *peer, *first, *second, *expected;
        int rc;
    } steps[] = {
        { "192.0.2.9", "1.1.1.1", NULL, "192.0.2.9", LLMP_OK },
        { "10.0.0.1", NULL, NULL, "10.0.0.1", LLMP_OK },
        { "10.0.0.1", "1.1.1.1", NULL, "1.1.1.1", LLMP_OK },
        { "::ffff:10.0.0.1", "1.1.1.1", NULL, "1.1.1.1", LLMP_OK },
        { "10.0.0.1", "6.6.6.6, 1.1.1.1", NULL, "1.1.1.1", LLMP_OK },
        { "10.0.0.1", "garbage, 1.1.1.1", NULL, "1.1.1.1", LLMP_OK },
        { "10.0.0.1", "6.6.6.6, 1.1.1.1 ,10.0.0.2", NULL, "1.1.1.1", LLMP_OK },
        { "10.0.0.1", "6.6.6.6", "1.1.1.1", "1.1.1.1", LLMP_OK },
        { "10.0.0.1", "6.6.6.6,1.1.1.1", "10.0.0.2", "1.1.1.1", LLMP_OK },
        { "10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, "10.0.0.3", LLMP_OK },
        { "10.0.0.1", "1.1.1.1:443", NULL, "1.1.1.1", LLMP_OK },
        { "10.0.0.1", "[2001:db8::1]:443", NULL, "2001:db8::1", LLMP_OK },
        { "10.0.0.1", "1.1.1.1, unknown", NULL, NULL, LLMP_E_SYNTAX },
        { "10.0.0.1", "1.1.1.1,", NULL, NULL, LLMP_E_SYNTAX },
        { "10.0.0.1", "", NULL, NULL, LLMP_E_SYNTAX },
        { "10.0.0.1", ",,", NULL, NULL, LLMP_E_SYNTAX },
        { "10.0.0.1", "1.1.1.1, 10.0.0.2, x, 10.0.0.3", NULL, NULL,
          LLMP_E_SYNTAX },
    };
    struct llmp_str cidr = S("10.0.0.0/8");
    struct llmp_address_set *trusted = NULL;

    assert_int_equal(llmp_address_set_new(&trusted, &cidr, 1, NULL), 0);
    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_str lines[2] = { llmp_str_of(steps[i].first),
                                     llmp_str_of(steps[i].second) };
        struct llmp_address peer = address(steps[i].peer), out;
        size_t count = steps[i].second ? 2 : steps[i].first ? 1 : 0;
        char text[LLMP_ADDRESS_TEXT_SIZE];

        print_message("# step %zu\n", i);
        assert_int_equal(
            llmp_address_forwarded(&out, &peer, trusted, lines, count),
            steps[i].rc);
        if (steps[i].rc != LLMP_OK)
            continue;
        llmp_address_text(text, &out);
        assert_string_equal(text, steps[i].expected);
    }
    llmp_address_set_unref(trusted);
}

static void forwarded_has_an_end(void **state)
{
    char line[40 * 9 + 1] = "";
    struct llmp_str lines[1], cidr = S("10.0.0.0/8");
    struct llmp_address_set *trusted = NULL;
    struct llmp_address peer = address("10.0.0.1"), out;

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        (void)snprintf(line + i * 9, 10, "10.0.0.1,");
    lines[0] = (struct llmp_str){ line, sizeof(line) - 2 };
    assert_int_equal(llmp_address_set_new(&trusted, &cidr, 1, NULL), 0);
    assert_int_equal(llmp_address_forwarded(&out, &peer, trusted, lines, 1),
                     LLMP_E_LIMIT);
    assert_int_equal(llmp_address_forwarded(&out, &peer, NULL, lines, 1), 0);
    llmp_address_set_unref(trusted);
}

static void survives_allocation_failure(void **state)
{
    struct llmp_str cidr = S("10.0.0.0/8");
    struct llmp_address_set *set = NULL;

    (void)state;
    faulty_heap_arm(0);
    assert_int_equal(llmp_address_set_new(&set, &cidr, 1, NULL), LLMP_E_NOMEM);
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
    assert_null(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_back),
        cmocka_unit_test(rubbish_is_refused),
        cmocka_unit_test(ports_only_where_allowed),
        cmocka_unit_test(agrees_with_inet_pton),
        cmocka_unit_test(sets_contain_their_ranges),
        cmocka_unit_test(bad_cidrs_are_named),
        cmocka_unit_test(random_sets_agree_with_a_loop),
        cmocka_unit_test(denied_wins),
        cmocka_unit_test(forwarded_is_walked_from_the_right),
        cmocka_unit_test(forwarded_has_an_end),
        cmocka_unit_test(survives_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
