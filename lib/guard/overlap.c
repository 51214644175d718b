/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/overlap.h"

#include "base/internal.h"

enum { ROOM_FIRST = 64 };

/* The last words of a text that is read. */
struct words {
    uint32_t hashes[LLMP_OVERLAP_WORDS];
    size_t begins[LLMP_OVERLAP_WORDS];
    uint32_t count; /* so far */
};

/* Letters and digits of ASCII, and all that is not ASCII. */
static bool is_of_word(uint8_t byte)
{
    uint8_t low = byte | 0x20;

    return (low >= 'a' && low <= 'z') || (byte >= '0' && byte <= '9') ||
           byte >= 0x80;
}

/* The next word at or behind `at`: where it begins; its end is where `at` is
 * then. SIZE_MAX: there is none. */
static size_t next_word(struct llmp_str text, size_t *at, uint32_t *hash)
{
    size_t begin;

    while (*at < text.len && !is_of_word((uint8_t)text.ptr[*at]))
        (*at)++;
    begin = *at;
    *hash = 2166136261u; /* FNV-1a */
    for (; *at < text.len && is_of_word((uint8_t)text.ptr[*at]); (*at)++)
        *hash = (*hash ^ (uint8_t)llmp_lower(text.ptr[*at])) * 16777619u;
    return begin < *at ? begin : SIZE_MAX;
}

/* True: there are enough words for a shingle. */
static bool take_word(struct words *words, size_t begin, uint32_t hash)
{
    uint32_t i = words->count++ % LLMP_OVERLAP_WORDS;

    words->hashes[i] = hash;
    words->begins[i] = begin;
    return words->count >= LLMP_OVERLAP_WORDS;
}

/* Of the last five words, in their order; never 0. */
static uint32_t shingle(const struct words *words)
{
    uint64_t hash = 0;

    for (uint32_t i = 0; i < LLMP_OVERLAP_WORDS; i++)
        hash = (hash ^ words->hashes[(words->count + i) % LLMP_OVERLAP_WORDS]) *
               UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(hash >> 32) | 1u;
}

/* ---- what is kept ------------------------------------------------------- */

void llmp_overlap_fini(struct llmp_overlap *overlap)
{
    llmp_free(overlap->hashes);
    *overlap = (struct llmp_overlap){ NULL };
}

static uint32_t *slot(uint32_t *hashes, uint32_t room, uint32_t hash)
{
    uint32_t at = (hash >> 1) & (room - 1);

    while (hashes[at] && hashes[at] != hash)
        at = (at + 1) & (room - 1);
    return &hashes[at];
}

static bool grow(struct llmp_overlap *overlap)
{
    uint32_t room = overlap->room ? overlap->room * 2 : ROOM_FIRST;
    uint32_t *hashes = llmp_alloc_array(room, sizeof(*hashes));

    if (!hashes)
        return false;
    memset(hashes, 0, room * sizeof(*hashes));
    for (uint32_t i = 0; i < overlap->room; i++)
        if (overlap->hashes[i])
            *slot(hashes, room, overlap->hashes[i]) = overlap->hashes[i];
    llmp_free(overlap->hashes);
    overlap->hashes = hashes;
    overlap->room = room;
    return true;
}

static bool keep(struct llmp_overlap *overlap, uint32_t hash)
{
    uint32_t *at;

    if (overlap->count == LLMP_OVERLAP_MAX) {
        overlap->full = true;
        return true;
    }
    if (overlap->count * 2 >= overlap->room && !grow(overlap))
        return false;
    at = slot(overlap->hashes, overlap->room, hash);
    overlap->count += *at == 0;
    *at = hash;
    return true;
}

bool llmp_overlap_add(struct llmp_overlap *overlap, struct llmp_str text)
{
    struct words words = { .count = 0 };
    size_t at = 0;
    uint32_t hash;

    for (;;) {
        size_t begin = next_word(text, &at, &hash);

        if (begin == SIZE_MAX)
            return true;
        if (take_word(&words, begin, hash) && !keep(overlap, shingle(&words)))
            return false;
    }
}

/* ---- what repeats it ---------------------------------------------------- */

static bool has(const struct llmp_overlap *overlap, uint32_t hash)
{
    return overlap->room && *slot(overlap->hashes, overlap->room, hash) == hash;
}

bool llmp_overlap_next(const struct llmp_overlap *overlap, struct llmp_str text,
                       size_t from, struct llmp_overlap_run *run)
{
    struct words words = { .count = 0 };
    size_t at = from;
    uint32_t hash;

    run->words = 0;
    for (;;) {
        size_t begin = next_word(text, &at, &hash);
        bool known = begin != SIZE_MAX && take_word(&words, begin, hash) &&
                     has(overlap, shingle(&words));

        if (known && run->words == 0) {
            run->begin = words.begins[words.count % LLMP_OVERLAP_WORDS];
            run->words = LLMP_OVERLAP_WORDS - 1;
        }
        if (known) {
            run->words++;
            run->end = at;
        } else if (run->words >= LLMP_OVERLAP_RUN_MIN) {
            return true;
        } else {
            run->words = 0;
        }
        if (begin == SIZE_MAX)
            return false;
    }
}
