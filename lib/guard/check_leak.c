/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a model was told and must not tell: its system prompt, word by word, in
 * whatever view; and the canary that was put into it.
 */
#include <stdio.h>

#include "base/crc32.h"
#include "base/internal.h"
#include "guard/scan.h"

enum { RANDOM_DIGITS = 16, CHECK_DIGITS = 4 };

#define HEAD "cnry-"

/* ---- the canary --------------------------------------------------------- */

static uint32_t check_of(const char *digits)
{
    return llmp_crc32(0, digits, RANDOM_DIGITS) & 0xffff;
}

void llmp_guard_canary(char out[LLMP_GUARD_CANARY_SIZE], uint64_t random)
{
    char digits[RANDOM_DIGITS + 1];

    (void)snprintf(digits, sizeof(digits), "%016llx",
                   (unsigned long long)random);
    (void)snprintf(out, LLMP_GUARD_CANARY_SIZE, HEAD "%s%04x", digits,
                   (unsigned)check_of(digits));
}

/* One of ours, whoever's it is. */
static bool is_canary(const struct llmp_rule_match *m)
{
    const char *digits = m->text.ptr + strlen(HEAD);
    char lower[RANDOM_DIGITS], check[CHECK_DIGITS + 1], want[CHECK_DIGITS + 1];

    for (size_t i = 0; i < RANDOM_DIGITS; i++)
        lower[i] = llmp_lower(digits[i]);
    for (size_t i = 0; i < CHECK_DIGITS; i++)
        check[i] = llmp_lower(digits[RANDOM_DIGITS + i]);
    (void)snprintf(want, sizeof(want), "%04x", (unsigned)check_of(lower));
    return memcmp(check, want, CHECK_DIGITS) == 0;
}

static const struct llmp_rule items[] = {
    { .name = "leak.canary",
      .pattern = "\\b(" HEAD "[0-9a-f]{20})\\b",
      .valid = is_canary,
      .sure = 99,
      .sure_in_context = 99,
      .severity = LLMP_GUARD_CRITICAL,
      .flags = LLMP_RULE_CASELESS,
      .label = "REMOVED" },
};

const struct llmp_rules llmp_rules_leak = { items, LLMP_COUNT(items) };

/* ---- the system prompt --------------------------------------------------- */

static bool guards_leaks(const struct llmp_guard_session *session)
{
    const struct llmp_guard_policy *policy = session->policy;

    for (size_t i = 0; i < policy->stage_count; i++)
        if (policy->stages[i].check->look == llmp_check_leak &&
            session->outcomes[i] == LLMP_GUARD_RAN)
            return true;
    return false;
}

int llmp_guard_session_protect(struct llmp_guard_session *session,
                               struct llmp_str text)
{
    return !guards_leaks(session) || llmp_overlap_add(&session->told, text)
               ? LLMP_OK
               : LLMP_E_NOMEM;
}

/* Twelve words may be a coincidence; thirty are none. */
static uint32_t sure_of(uint32_t words)
{
    uint32_t sure = 60 + (words - LLMP_OVERLAP_RUN_MIN) * 2;

    return sure < 99 ? sure : 99;
}

static void look_at_view(struct llmp_guard_scanner *s, uint32_t stage,
                         uint32_t index)
{
    const struct llmp_view *view = &s->views.items[index];
    struct llmp_overlap_run run = { .end = 0 };

    while (llmp_overlap_next(&s->session->told, view->text, run.end, &run)) {
        struct llmp_text_span span = llmp_views_locate(
            &s->views, index, (struct llmp_text_span){ run.begin, run.end });
        uint32_t sure = sure_of(run.words);

        if (sure * 10 > s->runs[stage].score)
            s->runs[stage].score = sure * 10;
        llmp_scan_add(
            s,
            &(struct llmp_guard_finding){ .kind = "leak.system_prompt",
                                          .view = llmp_view_name(view->kind),
                                          .stage = stage,
                                          .sure = sure,
                                          .severity = LLMP_GUARD_HIGH,
                                          .begin = s->offset + span.begin,
                                          .end = s->offset + span.end },
            "REMOVED");
    }
}

int llmp_check_leak(struct llmp_guard_scanner *s, uint32_t stage)
{
    for (uint32_t i = 0; s->session->told.count && i < s->views.count; i++)
        look_at_view(s, stage, i);
    return LLMP_OK;
}
