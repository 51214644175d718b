/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: buffers hold what was added, stop at their limit, and fail cleanly.
 * Method: small limits, and memory that fails at every request in turn.
 */
#include "base/internal.h"
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
    assert_int_equal(llmp_str_distance(LLMP_STR("kitten"), LLMP_STR("sitting")),
                     3);
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

static void hex_goes_there_and_back(void **state)
{
    static const uint8_t bytes[] = { 0x00, 0x0f, 0xa5, 0xff };
    static const char *const wrong[] = { "000fa5f", "000fa5fff", "000fa5fg",
                                         "000fa5f " };
    uint8_t back[sizeof(bytes)];
    char text[2 * sizeof(bytes)];

    (void)state;
    assert_ptr_equal(llmp_put_hex(text, bytes, sizeof(bytes)),
                     text + sizeof(text));
    assert_memory_equal(text, "000fa5ff", sizeof(text));
    assert_true(llmp_read_hex(back, sizeof(back),
                              (struct llmp_str){ text, sizeof(text) }));
    assert_memory_equal(back, bytes, sizeof(bytes));
    assert_true(llmp_read_hex(back, sizeof(back), LLMP_STR("000FA5FF")));
    for (size_t i = 0; i < LLMP_COUNT(wrong); i++)
        assert_false(llmp_read_hex(back, sizeof(back), llmp_str_of(wrong[i])));
}

/* The values that the authors of FNV give. */
static void hash_is_fnv_1a(void **state)
{
    (void)state;
    assert_true(llmp_str_hash(LLMP_STR(""), 0) == 0xcbf29ce484222325u);
    assert_true(llmp_str_hash(LLMP_STR("a"), 0) == 0xaf63dc4c8601ec8cu);
    assert_true(llmp_str_hash(LLMP_STR("foobar"), 0) == 0x85944171f73967e8u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffer_stops_at_its_limit),
        cmocka_unit_test(buffer_reports_lack_of_memory),
        cmocka_unit_test(distance_counts_edits),
        cmocka_unit_test(hex_goes_there_and_back),
        cmocka_unit_test(hash_is_fnv_1a),
        cmocka_unit_test(numbers_do_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
