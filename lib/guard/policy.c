/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy is made: stages are checked and copied, the rules that some stage
 * wants become one set, and each stage knows its own by bits.
 */
#include "guard/policy.h"

#include <sodium.h>
#include <string.h>

#include "base/internal.h"

enum {
    RULE_V1_SIZE = sizeof(struct llmp_guard_rule),
    STAGE_V1_SIZE = sizeof(struct llmp_guard_stage),
    OPTIONS_V1_SIZE = sizeof(struct llmp_guard_options),
    TABLES_MAX = LLMP_GUARD_STAGES_MAX + 8,
    NOWHERE = UINT16_MAX
};

/* While it is made: the tables so far, and where in the set their rules are. */
struct making {
    struct llmp_guard_policy *policy;
    struct llmp_rules tables[TABLES_MAX];
    uint16_t *places[TABLES_MAX]; /* of each rule; NOWHERE: nobody wants it */
    size_t table_count;
    struct llmp_rules wanted[TABLES_MAX]; /* the set's, of each table */
    size_t wanted_count;
    uint8_t stage_tables[LLMP_GUARD_STAGES_MAX][LLMP_CHECK_TABLES];
    uint8_t stage_table_count[LLMP_GUARD_STAGES_MAX];
    struct llmp_error *err;
};

static struct llmp_arena *arena_of(struct making *m)
{
    return &m->policy->arena;
}

static int nomem(struct making *m)
{
    return llmp_fail(m->err, LLMP_E_NOMEM, "no memory for a policy");
}

/* The same table is in the set once, however many stages have it. */
static int add_table(struct making *m, size_t stage, struct llmp_rules table)
{
    size_t i = 0;

    while (i < m->table_count && m->tables[i].items != table.items)
        i++;
    if (i == m->table_count) {
        assert(m->table_count < TABLES_MAX);
        m->tables[i] = table;
        m->table_count++;
    }
    m->stage_tables[stage][m->stage_table_count[stage]++] = (uint8_t)i;
    return LLMP_OK;
}

static int copy_list(struct making *m, struct llmp_guard_list *to,
                     struct llmp_guard_list from)
{
    struct llmp_str *items;
    bool ok = true;

    LLMP_ENSURE(from.count <= LLMP_GUARD_LIST_MAX, m->err, LLMP_E_LIMIT,
                "a list of more than %d", LLMP_GUARD_LIST_MAX);
    items = llmp_arena_take(arena_of(m), from.count * sizeof(*items) + 1);
    if (!items)
        return nomem(m);
    for (size_t i = 0; i < from.count; i++)
        items[i] = llmp_arena_str(arena_of(m), from.items[i], &ok);
    *to = (struct llmp_guard_list){ items, from.count };
    return ok ? LLMP_OK : nomem(m);
}

/* What follows from a finding, by its severity. */
static void set_actions(struct llmp_stage *to,
                        const struct llmp_guard_stage *from)
{
    for (int i = 0; i < LLMP_GUARD_SEVERITIES; i++) {
        enum llmp_guard_action action = from->actions[i];

        if (action == LLMP_GUARD_ALLOW)
            action = i == LLMP_GUARD_LOW && from->mode > LLMP_GUARD_FLAG
                         ? LLMP_GUARD_FLAG
                         : from->mode;
        to->actions[i] = (uint8_t)action;
        to->acts |= action >= LLMP_GUARD_REDACT;
    }
}

static int check_stage(struct making *m, const struct llmp_guard_stage *from,
                       const struct llmp_check *check)
{
    const char *name = from->name ? from->name : from->check;
    bool actions_known =
        from->mode > LLMP_GUARD_ALLOW && from->mode <= LLMP_GUARD_BLOCK;

    LLMP_ENSURE(check, m->err, LLMP_E_INVALID, "there is no check '%s'",
                from->check ? from->check : "");
    LLMP_ENSURE(strlen(name) > 0 && strlen(name) <= LLMP_GUARD_NAME_MAX, m->err,
                LLMP_E_INVALID, "a stage's name has 1 to %d bytes",
                LLMP_GUARD_NAME_MAX);
    for (int i = 0; i < LLMP_GUARD_SEVERITIES; i++)
        actions_known = actions_known && from->actions[i] <= LLMP_GUARD_BLOCK;
    LLMP_ENSURE(actions_known, m->err, LLMP_E_INVALID,
                "stage %s: no such mode or action", name);
    LLMP_ENSURE(from->parts < 1u << LLMP_GUARD_PARTS, m->err, LLMP_E_INVALID,
                "stage %s: no such parts", name);
    LLMP_ENSURE(from->sample_permille <= 1000 && from->sure_min <= 100, m->err,
                LLMP_E_INVALID, "stage %s: a share is above its whole", name);
    LLMP_ENSURE(from->style < LLMP_GUARD_STYLES, m->err, LLMP_E_INVALID,
                "stage %s: no such style", name);
    LLMP_ENSURE(from->style != LLMP_GUARD_PSEUDONYM || m->policy->has_key,
                m->err, LLMP_E_INVALID, "stage %s: pseudonyms need a key",
                name);
    LLMP_ENSURE(check->takes_rules ? from->rule_count > 0
                                   : from->rule_count == 0,
                m->err, LLMP_E_INVALID, "stage %s: %s", name,
                check->takes_rules ? "it has no rules" : "it takes no rules");
    LLMP_ENSURE(check->takes_callback == (from->run != NULL), m->err,
                LLMP_E_INVALID, "stage %s: %s", name,
                from->run ? "it takes no function" : "it has no function");
    LLMP_ENSURE(from->doubt_from < from->doubt_to && from->doubt_to <= 101,
                m->err, LLMP_E_INVALID,
                "stage %s: no score is at least %u and below %u percent", name,
                from->doubt_from, from->doubt_to);
    LLMP_ENSURE(!from->after || check->takes_callback || check->remote, m->err,
                LLMP_E_INVALID,
                "stage %s: its check is cheap, and does not wait for doubt",
                name);
    return LLMP_OK;
}

static int set_doubt(struct making *m, size_t index,
                     const struct llmp_guard_stage *from)
{
    struct llmp_stage *stages = m->policy->stages, *to = &stages[index];

    if (!from->after)
        return LLMP_OK;
    while (to->after < index &&
           strcmp(stages[to->after].name, from->after) != 0)
        to->after++;
    LLMP_ENSURE(to->after < index && !stages[to->after].check->remote, m->err,
                LLMP_E_INVALID,
                "stage %s: '%s' is no stage before it that scores a text",
                to->name, from->after);
    to->doubts = true;
    to->doubt_from = from->doubt_from * 10;
    to->doubt_to = from->doubt_to * 10;
    return LLMP_OK;
}

/* The caller's rules, as a table of the stage's own. */
static int add_own_rules(struct making *m, size_t stage,
                         const struct llmp_guard_stage *from)
{
    struct llmp_rule *all;
    size_t count = 0, room = 0;

    for (size_t i = 0; i < from->rule_count; i++)
        room += from->rules[i].keywords.count + 1;
    LLMP_ENSURE(room <= LLMP_RULESET_RULES_MAX, m->err, LLMP_E_LIMIT,
                "more than %d rules and keywords", LLMP_RULESET_RULES_MAX);
    all = llmp_arena_take(arena_of(m), room * sizeof(*all));
    if (!all)
        return nomem(m);
    for (size_t i = 0; i < from->rule_count; i++) {
        struct llmp_guard_rule rule = { .severity = LLMP_GUARD_MEDIUM };
        struct llmp_rule *some;
        size_t some_count;

        LLMP_TRY(llmp_options_read(&rule, sizeof(rule), RULE_V1_SIZE,
                                   &from->rules[i], from->rules[i].size,
                                   m->err));
        LLMP_TRY(llmp_guard_read_rule(&some, &some_count, &rule, arena_of(m),
                                      m->err));
        memcpy(all + count, some, some_count * sizeof(*some));
        count += some_count;
    }
    return add_table(m, stage, (struct llmp_rules){ all, count });
}

static int read_stage(struct making *m, size_t index,
                      const struct llmp_guard_stage *given)
{
    struct llmp_stage *to = &m->policy->stages[index];
    struct llmp_guard_stage from;
    const char *name;

    llmp_guard_stage_init(&from);
    LLMP_TRY(llmp_options_read(&from, sizeof(from), STAGE_V1_SIZE, given,
                               given->size, m->err));
    to->check = llmp_check_find(from.check);
    LLMP_TRY(check_stage(m, &from, to->check));
    name = from.name ? from.name : from.check;
    to->name = llmp_arena_printf(arena_of(m), "%s", name).ptr;
    if (!to->name)
        return nomem(m);
    for (size_t i = 0; i < index; i++)
        LLMP_ENSURE(strcmp(m->policy->stages[i].name, name) != 0, m->err,
                    LLMP_E_INVALID, "two stages are called %s", name);
    LLMP_TRY(set_doubt(m, index, &from));
    set_actions(to, &from);
    to->fail_open = from.fail_open;
    to->style = (uint8_t)from.style;
    to->parts = from.parts ? from.parts : to->check->parts;
    to->sample_permille = from.sample_permille;
    to->sure_min = from.sure_min;
    to->run = from.run;
    to->ctx = from.ctx;
    m->policy->parts |= to->parts;
    LLMP_TRY(copy_list(m, &to->only, from.only));
    LLMP_TRY(copy_list(m, &to->except, from.except));
    LLMP_TRY(copy_list(m, &to->allow, from.allow));
    LLMP_TRY(copy_list(m, &to->models, from.models));
    LLMP_TRY(copy_list(m, &to->keys, from.keys));
    LLMP_TRY(copy_list(m, &to->roles, from.roles));
    for (size_t i = 0; i < LLMP_CHECK_TABLES && to->check->tables[i]; i++)
        LLMP_TRY(add_table(m, index, *to->check->tables[i]));
    return to->check->takes_rules ? add_own_rules(m, index, &from) : LLMP_OK;
}

/* ---- which rules are whose ---------------------------------------------- */

static uint64_t *bits(struct making *m)
{
    uint64_t *made = llmp_arena_take(arena_of(m), m->policy->words * 8);

    if (made)
        memset(made, 0, m->policy->words * 8);
    return made;
}

static void set_bit(uint64_t *to, size_t index)
{
    to[index / 64] |= UINT64_C(1) << (index % 64);
}

bool llmp_stage_wants(const struct llmp_stage *stage, const char *kind)
{
    struct llmp_str name = llmp_str_of(kind);

    return (!stage->only.count || llmp_guard_listed(stage->only, name)) &&
           !llmp_guard_listed(stage->except, name);
}

static bool has_table(const struct making *m, size_t stage, size_t table)
{
    for (size_t i = 0; i < m->stage_table_count[stage]; i++)
        if (m->stage_tables[stage][i] == table)
            return true;
    return false;
}

static bool is_wanted(const struct making *m, size_t table,
                      const struct llmp_rule *rule)
{
    for (size_t s = 0; s < m->policy->stage_count; s++)
        if (has_table(m, s, table) &&
            llmp_stage_wants(&m->policy->stages[s], rule->name))
            return true;
    return false;
}

/* What nobody wants is not looked for. */
static int choose_rules(struct making *m)
{
    struct llmp_rule *wanted;
    size_t total = 0;

    for (size_t t = 0; t < m->table_count; t++)
        total += m->tables[t].count;
    LLMP_ENSURE(total < LLMP_RULESET_RULES_MAX, m->err, LLMP_E_LIMIT,
                "more than %d rules", LLMP_RULESET_RULES_MAX);
    wanted = llmp_arena_take(arena_of(m), total * sizeof(*wanted) + 1);
    if (!wanted)
        return nomem(m);
    for (size_t t = 0; t < m->table_count; t++) {
        const struct llmp_rules *table = &m->tables[t];

        m->wanted[t].items = wanted + m->wanted_count;
        m->places[t] = llmp_arena_take(arena_of(m),
                                       table->count * sizeof(**m->places) + 1);
        if (!m->places[t])
            return nomem(m);
        for (size_t i = 0; i < table->count; i++) {
            bool in = is_wanted(m, t, &table->items[i]);

            m->places[t][i] = in ? (uint16_t)m->wanted_count : NOWHERE;
            if (!in)
                continue;
            wanted[m->wanted_count++] = table->items[i];
            m->wanted[t].count++;
        }
    }
    m->policy->words = m->wanted_count / 64 + 1;
    return LLMP_OK;
}

static int share_rules(struct making *m)
{
    for (size_t s = 0; s < m->policy->stage_count; s++) {
        struct llmp_stage *stage = &m->policy->stages[s];
        size_t count = 0;

        if (!(stage->rules = bits(m)))
            return nomem(m);
        for (size_t t = 0; t < m->table_count; t++)
            for (size_t i = 0; has_table(m, s, t) && i < m->tables[t].count;
                 i++)
                if (llmp_stage_wants(stage, m->tables[t].items[i].name)) {
                    set_bit(stage->rules, m->places[t][i]);
                    count++;
                }
        LLMP_ENSURE(count || !m->stage_table_count[s], m->err, LLMP_E_INVALID,
                    "stage %s: none of its rules is left", stage->name);
    }
    return LLMP_OK;
}

/* What is about numbers and names makes no sense where digits have become
 * letters; what is about case, where there is none. */
static int sort_rules(struct making *m)
{
    for (int c = 0; c < LLMP_VIEW_CLASSES; c++)
        if (!(m->policy->sensible[c] = bits(m)))
            return nomem(m);
    for (size_t i = 0; i < m->wanted_count; i++) {
        const struct llmp_rule *rule = llmp_ruleset_rule(m->policy->set, i);
        bool exact = rule->flags & LLMP_RULE_EXACT_CASE;
        bool precise = rule->valid || strncmp(rule->name, "pii.", 4) == 0 ||
                       strncmp(rule->name, "secret.", 7) == 0;

        set_bit(m->policy->sensible[LLMP_VIEWS_AS_WRITTEN], i);
        if (!exact)
            set_bit(m->policy->sensible[LLMP_VIEWS_FOLDED], i);
        if (!exact && !precise)
            set_bit(m->policy->sensible[LLMP_VIEWS_GUESSED], i);
    }
    return LLMP_OK;
}

/* ---- its version -------------------------------------------------------- */

static void hash_list(crypto_generichash_state *state,
                      struct llmp_guard_list list)
{
    (void)crypto_generichash_update(state, (const uint8_t *)&list.count,
                                    sizeof(list.count));
    for (size_t i = 0; i < list.count; i++) {
        (void)crypto_generichash_update(
            state, (const uint8_t *)&list.items[i].len, sizeof(size_t));
        (void)crypto_generichash_update(
            state, (const uint8_t *)list.items[i].ptr, list.items[i].len);
    }
}

static void hash_text(crypto_generichash_state *state, const char *text)
{
    (void)crypto_generichash_update(state, (const uint8_t *)text,
                                    strlen(text) + 1);
}

static void hash_rules(crypto_generichash_state *state,
                       const struct llmp_ruleset *set)
{
    for (size_t i = 0; i < llmp_ruleset_count(set); i++) {
        const struct llmp_rule *rule = llmp_ruleset_rule(set, i);
        const uint8_t numbers[] = { rule->severity, rule->sure,
                                    rule->sure_in_context, rule->flags,
                                    rule->scripts };

        hash_text(state, rule->name);
        hash_text(state, rule->pattern);
        hash_text(state, rule->context ? rule->context : "");
        hash_text(state, rule->label ? rule->label : "");
        (void)crypto_generichash_update(state, numbers, sizeof(numbers));
    }
}

/* What a function of the caller's does nobody knows; that it is there counts.
 */
static void set_version(struct llmp_guard_policy *policy)
{
    crypto_generichash_state state;
    uint8_t hash[16];

    (void)crypto_generichash_init(&state, policy->has_key ? policy->key : NULL,
                                  policy->has_key ? sizeof(policy->key) : 0,
                                  sizeof(hash));
    hash_text(&state, LLMP_VERSION);
    for (size_t i = 0; i < policy->stage_count; i++) {
        const struct llmp_stage *stage = &policy->stages[i];
        const uint32_t numbers[] = { stage->parts,     stage->sample_permille,
                                     stage->sure_min,  stage->style,
                                     stage->fail_open, stage->doubts,
                                     stage->after,     stage->doubt_from,
                                     stage->doubt_to };

        hash_text(&state, stage->name);
        hash_text(&state, stage->check->name);
        (void)crypto_generichash_update(&state, stage->actions,
                                        sizeof(stage->actions));
        (void)crypto_generichash_update(&state, (const uint8_t *)numbers,
                                        sizeof(numbers));
        (void)crypto_generichash_update(&state, (const uint8_t *)stage->rules,
                                        policy->words * 8);
        hash_list(&state, stage->only);
        hash_list(&state, stage->except);
        hash_list(&state, stage->allow);
        hash_list(&state, stage->models);
        hash_list(&state, stage->keys);
        hash_list(&state, stage->roles);
    }
    hash_rules(&state, policy->set);
    if (policy->model.has)
        (void)crypto_generichash_update(
            &state, (const uint8_t *)llmp_linear_builtin().ptr,
            llmp_linear_builtin().len);
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    *llmp_put_hex(policy->version, hash, sizeof(hash)) = '\0';
}

/* ---- the whole ---------------------------------------------------------- */

static void policy_free(struct llmp_guard_policy *policy)
{
    llmp_ruleset_free(policy->set);
    sodium_memzero(policy->key, sizeof(policy->key));
    llmp_arena_fini(&policy->arena);
    llmp_free(policy);
}

void llmp_guard_policy_unref(struct llmp_guard_policy *policy)
{
    if (policy && atomic_fetch_sub(&policy->refs, 1) == 1)
        policy_free(policy);
}

struct llmp_guard_policy *llmp_guard_policy_ref(
    struct llmp_guard_policy *policy)
{
    atomic_fetch_add(&policy->refs, 1);
    return policy;
}

static void policy_unrefp(struct llmp_guard_policy **policy)
{
    llmp_guard_policy_unref(*policy);
}

static int make(struct making *m, const struct llmp_guard_options *opts)
{
    struct llmp_guard_policy *policy = m->policy;

    policy->stages = llmp_arena_take(
        &policy->arena, (opts->stage_count + 1) * sizeof(*policy->stages));
    if (!policy->stages)
        return nomem(m);
    memset(policy->stages, 0, opts->stage_count * sizeof(*policy->stages));
    for (size_t i = 0; i < opts->stage_count; i++) {
        LLMP_TRY(read_stage(m, i, &opts->stages[i]));
        policy->stage_count++;
    }
    LLMP_TRY(choose_rules(m));
    for (size_t i = 0; i < policy->stage_count; i++)
        if (policy->stages[i].check->classes && !policy->model.has)
            LLMP_TRY(llmp_linear_init(&policy->model, llmp_linear_builtin(),
                                      m->err));
    LLMP_TRY(share_rules(m));
    LLMP_TRY(llmp_ruleset_new(&policy->set, m->wanted, m->table_count,
                              opts->cache, m->err));
    LLMP_TRY(sort_rules(m));
    set_version(policy);
    return LLMP_OK;
}

int llmp_guard_policy_new(struct llmp_guard_policy **out,
                          const struct llmp_guard_options *given,
                          struct llmp_error *err)
{
    LLMP_AUTO(policy_unrefp) struct llmp_guard_policy *policy = NULL;
    struct llmp_guard_options opts;
    struct making making = { .err = err };

    llmp_guard_options_init(&opts);
    LLMP_ENSURE(out && given, err, LLMP_E_INVALID, "out and opts are required");
    LLMP_TRY(llmp_options_read(&opts, sizeof(opts), OPTIONS_V1_SIZE, given,
                               given->size, err));
    LLMP_ENSURE(opts.stage_count <= LLMP_GUARD_STAGES_MAX, err, LLMP_E_LIMIT,
                "more than %d stages", LLMP_GUARD_STAGES_MAX);
    LLMP_ENSURE(opts.text_max > 0 && opts.text_max <= UINT32_MAX, err,
                LLMP_E_INVALID, "text_max is out of range");
    policy = llmp_alloc(sizeof(*policy));
    LLMP_ENSURE(policy, err, LLMP_E_NOMEM, "no memory for a policy");
    atomic_init(&policy->refs, 1);
    llmp_arena_init(&policy->arena, 8192);
    policy->text_max = opts.text_max;
    if (opts.key) {
        memcpy(policy->key, opts.key, sizeof(policy->key));
        policy->has_key = true;
    }
    making.policy = policy;
    LLMP_TRY(make(&making, &opts));
    *out = llmp_steal(&policy);
    return LLMP_OK;
}

const char *llmp_guard_policy_version(const struct llmp_guard_policy *policy)
{
    return policy->version;
}

size_t llmp_guard_policy_stage_count(const struct llmp_guard_policy *policy)
{
    return policy->stage_count;
}

const char *llmp_guard_policy_stage_name(const struct llmp_guard_policy *policy,
                                         size_t index)
{
    return index < policy->stage_count ? policy->stages[index].name : NULL;
}

uint32_t llmp_guard_policy_parts(const struct llmp_guard_policy *policy)
{
    return policy->parts;
}
