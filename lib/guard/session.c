/* SPDX-License-Identifier: Apache-2.0 */
/* A session begins and ends; tokens are put back. */
#include "guard/scan.h"

#include <sodium.h>

#include "base/internal.h"

enum { SUBJECT_V1_SIZE = sizeof(struct llmp_guard_subject) };

static enum llmp_guard_outcome outcome_of(
    const struct llmp_stage *stage, size_t index,
    const struct llmp_guard_subject *subject)
{
    /* Each stage has its own lot, or all would miss the same sessions. */
    struct llmp_str lot = { (const char *)&subject->lot, sizeof(subject->lot) };

    if ((stage->models.count &&
         !llmp_guard_listed(stage->models, subject->model)) ||
        (stage->keys.count && !llmp_guard_listed(stage->keys, subject->key)) ||
        (stage->roles.count && !llmp_guard_listed(stage->roles, subject->role)))
        return LLMP_GUARD_NO_SCOPE;
    if (llmp_str_hash(lot, index + 1) % 1000 >= stage->sample_permille)
        return LLMP_GUARD_NO_SAMPLE;
    return LLMP_GUARD_RAN;
}

static void set_nonce(struct llmp_guard_session *session, uint64_t nonce)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

    for (size_t i = 0; i < LLMP_SESSION_NONCE; i++)
        session->nonce[i] = digits[nonce >> (i * 5) & 31];
}

int llmp_guard_session_new(struct llmp_guard_session **out,
                           struct llmp_guard_policy *policy,
                           const struct llmp_guard_subject *given,
                           struct llmp_error *err)
{
    struct llmp_guard_session *session;
    struct llmp_guard_subject subject;

    llmp_guard_subject_init(&subject);
    LLMP_ENSURE(out && policy && given, err, LLMP_E_INVALID,
                "out, policy and subject are required");
    LLMP_TRY(llmp_options_read(&subject, sizeof(subject), SUBJECT_V1_SIZE,
                               given, given->size, err));
    session = llmp_alloc(sizeof(*session));
    LLMP_ENSURE(session, err, LLMP_E_NOMEM, "no memory for a session");
    session->tenant = llmp_strdup(subject.tenant);
    if (!session->tenant) {
        llmp_free(session);
        return llmp_fail(err, LLMP_E_NOMEM, "no memory for a session");
    }
    session->tenant_len = subject.tenant.len;
    llmp_arena_init(&session->expected, 1024);
    session->policy = llmp_guard_policy_ref(policy);
    set_nonce(session, subject.nonce);
    for (size_t i = 0; i < policy->stage_count; i++)
        session->outcomes[i] =
            (uint8_t)outcome_of(&policy->stages[i], i, &subject);
    *out = session;
    return LLMP_OK;
}

bool llmp_guard_session_acts(const struct llmp_guard_session *session,
                             enum llmp_guard_part part)
{
    const struct llmp_guard_policy *policy = session->policy;

    for (size_t i = 0; i < policy->stage_count; i++)
        if (policy->stages[i].acts && policy->stages[i].parts >> part & 1 &&
            session->outcomes[i] == LLMP_GUARD_RAN)
            return true;
    return false;
}

const char *llmp_guard_session_whole(const struct llmp_guard_session *session,
                                     enum llmp_guard_part part)
{
    const struct llmp_guard_policy *policy = session->policy;

    for (size_t i = 0; i < policy->stage_count; i++) {
        const struct llmp_stage *stage = &policy->stages[i];

        if (stage->check->whole && stage->acts && !stage->fail_open &&
            stage->parts >> part & 1 &&
            session->outcomes[i] == LLMP_GUARD_RAN &&
            (stage->check->look != llmp_check_schema || session->schema))
            return stage->name;
    }
    return NULL;
}

static void wipe(struct llmp_str text)
{
    if (text.len)
        sodium_memzero((void *)(uintptr_t)text.ptr, text.len);
    llmp_free((void *)(uintptr_t)text.ptr);
}

void llmp_guard_session_free(struct llmp_guard_session *session)
{
    if (!session)
        return;
    for (size_t i = 0; i < session->value_count; i++) {
        wipe(session->values[i].plain);
        wipe(session->values[i].value);
    }
    if (session->restored.cap)
        sodium_memzero(session->restored.ptr, session->restored.cap);
    llmp_buf_fini(&session->restored);
    llmp_overlap_fini(&session->told);
    llmp_arena_fini(&session->expected);
    llmp_free(session->values);
    llmp_free(session->tenant);
    llmp_guard_policy_unref(session->policy);
    llmp_free(session);
}

/* ---- tokens are put back ------------------------------------------------ */

/* The value whose token `text` begins with; NULL: none. */
static const struct llmp_session_value *token_at(
    const struct llmp_guard_session *session, struct llmp_str text,
    size_t *size)
{
    for (size_t i = 0; i < session->value_count; i++) {
        const struct llmp_session_value *value = &session->values[i];
        char token[LLMP_SESSION_NAME_MAX];
        size_t len;

        if (!value->token)
            continue;
        len = llmp_session_token(token, session, value);
        if (text.len >= len && memcmp(text.ptr, token, len) == 0) {
            *size = len;
            return value;
        }
    }
    return NULL;
}

bool llmp_guard_session_restores(const struct llmp_guard_session *session)
{
    for (size_t i = 0; i < session->value_count; i++)
        if (session->values[i].token)
            return true;
    return false;
}

int llmp_guard_restore(struct llmp_guard_session *session, struct llmp_str text,
                       struct llmp_str *out)
{
    struct llmp_buf *to = &session->restored;
    size_t done = 0;

    *out = text;
    if (!llmp_guard_session_restores(session))
        return LLMP_OK;
    to->len = 0;
    for (size_t at = 0; at < text.len; at++) {
        struct llmp_str rest = { text.ptr + at, text.len - at };
        const struct llmp_session_value *value = NULL;
        size_t size;

        if (text.ptr[at] == '[')
            value = token_at(session, rest, &size);
        if (!value)
            continue;
        if (!llmp_buf_add(to,
                          (struct llmp_str){ text.ptr + done, at - done }) ||
            !llmp_buf_add(to, value->value))
            return LLMP_E_NOMEM;
        done = at + size;
        at = done - 1;
    }
    if (done == 0)
        return LLMP_OK;
    if (!llmp_buf_add(to,
                      (struct llmp_str){ text.ptr + done, text.len - done }))
        return LLMP_E_NOMEM;
    *out = llmp_buf_str(to);
    return LLMP_OK;
}
