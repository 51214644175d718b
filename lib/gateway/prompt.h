/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How hard a held body's prompt is, by a model's rules. It is looked at as far
 * as it goes quickly: the user's texts of the last turns, 64 KiB of them.
 */
#ifndef LLMP_GATEWAY_PROMPT_H
#define LLMP_GATEWAY_PROMPT_H

#include "base/alloc.h"
#include "gateway/config.h"

struct llmp_prompt {
    struct llmp_str body;                 /* JSON: OpenAI's or Anthropic's */
    uint64_t input_tokens, output_tokens; /* as estimated; as bounded, or 0 */
    uint32_t depth_max;
};

/*
 * A body that has too many values for a tree is judged by its size alone.
 *
 * @param arena  for the tree and the texts; nothing of it is needed afterwards
 * @retval LLMP_E_NOMEM
 */
int llmp_prompt_score(struct llmp_route_score *out,
                      const struct llmp_complexity_config *complexity,
                      const struct llmp_prompt *prompt,
                      struct llmp_arena *arena);

/* For what should meet the same deployment again: whoever calls, and how the
 * body begins, which is what a provider's cache goes by. */
uint64_t llmp_prompt_affinity(struct llmp_str body, struct llmp_str user);

#endif
