/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the body is: the same verdict for it whole and in pieces; and what
 * passes names no other model, as the readers that route by it see it.
 *
 * The input's first line is the content type, the rest is the body.
 */
#include <stdlib.h>
#include <string.h>

#include <llmproxy/json.h>

#include "base/json_text.h"
#include "fuzz.h"
#include "gateway/multipart.h"
#include "gateway/upload_check.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

static const struct llmp_str right = LLMP_STR("right");

/* Pieces in memory of their own; a seed of 0 is one piece. */
static int verdict(struct llmp_str type, struct llmp_str body, uint64_t seed)
{
    struct llmp_upload_check *check;
    struct llmp_error err;
    int rc;

    CHECK(llmp_upload_check_new(&check, type, right, 64) == LLMP_OK);
    for (size_t at = 0;;) {
        size_t n = fuzz_piece(&seed, body.len - at);
        char *piece = malloc(n + (n == 0));

        CHECK(piece);
        if (n)
            memcpy(piece, body.ptr + at, n);
        at += n;
        rc = llmp_upload_check_feed(check, (struct llmp_str){ piece, n },
                                    at == body.len, &err);
        free(piece);
        if (rc != LLMP_OK || at == body.len)
            break;
    }
    llmp_upload_check_free(check);
    return rc;
}

static void check_passed(struct llmp_str type, struct llmp_str body)
{
    struct llmp_json_field field = { .path = "model" };
    struct llmp_str model;

    if (llmp_multipart_model(type, body, &model) == 1)
        CHECK(llmp_str_eq(model, right));
    if (llmp_is_media_type(type, LLMP_STR("application/json")) && body.len &&
        llmp_json_pick_all(body, &field, 1, NULL) == LLMP_OK && field.found &&
        field.type != LLMP_JSON_NULL)
        CHECK(field.type == LLMP_JSON_STRING &&
              llmp_json_unescaped_eq(field.text, right));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;

    if (!line || size > 65536)
        return 0;

    struct llmp_str type = { (const char *)data, (size_t)(line - data) };
    struct llmp_str body = { (const char *)line + 1, size - type.len - 1 };
    int rc = verdict(type, body, 0);

    CHECK(verdict(type, body, fuzz_seed(data, size)) == rc);
    if (rc == LLMP_OK)
        check_passed(type, body);
    return 0;
}
