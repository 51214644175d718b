/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the splitter finds every event however the stream is cut, gives every
 * byte back once, copies only what it must, and lets large events pass.
 * Method: events are written out as text and compared; every stream is read
 * whole, cut in two at every place, and byte by byte; memory fails at every
 * request in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "message/sse.h"

/* What came out: `text` for events, `bytes` for all raw parts. */
struct result {
    struct llmp_buf text, bytes;
    bool large; /* the line of an event above the limit is open */
};

static void result_fini(struct result *result)
{
    llmp_buf_fini(&result->text);
    llmp_buf_fini(&result->bytes);
}

static void write_event(struct result *to, const struct llmp_sse_event *event)
{
    llmp_buf_add(&to->bytes, event->raw);
    if (event->kind != LLMP_SSE_EVENT) {
        assert_int_equal(event->kind == LLMP_SSE_MORE, to->large);
        assert_int_equal(event->data_lines, 0);
        if (!to->large)
            llmp_buf_add(&to->text, LLMP_STR("large\n"));
        to->large = !event->last;
        return;
    }
    assert_true(event->last);
    llmp_buf_printf(&to->text, "%u <%.*s> <%.*s>\n", event->data_lines,
                    (int)event->name.len, event->name.ptr, (int)event->data.len,
                    event->data.ptr);
}

/* Feeds pieces of their own memory that end at `cuts` and at the end. */
static void read_pieces(struct result *to, struct llmp_str stream,
                        size_t event_max, const size_t *cuts, size_t cut_count)
{
    struct llmp_sse sse;
    struct llmp_sse_event event;
    size_t at = 0;

    llmp_sse_init(&sse, event_max);
    for (size_t i = 0; i <= cut_count; i++) {
        size_t end = i < cut_count ? cuts[i] : stream.len;
        char *piece = malloc(end - at + 1);
        int rc;

        memcpy(piece, stream.ptr + at, end - at);
        piece[end - at] = '\n'; /* must not be read */
        llmp_sse_feed(&sse, (struct llmp_str){ piece, end - at });
        while ((rc = llmp_sse_next(&sse, &event)) == LLMP_OK)
            write_event(to, &event);
        assert_int_equal(rc, LLMP_AGAIN);
        free(piece);
        at = end;
    }
    llmp_buf_printf(&to->text, "rest %s", to->large ? "large" : "");
    llmp_buf_add(&to->bytes, llmp_sse_rest(&sse));
    llmp_sse_fini(&sse);
    assert_true(llmp_str_eq(llmp_buf_str(&to->bytes), stream));
}

static void check_cuts(struct llmp_str stream, size_t event_max,
                       const char *expected)
{
    struct result whole = { 0 }, pieces = { 0 };
    size_t *cuts = calloc(stream.len + 1, sizeof(*cuts));

    read_pieces(&whole, stream, event_max, NULL, 0);
    if (!llmp_str_eq(llmp_buf_str(&whole.text), llmp_str_of(expected)))
        fail_msg("got:\n%.*s\nexpected:\n%s", (int)whole.text.len,
                 whole.text.ptr, expected);
    for (size_t cut = 0; cut <= stream.len + 1; cut++) {
        for (size_t i = 0; i < stream.len; i++)
            cuts[i] = cut <= stream.len ? cut : i + 1;
        pieces = (struct result){ 0 };
        read_pieces(&pieces, stream, event_max, cuts,
                    cut <= stream.len ? stream.len > 0 : stream.len);
        if (!llmp_str_eq(llmp_buf_str(&pieces.text), llmp_buf_str(&whole.text)))
            fail_msg("cut %zu gives:\n%.*s", cut, (int)pieces.text.len,
                     pieces.text.ptr);
        result_fini(&pieces);
    }
    free(cuts);
    result_fini(&whole);
}

static void finds_events_at_every_cut(void **state)
{
    (void)state;
    static const struct {
        const char *stream, *expected;
    } steps[] = {
        { "", "rest " },
        { "data: {\"a\":1}\n\ndata: [DONE]\n\n",
          "1 <> <{\"a\":1}>\n1 <> <[DONE]>\nrest " },
        { "data: a\r\n\r\ndata: b\r\n\r\n", "1 <> <a>\n1 <> <b>\nrest " },
        { "data: a\r\rdata: b\r\r", "1 <> <a>\n1 <> <b>\nrest " },
        { "data: a\n\r\ndata: b\r\n\ndata: c\r\n\rdata: d\n\n",
          "1 <> <a>\n1 <> <b>\n1 <> <c>\n1 <> <d>\nrest " },
        { "event: x.y\ndata: 1\ndata:2\ndata:  3\ndata\n\n",
          "4 <x.y> <1\n2\n 3\n>\nrest " },
        { "data: first line is longer than sixteen bytes\n"
          "data: and so is the second of them, by some way\nid: 7\n\n",
          "2 <> <first line is longer than sixteen bytes\n"
          "and so is the second of them, by some way>\nrest " },
        { "data: 1\r\nevent: n\r\nid: 9\r\nretry: 5\r\ndatas: 2\r\ndata:\r\n"
          "\r\n",
          "2 <n> <1\n>\nrest " },
        { ": ping\n\n:\n\ndata: x\n\n", "0 <> <>\n0 <> <>\n1 <> <x>\nrest " },
        { ": ping\ndata: x\n\n", "1 <> <x>\nrest " },
        { "\n\n\r\n\rdata: x\n\n\n",
          "0 <> <>\n0 <> <>\n0 <> <>\n0 <> <>\n1 <> <x>\n0 <> <>\nrest " },
        { "\xEF\xBB\xBF"
          "data: x\n\n\xEF\xBB\xBF"
          "data: y\n\n",
          "1 <> <x>\n0 <> <>\nrest " },
        { "\xEF\xBB\xBF\n\ndata: y\n\n", "0 <> <>\n1 <> <y>\nrest " },
        { "data: a\n\ndata: cut", "1 <> <a>\nrest " },
        { "data: a\n\nevent: b\ndata: cut\n", "1 <> <a>\nrest " },
        { "event: gone\n\ndata: a\n\n", "0 <gone> <>\n1 <> <a>\nrest " },
        { "data:\n\ndata\n\ndata: \n\n", "1 <> <>\n1 <> <>\n1 <> <>\nrest " },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        print_message("# step %zu\n", i);
        check_cuts(llmp_str_of(steps[i].stream), 1000, steps[i].expected);
    }
}

static void large_events_pass_through(void **state)
{
    (void)state;
    static const char stream[] =
        "data: 4567\n\n" /* 12 bytes */
        "data: 45678\n\n"
        "data: a\n\n"
        "data: 1\r\nevent: very long\r\ndata: 2\r\n\r\n"
        "data: b\r\n\r\n"
        "data: 45678901234567890123456789012345678901234567890123456789";

    check_cuts(llmp_str_of(stream), 12,
               "1 <> <4567>\nlarge\n1 <> <a>\nlarge\n1 <> <b>\nlarge\n"
               "rest large");
}

static void whole_events_are_adjacent_and_cost_nothing(void **state)
{
    (void)state;
    static const char stream[] =
        "data: 1\n\nevent: x\ndata: 2\n\n: ping\n\ndata: 3\r\n\r\n";
    struct llmp_sse sse;
    struct llmp_sse_event event;
    const char *at = stream;

    faulty_heap_arm(0); /* any request for memory fails */
    llmp_sse_init(&sse, 1000);
    llmp_sse_feed(&sse, llmp_str_of(stream));
    while (llmp_sse_next(&sse, &event) == LLMP_OK) {
        assert_ptr_equal(event.raw.ptr, at);
        assert_false(event.held);
        if (event.data_lines)
            assert_true(event.data.ptr > at &&
                        event.data.ptr + event.data.len <
                            event.raw.ptr + event.raw.len);
        at += event.raw.len;
    }
    assert_ptr_equal(at, stream + sizeof(stream) - 1);
    llmp_sse_fini(&sse);
    faulty_heap_off();
}

static void a_carriage_return_is_not_waited_behind(void **state)
{
    (void)state;
    struct llmp_sse sse;
    struct llmp_sse_event event;

    llmp_sse_init(&sse, 1000);
    llmp_sse_feed(&sse, LLMP_STR("data: 1\r\n\r"));
    assert_int_equal(llmp_sse_next(&sse, &event), LLMP_OK);
    assert_true(llmp_str_eq(event.data, LLMP_STR("1")));
    assert_int_equal(llmp_sse_next(&sse, &event), LLMP_AGAIN);
    llmp_sse_feed(&sse, LLMP_STR("\ndata: 2\r\n\r\n"));
    assert_int_equal(llmp_sse_next(&sse, &event), LLMP_OK);
    assert_true(llmp_str_eq(event.raw, LLMP_STR("\ndata: 2\r\n\r\n")));
    assert_true(llmp_str_eq(event.data, LLMP_STR("2")));
    assert_int_equal(llmp_sse_next(&sse, &event), LLMP_AGAIN);
    assert_int_equal(llmp_sse_rest(&sse).len, 0);
    llmp_sse_fini(&sse);
}

/* The memory of one large event in parts is not kept for ever. */
static void gathered_memory_is_bounded(void **state)
{
    (void)state;
    struct llmp_sse sse;
    struct llmp_sse_event event;
    char *text = calloc(1, 100000);

    memset(text, 'x', 100000);
    faulty_heap_arm(-1);
    llmp_sse_init(&sse, 200000);
    llmp_sse_feed(&sse, (struct llmp_str){ text, 100000 });
    assert_int_equal(llmp_sse_next(&sse, &event), LLMP_AGAIN);
    assert_int_equal(llmp_sse_rest(&sse).len, 100000);
    llmp_sse_feed(&sse, LLMP_STR("\n\n"));
    assert_int_equal(llmp_sse_next(&sse, &event), LLMP_OK);
    assert_true(event.held);
    assert_int_equal(event.raw.len, 100002);
    assert_int_equal(llmp_sse_next(&sse, &event), LLMP_AGAIN);
    assert_int_equal(faulty_heap_live(), 0);
    llmp_sse_fini(&sse);
    llmp_sse_fini(NULL);
    faulty_heap_off();
    free(text);
}

static int read_in_two(struct llmp_sse *sse)
{
    struct llmp_sse_event event;
    int rc;

    llmp_sse_feed(sse, LLMP_STR("data: 1\ndata: 2"));
    while ((rc = llmp_sse_next(sse, &event)) == LLMP_OK)
        ;
    if (rc < 0)
        return rc;
    llmp_sse_feed(sse, LLMP_STR("\n\n"));
    while ((rc = llmp_sse_next(sse, &event)) == LLMP_OK)
        ;
    return rc;
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_sse sse;

        faulty_heap_arm(n);
        llmp_sse_init(&sse, 1000);

        int rc = read_in_two(&sse);

        llmp_sse_fini(&sse);
        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
        if (rc == LLMP_AGAIN) {
            assert_true(n > 0);
            return;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_events_at_every_cut),
        cmocka_unit_test(large_events_pass_through),
        cmocka_unit_test(whole_events_are_adjacent_and_cost_nothing),
        cmocka_unit_test(a_carriage_return_is_not_waited_behind),
        cmocka_unit_test(gathered_memory_is_bounded),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
