/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of an API key: prefix, 30 Base62 digits of randomness, and their
 * CRC-32 in 6 more. The checksum is no protection; it tells a key from
 * rubbish without hashing, and lets secret scanners be sure.
 */
#include <sodium.h>

#include "base/crc32.h"
#include "base/internal.h"
#include "base/str.h"
#include "base/times.h"

#include <llmproxy/auth.h>

enum { BODY_LEN = 30, CRC_LEN = 6, PREFIX_LEN = 6 };

static const char digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* 0x80 for what is not a digit, so that many can be looked at together. */
#define IN(i, from, to) ((i) >= (from) && (i) <= (to))
#define DIGIT_OR_NOT(i)                 \
    (IN(i, '0', '9')   ? (i) - '0'      \
     : IN(i, 'A', 'Z') ? (i) - 'A' + 10 \
     : IN(i, 'a', 'z') ? (i) - 'a' + 36 \
                       : 0x80)
#define DIGIT(i) (uint8_t)(DIGIT_OR_NOT(i))
static const uint8_t digit_values[256] = { LLMP_TIMES_256(DIGIT) };

static void put_crc(char *to, uint32_t crc)
{
    for (size_t i = CRC_LEN; i > 0; i--, crc /= 62)
        to[i - 1] = digits[crc % 62];
}

/* Digits without bias: of 256 values the first 248 are four of each digit. */
static void put_body(char *to, const struct llmp_random *random)
{
    uint8_t bytes[64];
    size_t have = 0;

    while (have < BODY_LEN) {
        random->fill(bytes, sizeof(bytes), random->ctx);
        for (size_t i = 0; i < sizeof(bytes) && have < BODY_LEN; i++)
            if (bytes[i] < 248)
                to[have++] = digits[bytes[i] % 62];
    }
    sodium_memzero(bytes, sizeof(bytes));
}

void llmp_api_key_make(char out[LLMP_API_KEY_SIZE],
                       const struct llmp_random *random)
{
    assert(out && random && random->fill);
    (void)llmp_put_str(out, LLMP_STR(LLMP_API_KEY_PREFIX));
    put_body(out + PREFIX_LEN, random);
    put_crc(out + PREFIX_LEN + BODY_LEN,
            llmp_crc32(0, (const uint8_t *)out + PREFIX_LEN, BODY_LEN));
    out[LLMP_API_KEY_LEN] = '\0';
}

bool llmp_api_key_is_valid(struct llmp_str text)
{
    const uint8_t *body;
    unsigned wrong = 0;
    uint64_t crc = 0;

    if (text.len != LLMP_API_KEY_LEN ||
        memcmp(text.ptr, LLMP_API_KEY_PREFIX, PREFIX_LEN) != 0)
        return false;
    body = (const uint8_t *)text.ptr + PREFIX_LEN;
    for (size_t i = 0; i < BODY_LEN; i++)
        wrong |= digit_values[body[i]];
    for (size_t i = BODY_LEN; i < BODY_LEN + CRC_LEN; i++) {
        wrong |= digit_values[body[i]];
        crc = crc * 62 + digit_values[body[i]];
    }
    return !(wrong & 0x80) && crc == llmp_crc32(0, body, BODY_LEN);
}

void llmp_api_key_hash(uint8_t hash[LLMP_KEY_HASH_SIZE],
                       const struct llmp_pepper *pepper, struct llmp_str text)
{
    uint8_t block[LLMP_PEPPER_SIZE + LLMP_API_KEY_LEN];

    assert(hash && pepper && text.len <= LLMP_API_KEY_LEN);
    memcpy(block, pepper->bytes, sizeof(pepper->bytes));
    (void)llmp_put_str((char *)block + LLMP_PEPPER_SIZE, text);
    /* Its sizes are constants within bounds: it cannot fail. */
    (void)crypto_generichash(hash, LLMP_KEY_HASH_SIZE, block,
                             LLMP_PEPPER_SIZE + text.len, NULL, 0);
    sodium_memzero(block, sizeof(block));
}
