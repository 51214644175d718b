/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading: a frame is looked for in the piece first, and only when it goes on
 * behind the piece's end is it gathered. The prelude is checked as soon as its
 * twelve bytes are there, so that a wrong length is not waited for.
 */
#include "message/eventstream.h"

#include "base/crc32.h"
#include "base/internal.h"

/* What a frame that came in parts may leave allocated. */
#define GATHER_KEEP_MAX 16384

void llmp_eventstream_init(struct llmp_eventstream *stream, size_t frame_max)
{
    assert(frame_max >= LLMP_EVENTSTREAM_FRAME_MIN);
    *stream = (struct llmp_eventstream){
        .piece = LLMP_STR(""),
        .frame_max = frame_max,
    };
}

void llmp_eventstream_fini(struct llmp_eventstream *stream)
{
    if (stream)
        llmp_buf_fini(&stream->gather);
}

void llmp_eventstream_feed(struct llmp_eventstream *stream,
                           struct llmp_str piece)
{
    assert(stream->failed || stream->pos == stream->piece.len);
    stream->piece = piece.len ? piece : LLMP_STR("");
    stream->pos = 0;
}

/* --------------------------------------------------------------- numbers -- */

/* Cuts `size` bytes off the front of `from`; false: there are fewer. */
static bool take(struct llmp_str *from, size_t size, struct llmp_str *out)
{
    if (from->len < size)
        return false;
    *out = (struct llmp_str){ from->ptr, size };
    from->ptr += size;
    from->len -= size;
    return true;
}

static uint64_t big_endian(struct llmp_str bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes.len; i++)
        value = value << 8 | (uint8_t)bytes.ptr[i];
    return value;
}

static uint32_t u32_at(const char *at)
{
    return (uint32_t)big_endian((struct llmp_str){ at, 4 });
}

/* --------------------------------------------------------------- headers -- */

/* Bytes of a value that has always as many; SIZE_MAX: two bytes say it. */
static size_t value_size(uint8_t type)
{
    static const uint8_t sizes[] = {
        [LLMP_EVENTSTREAM_TRUE] = 0,      [LLMP_EVENTSTREAM_FALSE] = 0,
        [LLMP_EVENTSTREAM_BYTE] = 1,      [LLMP_EVENTSTREAM_INT16] = 2,
        [LLMP_EVENTSTREAM_INT32] = 4,     [LLMP_EVENTSTREAM_INT64] = 8,
        [LLMP_EVENTSTREAM_BYTES] = 0xFF,  [LLMP_EVENTSTREAM_STRING] = 0xFF,
        [LLMP_EVENTSTREAM_TIMESTAMP] = 8, [LLMP_EVENTSTREAM_UUID] = 16,
    };

    assert(type < LLMP_COUNT(sizes));
    return sizes[type] == 0xFF ? SIZE_MAX : sizes[type];
}

int llmp_eventstream_header_next(struct llmp_str *headers,
                                 struct llmp_eventstream_header *header)
{
    struct llmp_str rest = *headers, byte, name, value;

    if (rest.len == 0)
        return LLMP_END;
    if (!take(&rest, 1, &byte) || byte.ptr[0] == 0 ||
        !take(&rest, (uint8_t)byte.ptr[0], &name) || !take(&rest, 1, &byte) ||
        (uint8_t)byte.ptr[0] > LLMP_EVENTSTREAM_UUID)
        return LLMP_E_SYNTAX;

    uint8_t type = (uint8_t)byte.ptr[0];
    size_t size = value_size(type);

    if (size == SIZE_MAX) {
        if (!take(&rest, 2, &value))
            return LLMP_E_SYNTAX;
        size = (size_t)big_endian(value);
    }
    if (!take(&rest, size, &value))
        return LLMP_E_SYNTAX;
    *header = (struct llmp_eventstream_header){
        .name = name,
        .type = (enum llmp_eventstream_type)type,
        .value = value,
    };
    *headers = rest;
    return LLMP_OK;
}

bool llmp_eventstream_number(const struct llmp_eventstream_header *header,
                             int64_t *out)
{
    uint64_t value = big_endian(header->value);

    switch (header->type) {
    case LLMP_EVENTSTREAM_TRUE:
    case LLMP_EVENTSTREAM_FALSE:
        *out = header->type == LLMP_EVENTSTREAM_TRUE;
        return true;
    case LLMP_EVENTSTREAM_BYTE:
        *out = (int8_t)value;
        return true;
    case LLMP_EVENTSTREAM_INT16:
        *out = (int16_t)value;
        return true;
    case LLMP_EVENTSTREAM_INT32:
        *out = (int32_t)value;
        return true;
    case LLMP_EVENTSTREAM_INT64:
    case LLMP_EVENTSTREAM_TIMESTAMP:
        *out = (int64_t)value;
        return true;
    case LLMP_EVENTSTREAM_BYTES:
    case LLMP_EVENTSTREAM_STRING:
    case LLMP_EVENTSTREAM_UUID:
        return false;
    }
    return false;
}

static enum llmp_eventstream_kind kind_of(struct llmp_str text)
{
    if (llmp_str_eq(text, LLMP_STR("event")))
        return LLMP_EVENTSTREAM_EVENT;
    if (llmp_str_eq(text, LLMP_STR("exception")))
        return LLMP_EVENTSTREAM_EXCEPTION;
    if (llmp_str_eq(text, LLMP_STR("error")))
        return LLMP_EVENTSTREAM_ERROR;
    return LLMP_EVENTSTREAM_OTHER;
}

/* Goes through all headers, so that each is known to be sound, and keeps those
 * with a meaning to us: these are strings, and there once. */
static int read_headers(struct llmp_eventstream_frame *frame,
                        struct llmp_error *err)
{
    struct llmp_str message_type = { NULL, 0 };
    struct {
        struct llmp_str name, *to;
        bool seen;
    } known[] = {
        { LLMP_STR(":message-type"), &message_type, false },
        { LLMP_STR(":event-type"), &frame->event_type, false },
        { LLMP_STR(":exception-type"), &frame->exception_type, false },
        { LLMP_STR(":content-type"), &frame->content_type, false },
        { LLMP_STR(":error-code"), &frame->error_code, false },
        { LLMP_STR(":error-message"), &frame->error_message, false },
    };
    struct llmp_eventstream_header header;
    struct llmp_str rest = frame->headers;
    int rc;

    while ((rc = llmp_eventstream_header_next(&rest, &header)) == LLMP_OK) {
        for (size_t i = 0; i < LLMP_COUNT(known); i++) {
            if (!llmp_str_eq(header.name, known[i].name))
                continue;
            LLMP_ENSURE(header.type == LLMP_EVENTSTREAM_STRING, err,
                        LLMP_E_SYNTAX, "the header %s is not a string",
                        known[i].name.ptr);
            LLMP_ENSURE(!known[i].seen, err, LLMP_E_SYNTAX,
                        "the header %s is there twice", known[i].name.ptr);
            known[i].seen = true;
            *known[i].to = header.value;
        }
    }
    LLMP_ENSURE(rc == LLMP_END, err, LLMP_E_SYNTAX,
                "the headers of a frame are not well formed at byte %zu",
                frame->headers.len - rest.len);
    frame->kind = kind_of(message_type);
    return LLMP_OK;
}

/* ---------------------------------------------------------------- frames -- */

/* `at` points to a whole prelude. */
static int check_prelude(const struct llmp_eventstream *stream, const char *at,
                         size_t *total, struct llmp_error *err)
{
    uint32_t size = u32_at(at), headers = u32_at(at + 4);

    LLMP_ENSURE(llmp_crc32(0, at, 8) == u32_at(at + 8), err, LLMP_E_CORRUPT,
                "the checksum of a frame's prelude is wrong");
    LLMP_ENSURE(size >= LLMP_EVENTSTREAM_FRAME_MIN, err, LLMP_E_SYNTAX,
                "a frame cannot have %u bytes", size);
    LLMP_ENSURE(headers <= size - LLMP_EVENTSTREAM_FRAME_MIN, err,
                LLMP_E_SYNTAX, "%u bytes of headers in a frame of %u", headers,
                size);
    LLMP_ENSURE(headers <= LLMP_EVENTSTREAM_HEADERS_MAX, err, LLMP_E_LIMIT,
                "%u bytes of headers in a frame, at most %d are allowed",
                headers, LLMP_EVENTSTREAM_HEADERS_MAX);
    LLMP_ENSURE(size <= stream->frame_max, err, LLMP_E_LIMIT,
                "a frame of %u bytes, at most %zu are allowed", size,
                stream->frame_max);
    *total = size;
    return LLMP_OK;
}

static int read_frame(struct llmp_eventstream_frame *frame, struct llmp_str raw,
                      bool held, struct llmp_error *err)
{
    size_t body = raw.len - 4, headers = u32_at(raw.ptr + 4);
    const char *at = raw.ptr + LLMP_EVENTSTREAM_PRELUDE;

    LLMP_ENSURE(llmp_crc32(0, raw.ptr, body) == u32_at(raw.ptr + body), err,
                LLMP_E_CORRUPT, "the checksum of a frame is wrong");
    *frame = (struct llmp_eventstream_frame){
        .held = held,
        .raw = raw,
        .headers = { at, headers },
        .payload = { at + headers, body - LLMP_EVENTSTREAM_PRELUDE - headers },
    };
    return read_headers(frame, err);
}

/* Moves bytes of the piece to `gather`, until that has `size` or the piece is
 * used up. */
static int gather(struct llmp_eventstream *stream, size_t size,
                  struct llmp_error *err)
{
    size_t left = stream->piece.len - stream->pos;
    size_t more = size - stream->gather.len;
    struct llmp_str bytes = { stream->piece.ptr + stream->pos,
                              more < left ? more : left };

    LLMP_ENSURE(llmp_buf_add(&stream->gather, bytes), err, LLMP_E_NOMEM,
                "no memory for a frame");
    stream->pos += bytes.len;
    return stream->gather.len == size ? LLMP_OK : LLMP_AGAIN;
}

/* A frame that began in an earlier piece, or goes on behind this one. */
static int next_gathered(struct llmp_eventstream *stream,
                         struct llmp_eventstream_frame *frame,
                         struct llmp_error *err)
{
    size_t total;
    int rc = LLMP_OK;

    if (stream->gather.len < LLMP_EVENTSTREAM_PRELUDE)
        rc = gather(stream, LLMP_EVENTSTREAM_PRELUDE, err);
    if (rc != LLMP_OK)
        return rc;
    LLMP_TRY(check_prelude(stream, stream->gather.ptr, &total, err));
    rc = gather(stream, total, err);
    if (rc != LLMP_OK)
        return rc;
    stream->given = true;
    return read_frame(frame, llmp_buf_str(&stream->gather), true, err);
}

static int next(struct llmp_eventstream *stream,
                struct llmp_eventstream_frame *frame, struct llmp_error *err)
{
    struct llmp_str rest = { stream->piece.ptr + stream->pos,
                             stream->piece.len - stream->pos };
    size_t total;

    if (rest.len == 0)
        return LLMP_AGAIN;
    if (stream->gather.len || rest.len < LLMP_EVENTSTREAM_PRELUDE)
        return next_gathered(stream, frame, err);
    LLMP_TRY(check_prelude(stream, rest.ptr, &total, err));
    if (rest.len < total)
        return next_gathered(stream, frame, err);
    stream->pos += total;
    return read_frame(frame, (struct llmp_str){ rest.ptr, total }, false, err);
}

static void drop_given(struct llmp_eventstream *stream)
{
    stream->given = false;
    stream->gather.len = 0;
    if (stream->gather.cap > GATHER_KEEP_MAX)
        llmp_buf_fini(&stream->gather);
}

int llmp_eventstream_next(struct llmp_eventstream *stream,
                          struct llmp_eventstream_frame *frame,
                          struct llmp_error *err)
{
    struct llmp_eventstream_frame found;

    LLMP_ENSURE(!stream->failed, err, stream->failed,
                "the event stream failed before");
    if (stream->given)
        drop_given(stream);

    int rc = next(stream, &found, err);

    if (rc < 0)
        stream->failed = rc;
    if (rc == LLMP_OK)
        *frame = found;
    return rc;
}

int llmp_eventstream_end(const struct llmp_eventstream *stream,
                         struct llmp_error *err)
{
    LLMP_ENSURE(!stream->failed, err, stream->failed,
                "the event stream failed before");
    LLMP_ENSURE(stream->given || stream->gather.len == 0, err, LLMP_E_SYNTAX,
                "the event stream ended inside a frame");
    return LLMP_OK;
}

/* --------------------------------------------------------------- writing -- */

static char *put_big_endian(char *to, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        *to++ = (char)(value >> (8 * (size - 1 - i)));
    return to;
}

/* Bytes that the header takes; 0: it is not one. */
static size_t header_size(const struct llmp_eventstream_header *header)
{
    size_t size;

    if (header->name.len < 1 || header->name.len > LLMP_EVENTSTREAM_NAME_MAX ||
        header->type > LLMP_EVENTSTREAM_UUID)
        return 0;
    size = value_size((uint8_t)header->type);
    if (size == SIZE_MAX ? header->value.len > LLMP_EVENTSTREAM_VALUE_MAX
                         : header->value.len != size)
        return 0;
    return 2 + header->name.len + (size == SIZE_MAX ? 2 : 0) +
           header->value.len;
}

static char *put_header(char *to, const struct llmp_eventstream_header *header)
{
    to = put_big_endian(to, header->name.len, 1);
    to = llmp_put_str(to, header->name);
    to = put_big_endian(to, header->type, 1);
    if (value_size((uint8_t)header->type) == SIZE_MAX)
        to = put_big_endian(to, header->value.len, 2);
    return llmp_put_str(to, header->value);
}

int llmp_eventstream_write(struct llmp_buf *to,
                           const struct llmp_eventstream_header *headers,
                           size_t header_count, struct llmp_str payload)
{
    size_t size = 0, total;

    for (size_t i = 0; i < header_count; i++) {
        size_t one = header_size(&headers[i]);

        if (one == 0)
            return LLMP_E_INVALID;
        size += one;
        if (size > LLMP_EVENTSTREAM_HEADERS_MAX)
            return LLMP_E_LIMIT;
    }
    if (payload.len > UINT32_MAX - LLMP_EVENTSTREAM_FRAME_MIN - size)
        return LLMP_E_LIMIT;
    total = LLMP_EVENTSTREAM_FRAME_MIN + size + payload.len;
    if (!llmp_buf_reserve(to, total))
        return LLMP_E_NOMEM;

    char *begin = to->ptr + to->len, *at = begin;

    at = put_big_endian(at, total, 4);
    at = put_big_endian(at, size, 4);
    at = put_big_endian(at, llmp_crc32(0, begin, 8), 4);
    for (size_t i = 0; i < header_count; i++)
        at = put_header(at, &headers[i]);
    at = llmp_put_str(at, payload);
    (void)put_big_endian(at, llmp_crc32(0, begin, total - 4), 4);
    to->len += total;
    return LLMP_OK;
}
