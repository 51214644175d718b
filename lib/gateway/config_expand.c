/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References in values. A value is cut into parts (pieces of the text, values
 * of variables, contents of files), which are then joined in one exact
 * allocation, so that no half-built copy of a secret stays behind.
 */
#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_tree.h"
#include "gateway/config_value.h"

#define PARTS_MAX    32
#define VALUE_MAX    (64u << 10) /* of one expanded value */
#define TOTAL_MAX    (64u << 20) /* of a whole configuration */
#define NAME_MAX_LEN 128

struct parts {
    struct llmp_reading *reading;
    const struct llmp_node *node;
    struct llmp_str list[PARTS_MAX];
    size_t count, len;
    bool referenced;
};

static int add_part(struct parts *p, struct llmp_str part)
{
    if (part.len == 0)
        return LLMP_OK;
    if (p->count == PARTS_MAX || part.len > VALUE_MAX - p->len)
        return llmp_reading_fail(p->reading, p->node, LLMP_E_LIMIT,
                                 "a value of more than 64 KiB or %d parts",
                                 PARTS_MAX);
    p->list[p->count++] = part;
    p->len += part.len;
    return LLMP_OK;
}

static bool is_variable_name(struct llmp_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter =
            (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';

        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.len > 0 && name.len < NAME_MAX_LEN;
}

/* Somebody may have put a key itself between the braces: only what looks like
 * a variable's name is repeated in a message. */
static bool is_conventional(struct llmp_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] >= 'a' && name.ptr[i] <= 'z')
            return false;
    return true;
}

static struct llmp_str without_newline(struct llmp_str text)
{
    if (text.len == 0 || text.ptr[text.len - 1] != '\n')
        return text;
    text.len--;
    if (text.len && text.ptr[text.len - 1] == '\r')
        text.len--;
    return text;
}

static int add_file(struct parts *p, struct llmp_str path)
{
    const struct llmp_config_source *source = &p->reading->source;
    char reason[128] = "files cannot be read here";
    struct llmp_str value = { NULL, 0 };

    if (path.len == 0 || memchr(path.ptr, '\0', path.len))
        return llmp_reading_fail(p->reading, p->node, LLMP_E_INVALID,
                                 "a file is written '${file:PATH}'");

    struct llmp_str name = llmp_config_join(&p->reading->scratch, &path, 1);

    if (!name.ptr)
        return llmp_reading_nomem(p->reading);
    if (!source->file || !source->file(name.ptr, &value, reason, source->ctx)) {
        reason[sizeof(reason) - 1] = '\0';
        return llmp_reading_fail(p->reading, p->node, LLMP_E_NOT_FOUND,
                                 "the file '%s' cannot be read: %s",
                                 llmp_show(path).text,
                                 llmp_show(llmp_str_of(reason)).text);
    }
    p->referenced = true;
    return add_part(p, without_newline(value));
}

static int add_variable(struct parts *p, struct llmp_str inside)
{
    const struct llmp_config_source *source = &p->reading->source;
    size_t colon = llmp_str_find(inside, LLMP_STR(":-"));
    bool has_default = colon != SIZE_MAX;
    struct llmp_str name = { inside.ptr, has_default ? colon : inside.len };
    struct llmp_str value = { NULL, 0 };
    char c_name[NAME_MAX_LEN];

    if (!is_variable_name(name))
        return llmp_reading_fail(
            p->reading, p->node, LLMP_E_INVALID,
            "a reference is written '${NAME}', '${NAME:-default}' or "
            "'${file:PATH}'");
    memcpy(c_name, name.ptr, name.len);
    c_name[name.len] = '\0';

    bool found = source->env && source->env(c_name, &value, source->ctx);

    if (has_default && (!found || value.len == 0))
        return add_part(p, (struct llmp_str){ inside.ptr + colon + 2,
                                              inside.len - colon - 2 });
    if (!found && is_conventional(name))
        return llmp_reading_fail(p->reading, p->node, LLMP_E_NOT_FOUND,
                                 "the variable '%s' is not set",
                                 llmp_show(name).text);
    if (!found)
        return llmp_reading_fail(p->reading, p->node, LLMP_E_NOT_FOUND,
                                 "this variable is not set");
    p->referenced = true;
    return add_part(p, value);
}

/* `rest` begins with '$'; *used is how much of it was consumed. */
static int add_dollar(struct parts *p, struct llmp_str rest, size_t *used)
{
    if (rest.len > 1 && rest.ptr[1] == '$') {
        *used = 2;
        return add_part(p, LLMP_STR("$"));
    }
    if (rest.len < 2 || rest.ptr[1] != '{')
        return llmp_reading_fail(p->reading, p->node, LLMP_E_INVALID,
                                 "a '$' alone is written '$$', a reference "
                                 "'${NAME}'");

    size_t end = llmp_str_find(rest, LLMP_STR("}"));

    if (end == SIZE_MAX)
        return llmp_reading_fail(p->reading, p->node, LLMP_E_INVALID,
                                 "the '}' of a reference is missing");

    struct llmp_str inside = { rest.ptr + 2, end - 2 };

    *used = end + 1;
    if (llmp_str_find(inside, LLMP_STR("${")) != SIZE_MAX)
        return llmp_reading_fail(p->reading, p->node, LLMP_E_INVALID,
                                 "references do not nest");
    if (llmp_str_starts(inside, LLMP_STR("file:")))
        return add_file(p, (struct llmp_str){ inside.ptr + 5, inside.len - 5 });
    return add_variable(p, inside);
}

int llmp_value_expand(struct llmp_str *out, bool *referenced,
                      struct llmp_reading *reading,
                      const struct llmp_node *node)
{
    struct parts p = { .reading = reading, .node = node };
    struct llmp_str rest = node->text;

    while (rest.len) {
        size_t dollar = llmp_str_find(rest, LLMP_STR("$"));
        size_t used = dollar == SIZE_MAX ? rest.len : dollar;

        LLMP_TRY(add_part(&p, (struct llmp_str){ rest.ptr, used }));
        rest = (struct llmp_str){ rest.ptr + used, rest.len - used };
        if (rest.len == 0)
            break;
        LLMP_TRY(add_dollar(&p, rest, &used));
        rest = (struct llmp_str){ rest.ptr + used, rest.len - used };
    }
    if (reading->config->memory.arena.used > TOTAL_MAX)
        return llmp_reading_fail(reading, node, LLMP_E_LIMIT,
                                 "all values together exceed 64 MiB");

    struct llmp_str joined =
        llmp_config_join(&reading->config->memory, p.list, p.count);

    if (!joined.ptr)
        return llmp_reading_nomem(reading);
    *out = joined;
    *referenced = p.referenced;
    return LLMP_OK;
}
