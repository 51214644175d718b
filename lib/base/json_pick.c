/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Picking values out of a token stream by path. Each segment of a path goes
 * down exactly one level, so a field's progress is the depth at which its next
 * token can be: 0 for the root value, 1 for the root's members, and so on.
 * Tokens deeper than any field's are not looked at, which is what makes a
 * large body cheap.
 */
#include <llmproxy/json.h>
#include <string.h>

#include "base/internal.h"
#include "base/json_text.h"

static uint32_t bit(uint32_t i)
{
    return UINT32_C(1) << i;
}

static uint32_t segment_len(const char *rest)
{
    uint32_t len = 0;

    while (rest[len] && rest[len] != '.') /* names are short */
        len++;
    return len;
}

/* What a key looks like at a glance: most keys are told from most names by
 * their depth, length, first and last byte. */
static uint32_t glance(uint32_t depth, const char *text, size_t len)
{
    return len == 0 || len > UINT8_MAX
               ? 0
               : depth << 24 | (uint32_t)len << 16 |
                     (uint32_t)(uint8_t)text[0] << 8 | (uint8_t)text[len - 1];
}

/* The segment that is looked for from now on: any element of an array is at
 * once the next value, a member only behind its key. */
static void set_rest(struct llmp_json_pick *pick, uint32_t i, const char *rest)
{
    uint32_t first = pick->fields[i].first;
    uint32_t len =
        first && rest == pick->fields[i].path ? first : segment_len(rest);
    bool each = len == 2 && rest[0] == '[' && rest[1] == ']';

    pick->at[i].rest = rest;
    pick->at[i].rest_len = len;
    pick->glance[i] = each ? 0 : glance(pick->at[i].depth, rest, len);
    pick->due = each ? pick->due | bit(i) : pick->due & ~bit(i);
    pick->each = each ? pick->each | bit(i) : pick->each & ~bit(i);
}

/* What follows a segment of `len` bytes; NULL: it is the last one. */
static const char *next_segment(const char *rest, uint32_t len)
{
    return rest[len] == '.' ? rest + len + 1 : NULL;
}

static bool is_container(enum llmp_json_type type)
{
    return type == LLMP_JSON_OBJECT || type == LLMP_JSON_ARRAY;
}

static bool is_end(enum llmp_json_type type)
{
    return type == LLMP_JSON_OBJECT_END || type == LLMP_JSON_ARRAY_END;
}

/* After a field's depth has changed: how deep is any of them interested? */
static void set_watch(struct llmp_json_pick *pick)
{
    pick->depth = 0;
    for (uint32_t left = pick->live; left; left &= left - 1) {
        uint32_t depth = pick->at[__builtin_ctz(left)].depth;

        if (depth > pick->depth)
            pick->depth = depth;
    }
}

static void found(struct llmp_json_pick *pick, uint32_t i)
{
    pick->fields[i].found = true;
    pick->live &= ~bit(i);
    if (pick->at[i].depth == pick->depth)
        set_watch(pick);
}

void llmp_json_pick_init(struct llmp_json_pick *pick,
                         struct llmp_json_field *fields, uint32_t count)
{
    pick->fields = fields;
    pick->count = count < LLMP_JSON_FIELDS_MAX ? count : LLMP_JSON_FIELDS_MAX;
    pick->depth = 0;
    pick->live = bit(pick->count) - 1;
    pick->due = pick->each = pick->open = 0;
    for (uint32_t i = 0; i < pick->count; i++) {
        fields[i] = (struct llmp_json_field){ .path = fields[i].path,
                                              .first = fields[i].first };
        pick->at[i].rest = "";
        pick->at[i].rest_len = pick->at[i].depth = 0;
        pick->glance[i] = 0;
    }
}

/* The container in which the field's next segment was looked for has ended:
 * back to the segment before, for the next element of an array. */
static void step_back(struct llmp_json_pick *pick, uint32_t i)
{
    const char *rest = pick->fields[i].path;

    pick->at[i].depth--;
    for (uint32_t n = 1; n < pick->at[i].depth; n++)
        rest = next_segment(rest, segment_len(rest));
    set_rest(pick, i, rest);
    set_watch(pick);
}

static void fill(struct llmp_json_pick *pick, uint32_t i,
                 const struct llmp_json_token *token)
{
    struct llmp_json_field *field = &pick->fields[i];

    field->type = token->type;
    field->offset = token->offset;
    if (is_container(token->type)) {
        pick->open |= bit(i);
        return;
    }
    field->cut = token->cut;
    field->escaped = token->escaped;
    field->size = token->size;
    field->text = token->text;
    found(pick, i);
}

/* A value at the place that the path names so far. */
static void take_value(struct llmp_json_pick *pick, uint32_t i,
                       const struct llmp_json_token *token)
{
    const char *path = pick->fields[i].path;
    const char *next =
        pick->at[i].depth ? next_segment(pick->at[i].rest, pick->at[i].rest_len)
        : *path           ? path
                          : NULL;

    if (!next) {
        fill(pick, i, token);
        return;
    }

    /* Only a container that can hold what the next segment asks for. */
    bool elements = next[0] == '[' && next[1] == ']';

    if (token->type == (elements ? LLMP_JSON_ARRAY : LLMP_JSON_OBJECT)) {
        if (++pick->at[i].depth > pick->depth)
            pick->depth = pick->at[i].depth;
        set_rest(pick, i, next);
    }
}

static void end_value(struct llmp_json_pick *pick, uint32_t i,
                      const struct llmp_json_token *token)
{
    struct llmp_json_field *field = &pick->fields[i];

    if (token->depth != pick->at[i].depth)
        return;
    field->size = token->offset + token->size - field->offset;
    found(pick, i);
}

static void show_end(struct llmp_json_pick *pick,
                     const struct llmp_json_token *token)
{
    for (uint32_t left = pick->live; left; left &= left - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(left);

        if (pick->open & bit(i))
            end_value(pick, i, token);
        else if (token->depth + 1 == pick->at[i].depth)
            step_back(pick, i);
    }
}

/* A key that is written with escapes: rare, so compared with every name. */
static void show_escaped_key(struct llmp_json_pick *pick,
                             const struct llmp_json_token *token)
{
    for (uint32_t left = pick->live & ~pick->open; left; left &= left - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(left);
        struct llmp_str name = { pick->at[i].rest, pick->at[i].rest_len };

        if (pick->glance[i] && pick->at[i].depth == token->depth &&
            llmp_json_unescaped_eq(token->text, name))
            pick->due |= bit(i);
    }
}

static void show_key(struct llmp_json_pick *pick,
                     const struct llmp_json_token *token)
{
    uint32_t seen = glance(token->depth, token->text.ptr, token->text.len);
    uint32_t alike = 0;

    if (token->escaped) {
        show_escaped_key(pick, token);
        return;
    }
    if (seen == 0)
        return;
    for (uint32_t i = 0; i < pick->count; i++)
        alike |= (uint32_t)(pick->glance[i] == seen) << i;
    alike &= pick->live & ~pick->open;
    for (; alike; alike &= alike - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(alike);

        if (memcmp(token->text.ptr, pick->at[i].rest, token->text.len) == 0)
            pick->due |= bit(i);
    }
}

void llmp_json_pick_token(struct llmp_json_pick *pick,
                          const struct llmp_json_token *token)
{
    if (token->depth > pick->depth)
        return;
    if (token->type == LLMP_JSON_KEY) {
        show_key(pick, token);
        return;
    }
    if (is_end(token->type)) {
        show_end(pick, token);
        return;
    }

    /* Most values are nobody's. The root value is everybody's. */
    uint32_t left = pick->live & ~pick->open;

    if (token->depth)
        left &= pick->due;
    for (; left; left &= left - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(left);

        if (pick->at[i].depth != token->depth)
            continue;
        if (!(pick->each & bit(i)))
            pick->due &= ~bit(i); /* the value behind its key, no other */
        take_value(pick, i, token);
    }
}

int llmp_json_pick_all(struct llmp_str document, struct llmp_json_field *fields,
                       uint32_t count, struct llmp_error *err)
{
    struct llmp_json_pick pick;
    struct llmp_json_token token;
    LLMP_AUTO(llmp_json_fini) struct llmp_json reader;
    int rc;

    llmp_json_init(&reader, 0);
    llmp_json_feed(&reader, document, true);
    llmp_json_pick_init(&pick, fields, count);
    while ((rc = llmp_json_next(&reader, &token, err)) == LLMP_OK)
        llmp_json_pick_token(&pick, &token);
    return rc == LLMP_END ? LLMP_OK : rc;
}
