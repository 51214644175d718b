/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record from JSON: a body that somebody sent, or a document of the store.
 * Fields are found in the table; what is not there is refused.
 */
#include <llmproxy/json.h>
#include <llmproxy/usage.h>
#include <stdio.h>

#include "base/internal.h"
#include "gateway/moment.h"
#include "gateway/record.h"

enum { DEPTH_MAX = 8, LIST_TEXT_MAX = 256 };

struct reader {
    struct llmp_json json;
    struct llmp_json_token token; /* the present one */
    struct llmp_record *record;
    bool stored;
    struct llmp_problem *problem;
};

static int wrong(struct reader *r, const char *field, const char *what)
{
    return llmp_problem_set(r->problem, 400, "invalid_value", field, "%s: %s",
                            field, what);
}

static int next(struct reader *r)
{
    struct llmp_error err;
    int rc = llmp_json_next(&r->json, &r->token, &err);

    if (rc == LLMP_OK || rc == LLMP_E_NOMEM)
        return rc;
    return llmp_problem_set(
        r->problem, 400, "invalid_json", "", "the body is not usable JSON: %s",
        rc == LLMP_AGAIN || rc == LLMP_END ? "it ends early" : err.message);
}

/* Passes over the present value, whatever is in it. */
static int skip_value(struct reader *r)
{
    uint32_t depth = r->token.depth;

    if (r->token.type != LLMP_JSON_OBJECT && r->token.type != LLMP_JSON_ARRAY)
        return LLMP_OK;
    do {
        LLMP_TRY(next(r));
    } while (r->token.depth != depth ||
             (r->token.type != LLMP_JSON_OBJECT_END &&
              r->token.type != LLMP_JSON_ARRAY_END));
    return LLMP_OK;
}

/* A string into the record's arena. */
static int read_text(struct reader *r, const char *field, size_t max,
                     struct llmp_str *out)
{
    char *copy;
    size_t len;

    if (r->token.type != LLMP_JSON_STRING)
        return wrong(r, field, "a string is needed");
    copy = llmp_arena_take(&r->record->arena, r->token.text.len + 1);
    if (!copy)
        return LLMP_E_NOMEM;
    len = llmp_json_unescape(copy, r->token.text);
    if (len > max)
        return wrong(r, field, "the text is too long");
    if (memchr(copy, '\0', len))
        return wrong(r, field, "the text has a NUL in it");
    copy[len] = '\0';
    *out = (struct llmp_str){ copy, len };
    return LLMP_OK;
}

static int read_texts(struct reader *r, const struct llmp_field *field,
                      struct llmp_texts *out)
{
    struct llmp_str *items =
        llmp_arena_take(&r->record->arena, field->max * sizeof(*items));
    size_t count = 0;

    if (!items)
        return LLMP_E_NOMEM;
    if (r->token.type != LLMP_JSON_ARRAY)
        return wrong(r, field->name, "a list of strings is needed");
    for (;;) {
        LLMP_TRY(next(r));
        if (r->token.type == LLMP_JSON_ARRAY_END)
            break;
        if (count == field->max)
            return wrong(r, field->name, "the list is too long");
        LLMP_TRY(read_text(r, field->name, LIST_TEXT_MAX, &items[count]));
        if (!items[count++].len)
            return wrong(r, field->name, "an item is empty");
    }
    *out = (struct llmp_texts){ items, count };
    return LLMP_OK;
}

static int read_role(struct reader *r, const char *field, enum llmp_role *out)
{
    struct llmp_str text;

    LLMP_TRY(read_text(r, field, 32, &text));
    *out = llmp_role_find(text);
    if (*out == LLMP_ROLE_NONE)
        return wrong(r, field,
                     "a role is user, service, developer, auditor or admin");
    return LLMP_OK;
}

static int read_moment(struct reader *r, const char *field, uint64_t *out)
{
    struct llmp_str text;

    LLMP_TRY(read_text(r, field, 32, &text));
    if (!llmp_moment_parse(text, out) || *out == 0)
        return wrong(r, field,
                     "a moment is such as 2027-01-31T12:00:00Z, or a day");
    return LLMP_OK;
}

static int read_hashes(struct reader *r, struct llmp_key_generation *out)
{
    if (r->token.type != LLMP_JSON_ARRAY)
        return wrong(r, "hashes", "a list is needed");
    for (size_t g = 0;; g++) {
        LLMP_TRY(next(r));
        if (r->token.type == LLMP_JSON_ARRAY_END)
            return LLMP_OK;
        if (g == LLMP_KEY_GENERATIONS || r->token.type != LLMP_JSON_STRING ||
            !llmp_read_hex(out[g].hash, LLMP_KEY_HASH_SIZE, r->token.text))
            return wrong(r, "hashes", "these are not hashes");
    }
}

/* ---- limits ------------------------------------------------------------- */

static int read_amount(struct reader *r, unsigned member, uint64_t *out)
{
    const struct llmp_limit_field *field = &llmp_limit_fields[member];
    struct llmp_str text;
    char path[48];
    bool budget = member >= LLMP_MEMBER_BUDGET_DAY;

    (void)snprintf(path, sizeof(path), "limits.%s%s", budget ? "budget." : "",
                   field->name);
    if (budget && member != LLMP_MEMBER_BUDGET_SOFT) {
        LLMP_TRY(read_text(r, path, 32, &text));
        if (llmp_nanos_parse(text, out) < 0 || *out > field->max)
            return wrong(r, path, "money is such as \"12.50\"");
        return LLMP_OK;
    }
    if (r->token.type != LLMP_JSON_NUMBER ||
        llmp_json_u64(r->token.text, out) < 0 || *out > field->max ||
        (member == LLMP_MEMBER_BUDGET_SOFT && *out == 0))
        return wrong(r, path, "a whole number within bounds is needed");
    return LLMP_OK;
}

/* The members from `first` to before `end` that a key names. */
static unsigned find_member(const struct reader *r, unsigned first,
                            unsigned end)
{
    for (unsigned i = first; i < end; i++)
        if (!r->token.escaped &&
            llmp_str_eq(r->token.text, llmp_str_of(llmp_limit_fields[i].name)))
            return i;
    return LLMP_LIMIT_MEMBERS;
}

static int read_members(struct reader *r, struct llmp_record_limits *out,
                        bool budget);

static int read_budget_or_text(struct reader *r, struct llmp_record_limits *out,
                               bool budget)
{
    struct llmp_str name = budget ? LLMP_STR("downgrade") : LLMP_STR("budget");

    if (!llmp_str_eq(r->token.text, name) || r->token.escaped)
        return wrong(r, budget ? "limits.budget" : "limits",
                     "there is a member that is not known");
    LLMP_TRY(next(r));
    if (r->token.type == LLMP_JSON_NULL)
        return LLMP_OK;
    if (budget)
        return read_text(r, "limits.budget.downgrade", LLMP_KEY_TEXT_MAX,
                         &out->downgrade);
    return read_members(r, out, true);
}

static int read_members(struct reader *r, struct llmp_record_limits *out,
                        bool budget)
{
    unsigned first = budget ? LLMP_MEMBER_BUDGET_DAY : 0;
    unsigned end = budget ? LLMP_LIMIT_MEMBERS : LLMP_MEMBER_BUDGET_DAY;

    if (r->token.type != LLMP_JSON_OBJECT)
        return wrong(r, budget ? "limits.budget" : "limits",
                     "an object is needed");
    for (;;) {
        LLMP_TRY(next(r));
        if (r->token.type == LLMP_JSON_OBJECT_END)
            return LLMP_OK;

        unsigned member = find_member(r, first, end);

        if (member == LLMP_LIMIT_MEMBERS) {
            LLMP_TRY(read_budget_or_text(r, out, budget));
            continue;
        }
        LLMP_TRY(next(r));
        if (r->token.type == LLMP_JSON_NULL)
            continue;
        LLMP_TRY(read_amount(r, member, &out->of[member]));
        out->set |= 1u << member;
    }
}

static int read_limits(struct reader *r, struct llmp_record_limits *out)
{
    struct llmp_record_limits limits = { 0 };

    LLMP_TRY(read_members(r, &limits, false));
    *out = limits;
    return LLMP_OK;
}

/* ---- fields ------------------------------------------------------------- */

static const struct llmp_field *find_field(const struct reader *r,
                                           size_t *index)
{
    for (size_t i = 0; i < llmp_record_field_count; i++) {
        const struct llmp_field *field = &llmp_record_fields[i];

        *index = i;
        if (!r->token.escaped && field->kinds >> r->record->kind & 1 &&
            llmp_str_eq(r->token.text, llmp_str_of(field->name)))
            return field;
    }
    return NULL;
}

static void unset(const struct llmp_field *field, void *at)
{
    static const size_t sizes[] = {
        [LLMP_FIELD_TEXT] = sizeof(struct llmp_str),
        [LLMP_FIELD_TEXTS] = sizeof(struct llmp_texts),
        [LLMP_FIELD_ROLE] = sizeof(enum llmp_role),
        [LLMP_FIELD_MOMENT] = sizeof(uint64_t),
        [LLMP_FIELD_BOOL] = sizeof(bool),
        [LLMP_FIELD_LIMITS] = sizeof(struct llmp_record_limits),
        [LLMP_FIELD_HASHES] = 0,
    };

    memset(at, 0, sizes[field->type]);
}

static int read_value(struct reader *r, const struct llmp_field *field)
{
    void *at = (char *)r->record + field->offset;

    if (r->token.type == LLMP_JSON_NULL) {
        unset(field, at);
        return LLMP_OK;
    }
    switch (field->type) {
    case LLMP_FIELD_TEXT:
        return read_text(r, field->name, field->max, at);
    case LLMP_FIELD_TEXTS:
        return read_texts(r, field, at);
    case LLMP_FIELD_ROLE:
        return read_role(r, field->name, at);
    case LLMP_FIELD_MOMENT:
        return read_moment(r, field->name, at);
    case LLMP_FIELD_BOOL:
        if (r->token.type != LLMP_JSON_TRUE && r->token.type != LLMP_JSON_FALSE)
            return wrong(r, field->name, "true or false is needed");
        *(bool *)at = r->token.type == LLMP_JSON_TRUE;
        return LLMP_OK;
    case LLMP_FIELD_LIMITS:
        return read_limits(r, at);
    case LLMP_FIELD_HASHES:
        return read_hashes(r, at);
    }
    return LLMP_OK;
}

/* Who sends a body sets what the policy may be asked about, and an owner's id
 * when there is none yet. */
static bool may_read(const struct reader *r, const struct llmp_field *field)
{
    if (r->stored || field->policy)
        return true;
    return field->offset == offsetof(struct llmp_record, id) &&
           r->record->kind != LLMP_RECORD_KEY && !r->record->id.len;
}

static int read_member(struct reader *r, llmp_field_set *seen)
{
    size_t index = 0;
    const struct llmp_field *field = find_field(r, &index);

    if (field && may_read(r, field)) {
        LLMP_TRY(next(r));
        *seen |= UINT64_C(1) << index;
        return read_value(r, field);
    }
    if (r->stored) {
        LLMP_TRY(next(r));
        return skip_value(r);
    }
    return llmp_problem_set(
        r->problem, 400, field ? "read_only_field" : "unknown_field",
        field ? field->name : "",
        field ? "%.*s cannot be set" : "there is no field '%.*s'",
        (int)(r->token.text.len < 60 ? r->token.text.len : 60),
        r->token.text.ptr);
}

static int read_object(struct reader *r, llmp_field_set *seen)
{
    LLMP_TRY(next(r));
    if (r->token.type != LLMP_JSON_OBJECT)
        return llmp_problem_set(r->problem, 400, "invalid_json", "",
                                "the body must be a JSON object");
    for (;;) {
        LLMP_TRY(next(r));
        if (r->token.type == LLMP_JSON_OBJECT_END)
            break;
        LLMP_TRY(read_member(r, seen));
    }

    struct llmp_error err;
    int rc = llmp_json_next(&r->json, &r->token, &err);

    if (rc == LLMP_END || rc == LLMP_E_NOMEM)
        return rc == LLMP_END ? LLMP_OK : rc;
    return llmp_problem_set(r->problem, 400, "invalid_json", "",
                            "something follows the JSON object");
}

int llmp_record_read(struct llmp_record *record, struct llmp_str json,
                     bool stored, llmp_field_set *seen,
                     struct llmp_problem *problem)
{
    struct reader r = { .record = record,
                        .stored = stored,
                        .problem = problem };
    llmp_field_set ignored = 0;
    int rc;

    if (seen)
        *seen = 0;
    problem->status = 0;
    llmp_json_init(&r.json, DEPTH_MAX);
    llmp_json_feed(&r.json, json, true);
    rc = read_object(&r, seen ? seen : &ignored);
    llmp_json_fini(&r.json);
    return rc;
}
