/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's inside, shared by what any thread does (journal.c) and what
 * one thread does (segments.c).
 *
 * A segment is blank, ready, being filled, sealed (a record did not fit) or
 * quiet (sealed, and every reserved byte is published). A quiet one without
 * open records is blank again as soon as somebody clears it.
 */
#ifndef LLMP_JOURNAL_JOURNAL_H
#define LLMP_JOURNAL_JOURNAL_H

#include <llmproxy/journal.h>
#include <stdatomic.h>

#include "journal/frame.h"
#include "journal/tickets.h"

struct llmp_segment {
    uint8_t *memory;
    struct llmp_segment_head head;
    _Atomic uint32_t published; /* bytes, the head among them */
    _Atomic uint32_t sealed;    /* reserved bytes in the end; 0: not yet */
    _Atomic uint32_t intents, outcomes; /* not settled */
    atomic_bool in_use;                 /* else blank */
    bool inherited; /* an earlier process wrote it: may have holes */
};

struct llmp_journal {
    uint32_t segment_size;
    _Atomic uint32_t count;
    struct llmp_segment segments[LLMP_JOURNAL_SEGMENTS_MAX];
    /* generation << 40 | segment << 32 | offset of the next record */
    _Atomic uint64_t tail;
    _Atomic uint64_t ready; /* generation << 32 | segment + 1; 0: none */
    atomic_bool failed;
    struct llmp_tickets tickets;
    void (*wake)(void *ctx);
    void *wake_ctx;
    uint64_t sequence; /* of the last segment that was begun; one thread */
};

enum { LLMP_JOURNAL_NO_SEGMENT = 0xFF };

/* A place: segment << 32 | offset; never 0, as no record is at offset 0. */
static inline uint64_t llmp_place(uint32_t segment, uint32_t offset)
{
    return (uint64_t)segment << 32 | offset;
}

static inline uint32_t llmp_place_segment(uint64_t place)
{
    return (uint32_t)(place >> 32) & 0xFF;
}

static inline uint32_t llmp_place_offset(uint64_t place)
{
    return (uint32_t)place;
}

static inline struct llmp_frame *llmp_journal_frame(
    struct llmp_journal *journal, uint64_t place)
{
    return llmp_frame_at(journal->segments[llmp_place_segment(place)].memory,
                         llmp_place_offset(place));
}

static inline bool llmp_segment_is_quiet(const struct llmp_segment *segment)
{
    uint32_t sealed = atomic_load(&segment->sealed);

    return sealed && atomic_load(&segment->published) == sealed;
}

static inline bool llmp_segment_is_settled(const struct llmp_segment *segment)
{
    return llmp_segment_is_quiet(segment) &&
           atomic_load(&segment->intents) == 0 &&
           atomic_load(&segment->outcomes) == 0;
}

/* Reserves room for a record in the present segment or the ready one. */
int llmp_journal_reserve(struct llmp_journal *journal, uint32_t size,
                         uint64_t *place);

/* Writes and publishes a record at a reserved place. */
void llmp_journal_write(struct llmp_journal *journal, uint64_t place,
                        enum llmp_journal_type type, uint32_t ticket,
                        const struct llmp_str *parts, size_t part_count);

/* Marks the record at a place as settled, once. */
void llmp_journal_settle_place(struct llmp_journal *journal, uint64_t place);

#endif
