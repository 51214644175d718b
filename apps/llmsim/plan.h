/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer in no face's words: blocks of reasoning, text and tool calls, each
 * in pieces, and why it ends. A face says how many events it has around a
 * block, and then only writes. A plan outlives its request.
 */
#ifndef LLMSIM_PLAN_H
#define LLMSIM_PLAN_H

#include "ask.h"
#include "conn.h"

enum sim_kind { SIM_THINKING, SIM_TEXT, SIM_TOOL, SIM_KINDS };

#define SIM_BLOCKS_MAX 130 /* reasoning, text, and 128 tools */

struct sim_block {
    enum sim_kind kind;
    bool literal;    /* says what is at `at`, not words */
    uint64_t pieces; /* events with a part of it */
    size_t at, len;  /* in plan->text */
    size_t name_at, name_len;
    uint64_t number; /* among the tools */
};

/* Events around the pieces of a block of each kind. */
struct sim_shape {
    uint8_t start[SIM_KINDS], stop[SIM_KINDS];
    bool whole_tools; /* arguments come in one piece */
};

struct sim_plan {
    struct sim_shape shape;
    struct sim_buf text; /* literals and names */
    uint32_t count;
    enum sim_finish finish;
    bool blocked;  /* the prompt was: there are no blocks */
    bool logprobs; /* were asked for */
    bool variant;  /* what a face needs to know about its form */
    uint64_t top_logprobs, candidates;
    uint64_t input, cache_read, cache_write, thinking, output;
    struct llmp_str stop;        /* in text: the sequence that ended it */
    uint64_t before, lead, tail; /* events; see sim_plan_stream() */
    struct sim_block blocks[SIM_BLOCKS_MAX];
};

/* Makes conn->reply.plan from worker->ask and the behaviour. */
void sim_plan_make(struct sim_conn *conn, const struct sim_shape *shape);

/*
 * Begins a stream: for each choice `before` events, those of the blocks, and
 * `after`; in front of all `first`, at the end `last` more.
 */
struct sim_around {
    uint64_t first, before, after, last;
};
void sim_plan_stream(struct sim_conn *conn, const struct sim_script *script,
                     const struct sim_around *around);
/* For scripts. */
size_t sim_plan_lead(const struct sim_reply *reply);
size_t sim_plan_tail(const struct sim_reply *reply);

/* Where event `index` of the blocks lies. */
struct sim_place {
    enum { SIM_START, SIM_PIECE, SIM_STOP, SIM_AFTER } part;
    uint32_t block;
    uint64_t number; /* within its part */
};
struct sim_place sim_plan_at(const struct sim_plan *plan, uint64_t index);

/* A piece, or all of a block, to stand in a JSON string. */
void sim_block_piece(const struct sim_reply *reply,
                     const struct sim_block *block, uint64_t number,
                     struct sim_buf *out);
void sim_block_text(const struct sim_reply *reply,
                    const struct sim_block *block, struct sim_buf *out);
/* A literal as it is: arguments as a value. */
struct llmp_str sim_block_raw(const struct sim_plan *plan,
                              const struct sim_block *block);
struct llmp_str sim_block_name(const struct sim_plan *plan,
                               const struct sim_block *block);

void sim_plan_reset(struct sim_plan *plan);
void sim_plan_free(struct sim_plan *plan);

/* A value that fits a JSON schema. `root`: what "#/…" refers to. */
void sim_sample(const struct sim_node *schema, const struct sim_node *root,
                struct sim_buf *out);

#endif
