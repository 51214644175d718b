/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of a text: see anomaly.h. The end of it is folded (no case; what
 * is between words is a blank), eight bytes at a time; the eight bytes from
 * each word's beginning on are hashed. A hash chooses one of sixteen lanes and
 * stays in it if it is the least one (MinHash by one permutation); a lane keeps
 * eight bits. There is no branch for each letter: a mispredicted one would cost
 * as much as twenty letters.
 */
#include "base/internal.h"
#include "guard/anomaly.h"
#include "guard/anomaly_math.h"

enum {
    ENTROPY_MIN = 64,    /* bytes: fewer have no distribution */
    ENTROPY_DRAWS = 512, /* bytes that are counted, about */
    ALIKE_LANES = 13,    /* of sixteen */
    WORD_LANES = 12,     /* with fewer that have a word nobody knows */
};

#define EACH_BYTE(c) ((c)*UINT64_C(0x0101010101010101))
#define HIGH_BITS    EACH_BYTE(0x80u)

/* The high bit of each byte that lies within the bounds; bytes are below 0x80.
 */
static uint64_t between(uint64_t bytes, uint8_t first, uint8_t last)
{
    return (bytes + EACH_BYTE(0x80u - first)) &
           ~(bytes + EACH_BYTE(0x7fu - last)) & HIGH_BITS;
}

/* Letters without case, digits, and whatever is not ASCII make words; the rest
 * is a blank. @param words  receives the high bit of each byte of a word */
static uint64_t fold(uint64_t bytes, uint64_t *words)
{
    uint64_t low = bytes & ~HIGH_BITS, wide = bytes & HIGH_BITS;
    uint64_t letters = between(low | EACH_BYTE(0x20u), 'a', 'z') & ~wide;
    uint64_t word = letters | (between(low, '0', '9') & ~wide) | wide;
    uint64_t keep = (word >> 7) * 0xff;

    *words = word;
    return ((bytes | letters >> 2) & keep) | (EACH_BYTE(0x20u) & ~keep);
}

/* The high bits of eight bytes as eight bits, the first byte's lowest. */
static uint64_t gather(uint64_t high_bits)
{
    return ((high_bits >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

static uint64_t load(const char *bytes)
{
    uint64_t value;

    memcpy(&value, bytes, sizeof(value));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/* What is small in one lane need not be in another: the upper bits choose the
 * lane, the rest is compared. */
static void add_word(uint64_t least[LLMP_ANOMALY_LANES], uint64_t word)
{
    uint64_t hash = word * 0x9E3779B97F4A7C15u;
    size_t lane;

    hash ^= hash >> 32;
    hash *= 0xD6E8FEB86659FD93u;
    lane = hash >> 60;
    hash &= UINT64_MAX >> 4;
    least[lane] = hash < least[lane] ? hash : least[lane];
}

/* 64 bytes a turn. What is behind the text is blank. */
static void read_words(uint64_t least[LLMP_ANOMALY_LANES], struct llmp_str text)
{
    char folded[LLMP_ANOMALY_SAMPLE + 64 + 8];
    uint64_t starts[LLMP_ANOMALY_SAMPLE / 64 + 1] = { 0 }, before = 0;

    memcpy(folded, text.ptr, text.len);
    memset(folded + text.len, ' ', 64 + 8);
    for (size_t at = 0; at < text.len; at += 8) {
        uint64_t words, bytes = fold(load(folded + at), &words);
        uint64_t bits = gather(words);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        bytes = __builtin_bswap64(bytes);
#endif
        memcpy(folded + at, &bytes, sizeof(bytes));
        starts[at / 64] |= (bits & ~(bits << 1 | before) & 0xff) << at % 64;
        before = bits >> 7;
    }
    for (size_t at = 0; at < text.len; at += 64)
        for (uint64_t left = starts[at / 64]; left; left &= left - 1)
            add_word(least, load(folded + at + (size_t)__builtin_ctzll(left)));
}

/* Two tables, or the same letter twice would wait for itself. */
struct counts {
    uint16_t even[256], odd[256];
    size_t drawn;
};

/* Of a long text every third byte or so: an odd step, or of letters of two
 * bytes the same half would be seen. */
static void count_bytes(struct counts *counts, struct llmp_str text)
{
    const uint8_t *bytes = (const uint8_t *)text.ptr;
    size_t step = text.len / ENTROPY_DRAWS | 1, at = 0;

    for (; at + step < text.len; at += 2 * step) {
        counts->even[bytes[at]]++;
        counts->odd[bytes[at + step]]++;
        counts->drawn += 2;
    }
    if (at < text.len) {
        counts->even[bytes[at]]++;
        counts->drawn++;
    }
}

/* Renyi's entropy of order 2: how often two bytes that are drawn, one after the
 * other, are the same. Of few bytes it says as much as of many, but not more
 * than eight bits. */
static float entropy_of(const struct counts *counts)
{
    uint64_t same = 0, pairs = counts->drawn * (counts->drawn - 1);

    for (size_t i = 0; i < 256; i++) {
        uint32_t count = (uint32_t)counts->even[i] + counts->odd[i];

        same += count * (count - 1);
    }
    return same * 256 > pairs ? llmp_log2((float)pairs) - llmp_log2((float)same)
                              : 8;
}

void llmp_anomaly_look(struct llmp_anomaly_print *out, struct llmp_str text)
{
    size_t len =
        text.len < LLMP_ANOMALY_SAMPLE ? text.len : LLMP_ANOMALY_SAMPLE;
    uint64_t least[LLMP_ANOMALY_LANES];
    struct counts counts = { .even = { 0 } };

    memset(least, 0xff, sizeof(least));
    *out = (struct llmp_anomaly_print){ .size = text.len, .entropy = -1 };
    if (!len)
        return;
    text.ptr += text.len - len;
    text.len = len;
    read_words(least, text);
    if (len >= ENTROPY_MIN) {
        count_bytes(&counts, text);
        out->entropy = entropy_of(&counts);
    }
    for (size_t i = 0; i < LLMP_ANOMALY_LANES; i++)
        if (least[i] != UINT64_MAX)
            out->lanes[i] = (uint8_t)(1 + ((least[i] & 0xff) * 255 >> 8));
}

bool llmp_anomaly_alike(const struct llmp_anomaly_print *a,
                        const struct llmp_anomaly_print *b)
{
    uint32_t words = 0, equal = 0;

    for (size_t i = 0; i < LLMP_ANOMALY_LANES; i++) {
        words += a->lanes[i] != 0;
        equal += a->lanes[i] == b->lanes[i];
    }
    return words >= WORD_LANES && equal >= ALIKE_LANES;
}
