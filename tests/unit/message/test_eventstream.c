/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the reader gives what botocore's tests expect of the same bytes,
 * however the stream is cut, and refuses what is damaged; what the writer
 * writes are those bytes.
 * Method: frames are shown as text and compared; every stream is read whole,
 * cut in two at every place, and byte by byte; memory fails at every request
 * in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/crc32.h"
#include "base/internal.h"
#include "faulty_heap.h"
#include "message/eventstream.h"

#define BYTES(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const char all_types[] =
    "\x00\x00\x00\x62\x00\x00\x00\x52\x03\xb5\xcb\x9c"
    "\x01"
    "0\x00\x01"
    "1\x01\x01"
    "2\x02\x02\x01"
    "3\x03\x00\x03\x01"
    "4\x04\x00\x00\x00\x04\x01"
    "5\x05\x00\x00\x00\x00\x00\x00\x00\x05\x01"
    "6\x06\x00\x05"
    "bytes\x01"
    "7\x07\x00\x04utf8\x01"
    "8\x08\x00\x00\x00\x00\x00\x00\x00\x08\x01"
    "9\x09"
    "0123456789abcdef"
    "\x63\x35\x36\x71";

static const char initial[] =
    "\x00\x00\x00~\x00\x00\x00O\xc5\xa3\xdd\xc6\r:message-type\x07\x00\x05"
    "event\x0b:event-type\x07\x00\x10initial-response\r:content-type\x07\x00"
    "\ttext/json{\"InitialResponse\": \"sometext\"}\xf6\x98$\x83";

static const char failure[] = "\x00\x00\x00\x52\x00\x00\x00\x42\xbf\x23\x63\x7e"
                              "\x0d:message-type\x07\x00\x05"
                              "error"
                              "\x0b:error-code\x07\x00\x04"
                              "code"
                              "\x0e:error-message\x07\x00\x07message"
                              "\x6b\x6c\xea\x3d";

static void show(struct llmp_buf *to,
                 const struct llmp_eventstream_frame *frame)
{
    static const char *const kinds[] = { "other", "event", "exception",
                                         "error" };
    const struct llmp_str texts[] = { frame->event_type, frame->exception_type,
                                      frame->content_type, frame->error_code,
                                      frame->error_message };
    struct llmp_eventstream_header header;
    struct llmp_str rest = frame->headers;
    int64_t number;

    llmp_buf_printf(to, "%s", kinds[frame->kind]);
    for (size_t i = 0; i < LLMP_COUNT(texts); i++)
        if (texts[i].len)
            llmp_buf_printf(to, " %zu=%.*s", i, (int)texts[i].len,
                            texts[i].ptr);
    while (llmp_eventstream_header_next(&rest, &header) == LLMP_OK) {
        llmp_buf_printf(to, " [%.*s:%d ", (int)header.name.len, header.name.ptr,
                        (int)header.type);
        if (llmp_eventstream_number(&header, &number))
            llmp_buf_printf(to, "%lld", (long long)number);
        else
            llmp_buf_add(to, header.value);
        llmp_buf_add(to, LLMP_STR("]"));
    }
    assert_int_equal(rest.len, 0);
    llmp_buf_add(to, LLMP_STR(" <"));
    llmp_buf_add(to, frame->payload);
    llmp_buf_add(to, LLMP_STR(">\n"));
}

/* One piece, of memory of its own, so that reading behind it is seen. */
static int read_piece(struct llmp_eventstream *stream, struct llmp_buf *to,
                      const char *at, size_t size, struct llmp_error *err)
{
    struct llmp_eventstream_frame frame;
    char *piece = malloc(size + 1);
    int rc;

    memcpy(piece, at, size);
    llmp_eventstream_feed(stream, (struct llmp_str){ piece, size });
    while ((rc = llmp_eventstream_next(stream, &frame, err)) == LLMP_OK) {
        assert_true(frame.held ||
                    (frame.raw.ptr >= piece && frame.raw.ptr < piece + size));
        show(to, &frame);
    }
    free(piece);
    return rc;
}

/* The text of what comes out when the stream is cut at `cut`, or everywhere. */
static void read_cut(struct llmp_buf *to, struct llmp_str stream,
                     size_t frame_max, size_t cut, bool everywhere)
{
    struct llmp_eventstream reader;
    struct llmp_error err;
    int rc = LLMP_AGAIN;

    llmp_eventstream_init(&reader, frame_max);
    if (everywhere) {
        for (size_t i = 0; i < stream.len && rc == LLMP_AGAIN; i++)
            rc = read_piece(&reader, to, stream.ptr + i, 1, &err);
    } else {
        rc = read_piece(&reader, to, stream.ptr, cut, &err);
        if (rc == LLMP_AGAIN)
            rc = read_piece(&reader, to, stream.ptr + cut, stream.len - cut,
                            &err);
    }
    if (rc == LLMP_AGAIN)
        rc = llmp_eventstream_end(&reader, &err);
    else
        assert_int_equal(llmp_eventstream_end(&reader, NULL), rc);
    if (rc < 0) {
        assert_int_equal(err.status, rc);
        llmp_buf_printf(to, "%s: %s", llmp_status_name(rc), err.message);
    }
    llmp_eventstream_fini(&reader);
}

static void check_cuts(struct llmp_str stream, size_t frame_max,
                       const char *expected)
{
    for (size_t cut = 0; cut <= stream.len + 1; cut++) {
        struct llmp_buf text = { 0 };

        read_cut(&text, stream, frame_max, cut, cut > stream.len);
        if (!llmp_str_eq(llmp_buf_str(&text), llmp_str_of(expected)))
            fail_msg("cut %zu gives:\n%.*s\nexpected:\n%s", cut, (int)text.len,
                     text.ptr, expected);
        llmp_buf_fini(&text);
    }
}

static void reads_published_frames(void **state)
{
    (void)state;
    static const struct {
        struct llmp_str bytes;
        const char *expected;
    } steps[] = {
        { BYTES(""), "" },
        { BYTES("\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2H\xeb}\x98\xc8\xff"),
          "other <>\n" },
        { BYTES("\x00\x00\x00\x17\x00\x00\x00\x07)\x86\x01X\x04"
                "byte\x02\xff\xc2\xf8i\xdc"),
          "other [byte:2 -1] <>\n" },
        { BYTES("\x00\x00\x00\x19\x00\x00\x00\tq\x0e\x92>\x05"
                "short\x03\xff\xff\xb2|\xb6\xcc"),
          "other [short:3 -1] <>\n" },
        { BYTES("\x00\x00\x00\x1d\x00\x00\x00\r\x83\xe3\xf0\xe7\x07"
                "integer\x04\xff\xff\xff\xff\x8b\x8e\x12\xeb"),
          "other [integer:4 -1] <>\n" },
        { BYTES("\x00\x00\x00\x1e\x00\x00\x00\x0e]J\xdb\x8d\x04"
                "long\x05\xff\xff\xff\xff\xff\xff\xff\xffK\xc2"
                "2\xda"),
          "other [long:5 -1] <>\n" },
        { BYTES("\x00\x00\x00\x1d\x00\x00\x00\x00\xfdR\x8cZ{'foo':'bar'}"
                "\xc3"
                "e96"),
          "other <{'foo':'bar'}>\n" },
        { BYTES(all_types),
          "other [0:0 1] [1:1 0] [2:2 2] [3:3 3] [4:4 4] [5:5 5] [6:6 bytes] "
          "[7:7 utf8] [8:8 8] [9:9 0123456789abcdef] <>\n" },
        { BYTES(failure),
          "error 3=code 4=message [:message-type:7 error] [:error-code:7 code] "
          "[:error-message:7 message] <>\n" },
        { BYTES(initial),
          "event 0=initial-response 2=text/json [:message-type:7 event] "
          "[:event-type:7 initial-response] [:content-type:7 text/json] "
          "<{\"InitialResponse\": \"sometext\"}>\n" },
    };
    struct llmp_buf all = { 0 }, expected = { 0 };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        print_message("# step %zu\n", i);
        check_cuts(steps[i].bytes, 1000, steps[i].expected);
        llmp_buf_add(&all, steps[i].bytes);
        llmp_buf_add(&expected, llmp_str_of(steps[i].expected));
    }
    llmp_buf_add(&expected, (struct llmp_str){ "", 1 });
    check_cuts(llmp_buf_str(&all), 1000, expected.ptr);
    llmp_buf_fini(&all);
    llmp_buf_fini(&expected);
}

/* A frame with right checksums around whatever lengths and bytes. */
static void forge(struct llmp_buf *to, uint32_t total, uint32_t headers,
                  struct llmp_str body)
{
    uint8_t numbers[12];
    uint32_t values[3] = { total, headers, 0 };
    size_t begin = to->len;

    for (size_t i = 0; i < 3; i++) {
        if (i == 2)
            values[2] = llmp_crc32(0, numbers, 8);
        for (size_t k = 0; k < 4; k++)
            numbers[i * 4 + k] = (uint8_t)(values[i] >> (24 - 8 * k));
    }
    llmp_buf_add(to, (struct llmp_str){ (const char *)numbers, 12 });
    llmp_buf_add(to, body);
    values[0] = llmp_crc32(0, to->ptr + begin, to->len - begin);
    for (size_t k = 0; k < 4; k++)
        numbers[k] = (uint8_t)(values[0] >> (24 - 8 * k));
    llmp_buf_add(to, (struct llmp_str){ (const char *)numbers, 4 });
}

static void refuses_what_is_damaged(void **state)
{
    (void)state;
    static const struct {
        struct llmp_str bytes;
        const char *expected;
    } steps[] = {
        { BYTES("\x01\x00\x00\x1d\x00\x00\x00\x00\xfdR\x8cZ{'foo':'bar'}"
                "\xc3"
                "e96"),
          "LLMP_E_CORRUPT: the checksum of a frame's prelude is wrong" },
        { BYTES("\x00\x00\x00\x1d\x00\x00\x00\x00\xfdR\x8cZ{'foo':'bar'\x8d"
                "\xc3"
                "e96"),
          "LLMP_E_CORRUPT: the checksum of a frame is wrong" },
        { BYTES("\x00\x00\x00=\xFF\x00\x01\x02\x07\xfd\x83\x96\x0c"
                "content-type\x07\x00\x10"),
          "LLMP_E_CORRUPT: the checksum of a frame's prelude is wrong" },
        { BYTES("\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2H\xeb}\x98\xc8\xff"
                "\x00\x00\x00\x10\x00"),
          "other <>\nLLMP_E_SYNTAX: the event stream ended inside a frame" },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        print_message("# step %zu\n", i);
        check_cuts(steps[i].bytes, 1000, steps[i].expected);
    }
}

static void refuses_what_makes_no_sense(void **state)
{
    (void)state;
    static const struct {
        uint32_t total, headers;
        struct llmp_str body;
        const char *expected;
    } steps[] = {
        { 15, 0, BYTES(""), "LLMP_E_SYNTAX: a frame cannot have 15 bytes" },
        { 20, 5, BYTES("abcd"),
          "LLMP_E_SYNTAX: 5 bytes of headers in a frame of 20" },
        { 1001, 0, BYTES(""),
          "LLMP_E_LIMIT: a frame of 1001 bytes, at most 1000 are allowed" },
        { 200000, 131073, BYTES(""),
          "LLMP_E_LIMIT: 131073 bytes of headers in a frame, at most 131072 "
          "are allowed" },
        { 0xFFFFFFFF, 0, BYTES(""),
          "LLMP_E_LIMIT: a frame of 4294967295 bytes, at most 1000 are "
          "allowed" },
        { 18, 2, BYTES("\x00\x00"), /* no name */
          "LLMP_E_SYNTAX: the headers of a frame are not well formed at byte "
          "0" },
        { 19, 3, BYTES("\x01x\x0A"), /* no such type */
          "LLMP_E_SYNTAX: the headers of a frame are not well formed at byte "
          "0" },
        { 25, 9, BYTES("\x01x\x00\x01y\x07\x00\x03z"), /* too short */
          "LLMP_E_SYNTAX: the headers of a frame are not well formed at byte "
          "3" },
        { 18, 2, BYTES("\x01x"), /* no type */
          "LLMP_E_SYNTAX: the headers of a frame are not well formed at byte "
          "0" },
        { 29, 13, BYTES("\x0b:event-type\x00"),
          "LLMP_E_SYNTAX: the header :event-type is not a string" },
        { 46, 30,
          BYTES("\x0b:event-type\x07\x00\x00\x0b:event-type\x07\x00\x00"),
          "LLMP_E_SYNTAX: the header :event-type is there twice" },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_buf frame = { 0 };

        print_message("# step %zu\n", i);
        forge(&frame, steps[i].total, steps[i].headers, steps[i].body);
        check_cuts(llmp_buf_str(&frame), 1000, steps[i].expected);
        llmp_buf_fini(&frame);
    }
}

static void a_failure_is_for_ever(void **state)
{
    (void)state;
    struct llmp_eventstream stream;
    struct llmp_eventstream_frame frame;

    llmp_eventstream_init(&stream, 1000);
    llmp_eventstream_feed(&stream, LLMP_STR("no such frame"));
    assert_int_equal(llmp_eventstream_next(&stream, &frame, NULL),
                     LLMP_E_CORRUPT);
    llmp_eventstream_feed(&stream, (struct llmp_str)BYTES(initial));
    assert_int_equal(llmp_eventstream_next(&stream, &frame, NULL),
                     LLMP_E_CORRUPT);
    llmp_eventstream_fini(&stream);
    llmp_eventstream_fini(NULL);
}

/* What each byte of a frame is worth: none can change unseen. */
static void every_changed_byte_is_seen(void **state)
{
    (void)state;
    char bytes[sizeof(initial)];

    memcpy(bytes, initial, sizeof(initial));
    for (size_t i = 0; i < sizeof(initial) - 1; i++) {
        struct llmp_buf text = { 0 };

        bytes[i] ^= 0x10;
        read_cut(&text, (struct llmp_str){ bytes, sizeof(initial) - 1 }, 1000,
                 0, false);
        assert_true(
            llmp_str_starts(llmp_buf_str(&text), LLMP_STR("LLMP_E_CORRUPT")));
        bytes[i] ^= 0x10;
        llmp_buf_fini(&text);
    }
}

static void whole_frames_cost_nothing(void **state)
{
    (void)state;
    struct llmp_eventstream stream;
    struct llmp_eventstream_frame frame;
    struct llmp_str piece = BYTES(initial);

    faulty_heap_arm(0); /* any request for memory fails */
    llmp_eventstream_init(&stream, piece.len);
    llmp_eventstream_feed(&stream, piece);
    assert_int_equal(llmp_eventstream_next(&stream, &frame, NULL), LLMP_OK);
    assert_ptr_equal(frame.raw.ptr, initial);
    assert_int_equal(frame.raw.len, piece.len);
    assert_false(frame.held);
    assert_ptr_equal(frame.payload.ptr + frame.payload.len,
                     initial + piece.len - 4);
    assert_int_equal(llmp_eventstream_next(&stream, &frame, NULL), LLMP_AGAIN);
    llmp_eventstream_fini(&stream);
    faulty_heap_off();
}

static void writes_published_frames(void **state)
{
    (void)state;
    static const struct llmp_eventstream_header headers[] = {
        { BYTES("0"), LLMP_EVENTSTREAM_TRUE, { NULL, 0 } },
        { BYTES("1"), LLMP_EVENTSTREAM_FALSE, { NULL, 0 } },
        { BYTES("2"), LLMP_EVENTSTREAM_BYTE, BYTES("\2") },
        { BYTES("3"), LLMP_EVENTSTREAM_INT16, BYTES("\0\3") },
        { BYTES("4"), LLMP_EVENTSTREAM_INT32, BYTES("\0\0\0\4") },
        { BYTES("5"), LLMP_EVENTSTREAM_INT64, BYTES("\0\0\0\0\0\0\0\5") },
        { BYTES("6"), LLMP_EVENTSTREAM_BYTES, BYTES("bytes") },
        { BYTES("7"), LLMP_EVENTSTREAM_STRING, BYTES("utf8") },
        { BYTES("8"), LLMP_EVENTSTREAM_TIMESTAMP, BYTES("\0\0\0\0\0\0\0\10") },
        { BYTES("9"), LLMP_EVENTSTREAM_UUID, BYTES("0123456789abcdef") },
    };
    const struct llmp_eventstream_header event[] = {
        llmp_eventstream_string(LLMP_STR(":message-type"), LLMP_STR("event")),
        llmp_eventstream_string(LLMP_STR(":event-type"),
                                LLMP_STR("initial-response")),
        llmp_eventstream_string(LLMP_STR(":content-type"),
                                LLMP_STR("text/json")),
    };
    struct llmp_buf out = { 0 };

    assert_int_equal(llmp_eventstream_write(&out, headers, LLMP_COUNT(headers),
                                            LLMP_STR("")),
                     LLMP_OK);
    assert_true(
        llmp_str_eq(llmp_buf_str(&out), (struct llmp_str)BYTES(all_types)));
    out.len = 0;
    assert_int_equal(
        llmp_eventstream_write(&out, event, LLMP_COUNT(event),
                               LLMP_STR("{\"InitialResponse\": \"sometext\"}")),
        LLMP_OK);
    assert_true(
        llmp_str_eq(llmp_buf_str(&out), (struct llmp_str)BYTES(initial)));
    llmp_buf_fini(&out);
}

static void writes_only_what_fits(void **state)
{
    (void)state;
    char *large = calloc(1, 65536);
    struct llmp_str name = LLMP_STR("n");
    const struct llmp_eventstream_header wrong[] = {
        llmp_eventstream_string(LLMP_STR(""), LLMP_STR("v")),
        llmp_eventstream_string((struct llmp_str){ large, 256 }, name),
        llmp_eventstream_string(name, (struct llmp_str){ large, 65536 }),
        { name, LLMP_EVENTSTREAM_INT32, BYTES("abc") },
        { name, LLMP_EVENTSTREAM_TRUE, BYTES("x") },
        { name, (enum llmp_eventstream_type)10, { NULL, 0 } },
    };
    struct llmp_eventstream_header many[3];
    struct llmp_buf out = { .limit = 20 };

    for (size_t i = 0; i < LLMP_COUNT(wrong); i++)
        assert_int_equal(
            llmp_eventstream_write(&out, &wrong[i], 1, LLMP_STR("")),
            LLMP_E_INVALID);
    for (size_t i = 0; i < 3; i++)
        many[i] =
            llmp_eventstream_string(name, (struct llmp_str){ large, 65535 });
    assert_int_equal(llmp_eventstream_write(&out, many, 3, LLMP_STR("")),
                     LLMP_E_LIMIT);
    assert_int_equal(llmp_eventstream_write(&out, NULL, 0, LLMP_STR("12345")),
                     LLMP_E_NOMEM);
    assert_int_equal(out.len, 0);
    llmp_buf_fini(&out);
    free(large);
}

/* The memory of one large frame in parts is not kept for ever. */
static void gathered_memory_is_bounded(void **state)
{
    (void)state;
    struct llmp_eventstream stream;
    struct llmp_eventstream_frame frame;
    struct llmp_buf bytes = { 0 };
    char *payload = calloc(1, 100000);

    assert_int_equal(llmp_eventstream_write(
                         &bytes, NULL, 0, (struct llmp_str){ payload, 100000 }),
                     LLMP_OK);
    faulty_heap_arm(-1);
    llmp_eventstream_init(&stream, 200000);
    llmp_eventstream_feed(&stream, (struct llmp_str){ bytes.ptr, 50000 });
    assert_int_equal(llmp_eventstream_next(&stream, &frame, NULL), LLMP_AGAIN);
    llmp_eventstream_feed(
        &stream, (struct llmp_str){ bytes.ptr + 50000, bytes.len - 50000 });
    assert_int_equal(llmp_eventstream_next(&stream, &frame, NULL), LLMP_OK);
    assert_true(frame.held);
    assert_int_equal(frame.payload.len, 100000);
    assert_int_equal(llmp_eventstream_next(&stream, &frame, NULL), LLMP_AGAIN);
    assert_int_equal(faulty_heap_live(), 0);
    llmp_eventstream_fini(&stream);
    faulty_heap_off();
    llmp_buf_fini(&bytes);
    free(payload);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_eventstream stream;
        struct llmp_eventstream_frame frame;
        struct llmp_error err;

        faulty_heap_arm(n);
        llmp_eventstream_init(&stream, 1000);
        llmp_eventstream_feed(&stream, (struct llmp_str){ initial, 5 });

        int rc = llmp_eventstream_next(&stream, &frame, &err);

        if (rc == LLMP_AGAIN) {
            llmp_eventstream_feed(
                &stream, (struct llmp_str){ initial + 5, sizeof(initial) - 6 });
            rc = llmp_eventstream_next(&stream, &frame, &err);
        }
        llmp_eventstream_fini(&stream);
        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
        if (rc == LLMP_OK) {
            assert_true(n > 0);
            return;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(err.status, rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_published_frames),
        cmocka_unit_test(refuses_what_is_damaged),
        cmocka_unit_test(refuses_what_makes_no_sense),
        cmocka_unit_test(a_failure_is_for_ever),
        cmocka_unit_test(every_changed_byte_is_seen),
        cmocka_unit_test(whole_frames_cost_nothing),
        cmocka_unit_test(writes_published_frames),
        cmocka_unit_test(writes_only_what_fits),
        cmocka_unit_test(gathered_memory_is_bounded),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
