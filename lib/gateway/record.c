/* SPDX-License-Identifier: Apache-2.0 */
/* One document as the gateway uses it: see record.h. */
#include "gateway/record.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/internal.h"

enum { ARENA_BLOCK = 512, SOFT_DEFAULT = 80, NANOS_PER_MICRO = 1000 };

int llmp_record_new(struct llmp_record **out, enum llmp_record_kind kind)
{
    struct llmp_record *record = llmp_alloc(sizeof(*record));

    if (!record)
        return LLMP_E_NOMEM;
    atomic_init(&record->refs, 1);
    llmp_arena_init(&record->arena, ARENA_BLOCK);
    record->kind = kind;
    *out = record;
    return LLMP_OK;
}

struct llmp_record *llmp_record_ref(struct llmp_record *record)
{
    atomic_fetch_add_explicit(&record->refs, 1, memory_order_relaxed);
    return record;
}

void llmp_record_unref(struct llmp_record *record)
{
    if (!record ||
        atomic_fetch_sub_explicit(&record->refs, 1, memory_order_acq_rel) != 1)
        return;
    llmp_arena_fini(&record->arena);
    llmp_free(record);
}

int llmp_problem_set(struct llmp_problem *problem, uint16_t status,
                     const char *code, const char *field, const char *format,
                     ...)
{
    va_list args;

    problem->status = status;
    problem->code = code;
    (void)snprintf(problem->field, sizeof(problem->field), "%s", field);
    va_start(args, format);
    (void)vsnprintf(problem->message, sizeof(problem->message), format, args);
    va_end(args);
    return LLMP_E_INVALID;
}

const char *llmp_answer_code(struct llmp_arena *arena, int answer)
{
    const char *name = llmp_auth_answer_name(answer);
    size_t len = strlen(name);
    char *code = llmp_arena_take(arena, len + 1);

    for (size_t i = 0; code && i <= len; i++)
        code[i] =
            (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i]);
    return code;
}

int llmp_problem_denied(struct llmp_problem *problem, struct llmp_arena *arena,
                        int answer, struct llmp_str detail)
{
    char field[sizeof(problem->field)] = "";
    const char *code;

    if (answer < 0)
        return llmp_problem_set(problem, 403, "grant_too_deep", "",
                                "what was granted passed through too many "
                                "hands");
    code = llmp_answer_code(arena, answer);
    if (!code)
        return LLMP_E_NOMEM;
    if (detail.len && detail.len < sizeof(field))
        memcpy(field, detail.ptr, detail.len);
    return llmp_problem_set(problem, 403, code, field, "%s%s%s",
                            llmp_auth_answer_text(answer), field[0] ? ": " : "",
                            field);
}

int llmp_record_copy(struct llmp_record **out, const struct llmp_record *record)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf json = { 0 };
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *copy = NULL;
    struct llmp_problem problem;

    llmp_record_write(&json, record, true, 0);
    if (json.failed)
        return LLMP_E_NOMEM;
    LLMP_TRY(llmp_record_new(&copy, record->kind));
    LLMP_TRY(llmp_record_read(copy, llmp_buf_str(&json), true, NULL, &problem));
    copy->version = record->version;
    *out = llmp_steal(&copy);
    return LLMP_OK;
}

bool llmp_record_is_key_id(struct llmp_str text)
{
    return llmp_str_starts(text, LLMP_STR("key_"));
}

/* ---- limits ------------------------------------------------------------- */

uint64_t llmp_requests_of_role(enum llmp_role role)
{
    return role == LLMP_ROLE_USER || role == LLMP_ROLE_DEVELOPER ? 300 : 1000;
}

static bool is_set(const struct llmp_record_limits *limits, unsigned member)
{
    return limits->set >> member & 1;
}

/* 0 is "no limit", but of money, where it is nothing at all. */
static bool is_rule(const struct llmp_record_limits *limits, unsigned member)
{
    if (member == LLMP_MEMBER_REQUESTS_BURST ||
        member == LLMP_MEMBER_BUDGET_SOFT)
        return false;
    return is_set(limits, member) &&
           (limits->of[member] || member >= LLMP_MEMBER_BUDGET_DAY);
}

static uint64_t default_requests(const struct llmp_record *record)
{
    return record->kind == LLMP_RECORD_KEY &&
                   !is_set(&record->limits, LLMP_MEMBER_REQUESTS)
               ? llmp_requests_of_role(record->role)
               : 0;
}

bool llmp_record_allowance(const struct llmp_record *record,
                           struct llmp_allowance *out)
{
    const struct llmp_record_limits *limits = &record->limits;
    uint64_t soft = is_set(limits, LLMP_MEMBER_BUDGET_SOFT)
                        ? limits->of[LLMP_MEMBER_BUDGET_SOFT]
                        : SOFT_DEFAULT;

    *out = (struct llmp_allowance){ .downgrade = limits->downgrade };
    if (default_requests(record))
        out->rules[out->count++] =
            (struct llmp_limit_rule){ .unit = LLMP_LIMIT_REQUESTS,
                                      .amount = default_requests(record) };
    for (unsigned i = 0; i < LLMP_LIMIT_MEMBERS; i++) {
        const struct llmp_limit_field *field = &llmp_limit_fields[i];

        if (!is_rule(limits, i))
            continue;
        if (out->count == LLMP_LIMIT_RULES_MAX)
            return false;
        out->rules[out->count++] = (struct llmp_limit_rule){
            .unit = field->unit,
            .window = field->window,
            .amount = limits->of[i],
            .burst = i == LLMP_MEMBER_REQUESTS
                         ? limits->of[LLMP_MEMBER_REQUESTS_BURST]
                         : 0,
            .soft_permille =
                field->unit == LLMP_LIMIT_MONEY ? (uint16_t)(soft * 10) : 0,
        };
    }
    return true;
}

/* ---- grants ------------------------------------------------------------- */

/* A budget of nothing is less than any: not "no limit". Rounded up, so that
 * equal budgets stay equal. */
static uint64_t grant_limit(unsigned member, uint64_t amount)
{
    if (member < LLMP_MEMBER_BUDGET_DAY)
        return amount;
    return amount ? (amount + NANOS_PER_MICRO - 1) / NANOS_PER_MICRO : 1;
}

void llmp_record_grant(const struct llmp_record *record, struct llmp_grant *out)
{
    *out = (struct llmp_grant){
        .size = sizeof(*out),
        .role = record->role != LLMP_ROLE_NONE ? record->role : LLMP_ROLE_ADMIN,
        .models = record->models.items,
        .model_count = record->models.count,
        .routes = record->routes.items,
        .route_count = record->routes.count,
        .expires_ns = record->expires_ns,
    };
    for (unsigned i = 0; i < LLMP_LIMIT_MEMBERS; i++)
        if (llmp_limit_fields[i].grant >= 0 && is_rule(&record->limits, i))
            out->limits[llmp_limit_fields[i].grant] =
                grant_limit(i, record->limits.of[i]);
    /* What nobody chose is no bound to what administrators give. */
    if (record->role != LLMP_ROLE_ADMIN && default_requests(record))
        out->limits[LLMP_GRANT_REQUESTS_PER_MINUTE] = default_requests(record);
}

/* ---- checks ------------------------------------------------------------- */

static int check_cidrs(const struct llmp_texts *texts, const char *field,
                       struct llmp_problem *problem)
{
    for (size_t i = 0; i < texts->count; i++) {
        struct llmp_address_set *set;
        int rc = llmp_address_set_new(&set, &texts->items[i], 1, NULL);

        if (rc == LLMP_E_NOMEM)
            return rc;
        if (rc < 0)
            return llmp_problem_set(problem, 400, "invalid_value", field,
                                    "item %zu is not an address or a CIDR such "
                                    "as 10.0.0.0/8",
                                    i + 1);
        llmp_address_set_unref(set);
    }
    return LLMP_OK;
}

/* Ids stand in paths, logs and counters. */
static bool is_plain_id(struct llmp_str id)
{
    for (size_t i = 0; i < id.len; i++)
        if ((uint8_t)id.ptr[i] < 0x20 || id.ptr[i] == 0x7f)
            return false;
    return true;
}

int llmp_record_check(const struct llmp_record *record,
                      const struct llmp_config *config,
                      struct llmp_problem *problem)
{
    const struct llmp_record_limits *limits = &record->limits;
    struct llmp_allowance allowance;

    if (!record->id.len || !is_plain_id(record->id))
        return llmp_problem_set(problem, 400, "invalid_value", "id",
                                "an id is needed, without control characters");
    LLMP_TRY(check_cidrs(&record->allow, "allow", problem));
    LLMP_TRY(check_cidrs(&record->deny, "deny", problem));
    if (!llmp_record_allowance(record, &allowance))
        return llmp_problem_set(problem, 400, "too_many_limits", "limits",
                                "one owner has at most %d limits",
                                LLMP_LIMIT_RULES_MAX);
    if (is_set(limits, LLMP_MEMBER_REQUESTS_BURST) &&
        !is_rule(limits, LLMP_MEMBER_REQUESTS))
        return llmp_problem_set(problem, 400, "invalid_value", "limits",
                                "requests_burst does nothing without requests");
    if (limits->downgrade.len && !llmp_config_model(config, limits->downgrade))
        return llmp_problem_set(problem, 400, "invalid_value", "limits",
                                "downgrade names no model");
    return LLMP_OK;
}
