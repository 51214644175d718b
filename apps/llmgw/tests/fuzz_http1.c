/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the bytes are: a head is found, refused or waited for in the same
 * way when they come at once and when they come in pieces; what is accepted
 * has one meaning (no second length, no byte that ends a line, names in lower
 * case) and lies within the input; and the chunked body behind it decodes to
 * the same bytes however it is cut.
 */
#include <stdlib.h>
#include <string.h>

#include "chunked.h"
#include "fuzz.h"
#include "head.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

#define HEAD_MAX 16384
/* A head that is not refused yet may be longer by the last piece. */
#define INPUT_MAX 65536

struct found {
    enum gw_head_status status;
    size_t size;
    struct gw_head_error error;
};

static struct found scan(const uint8_t *data, size_t size, uint64_t seed)
{
    struct gw_head_scan scan = { 0 };
    struct found found = { .status = GW_HEAD_MORE };

    for (size_t at = 0; at < size && found.status == GW_HEAD_MORE;) {
        at += fuzz_piece(&seed, size - at);
        found.status =
            gw_head_scan(&scan, data, at, HEAD_MAX, &found.size, &found.error);
    }
    return found;
}

static void check_span(struct llmp_str span, const uint8_t *data, size_t size)
{
    const uint8_t *begin = (const uint8_t *)span.ptr;

    CHECK(span.len == 0 || (begin >= data && begin + span.len <= data + size));
    for (size_t i = 0; i < span.len; i++)
        CHECK(((uint8_t)span.ptr[i] >= 0x20 && span.ptr[i] != 0x7f) ||
              span.ptr[i] == '\t');
}

static bool is(struct llmp_str name, const char *what)
{
    return name.len == strlen(what) && memcmp(name.ptr, what, name.len) == 0;
}

static void check_head(const struct gw_head *head, const uint8_t *data,
                       size_t size)
{
    unsigned lengths = 0, codings = 0, hosts = 0;

    CHECK(head->http_major == 1 && head->http_minor <= 1);
    CHECK(head->method.len > 0);
    CHECK(head->target.len > 0 && head->target.ptr[0] == '/');
    CHECK(head->target.len <= GW_URI_BYTES_MAX);
    CHECK(head->field_count <= GW_HEAD_FIELDS_MAX);
    check_span(head->method, data, size);
    if (!is(head->target, "/")) /* "/" may stand for no path at all */
        check_span(head->target, data, size);
    for (size_t i = 0; i < head->field_count; i++) {
        const struct llmp_header *field = &head->fields[i];

        CHECK(field->name.len > 0);
        check_span(field->name, data, size);
        check_span(field->value, data, size);
        for (size_t k = 0; k < field->name.len; k++) {
            CHECK(field->name.ptr[k] > ' ' && field->name.ptr[k] != ':');
            CHECK(field->name.ptr[k] < 'A' || field->name.ptr[k] > 'Z');
        }
        lengths += is(field->name, "content-length");
        codings += is(field->name, "transfer-encoding");
        hosts += is(field->name, "host");
    }
    CHECK(lengths + codings <= 1 && hosts <= 1);
    CHECK(hosts == 1 || head->http_minor == 0);
    CHECK((head->body_size == LLMP_BODY_UNKNOWN) == (codings == 1));
}

struct decoded {
    enum gw_chunked_status status;
    size_t used, len;
    uint64_t hash;
};

static struct decoded decode(const uint8_t *data, size_t size, uint64_t seed)
{
    struct gw_chunked decoder = { 0 };
    struct decoded d = { .status = GW_CHUNKED_MORE };

    for (size_t at = 0; at < size && d.status == GW_CHUNKED_MORE;) {
        size_t piece = fuzz_piece(&seed, size - at);
        struct llmp_str input = { (const char *)data + at, piece };
        struct llmp_str body;

        while ((d.status = gw_chunked_next(&decoder, &input, &body)) ==
               GW_CHUNKED_BODY) {
            CHECK(body.len > 0 && body.ptr >= (const char *)data);
            for (size_t i = 0; i < body.len; i++)
                d.hash = (d.hash ^ (uint8_t)body.ptr[i]) * 0x100000001B3u;
            d.len += body.len;
        }
        at += piece;
        d.used = at - input.len;
    }
    return d;
}

static void check_body(const uint8_t *data, size_t size, uint64_t seed)
{
    struct decoded whole = decode(data, size, 0);
    struct decoded pieces = decode(data, size, seed);

    CHECK(whole.status == pieces.status);
    CHECK(whole.len == pieces.len && whole.hash == pieces.hash);
    CHECK(whole.status != GW_CHUNKED_END || whole.used == pieces.used);
}

static void check_request(uint8_t *data, size_t size, uint64_t seed)
{
    struct llmp_header fields[GW_HEAD_FIELDS_MAX];
    struct gw_head head = { .fields = fields };
    struct gw_head_error error = { .bad = LLMP_BAD_NONE };
    struct found whole = scan(data, size, 0);
    struct found pieces = scan(data, size, seed);

    /* Pieces may be refused earlier, for their size, and for nothing else. */
    if (whole.status != pieces.status)
        CHECK(pieces.status == GW_HEAD_BAD || whole.status == GW_HEAD_BAD);
    if (whole.status == GW_HEAD_WHOLE && pieces.status == GW_HEAD_WHOLE)
        CHECK(whole.size == pieces.size);
    if (whole.status != GW_HEAD_WHOLE)
        return;
    CHECK(whole.size <= size && whole.size <= HEAD_MAX);
    if (!gw_head_parse(&head, data, whole.size, &error)) {
        CHECK(error.bad != LLMP_BAD_NONE && error.reason);
        return;
    }
    check_head(&head, data, whole.size);
    check_body(data + whole.size, size - whole.size, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t seed = fuzz_seed(data, size);
    uint8_t *copy;

    if (size > INPUT_MAX)
        return 0;
    /* Of exactly that size, so that a byte too far is seen. */
    copy = malloc(size + (size == 0));
    CHECK(copy);
    memcpy(copy, data, size);
    check_request(copy, size, seed);
    free(copy);
    check_body(data, size, seed);
    return 0;
}
