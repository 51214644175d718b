/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an arena gives aligned memory that does not overlap, keeps its first
 * block, and is unharmed by a heap that fails.
 * Method: pieces of many sizes are filled and looked at again at the end; a
 * counting heap; memory fails at 0, 1, 2, ….
 */
#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "faulty_heap.h"

static void pieces_are_aligned_and_apart(void **state)
{
    enum { PIECES = 400 };
    struct llmp_arena arena;
    unsigned char *piece[PIECES];
    (void)state;

    faulty_heap_arm(-1);
    llmp_arena_init(&arena, 512);
    for (size_t i = 0; i < PIECES; i++) {
        piece[i] = llmp_arena_take(&arena, i * 7 % 900);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % _Alignof(max_align_t), 0);
        memset(piece[i], (int)(i % 251), i * 7 % 900);
    }
    for (size_t i = 0; i < PIECES; i++)
        for (size_t k = 0; k < i * 7 % 900; k++)
            assert_int_equal(piece[i][k], i % 251);
    llmp_arena_fini(&arena);
    llmp_arena_fini(&arena); /* twice does no harm */
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
}

static void the_first_block_is_kept(void **state)
{
    struct llmp_arena arena;
    (void)state;

    faulty_heap_arm(-1);
    llmp_arena_init(&arena, 256);
    llmp_arena_reset(&arena); /* before anything was taken */
    assert_int_equal(faulty_heap_live(), 0);

    void *first = llmp_arena_take(&arena, 100);

    assert_non_null(llmp_arena_take(&arena, 1000));
    assert_non_null(llmp_arena_take(&arena, 200));
    assert_int_equal(faulty_heap_live(), 3);
    assert_true(arena.used >= 1300);
    llmp_arena_reset(&arena);
    assert_int_equal(faulty_heap_live(), 1);
    assert_int_equal(arena.used, 0);
    assert_ptr_equal(llmp_arena_take(&arena, 100), first);
    assert_int_equal(faulty_heap_live(), 1);
    llmp_arena_fini(&arena);
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
}

static void impossible_sizes_are_refused(void **state)
{
    struct llmp_arena arena;
    (void)state;

    llmp_arena_init(&arena, 64);
    for (size_t less = 0; less < 32; less++)
        assert_null(llmp_arena_take(&arena, SIZE_MAX - less));
    assert_int_equal(arena.used, 0);
    assert_non_null(llmp_arena_take(&arena, 8));
    llmp_arena_fini(&arena);
    assert_null(llmp_alloc_array(SIZE_MAX / 8 + 1, 8));
    assert_null(llmp_alloc_array(8, SIZE_MAX / 8 + 1));
}

static void copies_end_with_a_nul(void **state)
{
    struct llmp_arena arena;
    bool ok = true;
    (void)state;

    llmp_arena_init(&arena, 64);

    struct llmp_str copy = llmp_arena_str(&arena, LLMP_STR("a\0b"), &ok);
    struct llmp_str empty =
        llmp_arena_str(&arena, (struct llmp_str){ NULL, 0 }, &ok);
    struct llmp_str text = llmp_arena_printf(&arena, "%d-%s", 7, "x");

    assert_true(ok);
    assert_memory_equal(copy.ptr, "a\0b\0", 4);
    assert_int_equal(copy.len, 3);
    assert_int_equal(empty.len, 0);
    assert_string_equal(empty.ptr, "");
    assert_string_equal(text.ptr, "7-x");
    assert_int_equal(text.len, 3);
    llmp_arena_fini(&arena);
}

static void fresh_memory_is_zero(void **state)
{
    unsigned char *bytes = llmp_alloc_array(100, 3);
    char *copy = llmp_strdup(LLMP_STR("text"));
    (void)state;

    for (size_t i = 0; i < 300; i++)
        assert_int_equal(bytes[i], 0);
    assert_string_equal(copy, "text");
    llmp_free(bytes);
    llmp_free(copy);
    llmp_free(NULL);
}

/* Pieces that were there before stay as they were, and what is asked for
 * later is given when there is memory again. */
static void a_failing_heap_harms_nothing(void **state)
{
    (void)state;
    for (int nth = 0; nth < 8; nth++) {
        struct llmp_arena arena;
        char *piece[10] = { NULL };
        bool ok = true;

        faulty_heap_arm(nth);
        llmp_arena_init(&arena, 64);
        for (size_t i = 0; i < LLMP_COUNT(piece); i++) {
            piece[i] = llmp_arena_take(&arena, 60);
            if (piece[i])
                memset(piece[i], (int)i, 60);
            assert_int_equal(piece[i] != NULL, (int)i < nth);
        }
        assert_null(llmp_arena_printf(&arena, "%080d", 1).ptr);
        assert_null(llmp_arena_str(&arena, LLMP_STR("abc"), &ok).ptr);
        assert_false(ok);
        faulty_heap_pause(1);
        assert_non_null(llmp_arena_take(&arena, 60));
        for (int i = 0; i < nth; i++)
            assert_int_equal(piece[i][59], i);
        llmp_arena_fini(&arena);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_arm(0);
    assert_null(llmp_alloc(1));
    assert_null(llmp_alloc_array(2, 2));
    assert_null(llmp_strdup(LLMP_STR("x")));
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(the_first_block_is_kept),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(copies_end_with_a_nul),
        cmocka_unit_test(fresh_memory_is_zero),
        cmocka_unit_test(a_failing_heap_harms_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
