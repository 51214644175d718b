/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and writes application/vnd.amazon.eventstream
 * (docs/internals/eventstream.md): frames with typed headers, a payload and
 * two checksums. Reading takes pieces of any size; a frame that lies in one
 * piece is spans of it and costs no allocation, and only one that comes in
 * parts is gathered.
 */
#ifndef LLMP_MESSAGE_EVENTSTREAM_H
#define LLMP_MESSAGE_EVENTSTREAM_H

#include <llmproxy/base.h>

#include "base/str.h"

enum {
    LLMP_EVENTSTREAM_PRELUDE = 12,         /* two lengths and their checksum */
    LLMP_EVENTSTREAM_FRAME_MIN = 16,       /* with the checksum at the end */
    LLMP_EVENTSTREAM_HEADERS_MAX = 131072, /* bytes; AWS's limit */
    LLMP_EVENTSTREAM_NAME_MAX = 255,
    LLMP_EVENTSTREAM_VALUE_MAX = 65535,
};

/* The numbers are those of the format. */
enum llmp_eventstream_type {
    LLMP_EVENTSTREAM_TRUE,
    LLMP_EVENTSTREAM_FALSE,
    LLMP_EVENTSTREAM_BYTE,
    LLMP_EVENTSTREAM_INT16,
    LLMP_EVENTSTREAM_INT32,
    LLMP_EVENTSTREAM_INT64,
    LLMP_EVENTSTREAM_BYTES,
    LLMP_EVENTSTREAM_STRING,
    LLMP_EVENTSTREAM_TIMESTAMP, /* ms since 1970 */
    LLMP_EVENTSTREAM_UUID,
};

struct llmp_eventstream_header {
    struct llmp_str name;
    enum llmp_eventstream_type type;
    struct llmp_str value; /* its bytes as sent; empty for TRUE and FALSE */
};

/* What the header ":message-type" says. */
enum llmp_eventstream_kind {
    LLMP_EVENTSTREAM_OTHER, /* something else, or it is not there */
    LLMP_EVENTSTREAM_EVENT,
    LLMP_EVENTSTREAM_EXCEPTION, /* one that the service declares */
    LLMP_EVENTSTREAM_ERROR,     /* any other failure: code and message */
};

/* Spans hold as long as the piece; of a frame that is `held` until the next
 * call only. What is not there is empty. */
struct llmp_eventstream_frame {
    enum llmp_eventstream_kind kind;
    bool held; /* it is the reader's memory */
    struct llmp_str raw, headers, payload;
    struct llmp_str event_type, exception_type, content_type;
    struct llmp_str error_code, error_message;
};

/* The members are private. */
struct llmp_eventstream {
    struct llmp_str piece;
    size_t pos; /* what of it is used */
    size_t frame_max;
    struct llmp_buf gather; /* a frame that comes in parts */
    bool given;             /* `gather` has been handed out */
    int failed;             /* the status that every call now returns */
};

/*
 * @param frame_max  a frame of more bytes is an error; at least
 *                   LLMP_EVENTSTREAM_FRAME_MIN
 */
void llmp_eventstream_init(struct llmp_eventstream *stream, size_t frame_max);

/* Accepts NULL. */
void llmp_eventstream_fini(struct llmp_eventstream *stream);

/* Hands in the next piece, which must stay put until llmp_eventstream_next()
 * has asked for more; the one before must be used up. */
void llmp_eventstream_feed(struct llmp_eventstream *stream,
                           struct llmp_str piece);

/*
 * LLMP_OK: a frame, all of it checked; LLMP_AGAIN: feed the next piece.
 * Else the stream cannot go on: LLMP_E_SYNTAX, lengths or headers that make no
 * sense; LLMP_E_CORRUPT, a checksum is wrong; LLMP_E_LIMIT, a frame above
 * frame_max; LLMP_E_NOMEM.
 */
LLMP_MUST_USE int llmp_eventstream_next(struct llmp_eventstream *stream,
                                        struct llmp_eventstream_frame *frame,
                                        struct llmp_error *err);

/* At the end of the stream: LLMP_E_SYNTAX inside a frame; a failure before is
 * returned again. */
LLMP_MUST_USE int llmp_eventstream_end(const struct llmp_eventstream *stream,
                                       struct llmp_error *err);

/*
 * Takes the first header off `headers`, at first a frame's. LLMP_OK; LLMP_END:
 * there is none left; LLMP_E_SYNTAX: not a header, which no frame given by
 * llmp_eventstream_next() has.
 */
LLMP_MUST_USE int llmp_eventstream_header_next(
    struct llmp_str *headers, struct llmp_eventstream_header *header);

/* The number of a header; false for bytes, strings and UUIDs. TRUE is 1. */
bool llmp_eventstream_number(const struct llmp_eventstream_header *header,
                             int64_t *out);

static inline struct llmp_eventstream_header llmp_eventstream_string(
    struct llmp_str name, struct llmp_str value)
{
    return (struct llmp_eventstream_header){
        .name = name,
        .type = LLMP_EVENTSTREAM_STRING,
        .value = value,
    };
}

/*
 * Appends a frame. LLMP_E_INVALID: a name or a value does not fit its type;
 * LLMP_E_LIMIT: headers above LLMP_EVENTSTREAM_HEADERS_MAX or a frame above
 * what its length can say; LLMP_E_NOMEM: no memory, or above the buffer's
 * limit. A failure appends nothing.
 */
LLMP_MUST_USE int llmp_eventstream_write(
    struct llmp_buf *to, const struct llmp_eventstream_header *headers,
    size_t header_count, struct llmp_str payload);

#endif
