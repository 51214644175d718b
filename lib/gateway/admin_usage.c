/* SPDX-License-Identifier: Apache-2.0 */
/* What was used: sums of the ledger, and how far limits are used up. */
#include <llmproxy/usage.h>

#include "base/internal.h"
#include "gateway/admin.h"
#include "gateway/moment.h"

enum { ROWS_DEFAULT = 1000 };

/* ---- usage -------------------------------------------------------------- */

static const struct group {
    const char *name;
    unsigned bit;
    size_t offset; /* of the text in a sum; 0: the day */
} groups[] = {
#define AT(member) offsetof(struct llmp_ledger_sum, member)
    { "day", LLMP_LEDGER_BY_DAY, 0 },
    { "organisation", LLMP_LEDGER_BY_ORG, AT(org) },
    { "team", LLMP_LEDGER_BY_TEAM, AT(team) },
    { "user", LLMP_LEDGER_BY_USER, AT(user) },
    { "key", LLMP_LEDGER_BY_KEY, AT(key) },
    { "model", LLMP_LEDGER_BY_MODEL, AT(model) },
#undef AT
};

static const struct number {
    const char *name;
    size_t offset;
} numbers[] = {
#define AT(member) offsetof(struct llmp_ledger_sum, member)
    { "requests", AT(requests) },
    { "input_tokens", AT(input) },
    { "cached_tokens", AT(cached) },
    { "output_tokens", AT(output) },
    { "reasoning_tokens", AT(reasoning) },
    { "rows", AT(rows) },
    { "rows_estimated", AT(rows_by_basis[LLMP_USAGE_ESTIMATED]) },
    { "rows_unknown", AT(rows_by_basis[LLMP_USAGE_UNKNOWN]) },
    { "rows_cost_unknown", AT(rows_cost_unknown) },
#undef AT
};

struct usage {
    struct llmp_admin *a;
    struct llmp_ledger_query query;
    uint64_t limit, skip, shown;
    bool csv, more;
};

static int64_t number_at(const struct llmp_ledger_sum *sum, size_t offset)
{
    return *(const int64_t *)(const void *)((const char *)sum + offset);
}

static struct llmp_str text_at(const struct llmp_ledger_sum *sum, size_t offset)
{
    return *(const struct llmp_str *)(const void *)((const char *)sum + offset);
}

static void cost_text(char out[LLMP_NANOS_TEXT_MAX + 1], int64_t nano)
{
    out[0] = '-';
    if (nano < 0)
        (void)llmp_nanos_write((uint64_t)-nano, out + 1);
    else
        (void)llmp_nanos_write((uint64_t)nano, out);
}

/* RFC 4180; what a spreadsheet would take for a formula is made a text. */
static void add_cell(struct llmp_buf *out, struct llmp_str text)
{
    bool formula = text.len && memchr("=+-@\t\r", text.ptr[0], 6);

    (void)llmp_buf_add(out, formula ? LLMP_STR("\"'") : LLMP_STR("\""));
    for (size_t i = 0; i < text.len; i++)
        (void)llmp_buf_add(out, text.ptr[i] == '"'
                                    ? LLMP_STR("\"\"")
                                    : (struct llmp_str){ text.ptr + i, 1 });
    (void)llmp_buf_add(out, LLMP_STR("\""));
}

static void add_row(struct usage *u, const struct llmp_ledger_sum *sum)
{
    struct llmp_buf *out = &u->a->out;
    char day[LLMP_MOMENT_SIZE], cost[LLMP_NANOS_TEXT_MAX + 1];
    bool first = true;

    (void)llmp_moment_write_day(day, sum->day);
    cost_text(cost, sum->cost_nano);
    for (size_t i = 0; i < LLMP_COUNT(groups); i++) {
        struct llmp_str text = groups[i].offset ? text_at(sum, groups[i].offset)
                                                : llmp_str_of(day);

        if (!(u->query.groups & groups[i].bit))
            continue;
        if (!first)
            (void)llmp_buf_add(out, LLMP_STR(","));
        first = false;
        if (u->csv) {
            add_cell(out, text);
            continue;
        }
        (void)llmp_buf_printf(out, "\"%s\":", groups[i].name);
        (void)llmp_buf_json(out, text);
    }
    for (size_t i = 0; i < LLMP_COUNT(numbers); i++) {
        const char *comma = first ? "" : ",";

        first = false;
        if (u->csv)
            (void)llmp_buf_printf(out, "%s%lld", comma,
                                  (long long)number_at(sum, numbers[i].offset));
        else
            (void)llmp_buf_printf(out, "%s\"%s\":%lld", comma, numbers[i].name,
                                  (long long)number_at(sum, numbers[i].offset));
    }
    (void)llmp_buf_printf(
        out, u->csv ? ",%s,%s\r\n" : ",\"cost\":\"%s\",\"currency\":\"%s\"}",
        cost, sum->currency);
}

static int see(const struct llmp_ledger_sum *sum, void *ctx)
{
    struct usage *u = ctx;

    if (u->shown == u->limit) {
        u->more = true;
        return 0;
    }
    if (!u->csv)
        (void)llmp_buf_add(&u->a->out,
                           u->shown ? LLMP_STR(",{") : LLMP_STR("{"));
    u->shown++;
    add_row(u, sum);
    return 0;
}

static int read_groups(struct usage *u)
{
    struct llmp_str list;

    LLMP_TRY(llmp_admin_parameter(u->a, "group_by", &list));
    while (list.len) {
        const char *comma = memchr(list.ptr, ',', list.len);
        struct llmp_str name = { list.ptr, comma ? (size_t)(comma - list.ptr)
                                                 : list.len };
        unsigned bit = 0;

        for (size_t i = 0; i < LLMP_COUNT(groups); i++)
            if (llmp_str_eq(name, llmp_str_of(groups[i].name)))
                bit = groups[i].bit;
        if (!bit)
            return llmp_problem_set(&u->a->problem, 400, "invalid_parameter",
                                    "group_by",
                                    "group_by takes day, organisation, team, "
                                    "user, key, model");
        u->query.groups |= bit;
        list.ptr += name.len + (comma != NULL);
        list.len -= name.len + (comma != NULL);
    }
    return LLMP_OK;
}

static int read_query(struct usage *u)
{
    struct llmp_admin *a = u->a;
    struct llmp_str format;

    LLMP_TRY(llmp_admin_span(a, &u->query.from_wall_ns, &u->query.to_wall_ns));
    LLMP_TRY(llmp_admin_parameter(a, "key", &u->query.key));
    LLMP_TRY(llmp_admin_parameter(a, "user", &u->query.user));
    LLMP_TRY(llmp_admin_parameter(a, "team", &u->query.team));
    LLMP_TRY(llmp_admin_parameter(a, "organisation", &u->query.org));
    LLMP_TRY(llmp_admin_parameter(a, "model", &u->query.model));
    LLMP_TRY(
        llmp_admin_number(a, "limit", 1, LLMP_STORE_ROWS_MAX - 1, &u->limit));
    LLMP_TRY(llmp_admin_number(a, "skip", 0, UINT32_MAX, &u->skip));
    LLMP_TRY(read_groups(u));
    LLMP_TRY(llmp_admin_parameter(a, "format", &format));
    u->csv = llmp_str_eq(format, LLMP_STR("csv"));
    if (format.len && !u->csv && !llmp_str_eq(format, LLMP_STR("json")))
        return llmp_problem_set(&a->problem, 400, "invalid_parameter", "format",
                                "format is json or csv");
    return LLMP_OK;
}

static int decide(struct usage *u)
{
    const struct llmp_ledger_query *q = &u->query;
    const struct llmp_policy_object object = {
        .size = sizeof(object), .user = q->user, .team = q->team, .org = q->org
    };

    return llmp_policy_decide(&u->a->who, LLMP_ACTION_USAGE_READ, &object,
                              u->a->now.wall_ns, NULL);
}

/* Who does not say whose, gets as much as the role reaches. */
static int narrow(struct usage *u)
{
    const struct llmp_principal *who = &u->a->who;
    const struct {
        struct llmp_str *filter, own;
    } steps[] = { { &u->query.org, who->org },
                  { &u->query.team, who->team },
                  { &u->query.user, who->user } };
    int answer = decide(u);

    for (size_t i = 0; i < LLMP_COUNT(steps) && answer != LLMP_OK; i++) {
        if (!steps[i].filter->ptr && steps[i].own.len) {
            *steps[i].filter = steps[i].own;
            answer = decide(u);
        }
    }
    return answer == LLMP_OK
               ? LLMP_OK
               : llmp_admin_denied(u->a, answer, (struct llmp_str){ NULL, 0 });
}

static void begin(struct usage *u)
{
    struct llmp_buf *out = &u->a->out;

    if (!u->csv) {
        llmp_admin_list_begin(u->a);
        return;
    }
    u->a->status = 200;
    u->a->answer_type = LLMP_STR("text/csv; charset=utf-8");
    for (size_t i = 0; i < LLMP_COUNT(groups); i++)
        if (u->query.groups & groups[i].bit)
            (void)llmp_buf_printf(out, "%s,", groups[i].name);
    for (size_t i = 0; i < LLMP_COUNT(numbers); i++)
        (void)llmp_buf_printf(out, "%s,", numbers[i].name);
    (void)llmp_buf_add(out, LLMP_STR("cost,currency\r\n"));
}

int llmp_admin_usage(struct llmp_admin *a)
{
    struct usage u = { .a = a, .limit = ROWS_DEFAULT };
    struct llmp_str next = { NULL, 0 };

    llmp_ledger_query_init(&u.query);
    LLMP_TRY(read_query(&u));
    LLMP_TRY(narrow(&u));
    u.query.rows_skip = u.skip;
    u.query.rows_max = (uint32_t)u.limit + 1;
    begin(&u);
    LLMP_TRY(llmp_store_ledger_sums(a->store, &u.query, see, &u, a->err));
    if (u.csv)
        return LLMP_OK;
    if (u.more)
        next = llmp_arena_printf(&a->arena, "%llu",
                                 (unsigned long long)(u.skip + u.shown));
    llmp_admin_list_end(a, next);
    return LLMP_OK;
}

/* ---- budgets ------------------------------------------------------------ */

struct budgets {
    struct llmp_admin *a;
    uint64_t shown;
};

static void add_amount(struct llmp_buf *out, const char *name,
                       enum llmp_limit_unit unit, uint64_t amount)
{
    char text[LLMP_NANOS_TEXT_MAX];

    if (unit != LLMP_LIMIT_MONEY) {
        (void)llmp_buf_printf(out, ",\"%s\":\"%llu\"", name,
                              (unsigned long long)amount);
        return;
    }
    (void)llmp_nanos_write(amount, text);
    (void)llmp_buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

static void add_state(struct budgets *b, const struct llmp_limit_scope *scope,
                      const struct llmp_limit_state *state)
{
    struct llmp_buf *out = &b->a->out;
    enum llmp_limit_unit unit = state->rule.unit;

    (void)llmp_buf_printf(out,
                          "%s{\"kind\":\"%s\",\"id\":", b->shown++ ? "," : "",
                          llmp_limit_kind_name(llmp_limit_scope_kind(scope)));
    (void)llmp_buf_json(out, llmp_limit_scope_id(scope));
    (void)llmp_buf_printf(out, ",\"unit\":\"%s\",\"window\":\"%s\"",
                          llmp_limit_unit_name(unit),
                          llmp_limit_window_name(state->rule.window));
    add_amount(out, "limit", unit, state->rule.amount);
    add_amount(out, "used", unit, state->used);
    add_amount(out, "remaining", unit, state->remaining);
    (void)llmp_buf_printf(
        out, ",\"reset_s\":%llu}",
        (unsigned long long)(state->reset_ns / LLMP_NS_PER_S));
}

static void add_scope(struct budgets *b, const struct llmp_limit_scope *scope,
                      const struct llmp_policy_object *object)
{
    struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX];
    size_t count;

    if (!scope ||
        llmp_policy_decide(&b->a->who, LLMP_ACTION_BUDGET_READ, object,
                           b->a->now.wall_ns, NULL) != LLMP_OK)
        return;
    count = llmp_limit_look(scope, b->a->now, states);
    for (size_t i = 0; i < count; i++)
        add_state(b, scope, &states[i]);
}

static bool add_key(struct llmp_key *key, void *ctx)
{
    const struct llmp_holder *holder = llmp_key_data(key);
    struct llmp_principal who = { .size = sizeof(who) };

    llmp_key_principal(key, &who);

    const struct llmp_policy_object object = { .size = sizeof(object),
                                               .id = who.id,
                                               .user = who.user,
                                               .team = who.team,
                                               .org = who.org };

    add_scope(ctx, holder->scopes[LLMP_LIMIT_KEY], &object);
    return true;
}

int llmp_admin_budgets(struct llmp_admin *a)
{
    const struct llmp_policy_object own = { .size = sizeof(own),
                                            .id = a->who.id,
                                            .user = a->who.user,
                                            .team = a->who.team,
                                            .org = a->who.org };
    const struct llmp_owners *owners = a->access->owners;
    struct budgets b = { .a = a };

    LLMP_TRY(llmp_admin_may(a, LLMP_ACTION_BUDGET_READ, &own));
    llmp_admin_list_begin(a);
    for (size_t i = 0; i < owners->count; i++) {
        const struct llmp_owner *owner = &owners->items[i];
        struct llmp_policy_object object = { .size = sizeof(object) };

        if (owner->record)
            object = llmp_admin_object(owner->record);
        else if (owner->kind == LLMP_LIMIT_USER)
            object.user = owner->name;
        else if (owner->kind == LLMP_LIMIT_TEAM)
            object.team = owner->name;
        else
            object.org = owner->name;
        add_scope(&b, owner->scope, &object);
    }
    llmp_keyring_each(a->access->keyring, add_key, &b);
    llmp_admin_list_end(a, (struct llmp_str){ NULL, 0 });
    return LLMP_OK;
}
