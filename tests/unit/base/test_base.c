/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: options pass between callers and libraries of different versions, and
 * what cannot be understood is refused before anything is changed.
 * Method: one structure with three members, of which callers know one to
 * three and some more; every byte beyond what the library knows is set once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"

struct options {
    size_t size;
    uint64_t first;  /* since the first version */
    uint64_t second; /* added later */
};

enum { V1_SIZE = offsetof(struct options, second), SIZE_MAX_READ = 4096 };

static const struct options defaults = { sizeof(defaults), 11, 22 };

static int read_options(struct options *out, const void *from, size_t size,
                        struct llmp_error *err)
{
    *out = defaults;
    return llmp_options_read(out, sizeof(*out), V1_SIZE, from, size, err);
}

static void members_of_the_callers_version_are_taken(void **state)
{
    static const struct {
        size_t size;
        uint64_t first, second;
    } cases[] = {
        { V1_SIZE, 1, 22 },    /* an older caller: our default stays */
        { V1_SIZE + 4, 1, 0 }, /* half a member */
        { sizeof(struct options), 1, 2 },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct options from = { cases[i].size, 1, 2 }, out;

        print_message("# case %zu\n", i);
        assert_int_equal(read_options(&out, &from, from.size, NULL), LLMP_OK);
        assert_int_equal(out.first, 1);
        if (cases[i].second) /* else a half: of no use, but harmless */
            assert_int_equal(out.second, cases[i].second);
    }
}

static void a_newer_caller_is_served_as_long_as_it_asks_for_nothing_new(
    void **state)
{
    unsigned char from[SIZE_MAX_READ] = { 0 };
    const struct options known = { sizeof(from), 1, 2 };
    struct options out;

    (void)state;
    memcpy(from, &known, sizeof(known));
    assert_int_equal(read_options(&out, from, sizeof(from), NULL), LLMP_OK);
    assert_int_equal(out.first, 1);
    assert_int_equal(out.second, 2);
    for (size_t at = sizeof(known); at < sizeof(from); at++) {
        struct llmp_error err = { .status = LLMP_OK };
        char offset[32];

        from[at] = 0x80;
        assert_int_equal(read_options(&out, from, sizeof(from), &err),
                         LLMP_E_ABI);
        from[at] = 0;
        assert_int_equal(err.status, LLMP_E_ABI);
        (void)snprintf(offset, sizeof(offset), "offset %zu ", at);
        assert_non_null(strstr(err.message, offset));
        assert_memory_equal(&out, &defaults, sizeof(out));
    }
}

static void sizes_that_cannot_be_are_refused(void **state)
{
    static const size_t sizes[] = { 0,
                                    1,
                                    sizeof(size_t),
                                    V1_SIZE - 1,
                                    SIZE_MAX_READ + 1,
                                    SIZE_MAX / 2,
                                    SIZE_MAX };
    const struct options from = { sizeof(from), 1, 2 };
    struct options out;

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(sizes); i++) {
        struct llmp_error err = { .status = LLMP_OK };

        print_message("# %zu bytes\n", sizes[i]);
        assert_int_equal(read_options(&out, &from, sizes[i], &err), LLMP_E_ABI);
        assert_int_equal(err.status, LLMP_E_ABI);
        assert_memory_equal(&out, &defaults, sizeof(out));
    }
    assert_int_equal(read_options(&out, NULL, sizeof(out), NULL), LLMP_E_ABI);
    assert_memory_equal(&out, &defaults, sizeof(out));
}

static void every_status_has_a_name_and_a_text(void **state)
{
    static const int statuses[] = {
#define STATUS_VALUE(name, value, text) value,
        LLMP_STATUS_TABLE(STATUS_VALUE)
#undef STATUS_VALUE
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(statuses); i++) {
        assert_memory_equal(llmp_status_name(statuses[i]), "LLMP_", 5);
        assert_string_not_equal(llmp_status_text(statuses[i]),
                                "unknown status");
    }
    assert_string_equal(llmp_status_name(-999), "unknown status");
    assert_string_equal(llmp_status_text(999), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_of_the_callers_version_are_taken),
        cmocka_unit_test(
            a_newer_caller_is_served_as_long_as_it_asks_for_nothing_new),
        cmocka_unit_test(sizes_that_cannot_be_are_refused),
        cmocka_unit_test(every_status_has_a_name_and_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
