/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys of the file, shown beside those of the store. They are changed in the
 * file only; neither they nor their hashes are in any answer.
 */
#include "base/internal.h"
#include "gateway/admin.h"

static bool copy_texts(struct llmp_record *record, struct llmp_texts *to,
                       const struct llmp_str *items, size_t count)
{
    to->items = llmp_arena_take(&record->arena, count * sizeof(*to->items) + 1);
    if (!to->items)
        return false;
    for (size_t i = 0; i < count; i++)
        to->items[i] = items[i];
    to->count = count;
    return true;
}

static void set_member(struct llmp_record_limits *limits, unsigned member,
                       uint64_t amount)
{
    limits->set |= UINT32_C(1) << member;
    limits->of[member] = amount;
}

/* The limiter's rules as they were written. */
static void copy_limits(struct llmp_record_limits *limits,
                        const struct llmp_allowance *from)
{
    limits->downgrade = from->downgrade;
    for (size_t i = 0; i < from->count; i++) {
        const struct llmp_limit_rule *rule = &from->rules[i];

        for (unsigned k = 0; k < LLMP_LIMIT_MEMBERS; k++)
            if (k != LLMP_MEMBER_REQUESTS_BURST &&
                k != LLMP_MEMBER_BUDGET_SOFT &&
                llmp_limit_fields[k].unit == rule->unit &&
                llmp_limit_fields[k].window == rule->window)
                set_member(limits, k, rule->amount);
        if (rule->unit == LLMP_LIMIT_REQUESTS && rule->burst)
            set_member(limits, LLMP_MEMBER_REQUESTS_BURST, rule->burst);
        if (rule->unit == LLMP_LIMIT_MONEY)
            set_member(limits, LLMP_MEMBER_BUDGET_SOFT,
                       rule->soft_permille / 10);
    }
}

int llmp_admin_file_key(struct llmp_record **out,
                        const struct llmp_key_config *key)
{
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *record = NULL;
    const struct llmp_key_options *o = &key->options;

    LLMP_TRY(llmp_record_new(&record, LLMP_RECORD_KEY));
    record->id = o->id;
    record->name = o->name;
    record->user = o->user;
    record->team = o->team;
    record->org = o->org;
    record->role = o->grant.role;
    record->expires_ns = o->grant.expires_ns;
    record->disabled = o->disabled;
    copy_limits(&record->limits, &key->limits);
    if (!copy_texts(record, &record->models, o->grant.models,
                    o->grant.model_count) ||
        !copy_texts(record, &record->routes, o->grant.routes,
                    o->grant.route_count) ||
        !copy_texts(record, &record->allow, o->allow, o->allow_count) ||
        !copy_texts(record, &record->deny, o->deny, o->deny_count))
        return LLMP_E_NOMEM;
    *out = llmp_steal(&record);
    return LLMP_OK;
}

int llmp_admin_find_file_key(struct llmp_admin *a, struct llmp_record **out)
{
    const struct llmp_key_config *key = llmp_access_file_key(a->access, a->id);
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *record = NULL;

    *out = NULL;
    if (!key)
        return LLMP_OK;
    LLMP_TRY(llmp_admin_file_key(&record, key));

    const struct llmp_policy_object object = llmp_admin_object(record);

    if (llmp_policy_decide(&a->who, LLMP_ACTION_KEY_READ, &object,
                           a->now.wall_ns, NULL) != LLMP_OK)
        return llmp_admin_unknown(a);
    *out = llmp_steal(&record);
    return LLMP_OK;
}
