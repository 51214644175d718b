/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte by byte: where the text can be cut, what is found up to there, what
 * models say of it; see stream.h. Nothing here depends on the pieces.
 */
#include "base/internal.h"
#include "guard/stream.h"

enum {
    HIT_GAP = 32,
    SCORE_EVERY = 256,  /* bytes, where no sentence ends before */
    SCORE_FRESH = 160,  /* … and where one does: each look costs a window */
    SCORE_WINDOW = 512, /* that models see at once */
    SCORE_MIN = 24
};

/* ---- hits --------------------------------------------------------------- */

void llmp_stream_hit(uint32_t rule, uint64_t to, void *ctx)
{
    struct llmp_guard_stream *s = ctx;

    for (size_t i = s->hit_count; i-- > 0;)
        if (s->hits[i].rule == rule && to <= s->hits[i].last + HIT_GAP) {
            if (to > s->hits[i].last)
                s->hits[i].last = to;
            return;
        }
    if (s->hit_count == LLMP_STREAM_HITS) {
        s->hits_lost = true;
        return;
    }
    s->hits[s->hit_count++] = (struct llmp_stream_hits){ rule, to, to };
}

/* Those whose match would lie before what is settled are over. */
static void drop_hits(struct llmp_guard_stream *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->hit_count; i++)
        if (s->hits[i].last > s->settled)
            s->hits[kept++] = s->hits[i];
    s->hit_count = kept;
}

/* ---- what is found up to a place ---------------------------------------- */

static void take_find(const struct llmp_rule_find *find, void *ctx)
{
    llmp_scan_add_rule(ctx, find->rule, find->sure, "original",
                       (struct llmp_text_span){ find->begin, find->end });
}

/* Rules that were hit, in the text as it was written. */
static int confirm_hits(struct llmp_guard_scanner *scanner,
                        struct llmp_guard_stream *s, size_t from)
{
    const struct llmp_guard_policy *policy = scanner->policy;
    uint64_t now = s->base + scanner->text.len;
    int status = LLMP_OK;

    for (size_t i = 0; i < s->hit_count; i++) {
        uint32_t rule = s->hits[i].rule;
        struct llmp_rule_hits hits = { rule, from + 1, scanner->text.len };
        size_t done = 0;
        int rc;

        if (s->hits[i].first > now ||
            !(scanner->wanted[rule / 64] >> (rule % 64) & 1))
            continue;
        rc = llmp_ruleset_confirm(policy->set, scanner->scratch, scanner->text,
                                  hits, &done, take_find, scanner);
        if (rc < 0)
            return rc;
        status = rc == LLMP_OK ? status : rc;
    }
    return status;
}

/* What is no plain prose may be in disguise. */
static int look_behind_disguises(struct llmp_guard_scanner *scanner,
                                 struct llmp_guard_stream *s, size_t from)
{
    struct llmp_str part = { scanner->text.ptr + from,
                             scanner->text.len - from };

    if (!s->odd)
        return LLMP_OK;
    return llmp_scan_views(scanner, from, part, 1);
}

/* Of what was found that stays which begins before `to` and is not yet gone. */
static void choose(struct llmp_guard_scanner *scanner, size_t from, size_t to)
{
    size_t kept = 0;

    for (size_t i = 0; i < scanner->found_count; i++) {
        struct llmp_scan_found *one = &scanner->found[i];

        if (one->finding.end <= from || one->finding.begin >= to)
            continue;
        if (one->finding.begin < from)
            one->finding.begin = from;
        scanner->found[kept++] = *one;
    }
    scanner->found_count = kept;
}

/* A find that goes on for as long as its bytes come. */
static void note_tail(struct llmp_guard_stream *s,
                      const struct llmp_guard_scanner *scanner)
{
    for (size_t i = 0; i < scanner->found_count; i++) {
        const struct llmp_scan_found *one = &scanner->found[i];

        if (one->finding.end == scanner->text.len &&
            one->finding.action == LLMP_GUARD_REDACT &&
            one->rule != LLMP_SCAN_NO_RULE &&
            llmp_ruleset_rule(scanner->policy->set, one->rule)->tail) {
            s->eating = true;
            s->eaten_by = one->rule;
            s->eaten = 0;
        }
    }
}

static bool record(struct llmp_guard_stream *s,
                   const struct llmp_guard_report *report)
{
    for (size_t i = 0; i < report->finding_count; i++) {
        struct llmp_guard_finding one = report->findings[i];

        one.begin += s->base;
        one.end += s->base;
        s->runs[one.stage].findings++;
        if (!llmp_buf_add(&s->findings,
                          (struct llmp_str){ (const char *)&one, sizeof(one) }))
            return false;
    }
    for (size_t i = 0; i < report->run_count; i++)
        if (report->runs[i].outcome == LLMP_GUARD_CUT ||
            report->runs[i].outcome == LLMP_GUARD_FAILED)
            s->runs[i].outcome = report->runs[i].outcome;
    if (report->action > s->action) {
        s->action = report->action;
        s->stage = report->stage;
    }
    return true;
}

/* Puts the window's bytes up to `to` into what goes on, as they are. */
bool llmp_stream_release(struct llmp_guard_stream *s, uint64_t to)
{
    struct llmp_str text = { s->window.ptr + (s->released - s->base),
                             (size_t)(to - s->released) };

    s->released = to;
    return text.len == 0 || llmp_buf_add(&s->out, text);
}

/* Makes the edits. What was found is settled to its end: once is enough. */
static bool make_edits(struct llmp_guard_stream *s,
                       const struct llmp_guard_report *report, uint64_t to)
{
    bool ok = true;

    s->settled = to;
    for (size_t i = 0; i < report->finding_count; i++)
        if (s->base + report->findings[i].end > s->settled)
            s->settled = s->base + report->findings[i].end;
    for (size_t i = 0; i < report->edit_count && ok; i++) {
        const struct llmp_guard_edit *edit = &report->edits[i];

        ok = llmp_stream_release(s, s->base + edit->begin) &&
             llmp_buf_add(&s->out, edit->text);
        s->released = s->base + edit->end;
    }
    return ok;
}

/* What could not be looked at is no reason to let it pass. */
static void all_are_cut(struct llmp_guard_scanner *scanner)
{
    for (size_t i = 0; i < scanner->policy->stage_count; i++)
        if (scanner->playing >> i & 1)
            scanner->runs[i].outcome = LLMP_GUARD_CUT;
}

static bool is_quiet(const struct llmp_guard_stream *s)
{
    return s->hit_count == 0 && !s->odd && !s->hits_lost;
}

static bool is_odd(uint8_t byte)
{
    static const bool prose[256] = {
        ['a' ... 'z'] = true, ['A' ... 'Z'] = true, [' '] = true, ['.'] = true,
        [','] = true,         ['\n'] = true,        ['!'] = true, ['?'] = true,
        ['\''] = true,        ['"'] = true,         [':'] = true, [';'] = true,
        ['('] = true,         [')'] = true,
    };

    return !prose[byte];
}

/* Of what is held. */
static void note_odd(struct llmp_guard_stream *s, uint64_t now)
{
    s->odd = false;
    for (uint64_t at = s->settled; at < now && !s->odd; at++)
        s->odd = is_odd((uint8_t)s->window.ptr[at - s->base]);
}

/* The text up to `now` is known, and can be cut at `to`. */
static int settle(struct llmp_guard_scanner *scanner,
                  struct llmp_guard_stream *s, uint64_t now, uint64_t to)
{
    size_t from = (size_t)(s->settled - s->base);
    struct llmp_guard_report report;
    int rc, views;

    if (is_quiet(s)) {
        s->settled = to;
        return LLMP_OK;
    }
    scanner->found_count = 0;
    scanner->text = (struct llmp_str){ s->window.ptr, (size_t)(now - s->base) };
    rc = confirm_hits(scanner, s, from);
    LLMP_TRY(rc);
    views = look_behind_disguises(scanner, s, from);
    LLMP_TRY(views);
    if (rc == LLMP_LIMITED || views == LLMP_LIMITED || s->hits_lost)
        all_are_cut(scanner);
    choose(scanner, from, (size_t)(to - s->base));
    LLMP_TRY(llmp_scan_report(scanner, &report));
    if (!record(s, &report))
        return LLMP_E_NOMEM;
    if (report.action == LLMP_GUARD_BLOCK) {
        s->dead = true;
        return llmp_stream_release(s, s->settled) ? LLMP_OK : LLMP_E_NOMEM;
    }
    if (!make_edits(s, &report, to))
        return LLMP_E_NOMEM;
    note_tail(s, scanner);
    note_odd(s, now);
    drop_hits(s);
    return LLMP_OK;
}

/* ---- models ------------------------------------------------------------- */

/* Of a finding's action: the text before it has gone. */
static int die_or_go_on(struct llmp_guard_stream *s,
                        const struct llmp_guard_report *report)
{
    if (!record(s, report))
        return LLMP_E_NOMEM;
    for (size_t i = 0; i < report->finding_count; i++)
        s->score_begin = s->base + report->findings[i].end;
    if (report->action != LLMP_GUARD_BLOCK)
        return LLMP_OK;
    s->dead = true;
    return llmp_stream_release(s, s->settled) ? LLMP_OK : LLMP_E_NOMEM;
}

/* What models say of the last sentences up to `now`. They are judged when they
 * are complete, and so cannot be held back: what follows can. */
int llmp_stream_score(struct llmp_guard_scanner *scanner,
                      struct llmp_guard_stream *s, uint64_t now)
{
    uint64_t from = now > SCORE_WINDOW ? now - SCORE_WINDOW : 0;
    struct llmp_guard_report report;
    struct llmp_str part;
    size_t at;

    s->scored = now;
    from = from > s->score_begin ? from : s->score_begin;
    at = (size_t)((from > s->base ? from : s->base) - s->base);
    scanner->text = (struct llmp_str){ s->window.ptr, (size_t)(now - s->base) };
    part = (struct llmp_str){ scanner->text.ptr + at, scanner->text.len - at };
    if (part.len < SCORE_MIN)
        return LLMP_OK;
    scanner->found_count = 0;
    LLMP_TRY(llmp_views_make(&scanner->views, part, SCORE_WINDOW * 16));
    scanner->offset = at;
    scanner->models.known = false;
    for (uint32_t i = 0; i < scanner->policy->stage_count; i++)
        if (s->models >> i & 1)
            LLMP_TRY(scanner->policy->stages[i].check->look(scanner, i));
    LLMP_TRY(llmp_scan_report(scanner, &report));
    report.edit_count = 0; /* it is too late for those */
    return die_or_go_on(s, &report);
}

static bool is_score_due(const struct llmp_guard_stream *s, uint64_t now,
                         uint8_t byte)
{
    bool ends = byte == '.' || byte == '!' || byte == '?' || byte == '\n';

    return s->models && (now - s->scored >= SCORE_EVERY ||
                         (ends && now - s->scored >= SCORE_FRESH));
}

/* ---- byte by byte ------------------------------------------------------- */

/* A place where the text can be cut, once enough stands behind it. */
static void note_cut(struct llmp_guard_stream *s, uint64_t at)
{
    if (s->cut_count == LLMP_STREAM_CUTS) { /* the oldest is the least useful */
        memmove(s->cuts, s->cuts + 1,
                (LLMP_STREAM_CUTS - 1) * sizeof(*s->cuts));
        s->cut_count--;
    }
    s->cuts[s->cut_count++] = at;
}

/* The last one that counts when the text is known up to `now`; 0: none. */
static uint64_t take_cut(struct llmp_guard_stream *s, uint64_t now)
{
    size_t used = 0;
    uint64_t at = 0;

    while (used < s->cut_count && s->cuts[used] + s->lag <= now)
        at = s->cuts[used++];
    memmove(s->cuts, s->cuts + used, (s->cut_count - used) * sizeof(*s->cuts));
    s->cut_count -= used;
    return at > s->settled ? at : 0;
}

/* True: the byte belongs to what was replaced. */
static bool eat(struct llmp_guard_stream *s, uint64_t at, uint8_t byte)
{
    if (!s->eating)
        return false;
    if (s->eaten < LLMP_RULE_TAIL_MAX &&
        llmp_ruleset_goes_on(s->session->policy->set, s->eaten_by, byte)) {
        s->eaten++;
        s->settled = s->released = at + 1;
        return true;
    }
    s->eating = false;
    return false;
}

bool llmp_stream_begins(const struct llmp_guard_stream *s, uint64_t at)
{
    size_t i = (size_t)(at - s->base);

    return i >= s->window.len || ((uint8_t)s->window.ptr[i] & 0xC0) != 0x80;
}

int llmp_stream_walk(struct llmp_guard_scanner *scanner,
                     struct llmp_guard_stream *s, uint64_t end)
{
    for (; s->walked < end && !s->dead; s->walked++) {
        uint64_t at = s->walked;
        uint8_t byte = (uint8_t)s->window.ptr[at - s->base];
        bool eaten = eat(s, at, byte);
        uint64_t cut;

        if (llmp_words_take(&s->words, byte, &cut) && !eaten)
            note_cut(s, cut);
        s->odd |= !eaten && is_odd(byte);
        cut = s->cut_count ? take_cut(s, at + 1) : 0;
        if (cut)
            LLMP_TRY(settle(scanner, s, at + 1, cut));
        if (!s->dead && is_score_due(s, at + 1, byte))
            LLMP_TRY(llmp_stream_score(scanner, s, at + 1));
        /* One byte waits for what follows it. */
        if (!s->dead && at + 2 >= s->settled + s->opts.hold_bytes &&
            llmp_stream_begins(s, at + 1)) {
            LLMP_TRY(settle(scanner, s, at + 1, at + 1));
            llmp_words_reset(&s->words);
            s->cut_count = 0;
        }
    }
    return LLMP_OK;
}

/* Everything that is there goes on. */
int llmp_stream_settle_all(struct llmp_guard_scanner *scanner,
                           struct llmp_guard_stream *s)
{
    uint64_t end = s->base + s->window.len;

    LLMP_TRY(llmp_stream_walk(scanner, s, end));
    llmp_words_reset(&s->words);
    s->cut_count = 0;
    return !s->dead && end > s->settled ? settle(scanner, s, end, end)
                                        : LLMP_OK;
}
