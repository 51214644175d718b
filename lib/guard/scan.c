/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text is scanned: in each of its views the rules of all stages that are on,
 * in one pass; then what checks do besides.
 */
#include "guard/scan.h"

#include "base/internal.h"
#include "text/script.h"

/* Views of a text may have this many times its bytes, and some. */
enum { VIEWS_FACTOR = 4, VIEWS_FLOOR = 65536 };

void llmp_guard_scanner_free(struct llmp_guard_scanner *scanner)
{
    if (!scanner)
        return;
    llmp_ruleset_scratch_free(scanner->scratch);
    llmp_views_fini(&scanner->views);
    llmp_arena_fini(&scanner->arena);
    llmp_buf_fini(&scanner->applied);
    llmp_free(scanner->found);
    llmp_free(scanner->wanted);
    llmp_free(scanner->masked);
    llmp_guard_policy_unref(scanner->policy);
    llmp_free(scanner);
}

static void scanner_freep(struct llmp_guard_scanner **scanner)
{
    llmp_guard_scanner_free(*scanner);
}

int llmp_guard_scanner_new(struct llmp_guard_scanner **out,
                           struct llmp_guard_policy *policy,
                           struct llmp_error *err)
{
    LLMP_AUTO(scanner_freep) struct llmp_guard_scanner *s = NULL;

    LLMP_ENSURE(out && policy, err, LLMP_E_INVALID,
                "out and policy are required");
    s = llmp_alloc(sizeof(*s));
    LLMP_ENSURE(s, err, LLMP_E_NOMEM, "no memory for a scanner");
    s->policy = llmp_guard_policy_ref(policy);
    llmp_views_init(&s->views);
    llmp_arena_init(&s->arena, 4096);
    s->found = llmp_alloc_array(LLMP_SCAN_FINDINGS_MAX, sizeof(*s->found));
    s->wanted = llmp_alloc_array(policy->words, sizeof(*s->wanted));
    s->masked = llmp_alloc_array(policy->words, sizeof(*s->masked));
    LLMP_ENSURE(s->found && s->wanted && s->masked, err, LLMP_E_NOMEM,
                "no memory for a scanner");
    LLMP_TRY(llmp_ruleset_scratch_new(&s->scratch, policy->set, err));
    *out = llmp_steal(&s);
    return LLMP_OK;
}

static bool is_on(const struct llmp_guard_scanner *s, size_t stage)
{
    return s->playing >> stage & 1;
}

static void add(struct llmp_guard_scanner *s,
                const struct llmp_guard_finding *finding, const char *label,
                uint32_t rule)
{
    const struct llmp_stage *stage = &s->policy->stages[finding->stage];
    struct llmp_str text = { s->text.ptr + finding->begin,
                             finding->end - finding->begin };
    struct llmp_scan_found *one;

    if (stage->check->allowed_by)
        text = stage->check->allowed_by(text);
    if (finding->sure < stage->sure_min ||
        llmp_guard_listed(stage->allow, text) ||
        (rule == LLMP_SCAN_NO_RULE && !llmp_stage_wants(stage, finding->kind)))
        return;
    if (s->found_count == LLMP_SCAN_FINDINGS_MAX) {
        s->runs[finding->stage].outcome = LLMP_GUARD_CUT;
        return;
    }
    one = &s->found[s->found_count++];
    *one = (struct llmp_scan_found){ *finding, label, rule };
    one->finding.action = stage->actions[finding->severity];
}

void llmp_scan_add(struct llmp_guard_scanner *s,
                   const struct llmp_guard_finding *finding, const char *label)
{
    add(s, finding, label, LLMP_SCAN_NO_RULE);
}

/* ---- rules -------------------------------------------------------------- */

void llmp_scan_add_rule(struct llmp_guard_scanner *s, uint32_t index,
                        uint32_t sure, const char *view,
                        struct llmp_text_span span)
{
    const struct llmp_rule *rule = llmp_ruleset_rule(s->policy->set, index);
    struct llmp_guard_finding finding = {
        .kind = rule->name,
        .view = view,
        .sure = sure,
        .severity = rule->severity,
        .begin = span.begin,
        .end = span.end,
    };

    if (rule->scripts && !(rule->scripts & llmp_scripts(s->text)))
        return;
    for (uint32_t i = 0; i < s->policy->stage_count; i++)
        if (is_on(s, i) &&
            s->policy->stages[i].rules[index / 64] >> (index % 64) & 1) {
            finding.stage = i;
            add(s, &finding, rule->label ? rule->label : "REDACTED", index);
        }
}

static void take_rule(const struct llmp_rule_find *find, void *ctx)
{
    struct llmp_guard_scanner *s = ctx;
    struct llmp_text_span span = llmp_views_locate(
        &s->views, s->view, (struct llmp_text_span){ find->begin, find->end });

    span.begin += s->offset;
    span.end += s->offset;
    llmp_scan_add_rule(s, find->rule, find->sure,
                       llmp_view_name(s->views.items[s->view].kind), span);
}

static enum llmp_view_class class_of(const struct llmp_views *views,
                                     uint32_t index)
{
    enum llmp_view_class class = LLMP_VIEWS_AS_WRITTEN;

    for (uint32_t i = index; i != 0; i = views->items[i].of)
        switch (views->items[i].kind) {
        case LLMP_VIEW_LEET:
        case LLMP_VIEW_ROT13:
            return LLMP_VIEWS_GUESSED;
        case LLMP_VIEW_FOLDED:
        case LLMP_VIEW_JOINED:
            class = LLMP_VIEWS_FOLDED;
            break;
        default:
            break;
        }
    return class;
}

static void want_rules(struct llmp_guard_scanner *s)
{
    memset(s->wanted, 0, s->policy->words * sizeof(*s->wanted));
    for (size_t i = 0; i < s->policy->stage_count; i++)
        for (size_t w = 0; is_on(s, i) && w < s->policy->words; w++)
            s->wanted[w] |= s->policy->stages[i].rules[w];
}

int llmp_scan_views(struct llmp_guard_scanner *s, size_t offset,
                    struct llmp_str part, uint32_t first)
{
    int status;

    LLMP_TRY(llmp_views_make(&s->views, part,
                             part.len * VIEWS_FACTOR + VIEWS_FLOOR));
    status = s->views.cut ? LLMP_LIMITED : LLMP_OK;
    s->offset = offset;
    s->models.known = false;
    for (s->view = first; s->view < s->views.count; s->view++) {
        const uint64_t *sensible =
            s->policy->sensible[class_of(&s->views, s->view)];
        int rc;

        for (size_t w = 0; w < s->policy->words; w++)
            s->masked[w] = s->wanted[w] & sensible[w];
        rc = llmp_ruleset_scan(
            s->policy->set, s->scratch, s->views.items[s->view].text,
            (struct llmp_rule_mask){ s->masked }, take_rule, s);
        if (rc < 0)
            return rc;
        status = rc == LLMP_OK ? status : rc;
    }
    return status;
}

/* ---- the whole ---------------------------------------------------------- */

void llmp_scan_begin(struct llmp_guard_scanner *s,
                     struct llmp_guard_session *session,
                     enum llmp_guard_part part)
{
    const struct llmp_guard_policy *policy = s->policy;

    s->session = session;
    s->part = part;
    s->found_count = 0;
    s->playing = 0;
    llmp_arena_reset(&s->arena);
    for (size_t i = 0; i < policy->stage_count; i++) {
        struct llmp_guard_run *run = &s->runs[i];

        *run = (struct llmp_guard_run){ .outcome = session->outcomes[i] };
        if (!(policy->stages[i].parts >> part & 1))
            run->outcome = LLMP_GUARD_NO_PART;
        if (run->outcome == LLMP_GUARD_RAN)
            s->playing |= 1u << i;
    }
    want_rules(s);
}

/* The text, as far as one is looked at. */
static void set_text(struct llmp_guard_scanner *s, struct llmp_str text)
{
    bool cut = text.len > s->policy->text_max;

    s->text = text;
    s->text.len = cut ? s->policy->text_max : text.len;
    for (size_t i = 0; i < s->policy->stage_count; i++) {
        if (!is_on(s, i))
            continue;
        s->runs[i].bytes = s->text.len;
        if (cut)
            s->runs[i].outcome = LLMP_GUARD_CUT;
    }
}

static void all_were(struct llmp_guard_scanner *s,
                     enum llmp_guard_outcome outcome)
{
    for (size_t i = 0; i < s->policy->stage_count; i++)
        if (is_on(s, i))
            s->runs[i].outcome = outcome;
}

/* How likely a stage thinks it is that there is something. */
static uint32_t score_of(const struct llmp_guard_scanner *s, uint32_t stage)
{
    uint32_t score = s->runs[stage].score;

    for (size_t i = 0; i < s->found_count; i++)
        if (s->found[i].finding.stage == stage &&
            s->found[i].finding.sure * 10 > score)
            score = s->found[i].finding.sure * 10;
    return score;
}

/* Whether the stage before left it something to do. Who did not look is in
 * doubt. */
static bool is_in_doubt(const struct llmp_guard_scanner *s,
                        const struct llmp_stage *stage)
{
    uint32_t score;

    if (!stage->doubts || s->runs[stage->after].outcome != LLMP_GUARD_RAN)
        return true;
    score = score_of(s, stage->after);
    return score >= stage->doubt_from && score < stage->doubt_to;
}

/* What goes wrong with one stage is that stage's; no memory is everybody's. */
static int ask_checks(struct llmp_guard_scanner *s)
{
    for (uint32_t i = 0; i < s->policy->stage_count; i++) {
        const struct llmp_stage *stage = &s->policy->stages[i];
        int rc;

        if (!is_on(s, i) || !stage->check->look)
            continue;
        if (!is_in_doubt(s, stage)) {
            s->runs[i].outcome = LLMP_GUARD_NO_DOUBT;
            s->runs[i].bytes = 0;
            continue;
        }
        rc = stage->check->look(s, i);
        if (rc == LLMP_E_NOMEM)
            return rc;
        if (rc < 0)
            s->runs[i].outcome = LLMP_GUARD_FAILED;
    }
    return LLMP_OK;
}

int llmp_guard_scan(struct llmp_guard_scanner *s,
                    struct llmp_guard_session *session,
                    enum llmp_guard_part part, struct llmp_str text,
                    struct llmp_guard_report *report)
{
    int rc;

    if (session->policy != s->policy || (unsigned)part >= LLMP_GUARD_PARTS)
        return LLMP_E_INVALID;
    llmp_scan_begin(s, session, part);
    set_text(s, text);
    if (s->playing && s->text.len) {
        rc = llmp_scan_views(s, 0, s->text, 0);
        LLMP_TRY(rc);
        if (rc == LLMP_LIMITED)
            all_were(s, LLMP_GUARD_CUT);
        LLMP_TRY(ask_checks(s));
    }
    return llmp_scan_report(s, report);
}

int llmp_guard_apply(struct llmp_guard_scanner *s, struct llmp_str text,
                     const struct llmp_guard_report *report,
                     struct llmp_str *out)
{
    size_t done = 0;
    bool ok = true;

    s->applied.len = 0;
    for (size_t i = 0; i < report->edit_count; i++) {
        const struct llmp_guard_edit *edit = &report->edits[i];

        ok = ok &&
             llmp_buf_add(
                 &s->applied,
                 (struct llmp_str){ text.ptr + done, edit->begin - done }) &&
             llmp_buf_add(&s->applied, edit->text);
        done = edit->end;
    }
    ok = ok && llmp_buf_add(&s->applied, (struct llmp_str){ text.ptr + done,
                                                            text.len - done });
    *out = llmp_buf_str(&s->applied);
    return ok ? LLMP_OK : LLMP_E_NOMEM;
}
