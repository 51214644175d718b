/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that keeps a ledger, and what outlives it: a journal in plain
 * memory and a store in memory. The store's thread comes when it comes.
 */
#ifndef SIM_LEDGER_CASES_H
#define SIM_LEDGER_CASES_H

#include <llmproxy/journal.h>
#include <llmproxy/store.h>

#include "cases.h"

enum { SEGMENTS = 3, SEGMENT_SIZE = 64 << 10 };

static inline uint64_t draw(uint64_t *dice)
{
    *dice = *dice * 6364136223846793005u + 1442695040888963407u;
    return *dice >> 33;
}

struct process {
    uint8_t *memory[SEGMENTS];
    struct llmp_store *kept;
    struct llmp_journal *journal;
    struct llmp_store_writer *writer;
    struct llmp_ledger *ledger;
    uint64_t dice;
};

static inline void start(struct process *p)
{
    struct llmp_journal_options journal;
    struct llmp_store *store;

    llmp_journal_options_init(&journal);
    journal.segment_size = SEGMENT_SIZE;
    assert_int_equal(llmp_journal_new(&p->journal, &journal, NULL), LLMP_OK);
    for (size_t i = 0; i < SEGMENTS; i++)
        assert_int_equal(llmp_journal_add(p->journal, p->memory[i], NULL),
                         LLMP_OK);
    assert_int_equal(llmp_journal_prepare(p->journal, 1, 2), LLMP_OK);
    assert_int_equal(llmp_store_open_again(&store, p->kept, NULL), LLMP_OK);
    assert_int_equal(llmp_store_writer_new(&p->writer, store, NULL, NULL),
                     LLMP_OK);
    assert_int_equal(
        llmp_ledger_new(&p->ledger, p->journal, p->writer, NULL, NULL),
        LLMP_OK);
}

static inline void stop(struct process *p)
{
    llmp_store_writer_free(p->writer);
    llmp_ledger_free(p->ledger);
    llmp_journal_free(p->journal);
}

/* The store's thread comes when it comes. */
static inline void now_and_then(void *ctx)
{
    struct process *p = ctx;

    if (draw(&p->dice) % 16)
        return;
    (void)llmp_ledger_pump(p->ledger);
    (void)llmp_store_writer_pump(p->writer, LLMP_NS_PER_S);
}

static inline void pump_all(struct process *p)
{
    for (uint64_t i = 1; i < 1000; i++) {
        bool more = llmp_ledger_pump(p->ledger);

        if (llmp_store_writer_pump(p->writer, (i + 1) * LLMP_NS_PER_S) ==
                UINT64_MAX &&
            !more)
            return;
    }
    fail_msg("the writer does not come to an end");
}

static inline void begin_process(struct process *p)
{
    for (size_t i = 0; i < SEGMENTS; i++) {
        p->memory[i] = aligned_alloc(16, SEGMENT_SIZE);
        memset(p->memory[i], 0, SEGMENT_SIZE);
    }
    assert_int_equal(llmp_store_open_memory(&p->kept, NULL), LLMP_OK);
    start(p);
}

static inline void end_process(struct process *p)
{
    stop(p);
    for (size_t i = 0; i < SEGMENTS; i++)
        free(p->memory[i]);
    llmp_store_close(p->kept);
}

#endif
