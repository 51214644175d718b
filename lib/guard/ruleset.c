/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of rules is made: each pattern compiled for PCRE2, all of them for
 * Vectorscan, once for whole texts and once for streams.
 */
#include "guard/ruleset.h"

#include "base/internal.h"
#include "guard/digits_least.h"
#include "guard/ruleset_in.h"

enum {
    FLOW_RULES_MAX = 512 /* of several tables in one group */
};

static void *memory_take(size_t size, void *ctx)
{
    (void)ctx;
    return llmp_alloc(size);
}

static void memory_give(void *memory, void *ctx)
{
    (void)ctx;
    llmp_free(memory);
}

static void groups_fini(struct llmp_rule_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        (void)hs_free_database(groups->items[i].database);
        llmp_free(groups->items[i].rules);
    }
    llmp_free(groups->items);
}

void llmp_ruleset_free(struct llmp_ruleset *set)
{
    if (!set)
        return;
    for (size_t i = 0; i < set->count; i++)
        pcre2_code_free(set->rules[i].code);
    llmp_free(set->rules);
    groups_fini(&set->blocks);
    groups_fini(&set->flows);
    pcre2_match_context_free(set->limits);
    pcre2_general_context_free(set->memory);
    llmp_arena_fini(&set->arena);
    llmp_free(set);
}

static void ruleset_freep(struct llmp_ruleset **set)
{
    llmp_ruleset_free(*set);
}

bool llmp_group_wanted(const struct llmp_rule_group *group,
                       struct llmp_rule_mask mask)
{
    for (size_t i = 0; i < group->count; i++)
        if (llmp_rule_wanted(mask, group->rules[i]))
            return true;
    return false;
}

static int prepare(struct llmp_ruleset *set, size_t count, size_t tables,
                   struct llmp_error *err)
{
    size_t groups = 2 * tables + 1;

    llmp_arena_init(&set->arena, 8192);
    set->rules = llmp_alloc_array(count, sizeof(*set->rules));
    set->memory = pcre2_general_context_create(memory_take, memory_give, NULL);
    set->blocks.items = llmp_alloc_array(groups, sizeof(*set->blocks.items));
    set->flows.items = llmp_alloc_array(groups, sizeof(*set->flows.items));
    LLMP_ENSURE(set->rules && set->memory && set->blocks.items &&
                    set->flows.items,
                err, LLMP_E_NOMEM, "no memory for %zu rules", count);
    set->limits = pcre2_match_context_create(set->memory);
    LLMP_ENSURE(set->limits, err, LLMP_E_NOMEM, "no memory for limits");
    (void)pcre2_set_match_limit(set->limits, LLMP_RULE_STEPS_MAX);
    return LLMP_OK;
}

static bool is_number(const struct llmp_compiled_rule *rule)
{
    return rule->width <= LLMP_DIGITS_NEAR_WITHIN &&
           llmp_digits_least(rule->rule->pattern) >= LLMP_DIGITS_NEAR;
}

/* Of the rules from `first` to `end`, those that are numbers, or the others. */
static int add_group(struct llmp_ruleset *set, struct llmp_rule_groups *groups,
                     size_t first, size_t end, bool numbers,
                     struct llmp_error *err)
{
    struct llmp_rule_group *group = &groups->items[groups->count];

    *group = (struct llmp_rule_group){ .numbers = numbers };
    group->rules = llmp_alloc_array(end - first, sizeof(*group->rules));
    LLMP_ENSURE(group->rules, err, LLMP_E_NOMEM, "no memory for %zu rules",
                end - first);
    for (size_t i = first; i < end; i++) {
        const char *pattern = set->rules[i].rule->pattern;

        if (set->rules[i].number != numbers)
            continue;
        group->rules[group->count++] = (uint32_t)i;
        group->ends |= strstr(pattern, "\\z") || strstr(pattern, "\\Z");
    }
    if (group->count)
        groups->count++;
    else
        llmp_free(group->rules);
    return LLMP_OK;
}

static int add_rules(struct llmp_ruleset *set, const struct llmp_rules *table,
                     struct llmp_error *err)
{
    for (size_t i = 0; i < table->count; i++) {
        struct llmp_compiled_rule *rule = &set->rules[set->count];

        LLMP_TRY(llmp_rule_compile(set, rule, &table->items[i], err));
        rule->number = is_number(rule);
        set->count++;
    }
    return LLMP_OK;
}

/* Databases of several tables of numbers take as long to scan as theirs one
 * after the other, and much longer to compile. */
static int add_table(struct llmp_ruleset *set, const struct llmp_rules *table,
                     size_t *flow_begin, struct llmp_error *err)
{
    size_t first = set->count, end = first + table->count;

    if (table->count == 0)
        return LLMP_OK;
    LLMP_TRY(add_rules(set, table, err));
    LLMP_TRY(add_group(set, &set->blocks, first, end, false, err));
    LLMP_TRY(add_group(set, &set->blocks, first, end, true, err));
    LLMP_TRY(add_group(set, &set->flows, first, end, true, err));
    if (first > *flow_begin && end - *flow_begin > FLOW_RULES_MAX) {
        LLMP_TRY(add_group(set, &set->flows, *flow_begin, first, false, err));
        *flow_begin = first;
    }
    return LLMP_OK;
}

static int make_databases(struct llmp_ruleset *set,
                          struct llmp_rule_groups *groups, unsigned mode,
                          const struct llmp_guard_cache *cache,
                          struct llmp_error *err)
{
    for (size_t i = 0; i < groups->count; i++)
        LLMP_TRY(
            llmp_ruleset_database(set, &groups->items[i], mode, cache, err));
    return LLMP_OK;
}

int llmp_ruleset_new(struct llmp_ruleset **out, const struct llmp_rules *tables,
                     size_t count, const struct llmp_guard_cache *cache,
                     struct llmp_error *err)
{
    LLMP_AUTO(ruleset_freep) struct llmp_ruleset *set = NULL;
    size_t total = 0, flow_begin = 0;

    for (size_t i = 0; i < count; i++)
        total += tables[i].count;
    LLMP_ENSURE(total <= LLMP_RULESET_RULES_MAX, err, LLMP_E_LIMIT,
                "%zu rules; at most %d", total, LLMP_RULESET_RULES_MAX);
    set = llmp_alloc(sizeof(*set));
    LLMP_ENSURE(set, err, LLMP_E_NOMEM, "no memory for a set of rules");
    LLMP_TRY(prepare(set, total ? total : 1, count, err));
    for (size_t i = 0; i < count; i++)
        LLMP_TRY(add_table(set, &tables[i], &flow_begin, err));
    if (set->count > flow_begin)
        LLMP_TRY(
            add_group(set, &set->flows, flow_begin, set->count, false, err));
    LLMP_TRY(make_databases(set, &set->blocks, HS_MODE_BLOCK, cache, err));
    LLMP_TRY(make_databases(set, &set->flows, HS_MODE_STREAM, cache, err));
    *out = llmp_steal(&set);
    return LLMP_OK;
}

size_t llmp_ruleset_count(const struct llmp_ruleset *set)
{
    return set->count;
}

const struct llmp_rule *llmp_ruleset_rule(const struct llmp_ruleset *set,
                                          size_t index)
{
    return set->rules[index].rule;
}

size_t llmp_ruleset_width(const struct llmp_ruleset *set, size_t index)
{
    return set->rules[index].width;
}

bool llmp_ruleset_goes_on(const struct llmp_ruleset *set, size_t index,
                          uint8_t byte)
{
    return llmp_rule_tail_has(&set->rules[index], byte);
}
