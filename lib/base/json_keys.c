/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hashes of all open objects lie on one stack, innermost last;
 * reader->members[] says where each level begins. Small documents never leave
 * the 16 places inside the reader.
 */
#include "base/json_keys.h"

#include <string.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "base/json_scan.h"

#define MIX_A UINT64_C(0x9E3779B97F4A7C15)
#define MIX_B UINT64_C(0xD6E8FEB86659FD93)

/* Little-endian on every machine, so that single bytes can be shifted in. */
static uint64_t load_block(const uint8_t *bytes)
{
    uint64_t block;

    memcpy(&block, bytes, sizeof(block));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    block = __builtin_bswap64(block);
#endif
    return block;
}

static uint64_t mix(uint64_t hash, uint64_t block)
{
    hash = (hash ^ block) * MIX_A;
    return hash ^ hash >> 29;
}

void llmp_json_key_start(struct llmp_json *reader)
{
    reader->key_hash = MIX_B;
    reader->key_block = 0;
    reader->key_size = 0;
    reader->surrogate = 0;
}

/* Fewer than eight bytes, without reading beyond them. */
static uint64_t load_tail(const uint8_t *bytes, size_t count)
{
    uint64_t block = 0;

    if (count & 4) {
        block = llmp_utf8_load(bytes);
        bytes += 4;
    }
    for (size_t i = 0; i < (count & 3); i++)
        block |= (uint64_t)bytes[i] << ((count & 4) + i) * 8;
    return block;
}

static void add_bytes(struct llmp_json *reader, const uint8_t *bytes,
                      size_t count)
{
    uint64_t hash = reader->key_hash, block = reader->key_block;
    uint64_t size = reader->key_size;

    for (; size % 8 && count; count--) { /* a piece before ended within 8 */
        block |= (uint64_t)*bytes++ << size % 8 * 8;
        if (++size % 8 == 0) {
            hash = mix(hash, block);
            block = 0;
        }
    }
    for (; count >= 8; bytes += 8, size += 8, count -= 8)
        hash = mix(hash, load_block(bytes));
    if (count)
        block = load_tail(bytes, count);
    reader->key_hash = hash;
    reader->key_block = block;
    reader->key_size = size + count;
}

static void add_char(struct llmp_json *reader, uint32_t code)
{
    uint8_t bytes[4];

    add_bytes(reader, bytes, llmp_utf8_put(bytes, code));
}

/* A high surrogate that waited for a low one in vain. */
static void flush_surrogate(struct llmp_json *reader)
{
    if (reader->surrogate)
        add_char(reader, LLMP_UTF8_REPLACEMENT);
    reader->surrogate = 0;
}

void llmp_json_key_bytes(struct llmp_json *reader, const uint8_t *bytes,
                         size_t count)
{
    if (count == 0)
        return;
    flush_surrogate(reader);
    add_bytes(reader, bytes, count);
}

void llmp_json_key_unit(struct llmp_json *reader, uint16_t unit)
{
    bool low = llmp_utf16_is_low(unit);

    if (low && reader->surrogate) {
        add_char(reader, llmp_utf16_pair(reader->surrogate, unit));
        reader->surrogate = 0;
        return;
    }
    flush_surrogate(reader);
    if (llmp_utf16_is_high(unit))
        reader->surrogate = unit;
    else
        add_char(reader, low ? LLMP_UTF8_REPLACEMENT : unit);
}

static uint64_t *stack(struct llmp_json *reader)
{
    return reader->keys ? reader->keys : reader->keys_inline;
}

static bool grow(struct llmp_json *reader)
{
    uint32_t cap = reader->keys ? reader->keys_cap * 2 : 64;
    uint64_t *grown = llmp_resize(reader->keys, cap * sizeof(*grown));

    if (!grown)
        return false;
    if (!reader->keys)
        memcpy(grown, reader->keys_inline, sizeof(reader->keys_inline));
    reader->keys = grown;
    reader->keys_cap = cap;
    return true;
}

int llmp_json_key_end(struct llmp_json *reader)
{
    flush_surrogate(reader);

    uint64_t hash =
        mix(mix(reader->key_hash, reader->key_block), reader->key_size * MIX_B);
    uint32_t begin = reader->members[reader->depth - 1];
    uint32_t count = reader->keys_len - begin;
    uint64_t *keys = stack(reader);

    if (count < LLMP_JSON_KEYS_LINEAR)
        for (uint32_t i = begin; i < reader->keys_len; i++)
            if (keys[i] == hash)
                return LLMP_E_SYNTAX;
    if (count == LLMP_JSON_MEMBERS_MAX)
        return LLMP_E_LIMIT;
    if (reader->keys_len == (reader->keys ? reader->keys_cap
                                          : LLMP_COUNT(reader->keys_inline)) &&
        !grow(reader))
        return LLMP_E_NOMEM;
    stack(reader)[reader->keys_len++] = hash;
    return LLMP_OK;
}

/* Moves keys[at] down the heap of `count` keys to where it belongs. */
static void sift(uint64_t *keys, uint32_t at, uint32_t count)
{
    uint64_t key = keys[at];

    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && keys[child + 1] > keys[child])
            child++;
        if (keys[child] <= key)
            break;
        keys[at] = keys[child];
    }
    keys[at] = key;
}

/* Heapsort: n log n at worst, in place, whatever keys a client invents. */
static void sort(uint64_t *keys, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        sift(keys, i, count);
    while (count > 1) {
        uint64_t largest = keys[0];

        keys[0] = keys[--count];
        keys[count] = largest;
        sift(keys, 0, count);
    }
}

int llmp_json_keys_check(struct llmp_json *reader)
{
    uint32_t begin = reader->members[reader->depth - 1];
    uint32_t count = reader->keys_len - begin;
    uint64_t *keys = stack(reader) + begin;

    if (count <= LLMP_JSON_KEYS_LINEAR)
        return LLMP_OK;
    sort(keys, count);
    for (uint32_t i = 1; i < count; i++)
        if (keys[i] == keys[i - 1])
            return LLMP_E_SYNTAX;
    return LLMP_OK;
}
