/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the bytes are, the reader gives the same frames and the same end
 * for the whole as for pieces cut at places that the bytes themselves choose,
 * and a frame written again from its parts is the frame. Chance does not meet
 * a checksum: with a first byte that is odd, those of the frames are put right
 * before reading.
 */
#include <stdlib.h>

#include "base/crc32.h"
#include "base/str.h"
#include "fuzz.h"
#include "message/eventstream.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

enum { FRAME_MAX = 4096, HEADERS_MAX = FRAME_MAX / 3 };

static void write_again(const struct llmp_eventstream_frame *frame)
{
    static struct llmp_eventstream_header headers[HEADERS_MAX];
    struct llmp_str rest = frame->headers;
    struct llmp_buf again = { 0 };
    size_t count = 0;
    int rc;

    do {
        CHECK(count < HEADERS_MAX);
        rc = llmp_eventstream_header_next(&rest, &headers[count]);
        count += rc == 0;
    } while (rc == 0);
    CHECK(rc == LLMP_END);
    CHECK(llmp_eventstream_write(&again, headers, count, frame->payload) == 0);
    CHECK(llmp_str_eq(llmp_buf_str(&again), frame->raw));
    llmp_buf_fini(&again);
}

static void read_stream(struct llmp_buf *to, struct llmp_str stream,
                        uint64_t seed)
{
    struct llmp_eventstream reader;
    struct llmp_eventstream_frame frame;
    size_t at = 0;
    int rc;

    llmp_eventstream_init(&reader, FRAME_MAX);
    do {
        size_t n = fuzz_piece(&seed, stream.len - at);
        char *piece = malloc(n + 1);

        memcpy(piece, stream.ptr + at, n);
        at += n;
        llmp_eventstream_feed(&reader, (struct llmp_str){ piece, n });
        while ((rc = llmp_eventstream_next(&reader, &frame, NULL)) == 0) {
            write_again(&frame);
            llmp_buf_printf(to, "%d %zu %zu\n", (int)frame.kind,
                            frame.event_type.len, frame.error_message.len);
            llmp_buf_add(to, frame.raw);
        }
        free(piece);
    } while (rc == LLMP_AGAIN && at < stream.len);
    if (rc == LLMP_AGAIN)
        rc = llmp_eventstream_end(&reader, NULL);
    llmp_buf_printf(to, "%d\n", rc);
    llmp_eventstream_fini(&reader);
}

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_checksums_right(uint8_t *at, size_t size)
{
    while (size >= LLMP_EVENTSTREAM_FRAME_MIN) {
        size_t total = (size_t)at[2] << 8 | at[3];

        put_u32(at + 8, llmp_crc32(0, at, 8));
        if (at[0] || at[1] || total < LLMP_EVENTSTREAM_FRAME_MIN ||
            total > size)
            return;
        put_u32(at + total - 4, llmp_crc32(0, at, total - 4));
        at += total;
        size -= total;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct llmp_buf whole = { 0 }, pieces = { 0 };

    if (size == 0)
        return 0;

    uint8_t *bytes = malloc(size);
    struct llmp_str stream = { (const char *)bytes, size - 1 };

    memcpy(bytes, data + 1, size - 1);
    if (data[0] & 1)
        put_checksums_right(bytes, size - 1);
    read_stream(&whole, stream, 0);
    read_stream(&pieces, stream, fuzz_seed(data, size));
    CHECK(llmp_str_eq(llmp_buf_str(&whole), llmp_buf_str(&pieces)));
    llmp_buf_fini(&whole);
    llmp_buf_fini(&pieces);
    free(bytes);
    return 0;
}
