/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the bytes are: no key is accepted but one whose checksum a plain
 * CRC-32 confirms, a ring that lacks it says so, and a key that is made of
 * the bytes is accepted and found.
 */
#include <stdlib.h>
#include <string.h>

#include <llmproxy/auth.h>

#include "fuzz.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

/* Bit by bit, as the standard has it. */
static uint32_t crc32_plain(const char *at, size_t len)
{
    uint32_t crc = 0xFFFFFFFFu;

    for (size_t i = 0; i < len; i++) {
        crc ^= (uint8_t)at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
    }
    return ~crc;
}

static uint64_t base62(const char *at, size_t len)
{
    static const char digits[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        const char *digit = memchr(digits, at[i], 62);

        CHECK(digit);
        value = value * 62 + (uint64_t)(digit - digits);
    }
    return value;
}

static void check_form(struct llmp_str text)
{
    if (!llmp_api_key_is_valid(text))
        return;
    CHECK(text.len == LLMP_API_KEY_LEN);
    CHECK(memcmp(text.ptr, LLMP_API_KEY_PREFIX, 6) == 0);
    (void)base62(text.ptr + 6, 8);
    CHECK(base62(text.ptr + 36, 6) == crc32_plain(text.ptr + 6, 30));
}

static void fill(void *bytes, size_t size, void *ctx)
{
    uint64_t *seed = ctx;
    uint8_t *to = bytes;

    for (size_t i = 0; i < size; i++) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        to[i] = (uint8_t)(*seed >> 24);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct llmp_str text = { (const char *)data, size };
    static const struct llmp_pepper pepper = { { 7 } };
    uint64_t seed = fuzz_seed(data, size);
    struct llmp_random random = { fill, &seed };
    struct llmp_keyring *ring = NULL;
    char made[LLMP_API_KEY_SIZE];

    check_form(text);
    llmp_api_key_make(made, &random);
    text = (struct llmp_str){ made, LLMP_API_KEY_LEN };
    CHECK(llmp_api_key_is_valid(text));
    check_form(text);
    if (llmp_keyring_new(&ring, &pepper, NULL, 0, NULL) != LLMP_OK)
        return 0;
    CHECK(llmp_keyring_check(ring, text, 0, NULL) == LLMP_AUTH_KEY_UNKNOWN);
    llmp_keyring_unref(ring);
    return 0;
}
