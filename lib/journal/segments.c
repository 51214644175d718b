/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one thread does with a journal: take segments over, have the next one
 * ready, carry open intents out of the oldest one, hand records over.
 */
#include <string.h>

#include "base/internal.h"
#include "journal/journal.h"

/* ---- taking over --------------------------------------------------------- */

/* An earlier process's ownership and tickets mean nothing. */
static void inherit_record(struct llmp_segment *segment,
                           struct llmp_frame *frame)
{
    frame->marks &= LLMP_FRAME_SETTLED;
    frame->ticket = llmp_le32(LLMP_FRAME_NO_TICKET);
    if (frame->marks & LLMP_FRAME_SETTLED)
        return;
    (void)atomic_fetch_add(frame->type == LLMP_JOURNAL_INTENT
                               ? &segment->intents
                               : &segment->outcomes,
                           1);
}

static void inherit(struct llmp_segment *segment)
{
    uint32_t size = segment->head.size;
    uint32_t at = llmp_frame_seek(segment->memory, &segment->head,
                                  LLMP_FRAME_SEGMENT_HEAD);

    while (at < size) {
        struct llmp_frame *frame = llmp_frame_at(segment->memory, at);

        inherit_record(segment, frame);
        at = llmp_frame_seek(segment->memory, &segment->head,
                             at + llmp_frame_size(llmp_frame_len(frame)));
    }
    segment->inherited = true;
    atomic_store(&segment->published, size);
    atomic_store(&segment->sealed, size);
    atomic_store(&segment->in_use, true);
}

int llmp_journal_add(struct llmp_journal *journal, void *memory,
                     struct llmp_error *err)
{
    uint32_t count = atomic_load(&journal->count);
    struct llmp_segment *segment = &journal->segments[count];
    int rc;

    LLMP_ENSURE(count < LLMP_JOURNAL_SEGMENTS_MAX, err, LLMP_E_LIMIT,
                "a journal has at most %d segments", LLMP_JOURNAL_SEGMENTS_MAX);
    LLMP_TRY(rc = llmp_segment_head_read(memory, journal->segment_size,
                                         &segment->head, err));
    segment->memory = memory;
    if (rc == LLMP_OK) {
        inherit(segment);
        if (segment->head.sequence > journal->sequence)
            journal->sequence = segment->head.sequence;
    }
    atomic_store(&journal->count, count + 1);
    return LLMP_OK;
}

/* ---- the next segment ---------------------------------------------------- */

static bool is_tail(const struct llmp_journal *journal, uint32_t index)
{
    return llmp_place_segment(atomic_load(&journal->tail)) == index;
}

static bool is_ready(const struct llmp_journal *journal, uint32_t index)
{
    return (uint32_t)atomic_load(&journal->ready) == index + 1;
}

static bool is_free(const struct llmp_journal *journal, uint32_t index)
{
    const struct llmp_segment *segment = &journal->segments[index];

    return !is_tail(journal, index) && !is_ready(journal, index) &&
           (!atomic_load(&segment->in_use) || llmp_segment_is_settled(segment));
}

/* LLMP_JOURNAL_SEGMENTS_MAX: none. */
static uint32_t find_free(const struct llmp_journal *journal)
{
    uint32_t count = atomic_load(&journal->count);

    for (uint32_t i = 0; i < count; i++)
        if (is_free(journal, i))
            return i;
    return LLMP_JOURNAL_SEGMENTS_MAX;
}

static void make_ready(struct llmp_journal *journal, uint32_t index,
                       uint64_t wall_ns, uint32_t salt)
{
    struct llmp_segment *segment = &journal->segments[index];

    /* The head goes first: killed in between, the segment is blank. */
    memset(segment->memory, 0, LLMP_FRAME_SEGMENT_HEAD);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memset(segment->memory + LLMP_FRAME_SEGMENT_HEAD, 0,
           journal->segment_size - LLMP_FRAME_SEGMENT_HEAD);
    segment->head = (struct llmp_segment_head){
        .sequence = ++journal->sequence,
        .wall_ns = wall_ns,
        .size = journal->segment_size,
        .salt = salt,
    };
    segment->inherited = false;
    llmp_segment_head_write(segment->memory, &segment->head);
    atomic_store(&segment->sealed, 0);
    atomic_store(&segment->published, LLMP_FRAME_SEGMENT_HEAD);
    atomic_store(&segment->in_use, true);
    atomic_store(&journal->ready,
                 (journal->sequence & 0xFFFFFF) << 32 | (index + 1));
}

/* ---- carrying over ------------------------------------------------------- */

/* False: there is no room for it anywhere. */
static bool carry_record(struct llmp_journal *journal, uint64_t place)
{
    struct llmp_frame *frame = llmp_journal_frame(journal, place);
    uint32_t len = llmp_frame_len(frame);
    uint32_t ticket = llmp_le32(frame->ticket);
    const struct llmp_str payload = { (const char *)frame->payload, len };
    uint64_t to, from = place;

    if (__atomic_load_n(&frame->marks, __ATOMIC_ACQUIRE) & LLMP_FRAME_SETTLED)
        return true;
    if (llmp_journal_reserve(journal, llmp_frame_size(len), &to) != LLMP_OK)
        return false;
    llmp_journal_write(journal, to, LLMP_JOURNAL_INTENT, ticket, &payload, 1);
    /* Its exchange may have ended meanwhile, and then settled this one. */
    if (atomic_compare_exchange_strong(&journal->tickets.places[ticket], &from,
                                       to))
        llmp_journal_settle_place(journal, place);
    else
        llmp_journal_settle_place(journal, to);
    return true;
}

static void carry_segment(struct llmp_journal *journal, uint32_t index)
{
    struct llmp_segment *segment = &journal->segments[index];
    uint32_t end = atomic_load(&segment->sealed);
    uint32_t at = LLMP_FRAME_SEGMENT_HEAD;

    while (at < end) {
        struct llmp_frame *frame = llmp_frame_at(segment->memory, at);

        if (frame->type == LLMP_JOURNAL_INTENT &&
            !carry_record(journal, llmp_place(index, at)))
            return;
        at += llmp_frame_size(llmp_frame_len(frame));
    }
}

/* Inherited intents have no tickets: their rows are on the way to the store,
 * and so are outcomes. */
static bool can_be_carried(const struct llmp_journal *journal, uint32_t index)
{
    const struct llmp_segment *segment = &journal->segments[index];

    return atomic_load(&segment->in_use) && !segment->inherited &&
           !is_tail(journal, index) && !is_ready(journal, index) &&
           llmp_segment_is_quiet(segment) &&
           atomic_load(&segment->outcomes) == 0;
}

static void carry_oldest(struct llmp_journal *journal)
{
    uint32_t count = atomic_load(&journal->count);
    uint32_t oldest = LLMP_JOURNAL_SEGMENTS_MAX;

    for (uint32_t i = 0; i < count; i++)
        if (can_be_carried(journal, i) &&
            (oldest == LLMP_JOURNAL_SEGMENTS_MAX ||
             journal->segments[i].head.sequence <
                 journal->segments[oldest].head.sequence))
            oldest = i;
    if (oldest != LLMP_JOURNAL_SEGMENTS_MAX)
        carry_segment(journal, oldest);
}

/* Carries while the ready segment is still there to take what is carried. */
int llmp_journal_prepare(struct llmp_journal *journal, uint64_t wall_ns,
                         uint32_t salt)
{
    for (int i = 0; i < 2; i++) {
        uint32_t index = find_free(journal);

        if (!atomic_load(&journal->ready) && index < LLMP_JOURNAL_SEGMENTS_MAX)
            make_ready(journal, index, wall_ns, salt);
        if (find_free(journal) == LLMP_JOURNAL_SEGMENTS_MAX)
            carry_oldest(journal);
        if (atomic_load(&journal->ready))
            return LLMP_OK;
    }
    return LLMP_FULL;
}

/* ---- handing over -------------------------------------------------------- */

struct scan {
    struct llmp_journal *journal;
    enum llmp_journal_type type;
    llmp_journal_scan_fn *see;
    void *ctx;
};

static int show(const struct scan *scan, uint64_t place)
{
    struct llmp_frame *frame = llmp_journal_frame(scan->journal, place);
    const struct llmp_journal_record record = {
        .type = scan->type,
        .payload = { (const char *)frame->payload, llmp_frame_len(frame) },
        .at = place,
    };
    int rc;

    if (frame->type != scan->type ||
        __atomic_load_n(&frame->marks, __ATOMIC_ACQUIRE) != 0)
        return LLMP_OK;
    (void)__atomic_fetch_or(&frame->marks, LLMP_FRAME_OWNED, __ATOMIC_ACQ_REL);
    rc = scan->see(&record, scan->ctx);
    if (rc != LLMP_OK)
        llmp_journal_release(scan->journal, place);
    return rc;
}

/* A segment that may have holes. */
static int scan_inherited(const struct scan *scan, uint32_t index)
{
    struct llmp_segment *segment = &scan->journal->segments[index];
    uint32_t at = LLMP_FRAME_SEGMENT_HEAD;

    for (;;) {
        at = llmp_frame_seek(segment->memory, &segment->head, at);
        if (at >= segment->head.size)
            return LLMP_OK;

        /* Before the callback: a settled segment is still not cleared, as
         * this thread is the one that would. */
        uint32_t size =
            llmp_frame_size(llmp_frame_len(llmp_frame_at(segment->memory, at)));
        int rc = show(scan, llmp_place(index, at));

        if (rc != LLMP_OK)
            return rc;
        at += size;
    }
}

/* Where reserved room ends; UINT32_MAX: it is just being sealed. */
static uint32_t reserved_end(const struct llmp_journal *journal, uint32_t index)
{
    uint64_t tail = atomic_load(&journal->tail);
    uint32_t sealed = atomic_load(&journal->segments[index].sealed);

    if (sealed)
        return sealed;
    if (is_ready(journal, index))
        return LLMP_FRAME_SEGMENT_HEAD;
    if (llmp_place_segment(tail) == index &&
        llmp_place_offset(tail) <= journal->segment_size)
        return llmp_place_offset(tail);
    return UINT32_MAX;
}

/* One of our own: without holes, but perhaps with a record being written. */
static int scan_own(const struct scan *scan, uint32_t index)
{
    struct llmp_segment *segment = &scan->journal->segments[index];
    uint32_t end = reserved_end(scan->journal, index);
    uint32_t at = LLMP_FRAME_SEGMENT_HEAD;

    while (at < end && at + LLMP_FRAME_HEAD <= segment->head.size) {
        uint32_t len = llmp_frame_len(llmp_frame_at(segment->memory, at));
        int rc;

        if (len == 0)
            return LLMP_AGAIN;
        rc = show(scan, llmp_place(index, at));
        if (rc != LLMP_OK)
            return rc;
        at += llmp_frame_size(len);
    }
    return end == UINT32_MAX ? LLMP_AGAIN : LLMP_OK;
}

/* The segment in use with the next sequence above `after`. */
static uint32_t next_segment(const struct llmp_journal *journal, uint64_t after)
{
    uint32_t count = atomic_load(&journal->count);
    uint32_t next = LLMP_JOURNAL_SEGMENTS_MAX;

    for (uint32_t i = 0; i < count; i++) {
        const struct llmp_segment *segment = &journal->segments[i];

        if (atomic_load(&segment->in_use) && segment->head.sequence > after &&
            (next == LLMP_JOURNAL_SEGMENTS_MAX ||
             segment->head.sequence < journal->segments[next].head.sequence))
            next = i;
    }
    return next;
}

int llmp_journal_scan(struct llmp_journal *journal, enum llmp_journal_type type,
                      llmp_journal_scan_fn *see, void *ctx)
{
    const struct scan scan = { journal, type, see, ctx };
    uint64_t sequence = 0;
    int answer = LLMP_OK;

    for (;;) {
        uint32_t index = next_segment(journal, sequence);
        int rc;

        if (index == LLMP_JOURNAL_SEGMENTS_MAX)
            return answer;
        sequence = journal->segments[index].head.sequence;
        rc = journal->segments[index].inherited ? scan_inherited(&scan, index)
                                                : scan_own(&scan, index);
        if (rc == LLMP_AGAIN)
            answer = LLMP_AGAIN;
        else if (rc != LLMP_OK)
            return rc;
    }
}

void llmp_journal_stats(const struct llmp_journal *journal,
                        struct llmp_journal_stats *out)
{
    *out = (struct llmp_journal_stats){
        .segments = atomic_load(&journal->count),
        .ready = atomic_load(&journal->ready) != 0,
        .failed = atomic_load(&journal->failed),
    };
    for (uint32_t i = 0; i < out->segments; i++) {
        const struct llmp_segment *segment = &journal->segments[i];

        out->segments_free += is_free(journal, i) || is_ready(journal, i);
        out->intents_open += atomic_load(&segment->intents);
        out->outcomes_open += atomic_load(&segment->outcomes);
    }
}
