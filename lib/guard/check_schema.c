/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an answer is the JSON that was asked for. */
#include "base/internal.h"
#include "guard/scan.h"
#include "guard/schema.h"

enum { DEPTH_MAX = 0 /* the reader's own */ };

static bool guards_schemas(const struct llmp_guard_session *session)
{
    const struct llmp_guard_policy *policy = session->policy;

    for (size_t i = 0; i < policy->stage_count; i++)
        if (policy->stages[i].check->look == llmp_check_schema &&
            session->outcomes[i] == LLMP_GUARD_RAN)
            return true;
    return false;
}

int llmp_guard_session_expect(struct llmp_guard_session *session,
                              struct llmp_str schema, struct llmp_error *err)
{
    const struct llmp_json_value *root;
    struct llmp_str copy;
    bool ok = true;

    if (!guards_schemas(session))
        return LLMP_OK;
    llmp_arena_reset(&session->expected);
    session->schema = NULL;
    copy = llmp_arena_str(&session->expected, schema, &ok);
    LLMP_ENSURE(ok, err, LLMP_E_NOMEM, "no memory for a schema");
    LLMP_TRY(llmp_json_tree(&root, copy, DEPTH_MAX, &session->expected, err));
    session->schema = root;
    return LLMP_OK;
}

static void find(struct llmp_guard_scanner *s, uint32_t stage, const char *kind,
                 struct llmp_text_span span)
{
    s->runs[stage].score = 1000;
    llmp_scan_add(s,
                  &(struct llmp_guard_finding){ .kind = kind,
                                                .view = "original",
                                                .stage = stage,
                                                .sure = 100,
                                                .severity = LLMP_GUARD_HIGH,
                                                .begin = span.begin,
                                                .end = span.end },
                  "REMOVED");
}

/* The bytes of a value, with its quotes. */
static struct llmp_text_span span_of(const struct llmp_guard_scanner *s,
                                     const struct llmp_json_value *value)
{
    size_t quote = value->type == LLMP_JSON_STRING;
    size_t begin = (size_t)(value->text.ptr - s->text.ptr) - quote;

    return (struct llmp_text_span){ begin,
                                    begin + value->text.len + 2 * quote };
}

int llmp_check_schema(struct llmp_guard_scanner *s, uint32_t stage)
{
    const struct llmp_json_value *root, *wrong;
    int rc;

    if (!s->session->schema) { /* any text will do */
        s->runs[stage].outcome = LLMP_GUARD_NO_SCOPE;
        s->runs[stage].bytes = 0;
        return LLMP_OK;
    }
    rc = llmp_json_tree(&root, s->text, DEPTH_MAX, &s->arena, NULL);
    if (rc == LLMP_E_NOMEM || rc == LLMP_E_LIMIT)
        return rc;
    if (rc < 0) {
        find(s, stage, "schema.no_json",
             (struct llmp_text_span){ 0, s->text.len });
        return LLMP_OK;
    }
    rc = llmp_schema_check(s->session->schema, root, &wrong);
    if (rc != LLMP_MISS)
        return rc;
    find(s, stage, "schema.violation", span_of(s, wrong));
    return LLMP_OK;
}
