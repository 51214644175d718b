/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hits in a text that comes in pieces: Vectorscan's streaming mode. Groups of
 * numbers are asked from where digits stand close together to where they do no
 * longer; both are places of the text, whatever its pieces.
 */
#include "base/internal.h"
#include "guard/ruleset_in.h"

static_assert(LLMP_RULESET_FLOW_BACK >= LLMP_NUMBER_REACH + LLMP_UTF8_BYTES,
              "a number's begin is still there");

enum { PIECE = 16 };

struct passing {
    llmp_rule_hit_fn *hit;
    void *ctx;
    struct llmp_rule_mask mask;
    uint64_t shift; /* where the stream began */
};

static int on_hit(unsigned id, unsigned long long from, unsigned long long to,
                  unsigned flags, void *ctx)
{
    const struct passing *passing = ctx;

    (void)from;
    (void)flags;
    if (llmp_rule_wanted(passing->mask, id))
        passing->hit(id, passing->shift + to, passing->ctx);
    return 0;
}

struct llmp_ruleset_flow {
    const struct llmp_ruleset *set;
    uint64_t end; /* of what came */
    struct {
        struct llmp_digits_near near;
        bool begun;
        uint64_t begin, end; /* what the streams have of the text */
        uint64_t until;      /* what they are to have */
    } numbers;
    hs_stream_t *streams[]; /* NULL: nobody wants the group */
};

int llmp_ruleset_flow_open(struct llmp_ruleset_flow **out,
                           const struct llmp_ruleset *set,
                           struct llmp_rule_mask mask)
{
    struct llmp_ruleset_flow *flow =
        llmp_alloc(sizeof(*flow) + set->flows.count * sizeof(flow->streams[0]));

    if (!flow)
        return LLMP_E_NOMEM;
    flow->set = set;
    for (size_t i = 0; i < set->flows.count; i++) {
        const struct llmp_rule_group *group = &set->flows.items[i];

        if (llmp_group_wanted(group, mask) &&
            hs_open_stream(group->database, 0, &flow->streams[i]) !=
                HS_SUCCESS) {
            flow->streams[i] = NULL;
            llmp_ruleset_flow_close(flow, NULL, mask, NULL, NULL);
            return LLMP_E_NOMEM;
        }
    }
    *out = flow;
    return LLMP_OK;
}

/*
 * Few bytes at a time: of longer pieces Vectorscan before 5.4.13 overlooks
 * matches. With AVX-512 they are those in the last 63 bytes of what is given;
 * of pieces of 20 to 64 bytes, with AVX2 as well, those behind "[^x]{2,9}".
 */
static int scan_stream(hs_stream_t *stream,
                       struct llmp_ruleset_scratch *scratch,
                       struct llmp_str text, struct passing *passing)
{
    while (text.len) {
        size_t len = text.len < PIECE ? text.len : PIECE;

        if (hs_scan_stream(stream, text.ptr, (unsigned)len, 0, scratch->hs,
                           on_hit, passing) != HS_SUCCESS)
            return LLMP_E_NOMEM;
        text.ptr += len;
        text.len -= len;
    }
    return LLMP_OK;
}

static int scan_in(struct llmp_ruleset_flow *flow,
                   struct llmp_ruleset_scratch *scratch, struct llmp_str text,
                   bool numbers, struct passing *passing)
{
    for (size_t i = 0; text.len && i < flow->set->flows.count; i++)
        if (flow->streams[i] && flow->set->flows.items[i].numbers == numbers)
            LLMP_TRY(scan_stream(flow->streams[i], scratch, text, passing));
    return LLMP_OK;
}

/* Gives the streams of numbers what they are to have of `text`. */
static int feed_numbers(struct llmp_ruleset_flow *flow,
                        struct llmp_ruleset_scratch *scratch,
                        struct llmp_str text, struct passing *passing)
{
    uint64_t begin = flow->end - text.len, from = flow->numbers.end;
    uint64_t to =
        flow->numbers.until < flow->end ? flow->numbers.until : flow->end;

    if (from >= to)
        return LLMP_OK;
    assert(from >= begin);
    flow->numbers.end = to;
    passing->shift = flow->numbers.begin;
    return scan_in(
        flow, scratch,
        (struct llmp_str){ text.ptr + (from - begin), (size_t)(to - from) },
        true, passing);
}

/* There is something new, at the earliest from `at` on. */
static int begin_numbers(struct llmp_ruleset_flow *flow, struct llmp_str text,
                         uint64_t at)
{
    uint64_t begin = flow->end - text.len;

    while (at > begin && ((uint8_t)text.ptr[at - begin] & 0xC0) == 0x80)
        at--;
    for (size_t i = 0; i < flow->set->flows.count; i++)
        if (flow->streams[i] && flow->set->flows.items[i].numbers &&
            flow->numbers.begun &&
            hs_reset_stream(flow->streams[i], 0, NULL, NULL, NULL) !=
                HS_SUCCESS)
            return LLMP_E_NOMEM;
    flow->numbers.begun = true;
    flow->numbers.begin = flow->numbers.end = at;
    return LLMP_OK;
}

static int scan_numbers(struct llmp_ruleset_flow *flow,
                        struct llmp_ruleset_scratch *scratch,
                        struct llmp_str text, size_t fresh,
                        struct passing *passing)
{
    struct llmp_str piece = { text.ptr + text.len - fresh, fresh };
    uint64_t begin = flow->end - fresh, digit;
    size_t at = 0;

    while (
        llmp_digits_near_next(&flow->numbers.near, piece, &at, begin, &digit)) {
        uint64_t from =
            digit > LLMP_NUMBER_REACH ? digit - LLMP_NUMBER_REACH : 0;

        if (!flow->numbers.begun || from > flow->numbers.until) {
            LLMP_TRY(feed_numbers(flow, scratch, text, passing));
            LLMP_TRY(begin_numbers(flow, text, from));
        }
        flow->numbers.until = digit + LLMP_NUMBER_REACH;
    }
    return feed_numbers(flow, scratch, text, passing);
}

int llmp_ruleset_flow_scan(struct llmp_ruleset_flow *flow,
                           struct llmp_ruleset_scratch *scratch,
                           struct llmp_str text, size_t fresh,
                           struct llmp_rule_mask mask, llmp_rule_hit_fn *hit,
                           void *ctx)
{
    struct passing passing = { hit, ctx, mask, 0 };

    flow->end += fresh;
    LLMP_TRY(scan_in(flow, scratch,
                     (struct llmp_str){ text.ptr + text.len - fresh, fresh },
                     false, &passing));
    return scan_numbers(flow, scratch, text, fresh, &passing);
}

void llmp_ruleset_flow_close(struct llmp_ruleset_flow *flow,
                             struct llmp_ruleset_scratch *scratch,
                             struct llmp_rule_mask mask, llmp_rule_hit_fn *hit,
                             void *ctx)
{
    struct passing passing = { hit, ctx, mask, 0 };

    for (size_t i = 0; flow && i < flow->set->flows.count; i++) {
        bool numbers = flow->set->flows.items[i].numbers;
        bool tell = hit && (!numbers || flow->numbers.begun);

        passing.shift = numbers ? flow->numbers.begin : 0;
        if (flow->streams[i])
            (void)hs_close_stream(flow->streams[i], tell ? scratch->hs : NULL,
                                  tell ? on_hit : NULL, &passing);
    }
    llmp_free(flow);
}
