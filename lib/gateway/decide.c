/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/decide.h"

#include "base/internal.h"
#include "base/str.h"

/* ---- rules -------------------------------------------------------------- */

static bool has_name(const struct llmp_names *names, struct llmp_str name)
{
    for (size_t i = 0; i < names->count; i++)
        if (llmp_str_eq(names->items[i], name))
            return true;
    return false;
}

/* "a, b,c": whether one of the names is there. */
static bool has_tag(const struct llmp_names *names, struct llmp_str tags)
{
    while (tags.len) {
        size_t comma = llmp_str_find(tags, LLMP_STR(","));
        size_t len = comma == SIZE_MAX ? tags.len : comma;
        struct llmp_str tag = llmp_str_trim((struct llmp_str){ tags.ptr, len });

        if (tag.len && has_name(names, tag))
            return true;
        len += comma != SIZE_MAX;
        tags.ptr += len;
        tags.len -= len;
    }
    return false;
}

static bool has_fields(const struct llmp_when *when,
                       const struct llmp_asked *asked)
{
    for (size_t i = 0; i < when->field_count; i++)
        if (!llmp_str_eq(when->fields[i].value,
                         asked->fields[when->fields[i].index]))
            return false;
    return true;
}

bool llmp_when_holds(const struct llmp_when *when,
                     const struct llmp_asked *asked)
{
    return asked->input_tokens >= when->tokens_min &&
           asked->input_tokens <= when->tokens_max &&
           (!when->keys.count || has_name(&when->keys, asked->key)) &&
           (!when->teams.count || has_name(&when->teams, asked->team)) &&
           (!when->tags.count || has_tag(&when->tags, asked->tags)) &&
           has_fields(when, asked);
}

size_t llmp_rule_find(const struct llmp_model *model,
                      const struct llmp_asked *asked)
{
    for (size_t i = 0; i < model->rule_count; i++)
        if (llmp_when_holds(&model->rules[i].when, asked))
            return i;
    return SIZE_MAX;
}

uint32_t llmp_priority_find(const struct llmp_queue_config *queue,
                            const struct llmp_asked *asked)
{
    for (size_t i = 0; i < queue->rule_count; i++)
        if (llmp_when_holds(&queue->rules[i].when, asked))
            return queue->rules[i].priority;
    return LLMP_PRIORITY_NORMAL;
}

void llmp_rule_fields_read(struct llmp_str *fields,
                           const struct llmp_config *config,
                           const struct llmp_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < config->rule_field_count; k++)
            if (!fields[k].ptr &&
                llmp_str_eq(headers[i].name, config->rule_fields[k]))
                fields[k] = headers[i].value;
}
