/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1 request: found, parsed by llhttp, and checked against
 * the shapes that two parsers may read differently. Pure: bytes in, spans out.
 *
 * Two steps. The scan runs over bytes as they come, never twice over the same
 * ones, finds the end of the head and refuses at once what no head contains:
 * control bytes, CR without LF (CVE-2023-30589), LF without CR, folded lines.
 * The parse then sees a whole head, so nothing is kept between reads.
 */
#ifndef LLMGW_HEAD_H
#define LLMGW_HEAD_H

#include <llmproxy/gateway.h>

#define GW_HEAD_FIELDS_MAX 128
#define GW_URI_BYTES_MAX   8192

/* How far a scan got. All zero to begin with. */
struct gw_head_scan {
    size_t offset; /* bytes that need not be looked at again */
    size_t line;   /* where the current line begins */
};

enum gw_head_status { GW_HEAD_MORE, GW_HEAD_WHOLE, GW_HEAD_BAD };

/* What is wrong with a request. */
struct gw_head_error {
    enum llmp_bad_request bad;
    const char *reason; /* one phrase, static */
};

/*
 * Looks at `data`, which begins with a request line and is at the same
 * contents as in the call before, plus more.
 *
 * @param head_size  on GW_HEAD_WHOLE, its bytes with the empty line
 * @param error      on GW_HEAD_BAD
 */
enum gw_head_status gw_head_scan(struct gw_head_scan *scan, const uint8_t *data,
                                 size_t len, size_t head_max, size_t *head_size,
                                 struct gw_head_error *error);

/* A parsed head. Spans point into the bytes that were given. */
struct gw_head {
    struct llmp_str method, target, host;
    struct llmp_header *fields; /* room for GW_HEAD_FIELDS_MAX, the caller's */
    size_t field_count;
    uint64_t body_size; /* LLMP_BODY_UNKNOWN: chunked */
    uint8_t http_major, http_minor;
    bool keep_alive;
    bool expects_continue;
};

/*
 * Parses a whole head in place: field names become lower case.
 *
 * @param head  with `fields` set by the caller
 * @return false with *error set; then only the method and the target may be
 *         set in *head, for the log
 */
bool gw_head_parse(struct gw_head *head, uint8_t *data, size_t size,
                   struct gw_head_error *error);

/* Whether `host` may stand in a Host field or :authority. */
bool gw_host_is_valid(struct llmp_str host);

/* Compares without regard to the case of ASCII letters. */
bool gw_str_equal_nocase(struct llmp_str a, struct llmp_str b);

#endif
