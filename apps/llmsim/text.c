/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include "mem.h"

static const char cycle[] =
    "This answer was made by a simulator that counts words instead of "
    "weighing them. It speaks at the pace it was told to, says the same to "
    "everybody, and stops when its tokens are spent. Whoever measures a "
    "gateway wants a provider that is never the slowest part, and whoever "
    "tests one wants a provider that fails on request: late, in the middle, "
    "or with a smile and status 200. ";

#define CYCLE_LEN (sizeof(cycle) - 1)
#define WORDS_MAX 128

static char *text;                      /* the cycle over and over */
static uint16_t word_at[WORDS_MAX + 1]; /* in the cycle; [0] is 0 */
static uint64_t words;

/* A word begins at its blank, so the first one of the next cycle begins with
 * the cycle's last byte. */
void sim_text_init(void)
{
    size_t size = SIM_TEXT_SPAN_MAX + 2 * CYCLE_LEN;

    text = sim_alloc(size);
    for (size_t i = 0; i < size; i++)
        text[i] = cycle[i % CYCLE_LEN];
    words = 0;
    for (size_t i = 1; i < CYCLE_LEN && words < WORDS_MAX; i++)
        if (cycle[i] == ' ')
            word_at[++words] = (uint16_t)i;
}

/* Where word `index` begins in the endless text. The cycle's last blank
 * begins the first word of the next one. */
static uint64_t word_begin(uint64_t index)
{
    if (index == 0)
        return 0;
    index--;
    return index / words * CYCLE_LEN + word_at[index % words + 1];
}

struct llmp_str sim_text_span(uint64_t offset, uint64_t size)
{
    size_t len = size < SIM_TEXT_SPAN_MAX ? (size_t)size : SIM_TEXT_SPAN_MAX;

    return (struct llmp_str){ text + offset % CYCLE_LEN, len };
}

uint64_t sim_text_size(uint64_t count, uint64_t bytes)
{
    return bytes ? count * bytes : word_begin(count);
}

struct llmp_str sim_text_token(uint64_t index, uint64_t bytes)
{
    uint64_t begin = sim_text_size(index, bytes);

    return sim_text_span(begin, sim_text_size(index + 1, bytes) - begin);
}
