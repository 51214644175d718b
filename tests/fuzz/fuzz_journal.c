/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a segment holds, it is taken over or refused; each record handed
 * over lies inside, is handed over once, can be settled, and is then gone; and
 * what is in records is an entry or is not, but is never read beyond its end.
 */
#include <llmproxy/journal.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "journal/frame.h"
#include "store/ledger_codec.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

enum { SIZE = LLMP_JOURNAL_SEGMENT_MIN };

struct seen {
    struct llmp_journal *journal;
    const uint8_t *memory, *end; /* records come in order */
    unsigned count;
};

static int see(const struct llmp_journal_record *record, void *ctx)
{
    const uint8_t *payload = (const uint8_t *)record->payload.ptr;
    struct seen *seen = ctx;
    struct llmp_ledger_decoded decoded;
    char *copy = malloc(record->payload.len);

    CHECK(payload >= seen->end && record->payload.len > 0);
    CHECK(payload + record->payload.len <= seen->memory + SIZE);
    seen->end = payload + record->payload.len;
    seen->count++;
    memcpy(copy, payload, record->payload.len);
    (void)llmp_ledger_decode(&decoded,
                             (struct llmp_str){ copy, record->payload.len });
    free(copy);
    if (seen->count % 2)
        llmp_journal_settle(seen->journal, record->at);
    return 0;
}

static unsigned scan(struct llmp_journal *journal, const uint8_t *memory)
{
    struct seen seen = { journal, memory, memory, 0 };
    unsigned outcomes;

    CHECK(llmp_journal_scan(journal, LLMP_JOURNAL_OUTCOME, see, &seen) == 0);
    outcomes = seen.count;
    seen.end = memory;
    CHECK(llmp_journal_scan(journal, LLMP_JOURNAL_INTENT, see, &seen) == 0);
    (void)outcomes;
    return seen.count;
}

static void scan_twice(uint8_t *memory)
{
    struct llmp_journal_options opts;
    struct llmp_journal *journal;

    llmp_journal_options_init(&opts);
    opts.segment_size = SIZE;
    CHECK(llmp_journal_new(&journal, &opts, NULL) == LLMP_OK);
    if (llmp_journal_add(journal, memory, NULL) == LLMP_OK) {
        unsigned first = scan(journal, memory);

        CHECK(scan(journal, memory) == 0);
        /* The next process sees those that were not settled: every second. */
        llmp_journal_free(journal);
        CHECK(llmp_journal_new(&journal, &opts, NULL) == LLMP_OK);
        CHECK(llmp_journal_add(journal, memory, NULL) == LLMP_OK);
        CHECK(scan(journal, memory) == first / 2);
    }
    llmp_journal_free(journal);
}

/* The first byte says whether the sums are made right, so that what lies behind
 * them is reached: records at the places that lengths lead to. */
static void mend(uint8_t *memory)
{
    struct llmp_segment_head head = { .sequence = 1, .size = SIZE, .salt = 7 };
    uint32_t at = LLMP_FRAME_SEGMENT_HEAD;

    llmp_segment_head_write(memory, &head);
    while (at + LLMP_FRAME_HEAD < SIZE) {
        struct llmp_frame *frame = llmp_frame_at(memory, at);
        uint32_t len = llmp_frame_len(frame) % 512;
        struct llmp_str payload = { (const char *)frame->payload, len };

        if (len && len <= SIZE - at - LLMP_FRAME_HEAD && frame->type < 3 &&
            frame->type) {
            char *copy = malloc(len);

            memcpy(copy, frame->payload, len);
            payload.ptr = copy;
            frame->zero[0] = frame->zero[1] = 0;
            llmp_frame_write(frame, &head, len,
                             (enum llmp_journal_type)frame->type, frame->marks,
                             0, &payload, 1);
            llmp_frame_publish(frame, len);
            free(copy);
        }
        at += llmp_frame_size(len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *memory = aligned_alloc(16, SIZE);
    size_t used = size > 1 ? size - 1 : 0;

    memset(memory, 0, SIZE);
    if (used)
        memcpy(memory, data + 1, used < SIZE ? used : SIZE);
    if (size && data[0] & 1)
        mend(memory);
    scan_twice(memory);
    free(memory);
    return 0;
}
