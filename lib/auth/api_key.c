/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of an API key: prefix, 30 Base62 digits of randomness, and their
 * CRC-32 in 6 more. The checksum is no protection; it tells a key from
 * rubbish without hashing, and lets secret scanners be sure.
 */
#include <sodium.h>

#include "base/internal.h"
#include "base/str.h"

#include <llmproxy/auth.h>

enum { BODY_LEN = 30, CRC_LEN = 6, PREFIX_LEN = 6 };

static const char digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/*
 * CRC-32 (IEEE), four bytes a step. The tables are linear: an entry is the sum
 * of those of its bits, so eight constants a table are enough to write it out.
 */
#define CRC_BIT(i, bit, value) (((i) >> (bit)) & 1 ? (value) : 0u)
#define CRC_0(i)                                               \
    (CRC_BIT(i, 0, 0x77073096u) ^ CRC_BIT(i, 1, 0xEE0E612Cu) ^ \
     CRC_BIT(i, 2, 0x076DC419u) ^ CRC_BIT(i, 3, 0x0EDB8832u) ^ \
     CRC_BIT(i, 4, 0x1DB71064u) ^ CRC_BIT(i, 5, 0x3B6E20C8u) ^ \
     CRC_BIT(i, 6, 0x76DC4190u) ^ CRC_BIT(i, 7, 0xEDB88320u))
#define CRC_1(i)                                               \
    (CRC_BIT(i, 0, 0x191B3141u) ^ CRC_BIT(i, 1, 0x32366282u) ^ \
     CRC_BIT(i, 2, 0x646CC504u) ^ CRC_BIT(i, 3, 0xC8D98A08u) ^ \
     CRC_BIT(i, 4, 0x4AC21251u) ^ CRC_BIT(i, 5, 0x958424A2u) ^ \
     CRC_BIT(i, 6, 0xF0794F05u) ^ CRC_BIT(i, 7, 0x3B83984Bu))
#define CRC_2(i)                                               \
    (CRC_BIT(i, 0, 0x01C26A37u) ^ CRC_BIT(i, 1, 0x0384D46Eu) ^ \
     CRC_BIT(i, 2, 0x0709A8DCu) ^ CRC_BIT(i, 3, 0x0E1351B8u) ^ \
     CRC_BIT(i, 4, 0x1C26A370u) ^ CRC_BIT(i, 5, 0x384D46E0u) ^ \
     CRC_BIT(i, 6, 0x709A8DC0u) ^ CRC_BIT(i, 7, 0xE1351B80u))
#define CRC_3(i)                                               \
    (CRC_BIT(i, 0, 0xB8BC6765u) ^ CRC_BIT(i, 1, 0xAA09C88Bu) ^ \
     CRC_BIT(i, 2, 0x8F629757u) ^ CRC_BIT(i, 3, 0xC5B428EFu) ^ \
     CRC_BIT(i, 4, 0x5019579Fu) ^ CRC_BIT(i, 5, 0xA032AF3Eu) ^ \
     CRC_BIT(i, 6, 0x9B14583Du) ^ CRC_BIT(i, 7, 0xED59B63Bu))

#define TIMES_4(f, i) f(i), f((i) + 1), f((i) + 2), f((i) + 3)
#define TIMES_16(f, i)                                       \
    TIMES_4(f, i), TIMES_4(f, (i) + 4), TIMES_4(f, (i) + 8), \
        TIMES_4(f, (i) + 12)
#define TIMES_64(f, i)                                            \
    TIMES_16(f, i), TIMES_16(f, (i) + 16), TIMES_16(f, (i) + 32), \
        TIMES_16(f, (i) + 48)
#define TIMES_256(f) \
    TIMES_64(f, 0), TIMES_64(f, 64), TIMES_64(f, 128), TIMES_64(f, 192)

static const uint32_t crc_tables[4][256] = {
    { TIMES_256(CRC_0) },
    { TIMES_256(CRC_1) },
    { TIMES_256(CRC_2) },
    { TIMES_256(CRC_3) },
};

/* 0x80 for what is not a digit, so that many can be looked at together. */
#define IN(i, from, to) ((i) >= (from) && (i) <= (to))
#define DIGIT_OR_NOT(i)                 \
    (IN(i, '0', '9')   ? (i) - '0'      \
     : IN(i, 'A', 'Z') ? (i) - 'A' + 10 \
     : IN(i, 'a', 'z') ? (i) - 'a' + 36 \
                       : 0x80)
#define DIGIT(i) (uint8_t)(DIGIT_OR_NOT(i))
static const uint8_t digit_values[256] = { TIMES_256(DIGIT) };

static uint32_t crc32_of(const uint8_t *at, size_t len)
{
    uint32_t crc = 0xFFFFFFFFu;

    for (; len >= 4; at += 4, len -= 4) {
        crc ^= (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
               (uint32_t)at[3] << 24;
        crc = crc_tables[3][crc & 0xFF] ^ crc_tables[2][crc >> 8 & 0xFF] ^
              crc_tables[1][crc >> 16 & 0xFF] ^ crc_tables[0][crc >> 24];
    }
    for (; len; at++, len--)
        crc = crc >> 8 ^ crc_tables[0][(crc ^ *at) & 0xFF];
    return ~crc;
}

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
            crc32_of((const uint8_t *)out + PREFIX_LEN, BODY_LEN));
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
    return !(wrong & 0x80) && crc == crc32_of(body, BODY_LEN);
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
