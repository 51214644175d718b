/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the bytes are, the splitter gives every byte back once and in
 * order, and the same events for the whole as for pieces cut at places that
 * the bytes themselves choose; events of one piece are adjacent.
 */
#include <stdlib.h>

#include "base/str.h"
#include "fuzz.h"
#include "message/sse.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

struct reading {
    struct llmp_buf text, bytes;
    const char *expected; /* where the next event of this piece begins */
    bool large;
};

static void show(struct reading *to, const struct llmp_sse_event *event)
{
    CHECK(event->raw.len > 0);
    if (!event->held) {
        CHECK(!to->expected || event->raw.ptr == to->expected);
        to->expected = event->raw.ptr + event->raw.len;
    }
    llmp_buf_add(&to->bytes, event->raw);
    CHECK(to->large == (event->kind == LLMP_SSE_MORE));
    if (event->kind != LLMP_SSE_EVENT) {
        if (!to->large)
            llmp_buf_add(&to->text, LLMP_STR("large\n"));
        to->large = !event->last;
        return;
    }
    llmp_buf_printf(&to->text, "%u %zu %zu ", event->data_lines,
                    event->name.len, event->data.len);
    llmp_buf_add(&to->text, event->name);
    llmp_buf_add(&to->text, LLMP_STR("\n"));
    llmp_buf_add(&to->text, event->data);
    llmp_buf_add(&to->text, LLMP_STR("\n"));
}

static void read_stream(struct reading *to, struct llmp_str stream,
                        uint64_t seed)
{
    struct llmp_sse sse;
    struct llmp_sse_event event;
    size_t at = 0;

    llmp_sse_init(&sse, 64);
    do {
        size_t n = fuzz_piece(&seed, stream.len - at);
        char *piece = malloc(n + 1);
        int rc;

        memcpy(piece, stream.ptr + at, n);
        at += n;
        to->expected = NULL;
        llmp_sse_feed(&sse, (struct llmp_str){ piece, n });
        while ((rc = llmp_sse_next(&sse, &event)) == LLMP_OK)
            show(to, &event);
        CHECK(rc == LLMP_AGAIN);
        free(piece);
    } while (at < stream.len);
    llmp_buf_add(&to->bytes, llmp_sse_rest(&sse));
    llmp_sse_fini(&sse);
    CHECK(llmp_str_eq(llmp_buf_str(&to->bytes), stream));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct llmp_str stream = { (const char *)data, size };
    struct reading whole = { 0 }, pieces = { 0 };

    read_stream(&whole, stream, 0);
    read_stream(&pieces, stream, fuzz_seed(data, size));
    CHECK(llmp_str_eq(llmp_buf_str(&whole.text), llmp_buf_str(&pieces.text)));
    llmp_buf_fini(&whole.text);
    llmp_buf_fini(&whole.bytes);
    llmp_buf_fini(&pieces.text);
    llmp_buf_fini(&pieces.bytes);
    return 0;
}
