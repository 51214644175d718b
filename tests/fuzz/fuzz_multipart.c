/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the form is: a model that is found lies within the front that was
 * shown, is part of it and not empty; and what was found, or refused, with the
 * first bytes stays so with more.
 *
 * The input's first line is the content type, the rest is the form.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "gateway/multipart.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

struct found {
    int rc;
    size_t at, len;
};

/* The first `n` bytes of the form, in memory of their own. */
static struct found look(struct llmp_str type, const uint8_t *form, size_t n)
{
    char *front = malloc(n + (n == 0));
    struct llmp_str value = { NULL, 0 };
    struct found found = { 0 };

    CHECK(front);
    memcpy(front, form, n);
    found.rc =
        llmp_multipart_model(type, (struct llmp_str){ front, n }, &value);
    CHECK(found.rc >= -1 && found.rc <= 1);
    if (found.rc == 1) {
        CHECK(value.len > 0);
        CHECK(value.ptr >= front && value.ptr + value.len <= front + n);
        found.at = (size_t)(value.ptr - front);
        found.len = value.len;
    }
    free(front);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    uint64_t seed = fuzz_seed(data, size);
    struct found before = { 0 };

    if (!line || size > 65536)
        return 0;

    struct llmp_str type = { (const char *)data, (size_t)(line - data) };
    const uint8_t *form = line + 1;
    size_t len = size - type.len - 1;

    for (size_t at = 0; at <= len;) {
        struct found now = look(type, form, at);

        if (before.rc != 0)
            CHECK(now.rc == before.rc && now.at == before.at &&
                  now.len == before.len);
        before = now;
        at += at < len ? fuzz_piece(&seed, len - at - 1) + 1 : 1;
    }
    return 0;
}
