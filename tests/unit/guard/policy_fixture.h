/* SPDX-License-Identifier: Apache-2.0 */
/* A policy of some stages, with a scanner and a session of its own. */
#ifndef LLMP_TESTS_POLICY_FIXTURE_H
#define LLMP_TESTS_POLICY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <llmproxy/guardrail.h>

#include "base/internal.h"

struct policy_fixture {
    struct llmp_guard_policy *policy;
    struct llmp_guard_scanner *scanner;
    struct llmp_guard_session *session;
    struct llmp_guard_report report; /* of the last scan */
};

static inline struct llmp_guard_stage stage_of(const char *check,
                                               enum llmp_guard_action mode)
{
    struct llmp_guard_stage stage;

    llmp_guard_stage_init(&stage);
    stage.check = check;
    stage.mode = mode;
    return stage;
}

static inline void policy_begin(struct policy_fixture *f,
                                const struct llmp_guard_stage *stages,
                                size_t count)
{
    struct llmp_guard_options opts;
    struct llmp_guard_subject subject;

    llmp_guard_options_init(&opts);
    opts.stages = stages;
    opts.stage_count = count;
    llmp_guard_subject_init(&subject);
    assert_int_equal(llmp_guard_policy_new(&f->policy, &opts, NULL), LLMP_OK);
    assert_int_equal(llmp_guard_scanner_new(&f->scanner, f->policy, NULL),
                     LLMP_OK);
    assert_int_equal(
        llmp_guard_session_new(&f->session, f->policy, &subject, NULL),
        LLMP_OK);
}

static inline void policy_end(struct policy_fixture *f)
{
    llmp_guard_session_free(f->session);
    llmp_guard_scanner_free(f->scanner);
    llmp_guard_policy_unref(f->policy);
}

static inline enum llmp_guard_action policy_scan(struct policy_fixture *f,
                                                 enum llmp_guard_part part,
                                                 struct llmp_str text)
{
    assert_int_equal(
        llmp_guard_scan(f->scanner, f->session, part, text, &f->report),
        LLMP_OK);
    return f->report.action;
}

#endif
