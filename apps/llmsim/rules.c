/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

static bool is_word_of(struct llmp_str text, const char *words)
{
    while (*words) {
        size_t len = strcspn(words, " ");

        if (len == text.len && memcmp(words, text.ptr, len) == 0)
            return true;
        words += len + (words[len] == ' ');
    }
    return false;
}

static unsigned type_of(const struct sim_node *node)
{
    switch (node->type) {
    case LLMP_JSON_STRING:
        return SIM_STR;
    case LLMP_JSON_NUMBER:
        return SIM_NUM;
    case LLMP_JSON_TRUE:
    case LLMP_JSON_FALSE:
        return SIM_BOOL;
    case LLMP_JSON_OBJECT:
        return SIM_OBJ;
    case LLMP_JSON_ARRAY:
        return SIM_LIST;
    default:
        return 0;
    }
}

/* "max_output_tokens" for "maxOutputTokens". */
static bool is_snake_of(struct llmp_str key, const char *name)
{
    size_t at = 0;

    for (; *name; name++) {
        char c = *name;

        if (c >= 'A' && c <= 'Z') {
            if (at == key.len || key.ptr[at++] != '_')
                return false;
            c = (char)(c - 'A' + 'a');
        }
        if (at == key.len || key.ptr[at++] != c)
            return false;
    }
    return at == key.len;
}

static bool applies(const struct sim_rule *rule, const struct sim_node *tag)
{
    return !rule->when || is_word_of(sim_text(tag), rule->when);
}

static const struct sim_rule *rule_of(const struct sim_rule *rules,
                                      struct sim_node *member,
                                      const struct sim_node *tag, bool any_case)
{
    for (; rules->name; rules++) {
        bool same = sim_str_is(member->key, rules->name) ||
                    (any_case && is_snake_of(member->key, rules->name));

        if (!same || !applies(rules, tag))
            continue;
        member->key = (struct llmp_str){ rules->name, strlen(rules->name) };
        return rules;
    }
    return NULL;
}

static bool fails(struct sim_problem *problem, enum sim_breach what)
{
    problem->what = what;
    return false;
}

static void enter(struct sim_problem *problem, struct llmp_str name)
{
    if (problem->path.len)
        sim_buf_text(&problem->path, ".");
    problem->name_at = problem->path.len;
    sim_buf_add(&problem->path, name);
}

static bool object_holds(struct sim_node *object, const struct sim_rule *rules,
                         bool any_case, struct sim_problem *problem);

static bool list_holds(struct sim_node *list, const struct sim_rule *rules,
                       bool any_case, struct sim_problem *problem)
{
    size_t here = problem->path.len, index = 0;

    for (struct sim_node *one = list->child; one; one = one->next) {
        sim_buf_printf(&problem->path, ".%zu", index++);
        if (one->type != LLMP_JSON_OBJECT)
            return fails(problem, SIM_WRONG_TYPE);
        if (!object_holds(one, rules, any_case, problem))
            return false;
        problem->path.len = here;
    }
    return true;
}

static bool member_holds(struct sim_node *member, const struct sim_rule *rule,
                         bool any_case, struct sim_problem *problem)
{
    if (member->type == LLMP_JSON_NULL && !(rule->types & SIM_REQUIRED))
        return true;
    if (!(type_of(member) & rule->types))
        return fails(problem, SIM_WRONG_TYPE);
    if (rule->values && member->type == LLMP_JSON_STRING &&
        !is_word_of(member->text, rule->values))
        return fails(problem, SIM_WRONG_VALUE);
    if (!rule->inside)
        return true;
    if (member->type == LLMP_JSON_OBJECT)
        return object_holds(member, rule->inside, any_case, problem);
    if (member->type == LLMP_JSON_ARRAY)
        return list_holds(member, rule->inside, any_case, problem);
    return true;
}

static bool has_required(const struct sim_node *object,
                         const struct sim_rule *rules,
                         const struct sim_node *tag,
                         struct sim_problem *problem)
{
    for (; rules->name; rules++)
        if (rules->types & SIM_REQUIRED && applies(rules, tag) &&
            !sim_get(object, rules->name)) {
            enter(problem,
                  (struct llmp_str){ rules->name, strlen(rules->name) });
            return fails(problem, SIM_MISSING_MEMBER);
        }
    return true;
}

static bool object_holds(struct sim_node *object, const struct sim_rule *rules,
                         bool any_case, struct sim_problem *problem)
{
    const struct sim_node *tag = sim_get(object, "type");
    size_t here = problem->path.len;

    for (struct sim_node *one = object->child; one; one = one->next) {
        const struct sim_rule *rule = rule_of(rules, one, tag, any_case);

        enter(problem, one->key);
        if (!rule)
            return fails(problem, SIM_UNKNOWN_MEMBER);
        if (!member_holds(one, rule, any_case, problem))
            return false;
        problem->path.len = here;
    }
    return has_required(object, rules, tag, problem);
}

bool sim_rules_hold(struct sim_node *value, const struct sim_rule *rules,
                    bool any_case, struct sim_problem *problem)
{
    if (value->type != LLMP_JSON_OBJECT)
        return fails(problem, SIM_WRONG_TYPE);
    return object_holds(value, rules, any_case, problem);
}
