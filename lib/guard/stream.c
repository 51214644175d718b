/* SPDX-License-Identifier: Apache-2.0 */
/* A text in pieces: it begins, takes them, gives what goes on; see stream.h. */
#include "guard/stream.h"

#include <sodium.h>

#include "base/internal.h"
#include "base/utf8.h"

enum {
    OPTIONS_V1_SIZE = sizeof(struct llmp_guard_stream_options),
    HOLD_MIN = 64,
    /* What a match, its look-around and its words may reach back. */
    HISTORY = LLMP_RULE_SPAN_MAX + LLMP_RULE_BEFORE + LLMP_RULESET_SLACK + 32
};

static_assert((int)HISTORY >= (int)LLMP_RULESET_FLOW_BACK, "what rules reach back");

/* ---- it begins and ends ------------------------------------------------- */

/* The longest find of rules of the caller's own: their words may be any. */
static size_t lag_of(const struct llmp_guard_stream *s)
{
    const struct llmp_guard_policy *policy = s->session->policy;
    size_t lag = 0;

    for (size_t i = 0; i < policy->stage_count; i++) {
        const struct llmp_stage *stage = &policy->stages[i];

        for (size_t r = 0; stage->check->takes_rules && stage->acts &&
                           s->runs[i].outcome == LLMP_GUARD_RAN &&
                           r < llmp_ruleset_count(policy->set);
             r++)
            if (stage->rules[r / 64] >> (r % 64) & 1 &&
                llmp_ruleset_width(policy->set, r) > lag)
                lag = llmp_ruleset_width(policy->set, r);
    }
    return lag < s->opts.hold_bytes ? lag : s->opts.hold_bytes - 1;
}

static void begin_runs(struct llmp_guard_stream *s)
{
    const struct llmp_guard_policy *policy = s->session->policy;

    for (size_t i = 0; i < policy->stage_count; i++) {
        const struct llmp_stage *stage = &policy->stages[i];

        s->runs[i].outcome = s->session->outcomes[i];
        if (!(stage->parts >> s->opts.part & 1))
            s->runs[i].outcome = LLMP_GUARD_NO_PART;
        if (s->runs[i].outcome != LLMP_GUARD_RAN)
            continue;
        if (stage->check->whole)
            s->runs[i].outcome = LLMP_GUARD_NO_STREAM;
        else
            s->acts |= stage->acts;
        if (stage->check->classes || stage->check->by_sentence)
            s->models |= 1u << i;
    }
}

/* For the rules of stages that are on. */
static bool open_flow(struct llmp_guard_stream *s)
{
    const struct llmp_guard_policy *policy = s->session->policy;
    uint64_t wanted[LLMP_RULESET_RULES_MAX / 64 + 1] = { 0 };

    for (size_t i = 0; i < policy->stage_count; i++)
        for (size_t w = 0;
             s->runs[i].outcome == LLMP_GUARD_RAN && w < policy->words; w++)
            wanted[w] |= policy->stages[i].rules[w];
    return llmp_ruleset_flow_open(&s->flow, policy->set,
                                  (struct llmp_rule_mask){ wanted }) == LLMP_OK;
}

int llmp_guard_stream_new(struct llmp_guard_stream **out,
                          struct llmp_guard_session *session,
                          const struct llmp_guard_stream_options *given,
                          struct llmp_error *err)
{
    struct llmp_guard_stream_options opts;
    struct llmp_guard_stream *s;
    const char *whole;

    llmp_guard_stream_options_init(&opts);
    LLMP_ENSURE(out && session, err, LLMP_E_INVALID,
                "out and session are required");
    if (given)
        LLMP_TRY(llmp_options_read(&opts, sizeof(opts), OPTIONS_V1_SIZE, given,
                                   given->size, err));
    LLMP_ENSURE(opts.hold_bytes >= HOLD_MIN &&
                    opts.hold_bytes <= LLMP_GUARD_HOLD_MAX &&
                    (unsigned)opts.part < LLMP_GUARD_PARTS,
                err, LLMP_E_INVALID, "hold_bytes or part is out of range");
    s = llmp_alloc(sizeof(*s));
    LLMP_ENSURE(s, err, LLMP_E_NOMEM, "no memory for a stream");
    s->session = session;
    s->opts = opts;
    s->acts = opts.hold_words;
    begin_runs(s);
    whole = llmp_guard_session_whole(session, opts.part);
    if (whole) {
        llmp_guard_stream_free(s);
        return llmp_fail(err, LLMP_E_UNSUPPORTED,
                         "stage %s looks at whole texts only", whole);
    }
    if (!open_flow(s)) {
        llmp_guard_stream_free(s);
        return llmp_fail(err, LLMP_E_NOMEM, "no memory for a stream");
    }
    s->lag = lag_of(s);
    *out = s;
    return LLMP_OK;
}

static void wipe(struct llmp_buf *buf)
{
    if (buf->cap)
        sodium_memzero(buf->ptr, buf->cap);
    llmp_buf_fini(buf);
}

void llmp_guard_stream_free(struct llmp_guard_stream *s)
{
    if (!s)
        return;
    llmp_ruleset_flow_close(s->flow, NULL, (struct llmp_rule_mask){ NULL },
                            NULL, NULL);
    wipe(&s->window);
    wipe(&s->out);
    llmp_buf_fini(&s->findings);
    llmp_free(s);
}

/* ---- pieces ------------------------------------------------------------- */

/* Adds whole characters to the window; what is none becomes SUB. */
static bool take_text(struct llmp_guard_stream *s, struct llmp_str text,
                      bool last)
{
    size_t at = s->window.len;

    if (!llmp_buf_add(&s->window,
                      (struct llmp_str){ s->carry, s->carry_len }) ||
        !llmp_buf_add(&s->window, text))
        return false;
    s->carry_len = 0;
    while (at < s->window.len) {
        uint8_t *byte = (uint8_t *)s->window.ptr + at;
        size_t left = s->window.len - at;
        size_t size = *byte < 0x80 ? 1 : llmp_utf8_size(byte, byte + left);

        if (size == 0 && !last && left < LLMP_UTF8_BYTES &&
            llmp_utf8_lead(*byte).follow >= left) {
            memcpy(s->carry, byte, left);
            s->carry_len = left;
            s->window.len = at;
            return true;
        }
        if (size == 0)
            *byte = 0x1A;
        at += size ? size : 1;
    }
    return true;
}

static void forget_history(struct llmp_guard_stream *s)
{
    uint64_t gone = s->settled < s->released ? s->settled : s->released;
    uint64_t keep = gone > HISTORY ? gone - HISTORY : 0;

    if (keep < s->base + HISTORY) /* not for a few bytes each time */
        return;
    while (keep > s->base && !llmp_stream_begins(s, keep))
        keep--;
    llmp_buf_consume(&s->window, (size_t)(keep - s->base));
    s->base = keep;
}

static void begin_scan(struct llmp_guard_scanner *scanner,
                       struct llmp_guard_stream *s)
{
    llmp_scan_begin(scanner, s->session, s->opts.part);
    for (size_t i = 0; i < scanner->policy->stage_count; i++) {
        scanner->runs[i] = s->runs[i];
        if (s->runs[i].outcome == LLMP_GUARD_NO_STREAM)
            scanner->playing &= ~(1u << i);
    }
    s->out.len = 0;
    s->findings.len = 0;
}

static void answer(struct llmp_guard_stream *s, struct llmp_guard_flow *flow)
{
    for (size_t i = 0; i < s->session->policy->stage_count; i++)
        if (s->runs[i].outcome == LLMP_GUARD_RAN ||
            s->runs[i].outcome == LLMP_GUARD_CUT)
            s->runs[i].bytes = (size_t)s->settled;
    *flow = (struct llmp_guard_flow){
        .text = llmp_buf_str(&s->out),
        .action = s->action,
        .stage = s->stage,
        .findings = (const struct llmp_guard_finding *)(void *)s->findings.ptr,
        .finding_count = s->findings.len / sizeof(struct llmp_guard_finding),
        .runs = s->runs,
        .run_count = s->session->policy->stage_count,
    };
}

/* What nobody could replace need not wait. */
static uint64_t free_to(const struct llmp_guard_stream *s)
{
    return s->acts ? s->settled : s->base + s->window.len;
}

static int finish(struct llmp_guard_stream *s, uint64_t now_ns,
                  struct llmp_guard_flow *flow)
{
    uint64_t to = free_to(s);

    if (!s->dead && to > s->released && !llmp_stream_release(s, to))
        return LLMP_E_NOMEM;
    if (s->released == s->base + s->window.len || s->out.len)
        s->since_ns = now_ns;
    forget_history(s);
    answer(s, flow);
    return LLMP_OK;
}

/* Out of memory, or of another policy: nothing more goes on. */
static int die(struct llmp_guard_stream *s, int status)
{
    s->dead = true;
    return status;
}

static int take(struct llmp_guard_scanner *scanner, struct llmp_guard_stream *s,
                struct llmp_str text, bool last)
{
    size_t from = s->window.len;

    if (!take_text(s, text, last))
        return LLMP_E_NOMEM;
    return llmp_ruleset_flow_scan(
        s->flow, scanner->scratch, llmp_buf_str(&s->window),
        s->window.len - from, (struct llmp_rule_mask){ scanner->wanted },
        llmp_stream_hit, s);
}

static int feed(struct llmp_guard_scanner *scanner, struct llmp_guard_stream *s,
                struct llmp_str text)
{
    uint64_t end;

    LLMP_TRY(take(scanner, s, text, false));
    end = s->base + s->window.len;
    return llmp_stream_walk(scanner, s, end ? end - 1 : 0);
}

int llmp_guard_stream_feed(struct llmp_guard_scanner *scanner,
                           struct llmp_guard_stream *s, struct llmp_str text,
                           uint64_t now_ns, struct llmp_guard_flow *flow)
{
    int rc;

    if (scanner->policy != s->session->policy)
        return LLMP_E_INVALID;
    begin_scan(scanner, s);
    if (s->dead) {
        answer(s, flow);
        return LLMP_OK;
    }
    if (s->released == s->base + s->window.len)
        s->since_ns = now_ns;
    rc = feed(scanner, s, text);
    if (rc == LLMP_OK)
        rc = finish(s, now_ns, flow);
    return rc < 0 ? die(s, rc) : LLMP_OK;
}

uint64_t llmp_guard_stream_due_ns(const struct llmp_guard_stream *s)
{
    if (s->dead || s->released == s->base + s->window.len)
        return UINT64_MAX;
    return llmp_add_sat(s->since_ns, s->opts.hold_ns);
}

int llmp_guard_stream_tick(struct llmp_guard_scanner *scanner,
                           struct llmp_guard_stream *s, uint64_t now_ns,
                           struct llmp_guard_flow *flow)
{
    int rc = LLMP_OK;

    if (scanner->policy != s->session->policy)
        return LLMP_E_INVALID;
    begin_scan(scanner, s);
    if (now_ns >= llmp_guard_stream_due_ns(s))
        rc = llmp_stream_settle_all(scanner, s);
    if (rc == LLMP_OK)
        rc = finish(s, now_ns, flow);
    return rc < 0 ? die(s, rc) : LLMP_OK;
}

int llmp_guard_stream_end(struct llmp_guard_scanner *scanner,
                          struct llmp_guard_stream *s,
                          struct llmp_guard_flow *flow)
{
    int rc = LLMP_OK;

    if (scanner->policy != s->session->policy)
        return LLMP_E_INVALID;
    begin_scan(scanner, s);
    if (!s->dead)
        rc = take(scanner, s, (struct llmp_str){ NULL, 0 }, true);
    llmp_ruleset_flow_close(s->flow, scanner->scratch,
                            (struct llmp_rule_mask){ scanner->wanted },
                            llmp_stream_hit, s);
    s->flow = NULL;
    if (rc == LLMP_OK)
        rc = llmp_stream_walk(scanner, s, s->base + s->window.len);
    if (rc == LLMP_OK && !s->dead && s->models)
        rc = llmp_stream_score(scanner, s, s->base + s->window.len);
    if (rc == LLMP_OK)
        rc = llmp_stream_settle_all(scanner, s);
    if (rc == LLMP_OK)
        rc = finish(s, 0, flow);
    return rc < 0 ? die(s, rc) : LLMP_OK;
}
