/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the two members are found in the root object and nowhere else, with
 * the value that the full reader gives them; numbers where they are asked for.
 * Method: a table of documents, each read whole, cut in two at every place and
 * byte by byte; the room for values is filled to its last byte. Numbers: a
 * table, and each of its texts cut off at every place.
 */
#include "base/json_member.h"

#include <llmproxy/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"

static void init(struct llmp_json_members *m)
{
    memset(m, 0xA5, sizeof(*m)); /* it must not rely on zeroes */
    static const struct llmp_str names[] = { LLMP_STR("usage"),
                                             LLMP_STR("error") };

    llmp_json_members_init(m, names, 2);
}

/* A piece in memory of its own, so that a sanitizer sees its end. */
static void feed(struct llmp_json_members *m, const char *text, size_t len)
{
    char *piece = malloc(len + (len == 0));

    memcpy(piece, text, len);
    llmp_json_members_feed(m, (struct llmp_str){ piece, len });
    free(piece);
}

static void check_member(const struct llmp_json_members *m, int which,
                         const char *value)
{
    assert_int_equal(m->member[which].found, value != NULL);
    if (!value)
        return;

    struct llmp_str found = llmp_str_trim(llmp_json_members_value(m, which));

    if (!llmp_str_eq(found, llmp_str_of(value)))
        fail_msg("got '%.*s', expected '%s'", (int)found.len, found.ptr, value);
}

static void check_text(const char *text, const char *usage, const char *error)
{
    struct llmp_json_members m;
    size_t len = strlen(text);

    for (size_t cut = 0; cut <= len; cut++) {
        init(&m);
        feed(&m, text, cut);
        feed(&m, text + cut, len - cut);
        check_member(&m, 0, usage);
        check_member(&m, 1, error);
    }
    init(&m);
    for (size_t i = 0; i < len; i++)
        feed(&m, text + i, 1);
    check_member(&m, 0, usage);
    check_member(&m, 1, error);
}

static void members_of_the_root_are_found_at_every_cut(void **state)
{
    static const struct {
        const char *text, *usage, *error;
    } cases[] = {
        { "{}", NULL, NULL },
        { "{\"usage\":1}", "1", NULL },
        { "{\"usage\":1,\"error\":null}", "1", "null" },
        { " { \"error\" : \"a}b,\\\"c\" , \"usage\" : { \"x\" : [ ] } } ",
          "{ \"x\" : [ ] }", "\"a}b,\\\"c\"" },
        { "{\"a\":{\"usage\":1},\"b\":[{\"error\":2}],\"usage\":3}", "3",
          NULL },
        { "{\"a\":\"usage\",\"b\":\"\\\"usage\\\":9\"}", NULL, NULL },
        { "{\"usages\":1,\"usag\":2,\"xusage\":3,\"\":4}", NULL, NULL },
        { "{\"erro\":1,\"errorr\":2,\"error\":3}", NULL, "3" },
        { "[\"usage\",{\"usage\":1}]", NULL, NULL },
        { "\"usage\"", NULL, NULL },
        { "{\"usage\":\"\\\\\",\"error\":\"\\\\\\\"\"}", "\"\\\\\"",
          "\"\\\\\\\"\"" },
        { "{\"a\":[[[[{\"usage\":{}}]]]],\"error\":{\"usage\":{}}}", NULL,
          "{\"usage\":{}}" },
        { "{\"usage\\u0000\":1,\"usa\\u0067e\":2}", NULL, NULL },
        { "{\"usage\xC3\xA4\":1,\"\xC3\xA4usage\":1}", NULL, NULL },
        /* Not JSON, or not all of it: nothing is made up. */
        { "", NULL, NULL },
        { "{\"usage\":1", NULL, NULL },
        { "{\"usage\":{\"a\":1}", NULL, NULL },
        { "]]}}{{\"usage\":1}}", NULL, NULL },
        /* The last one of several, as most readers have it. */
        { "{\"usage\":1,\"usage\":2}", "2", NULL },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        print_message("# %s\n", cases[i].text);
        check_text(cases[i].text, cases[i].usage, cases[i].error);
    }
}

/* {"usage":VALUE} with a value of `size` bytes, and then an error. */
static void check_size(size_t size, bool fits)
{
    char *text = malloc(size + 64);
    struct llmp_json_members m;
    int len = snprintf(text, size + 64, "{\"usage\":\"%0*d\",\"error\":12}",
                       (int)size - 2, 0);

    for (size_t cut = 0; cut <= (size_t)len; cut += 97) {
        init(&m);
        feed(&m, text, cut);
        feed(&m, text + cut, (size_t)len - cut);
        assert_true(m.member[0].found && m.member[1].found);
        assert_int_equal(m.member[0].cut, !fits);
        assert_int_equal(llmp_json_members_value(&m, 0).len, fits ? size : 0);
        if (size + 2 <= LLMP_JSON_MEMBER_TEXT_MAX || !fits)
            check_member(&m, 1, "12");
        else
            assert_true(m.member[1].cut);
    }
    free(text);
}

static void a_value_that_does_not_fit_leaves_the_other_alone(void **state)
{
    (void)state;
    check_size(3, true);
    check_size(LLMP_JSON_MEMBER_TEXT_MAX - 2, true);
    check_size(LLMP_JSON_MEMBER_TEXT_MAX, true);
    check_size(LLMP_JSON_MEMBER_TEXT_MAX + 1, false);
    check_size(10 * LLMP_JSON_MEMBER_TEXT_MAX, false);
}

/* A member given often must not use up the room of the last one. */
static void twins_share_their_room(void **state)
{
    struct llmp_json_members m;
    char value[700];
    (void)state;

    (void)snprintf(value, sizeof(value), "\"usage\":\"%0600d\"", 0);
    init(&m);
    feed(&m, "{", 1);
    for (int i = 0; i < 5; i++) {
        feed(&m, value, strlen(value));
        feed(&m, ",", 1);
    }
    feed(&m, "\"error\":1,", 10);
    feed(&m, value, strlen(value)); /* the other one lies behind it now */
    feed(&m, "}", 1);
    assert_int_equal(llmp_json_members_value(&m, 0).len, 602);
    check_member(&m, 1, "1");
}

static void depth_does_not_matter(void **state)
{
    struct llmp_json_members m;
    (void)state;

    init(&m);
    feed(&m, "{\"a\":", 5);
    for (int i = 0; i < 100000; i++)
        feed(&m, "[{\"usage\":", 10);
    for (int i = 0; i < 100000; i++)
        feed(&m, "}]", 2);
    feed(&m, ",\"usage\":5}", 11);
    check_member(&m, 0, "5");
}

static void read_numbers(const char *text, size_t len,
                         struct llmp_json_number numbers[2])
{
    char *copy = malloc(len + (len == 0)); /* its end is seen by a sanitizer */

    numbers[0] = (struct llmp_json_number){ .name = LLMP_STR("n") };
    numbers[1] = (struct llmp_json_number){ .outer = LLMP_STR("in"),
                                            .name = LLMP_STR("n") };
    memcpy(copy, text, len);
    llmp_json_numbers((struct llmp_str){ copy, len }, numbers, 2);
    for (int i = 0; i < 2; i++)
        if (numbers[i].text.len) /* into the text that stays */
            numbers[i].text.ptr = text + (numbers[i].text.ptr - copy);
    free(copy);
}

static void numbers_are_found_where_they_are_asked_for(void **state)
{
    static const struct {
        const char *text, *own, *within;
    } cases[] = {
        { "{}", "", "" },
        { "{\"n\":1}", "1", "" },
        { "{\"n\":1,\"in\":{\"n\":2}}", "1", "2" },
        { " {\n\"in\" : { \"m\" : 3 , \"n\" : 2 } ,\t\"n\" : -1.5e+3 } ",
          "-1.5e+3", "2" },
        { "{\"in\":{\"in\":{\"n\":3}},\"out\":{\"n\":4}}", "", "" },
        { "{\"n\":null,\"in\":{\"n\":true}}", "", "" },
        { "{\"n\":\"5\",\"in\":{\"n\":\"6\"}}", "", "" },
        { "{\"m\":\"\\\"n\\\":7\",\"nn\":8,\"\":9}", "", "" },
        { "{\"\":{\"n\":1}}", "", "" },
        { "{\"n\":[1],\"in\":[{\"n\":2}]}", "", "" },
        { "[{\"n\":1}]", "", "" },
        { "{\"n\":1,\"n\":2}", "2", "" },
        { "{\"in\":{\"n\":1},\"in\":{\"m\":2}}", "", "1" },
        /* Not JSON: no harm. */
        { "", "", "" },
        { "}}]]{\"n\":1", "1", "" },
        { "{\"n", "", "" },
        { "{\"n\\", "", "" },
    };
    struct llmp_json_number numbers[2];
    (void)state;

    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        size_t len = strlen(cases[i].text);

        print_message("# %s\n", cases[i].text);
        for (size_t cut = 0; cut < len; cut++)
            read_numbers(cases[i].text, cut, numbers);
        read_numbers(cases[i].text, len, numbers);
        assert_true(llmp_str_eq(numbers[0].text, llmp_str_of(cases[i].own)));
        assert_true(llmp_str_eq(numbers[1].text, llmp_str_of(cases[i].within)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_the_root_are_found_at_every_cut),
        cmocka_unit_test(a_value_that_does_not_fit_leaves_the_other_alone),
        cmocka_unit_test(twins_share_their_room),
        cmocka_unit_test(depth_does_not_matter),
        cmocka_unit_test(numbers_are_found_where_they_are_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
