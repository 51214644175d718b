/* SPDX-License-Identifier: Apache-2.0 */
/* A record as JSON. Hashes are for the store only. */
#include "base/internal.h"
#include "gateway/moment.h"
#include "gateway/record.h"

#include <llmproxy/usage.h>

static void add_name(struct llmp_buf *out, const char *name)
{
    if (out->len && out->ptr[out->len - 1] != '{')
        (void)llmp_buf_add(out, LLMP_STR(","));
    (void)llmp_buf_printf(out, "\"%s\":", name);
}

static void write_texts(struct llmp_buf *out, const struct llmp_texts *texts)
{
    (void)llmp_buf_add(out, LLMP_STR("["));
    for (size_t i = 0; i < texts->count; i++) {
        if (i)
            (void)llmp_buf_add(out, LLMP_STR(","));
        (void)llmp_buf_json(out, texts->items[i]);
    }
    (void)llmp_buf_add(out, LLMP_STR("]"));
}

static void write_moment(struct llmp_buf *out, uint64_t wall_ns)
{
    char text[LLMP_MOMENT_SIZE];

    (void)llmp_moment_write(text, wall_ns);
    (void)llmp_buf_printf(out, "\"%s\"", text);
}

static void write_member(struct llmp_buf *out,
                         const struct llmp_record_limits *limits, unsigned i)
{
    char amount[LLMP_NANOS_TEXT_MAX];

    if (!(limits->set >> i & 1))
        return;
    add_name(out, llmp_limit_fields[i].name);
    if (i < LLMP_MEMBER_BUDGET_DAY || i == LLMP_MEMBER_BUDGET_SOFT) {
        (void)llmp_buf_printf(out, "%llu", (unsigned long long)limits->of[i]);
        return;
    }
    (void)llmp_nanos_write(limits->of[i], amount);
    (void)llmp_buf_printf(out, "\"%s\"", amount);
}

static void write_limits(struct llmp_buf *out,
                         const struct llmp_record_limits *limits)
{
    (void)llmp_buf_add(out, LLMP_STR("{"));
    for (unsigned i = 0; i < LLMP_MEMBER_BUDGET_DAY; i++)
        write_member(out, limits, i);
    if (limits->set >> LLMP_MEMBER_BUDGET_DAY || limits->downgrade.len) {
        add_name(out, "budget");
        (void)llmp_buf_add(out, LLMP_STR("{"));
        for (unsigned i = LLMP_MEMBER_BUDGET_DAY; i < LLMP_LIMIT_MEMBERS; i++)
            write_member(out, limits, i);
        if (limits->downgrade.len) {
            add_name(out, "downgrade");
            (void)llmp_buf_json(out, limits->downgrade);
        }
        (void)llmp_buf_add(out, LLMP_STR("}"));
    }
    (void)llmp_buf_add(out, LLMP_STR("}"));
}

static bool has_hash(const struct llmp_key_generation *generation)
{
    static const uint8_t none[LLMP_KEY_HASH_SIZE];

    return memcmp(generation->hash, none, sizeof(none)) != 0;
}

static void write_hashes(struct llmp_buf *out,
                         const struct llmp_key_generation *generations)
{
    (void)llmp_buf_add(out, LLMP_STR("["));
    for (size_t g = 0; g < LLMP_KEY_GENERATIONS && has_hash(&generations[g]);
         g++) {
        (void)llmp_buf_add(out, g ? LLMP_STR(",\"") : LLMP_STR("\""));
        for (size_t i = 0; i < LLMP_KEY_HASH_SIZE; i++)
            (void)llmp_buf_printf(out, "%02x", generations[g].hash[i]);
        (void)llmp_buf_add(out, LLMP_STR("\""));
    }
    (void)llmp_buf_add(out, LLMP_STR("]"));
}

/* What is not set is not written. */
static void write_field(struct llmp_buf *out, const struct llmp_field *field,
                        const void *at)
{
    const struct llmp_texts *texts = at;
    const struct llmp_str *text = at;

    switch (field->type) {
    case LLMP_FIELD_TEXT:
        if (!text->len)
            return;
        add_name(out, field->name);
        (void)llmp_buf_json(out, *text);
        return;
    case LLMP_FIELD_TEXTS:
        if (!texts->count)
            return;
        add_name(out, field->name);
        write_texts(out, texts);
        return;
    case LLMP_FIELD_ROLE:
        if (*(const enum llmp_role *)at == LLMP_ROLE_NONE)
            return;
        add_name(out, field->name);
        (void)llmp_buf_json(
            out, llmp_str_of(llmp_role_name(*(const enum llmp_role *)at)));
        return;
    case LLMP_FIELD_MOMENT:
        if (!*(const uint64_t *)at)
            return;
        add_name(out, field->name);
        write_moment(out, *(const uint64_t *)at);
        return;
    case LLMP_FIELD_BOOL:
        add_name(out, field->name);
        (void)llmp_buf_add(out, *(const bool *)at ? LLMP_STR("true")
                                                  : LLMP_STR("false"));
        return;
    case LLMP_FIELD_LIMITS:
        add_name(out, field->name);
        write_limits(out, at);
        return;
    case LLMP_FIELD_HASHES:
        add_name(out, field->name);
        write_hashes(out, at);
        return;
    }
}

void llmp_record_write(struct llmp_buf *out, const struct llmp_record *record,
                       bool stored, uint64_t last_used_s)
{
    (void)llmp_buf_add(out, LLMP_STR("{"));
    for (size_t i = 0; i < llmp_record_field_count; i++) {
        const struct llmp_field *field = &llmp_record_fields[i];

        if (!(field->kinds >> record->kind & 1) ||
            (field->type == LLMP_FIELD_HASHES && !stored))
            continue;
        write_field(out, field, (const char *)record + field->offset);
    }
    if (!stored && last_used_s) {
        add_name(out, "last_used_at");
        write_moment(out, last_used_s * LLMP_NS_PER_S);
    }
    (void)llmp_buf_add(out, LLMP_STR("}"));
}
