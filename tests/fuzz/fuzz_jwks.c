/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the bytes are, a key set that is accepted has bounded numbers, the
 * same every time, and refuses what nobody signed.
 */
#include <stdlib.h>

#include "auth/jwk.h"
#include "fuzz.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

static void check_set(struct llmp_str text, uint32_t algorithms)
{
    struct llmp_jwks *keys = NULL, *again = NULL;
    struct llmp_str message = { "m", 1 }, signature = { "ssss", 4 };

    if (llmp_jwks_parse(&keys, text, algorithms, NULL) != LLMP_OK) {
        CHECK(!keys);
        return;
    }
    CHECK(llmp_jwks_parse(&again, text, algorithms, NULL) == LLMP_OK);
    CHECK(llmp_jwks_count(keys) == llmp_jwks_count(again));
    CHECK(llmp_jwks_count(keys) + llmp_jwks_skipped(keys) <=
          LLMP_JWKS_KEYS_MAX);
    for (size_t i = 0; i < keys->count; i++) {
        uint32_t bound = keys->keys[i].algorithms;

        CHECK(bound && !(bound & ~algorithms));
        CHECK(llmp_jwk_verify(&keys->keys[i], bound & (~bound + 1), message,
                              signature) == LLMP_AUTH_TOKEN_SIGNATURE);
    }
    llmp_jwks_unref(keys);
    llmp_jwks_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct llmp_str text = { (const char *)data, size };

    check_set(text, LLMP_ALG_PUBLIC_KEY);
    check_set(text, LLMP_ALG_HS256 | LLMP_ALG_HS512 | LLMP_ALG_ES256);
    return 0;
}
