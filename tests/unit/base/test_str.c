/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: buffers hold what was added, stop at their limit, and fail cleanly.
 * Method: small limits, and memory that fails at every request in turn.
 */
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "faulty_heap.h"

static void buffer_stops_at_its_limit(void **state)
{
    (void)state;
    struct llmp_buf buf = { .limit = 300 };

    for (int i = 0; i < 30; i++)
        assert_true(llmp_buf_add(&buf, LLMP_STR("0123456789")));
    assert_false(llmp_buf_add(&buf, LLMP_STR("x")));
    assert_true(buf.failed);
    assert_int_equal(buf.len, 300);
    llmp_buf_fini(&buf);
}

static void buffer_reports_lack_of_memory(void **state)
{
    (void)state;
    faulty_heap_arm(0);
    struct llmp_buf buf = { 0 };

    assert_false(llmp_buf_printf(&buf, "%d", 1));
    assert_true(buf.failed);
    llmp_buf_fini(&buf);
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
}

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(
        llmp_str_distance(LLMP_STR("kitten"), LLMP_STR("sitting")), 3);
    assert_int_equal(llmp_str_distance(LLMP_STR(""), LLMP_STR("abc")), 3);
    assert_int_equal(llmp_str_distance(LLMP_STR("gpt-4o"), LLMP_STR("gpt-4o")),
                     0);
}

static void numbers_do_not_wrap(void **state)
{
    (void)state;
    uint64_t value = 7;

    assert_true(llmp_str_to_u64(LLMP_STR("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    assert_false(llmp_str_to_u64(LLMP_STR("18446744073709551616"), &value));
    assert_false(llmp_str_to_u64(LLMP_STR(""), &value));
    assert_false(llmp_str_to_u64(LLMP_STR("1 "), &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_stops_at_its_limit),
        cmocka_unit_test(buffer_reports_lack_of_memory),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(numbers_do_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
