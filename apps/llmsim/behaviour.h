/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an answer goes: its pace, its size and what goes wrong. One table of
 * keys serves the command line (--ttft-ms 200), the request header
 * (x-sim: ttft_ms=200,cut_after=3) and the model's name (sim-cut:5).
 */
#ifndef LLMSIM_BEHAVIOUR_H
#define LLMSIM_BEHAVIOUR_H

#include "mem.h"
#include "random.h"

#define SIM_NEVER UINT64_MAX

/* How an answer ends, whatever a face calls it. */
enum sim_finish {
    SIM_FINISH_AUTO,
    SIM_FINISH_STOP,
    SIM_FINISH_LENGTH,
    SIM_FINISH_TOOLS,
    SIM_FINISH_SEQUENCE,
    SIM_FINISH_FILTER,
    SIM_FINISH_REFUSAL,
    SIM_FINISHES
};

enum sim_framing { SIM_FRAMING_AUTO, SIM_FRAMING_CHUNKED, SIM_FRAMING_CLOSE };

struct sim_behaviour {
    struct sim_delay ttft_ms;
    double tokens_per_second, paced; /* 0: all at once */
    uint64_t tokens, token_bytes;
    uint64_t status, retry_after;
    double fail_rate;
    uint64_t cut_after, reset_after, stall_after, malformed_at, error_at;
    uint64_t giant_bytes, giant_at;
    uint64_t drip_bytes, drip_ms;
    uint64_t dimensions, audio_bytes;
    uint64_t framing; /* enum sim_framing */
    bool head_first, hang, html, no_done, no_usage, close, tool, echo, fast;
    bool stamp;
    /* Only where the whole request is read: all faces but OpenAI's small
     * endpoints. */
    uint64_t tools, reasoning, citations, context_length, cached_tokens;
    uint64_t finish; /* enum sim_finish */
    struct llmp_str tool_args;
    bool mirror, refusal, content_filter;
    bool whole; /* a key was set that needs the whole request */
};

void sim_behaviour_init(struct sim_behaviour *how);

/* Sets one key; false with a reason when there is no such key or value. */
bool sim_behaviour_set(struct sim_behaviour *how, struct llmp_str key,
                       struct llmp_str value, struct sim_buf *why);

/* "key=value,key=value"; a key alone stands for key=1. */
bool sim_behaviour_list(struct sim_behaviour *how, struct llmp_str list,
                        struct sim_buf *why);

/* What the model's name says: "sim-429:retry_after=2", "echo-1"; other names
 * change nothing. */
bool sim_behaviour_model(struct sim_behaviour *how, struct llmp_str model,
                         struct sim_buf *why);

/* The tables of keys and of model names, for --help. */
void sim_behaviour_help(void);

/* The i-th model name that has a meaning, NULL behind the last. */
const char *sim_behaviour_name(size_t i);

#endif
