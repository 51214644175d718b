/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call used: a report that contradicts itself is raised until it does
 * not, and sums for showing. Pure arithmetic, which saturates.
 */
#include "limit/usage.h"

#include <string.h>

#include "base/internal.h"

void llmp_usage_init_sized(struct llmp_usage *usage, size_t size)
{
    assert(usage && size >= LLMP_USAGE_V1_SIZE);
    memset(usage, 0, size);
    usage->size = size;
    usage->requests = 1;
}

/* Makes `whole` at least `least`; tells in `raised` if it was not. */
static void raise_to(uint64_t *whole, uint64_t least, bool *raised)
{
    if (*whole >= least)
        return;
    *whole = least;
    *raised = true;
}

bool llmp_usage_normalise(struct llmp_usage *usage)
{
    bool raised = false;

    assert(usage && usage->size >= LLMP_USAGE_V1_SIZE);

    /* From the parts to the wholes: each step looks at settled numbers. */
    raise_to(&usage->audio_input_tokens, usage->cached_audio_tokens, &raised);
    raise_to(&usage->image_input_tokens, usage->cached_image_tokens, &raised);
    raise_to(
        &usage->cached_tokens,
        llmp_add_sat(usage->cached_audio_tokens, usage->cached_image_tokens),
        &raised);

    uint64_t by_kind =
        llmp_add_sat(usage->audio_input_tokens, usage->image_input_tokens);
    uint64_t by_cache = llmp_add_sat(
        usage->cached_tokens, llmp_add_sat(usage->cache_write_5m_tokens,
                                           usage->cache_write_1h_tokens));

    raise_to(&usage->input_tokens, by_kind, &raised);
    raise_to(&usage->input_tokens, by_cache, &raised);
    raise_to(&usage->output_tokens,
             llmp_add_sat(usage->reasoning_tokens,
                          llmp_add_sat(usage->audio_output_tokens,
                                       usage->image_output_tokens)),
             &raised);
    return raised;
}

void llmp_usage_add(struct llmp_usage *sum, const struct llmp_usage *more)
{
    assert(sum && sum->size >= LLMP_USAGE_V1_SIZE);
    assert(more && more->size >= LLMP_USAGE_V1_SIZE);

#define ADD(member) sum->member = llmp_add_sat(sum->member, more->member)
    ADD(input_tokens);
    ADD(cached_tokens);
    ADD(cache_write_5m_tokens);
    ADD(cache_write_1h_tokens);
    ADD(audio_input_tokens);
    ADD(image_input_tokens);
    ADD(cached_audio_tokens);
    ADD(cached_image_tokens);
    ADD(output_tokens);
    ADD(reasoning_tokens);
    ADD(audio_output_tokens);
    ADD(image_output_tokens);
    ADD(images);
    ADD(audio_ms);
    ADD(characters);
    ADD(requests);
#undef ADD
}
