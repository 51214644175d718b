/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What any thread does with a journal: append and settle, without a lock. See
 * docs/internals/journal.md for how the tail moves.
 */
#include "journal/journal.h"

#include <string.h>

#include "base/alloc.h"
#include "base/internal.h"

enum {
    SEGMENT_SIZE = 4 << 20,
    OPEN_MAX = 16384,
    OPEN_MAX_MAX = 1 << 24,
    PAGE = 4096,
};

/* Set in an llmp_journal_at that is a ticket's number and not a place. */
#define IS_TICKET (UINT64_C(1) << 63)

/* ---- making and ending --------------------------------------------------- */

void llmp_journal_options_init_sized(struct llmp_journal_options *opts,
                                     size_t size)
{
    const struct llmp_journal_options defaults = { .size = size,
                                                   .segment_size = SEGMENT_SIZE,
                                                   .open_max = OPEN_MAX };

    memcpy(opts, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

static int read_options(struct llmp_journal_options *o,
                        const struct llmp_journal_options *opts,
                        struct llmp_error *err)
{
    llmp_journal_options_init(o);
    if (opts)
        LLMP_TRY(llmp_options_read(o, sizeof(*o), sizeof(*o), opts, opts->size,
                                   err));
    if (o->segment_size == 0)
        o->segment_size = SEGMENT_SIZE;
    if (o->open_max == 0)
        o->open_max = OPEN_MAX;
    LLMP_ENSURE(o->segment_size >= LLMP_JOURNAL_SEGMENT_MIN &&
                    o->segment_size <= LLMP_JOURNAL_SEGMENT_MAX &&
                    o->segment_size % PAGE == 0,
                err, LLMP_E_INVALID, "a segment cannot have %u bytes",
                (unsigned)o->segment_size);
    LLMP_ENSURE(o->open_max <= OPEN_MAX_MAX, err, LLMP_E_INVALID,
                "at most %d intents can be open", OPEN_MAX_MAX);
    return LLMP_OK;
}

int llmp_journal_new(struct llmp_journal **out,
                     const struct llmp_journal_options *opts,
                     struct llmp_error *err)
{
    struct llmp_journal_options o;

    LLMP_ENSURE(out, err, LLMP_E_INVALID, "out is required");
    LLMP_TRY(read_options(&o, opts, err));

    struct llmp_journal *journal = llmp_alloc(sizeof(*journal));

    LLMP_ENSURE(journal, err, LLMP_E_NOMEM, "no memory for a journal");
    if (!llmp_tickets_init(&journal->tickets, o.open_max)) {
        llmp_free(journal);
        return llmp_fail(err, LLMP_E_NOMEM, "no memory for a journal");
    }
    journal->segment_size = o.segment_size;
    /* As if a segment that does not exist were full. */
    atomic_init(&journal->tail,
                llmp_place(LLMP_JOURNAL_NO_SEGMENT, UINT32_MAX));
    *out = journal;
    return LLMP_OK;
}

void llmp_journal_free(struct llmp_journal *journal)
{
    if (!journal)
        return;
    llmp_tickets_fini(&journal->tickets);
    llmp_free(journal);
}

uint32_t llmp_journal_segment_size(const struct llmp_journal *journal)
{
    return journal->segment_size;
}

uint32_t llmp_journal_payload_max(const struct llmp_journal *journal)
{
    uint32_t quarter = journal->segment_size / 4;

    return quarter < LLMP_JOURNAL_PAYLOAD_MAX ? quarter
                                              : LLMP_JOURNAL_PAYLOAD_MAX;
}

void llmp_journal_on_switch(struct llmp_journal *journal,
                            void (*wake)(void *ctx), void *ctx)
{
    journal->wake = wake;
    journal->wake_ctx = ctx;
}

void llmp_journal_fail(struct llmp_journal *journal)
{
    atomic_store(&journal->failed, true);
}

/* ---- appending ----------------------------------------------------------- */

/* Moves the tail from `tail`, which is full, to the ready segment. False: none
 * is ready. True: somebody moved it, perhaps another thread. */
static bool switch_segment(struct llmp_journal *journal, uint64_t tail)
{
    uint64_t ready = atomic_load(&journal->ready);
    uint64_t next;

    if (!ready)
        return atomic_load(&journal->tail) != tail;
    next = (ready >> 32) << 40 |
           llmp_place((uint32_t)(uint8_t)(ready - 1), LLMP_FRAME_SEGMENT_HEAD);
    if (!atomic_compare_exchange_strong(&journal->tail, &tail, next))
        return true;
    (void)atomic_compare_exchange_strong(&journal->ready, &ready, 0);
    if (journal->wake)
        journal->wake(journal->wake_ctx);
    return true;
}

/* Takes `size` bytes of the tail's segment, if they fit. The one that does not
 * fit first seals it: offsets only grow, so nothing fits afterwards. */
static bool take(struct llmp_journal *journal, uint32_t size, uint64_t *place)
{
    uint64_t old = atomic_fetch_add(&journal->tail, size);
    uint32_t offset = llmp_place_offset(old);

    *place = llmp_place(llmp_place_segment(old), offset);
    if (offset > journal->segment_size)
        return false;
    if (size <= journal->segment_size - offset)
        return true;
    atomic_store(&journal->segments[llmp_place_segment(old)].sealed, offset);
    return false;
}

int llmp_journal_reserve(struct llmp_journal *journal, uint32_t size,
                         uint64_t *place)
{
    for (;;) {
        uint64_t tail = atomic_load(&journal->tail);

        /* Looked at first, so that a full segment's offset does not grow
         * with every try. */
        if (llmp_place_offset(tail) <= journal->segment_size) {
            if (take(journal, size, place))
                return LLMP_OK;
        } else if (!switch_segment(journal, tail)) {
            return LLMP_FULL;
        }
    }
}

void llmp_journal_write(struct llmp_journal *journal, uint64_t place,
                        enum llmp_journal_type type, uint32_t ticket,
                        const struct llmp_str *parts, size_t part_count)
{
    struct llmp_segment *segment =
        &journal->segments[llmp_place_segment(place)];
    struct llmp_frame *frame = llmp_journal_frame(journal, place);
    uint32_t len = 0;

    for (size_t i = 0; i < part_count; i++)
        len += (uint32_t)parts[i].len;
    llmp_frame_write(frame, &segment->head, len, type, LLMP_FRAME_OWNED, ticket,
                     parts, part_count);
    (void)atomic_fetch_add(type == LLMP_JOURNAL_INTENT ? &segment->intents
                                                       : &segment->outcomes,
                           1);
    llmp_frame_publish(frame, len);
    (void)atomic_fetch_add(&segment->published, llmp_frame_size(len));
}

static int append_intent(struct llmp_journal *journal, uint32_t size,
                         const struct llmp_str *parts, size_t part_count,
                         llmp_journal_at *at)
{
    uint32_t ticket;
    uint64_t place;

    if (!llmp_tickets_take(&journal->tickets, &ticket))
        return LLMP_FULL;
    if (llmp_journal_reserve(journal, size, &place) != LLMP_OK) {
        llmp_tickets_give(&journal->tickets, ticket);
        return LLMP_FULL;
    }
    /* Before it is published: from then on it may be moved. */
    atomic_store(&journal->tickets.places[ticket], place);
    llmp_journal_write(journal, place, LLMP_JOURNAL_INTENT, ticket, parts,
                       part_count);
    *at = IS_TICKET | ticket;
    return LLMP_OK;
}

static int append_outcome(struct llmp_journal *journal, uint32_t size,
                          const struct llmp_str *parts, size_t part_count,
                          llmp_journal_at *at)
{
    if (llmp_journal_reserve(journal, size, at) != LLMP_OK)
        return LLMP_FULL;
    llmp_journal_write(journal, *at, LLMP_JOURNAL_OUTCOME, LLMP_FRAME_NO_TICKET,
                       parts, part_count);
    return LLMP_OK;
}

int llmp_journal_append(struct llmp_journal *journal,
                        enum llmp_journal_type type,
                        const struct llmp_str *parts, size_t part_count,
                        llmp_journal_at intent, llmp_journal_at *at)
{
    size_t len = 0;
    int rc;

    for (size_t i = 0; i < part_count; i++)
        len = parts[i].len > SIZE_MAX - len ? SIZE_MAX : len + parts[i].len;
    if (len == 0 || len > llmp_journal_payload_max(journal))
        return LLMP_E_LIMIT;
    if (atomic_load_explicit(&journal->failed, memory_order_relaxed))
        return LLMP_E_IO;

    uint32_t size = llmp_frame_size((uint32_t)len);

    if (type == LLMP_JOURNAL_INTENT)
        return append_intent(journal, size, parts, part_count, at);
    rc = append_outcome(journal, size, parts, part_count, at);
    if (rc == LLMP_OK)
        llmp_journal_settle(journal, intent);
    return rc;
}

/* ---- settling ------------------------------------------------------------ */

void llmp_journal_settle_place(struct llmp_journal *journal, uint64_t place)
{
    struct llmp_segment *segment =
        &journal->segments[llmp_place_segment(place)];
    struct llmp_frame *frame = llmp_journal_frame(journal, place);
    bool intent = frame->type == LLMP_JOURNAL_INTENT;
    uint8_t before =
        __atomic_fetch_or(&frame->marks, LLMP_FRAME_SETTLED, __ATOMIC_RELEASE);

    assert(!(before & LLMP_FRAME_SETTLED));
    if (!(before & LLMP_FRAME_SETTLED))
        (void)atomic_fetch_sub(intent ? &segment->intents : &segment->outcomes,
                               1);
}

void llmp_journal_settle(struct llmp_journal *journal, llmp_journal_at at)
{
    uint32_t ticket = (uint32_t)at;

    if (!(at & IS_TICKET)) {
        if (at)
            llmp_journal_settle_place(journal, at);
        return;
    }
    /* From here on nobody moves it any more. */
    llmp_journal_settle_place(
        journal, atomic_exchange(&journal->tickets.places[ticket], 0));
    llmp_tickets_give(&journal->tickets, ticket);
}

void llmp_journal_release(struct llmp_journal *journal, llmp_journal_at at)
{
    struct llmp_frame *frame = llmp_journal_frame(journal, at);

    assert(!(at & IS_TICKET));
    (void)__atomic_fetch_and(&frame->marks, (uint8_t)~LLMP_FRAME_OWNED,
                             __ATOMIC_RELEASE);
}
