/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What answers say: one endless text, safe to stand in a JSON string, made
 * once at the start so that answers of any size are spans of it.
 */
#ifndef LLMSIM_TEXT_H
#define LLMSIM_TEXT_H

#include <llmproxy/base.h>

/* No span is longer. */
#define SIM_TEXT_SPAN_MAX ((size_t)1 << 20)

void sim_text_init(void);

/* Token `index`: a word with the blank before it, or exactly `bytes`. */
struct llmp_str sim_text_token(uint64_t index, uint64_t bytes);

/* The bytes of the first `count` tokens together. */
uint64_t sim_text_size(uint64_t count, uint64_t bytes);

/* As much of the text at `offset` as lies in one piece, `size` at most.
 * sim_text_token(0, 0) is at offset 0. */
struct llmp_str sim_text_span(uint64_t offset, uint64_t size);

#endif
