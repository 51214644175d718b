/* SPDX-License-Identifier: Apache-2.0 */
/* See redteam_trial.h. */
#include "redteam_trial.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"

/* About a token: no character of another size than its own is left whole. */
enum { PIECE_BYTES = 7 };

size_t gw_tally_stopped(const struct gw_tally *tally)
{
    return tally->by[LLMP_GUARD_BLOCK] + tally->by[LLMP_GUARD_REDACT];
}

unsigned gw_tally_percent(const struct gw_tally *tally, size_t count)
{
    return tally->total ? (unsigned)(count * 100 / tally->total) : 0;
}

void gw_tally_add(struct gw_tally *tally, enum llmp_guard_action action)
{
    tally->total++;
    tally->by[action]++;
}

const char *gw_outcome_name(enum llmp_guard_action action)
{
    static const char *const names[LLMP_GUARD_ACTIONS] = {
        [LLMP_GUARD_ALLOW] = "passed",  [LLMP_GUARD_SHADOW] = "passed",
        [LLMP_GUARD_FLAG] = "flagged",  [LLMP_GUARD_REDACT] = "redacted",
        [LLMP_GUARD_BLOCK] = "blocked",
    };

    return names[action];
}

static int no_memory(struct llmp_error *err)
{
    *err = (struct llmp_error){ .status = LLMP_E_NOMEM };
    (void)snprintf(err->message, sizeof(err->message), "out of memory");
    return LLMP_E_NOMEM;
}

static bool keep(struct gw_trials *trials, struct gw_trial trial)
{
    size_t cap = trials->cap ? trials->cap * 2 : 4096;
    struct gw_trial *items;

    if (trials->count == trials->cap) {
        items = gw_alloc(cap * sizeof(*items));
        if (!items)
            return false;
        if (trials->count)
            memcpy(items, trials->items, trials->count * sizeof(*items));
        gw_free(trials->items);
        trials->items = items;
        trials->cap = cap;
    }
    trials->items[trials->count++] = trial;
    return true;
}

void gw_trials_fini(struct gw_trials *trials)
{
    gw_free(trials->items);
    *trials = (struct gw_trials){ .items = NULL };
}

/* One text before one session. */
struct bout {
    const struct gw_trial_plan *plan;
    struct llmp_guard_scanner *scanner;
    struct llmp_guard_session *session;
    enum llmp_guard_part part;
    struct llmp_str text;
};

static int scan(const struct bout *bout, enum llmp_guard_action *action)
{
    struct llmp_guard_report report;
    int status = llmp_guard_scan(bout->scanner, bout->session, bout->part,
                                 bout->text, &report);

    if (status == LLMP_OK)
        *action = report.action;
    return status;
}

/* Time stands still: nothing goes on only because it was held for long. */
static int feed_all(const struct bout *bout, struct llmp_guard_stream *stream,
                    enum llmp_guard_action *action)
{
    struct llmp_guard_flow flow = { .action = LLMP_GUARD_ALLOW };
    int status = LLMP_OK;

    for (size_t at = 0; at < bout->text.len && status == LLMP_OK &&
                        flow.action != LLMP_GUARD_BLOCK;
         at += PIECE_BYTES) {
        size_t left = bout->text.len - at;

        status = llmp_guard_stream_feed(
            bout->scanner, stream,
            (struct llmp_str){ bout->text.ptr + at,
                               left < PIECE_BYTES ? left : PIECE_BYTES },
            0, &flow);
    }
    if (status == LLMP_OK && flow.action != LLMP_GUARD_BLOCK)
        status = llmp_guard_stream_end(bout->scanner, stream, &flow);
    if (status == LLMP_OK)
        *action = flow.action;
    return status;
}

/* What cannot be streamed is collected and scanned, as the gateway does. */
static int scan_stream(const struct bout *bout, enum llmp_guard_action *action,
                       struct llmp_error *err)
{
    struct llmp_guard_stream_options options = bout->plan->stream;
    struct llmp_guard_stream *stream = NULL;
    int status;

    options.part = bout->part;
    status = llmp_guard_stream_new(&stream, bout->session, &options, err);
    if (status == LLMP_E_UNSUPPORTED)
        return scan(bout, action);
    if (status == LLMP_OK)
        status = feed_all(bout, stream, action);
    llmp_guard_stream_free(stream);
    return status;
}

static bool is_answer(enum llmp_guard_part part)
{
    return part == LLMP_GUARD_OUTPUT || part == LLMP_GUARD_REASONING;
}

/* A conversation of its own for each: what is sampled is so by lot, the same
 * for all encodings of a text and in each run. */
static int try_text(struct gw_trials *trials, struct bout *bout,
                    struct gw_trial trial, struct llmp_error *err)
{
    enum llmp_guard_action action = LLMP_GUARD_ALLOW;
    struct llmp_guard_subject subject = bout->plan->subject;
    int status;

    subject.lot = trial.attack;
    status = llmp_guard_session_new(&bout->session, bout->plan->policy,
                                    &subject, err);
    if (status == LLMP_OK)
        status = trial.streamed ? scan_stream(bout, &action, err)
                                : scan(bout, &action);
    llmp_guard_session_free(bout->session);
    bout->session = NULL;
    if (status < 0)
        return status == LLMP_E_NOMEM ? no_memory(err) : status;
    trial.action = (uint8_t)action;
    return keep(trials, trial) ? LLMP_OK : no_memory(err);
}

static int try_attack(struct gw_trials *trials, struct bout *bout, size_t index,
                      struct llmp_error *err)
{
    const struct gw_attack *attack = &bout->plan->attacks->items[index];
    int status = LLMP_OK;

    bout->part = attack->part;
    for (size_t e = 0; e < gw_encoding_count && status >= 0; e++) {
        struct gw_trial trial = { .attack = (uint32_t)index,
                                  .encoding = (uint8_t)e };

        if (!bout->plan->encodings[e])
            continue;
        status = gw_encode(&bout->text, &gw_encodings[e], attack->text);
        if (status != LLMP_OK)
            continue;
        status = try_text(trials, bout, trial, err);
        trial.streamed = true;
        if (status == LLMP_OK && is_answer(attack->part))
            status = try_text(trials, bout, trial, err);
        gw_free((void *)bout->text.ptr);
    }
    if (status == LLMP_E_NOMEM)
        return no_memory(err);
    return status < 0 ? status : LLMP_OK;
}

int gw_trials_run(struct gw_trials *trials, const struct gw_trial_plan *plan,
                  struct llmp_error *err)
{
    struct bout bout = { .plan = plan };
    int status = llmp_guard_scanner_new(&bout.scanner, plan->policy, err);

    assert(gw_encoding_count <= GW_ENCODINGS_MAX);
    for (size_t i = 0; i < plan->attacks->count && status == LLMP_OK; i++)
        if (plan->attacks->families[plan->attacks->items[i].family].wanted)
            status = try_attack(trials, &bout, i, err);
    llmp_guard_scanner_free(bout.scanner);
    return status;
}
