/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check that somebody else does: here it only says that it waits, and takes
 * what came of asking. Who is asked, and how: remote.h, and the host.
 */
#include "base/internal.h"
#include "guard/scan.h"

int llmp_check_remote(struct llmp_guard_scanner *scanner, uint32_t stage)
{
    scanner->runs[stage].outcome = LLMP_GUARD_WAITS;
    scanner->runs[stage].bytes = 0;
    return LLMP_OK;
}

uint32_t llmp_guard_session_waits(const struct llmp_guard_session *session,
                                  enum llmp_guard_part part)
{
    const struct llmp_guard_policy *policy = session->policy;
    uint32_t waiting = 0;

    for (size_t i = 0; i < policy->stage_count; i++)
        if (policy->stages[i].check->remote &&
            policy->stages[i].parts >> part & 1 &&
            session->outcomes[i] == LLMP_GUARD_RAN)
            waiting |= 1u << i;
    return waiting;
}

/* False: it makes no sense. */
static bool take(struct llmp_guard_scanner *s, uint32_t waiting,
                 const struct llmp_guard_answer *answer)
{
    struct llmp_guard_run *run;

    if (answer->stage >= s->policy->stage_count ||
        !(waiting >> answer->stage & 1) ||
        (answer->outcome != LLMP_GUARD_RAN &&
         answer->outcome != LLMP_GUARD_CUT &&
         answer->outcome != LLMP_GUARD_FAILED))
        return false;
    run = &s->runs[answer->stage];
    run->outcome = answer->outcome;
    run->bytes = answer->outcome == LLMP_GUARD_FAILED ? 0 : s->text.len;
    for (size_t i = 0; i < answer->found_count; i++) {
        const struct llmp_guard_found *one = &answer->found[i];

        if (!llmp_scan_take(s, answer->stage, one))
            return false;
        if (one->sure * 10 > run->score)
            run->score = one->sure * 10;
    }
    return true;
}

int llmp_guard_answered(struct llmp_guard_scanner *s,
                        struct llmp_guard_session *session,
                        enum llmp_guard_part part, struct llmp_str text,
                        const struct llmp_guard_answer *answers, size_t count,
                        struct llmp_guard_report *report)
{
    uint32_t waiting;

    if (session->policy != s->policy || (unsigned)part >= LLMP_GUARD_PARTS)
        return LLMP_E_INVALID;
    waiting = llmp_guard_session_waits(session, part);
    llmp_scan_begin(s, session, part);
    s->text = text;
    for (size_t i = 0; i < s->policy->stage_count; i++)
        s->runs[i].outcome = LLMP_GUARD_WAITS;
    for (size_t i = 0; i < count; i++)
        if (!take(s, waiting, &answers[i]))
            return LLMP_E_INVALID;
    return llmp_scan_report(s, report);
}
