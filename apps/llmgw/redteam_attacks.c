/* SPDX-License-Identifier: Apache-2.0 */
/* Reading attacks: see redteam_attacks.h. */
#include "redteam_attacks.h"

#include <llmproxy/json.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"

/* redteam.jsonl, by scripts/embed.py. */
extern const unsigned char gw_redteam_lines[];
extern const size_t gw_redteam_lines_size;

/* Why a line is of no use; NULL: it is. */
static const char *find_part(enum llmp_guard_part *out, struct llmp_str name)
{
    for (int p = 0; p < LLMP_GUARD_PARTS; p++) {
        const char *known = llmp_guard_part_name((enum llmp_guard_part)p);

        if (strlen(known) != name.len || memcmp(known, name.ptr, name.len) != 0)
            continue;
        *out = (enum llmp_guard_part)p;
        return NULL;
    }
    return "there is no such part";
}

/* Names are printed: they are of plain letters. */
static bool is_name(struct llmp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
            !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.')
            return false;
    }
    return text.len > 0 && text.len < GW_FAMILY_NAME_MAX;
}

static const char *find_family(struct gw_attacks *attacks, uint32_t *out,
                               struct llmp_str name)
{
    struct gw_family *family;

    if (!is_name(name))
        return "a family has a name of letters, digits, '_', '-', '.'";
    for (uint32_t i = 0; i < attacks->family_count; i++)
        if (strlen(attacks->families[i].name) == name.len &&
            memcmp(attacks->families[i].name, name.ptr, name.len) == 0) {
            *out = i;
            return NULL;
        }
    if (attacks->family_count == GW_FAMILIES_MAX)
        return "too many families";
    *out = attacks->family_count++;
    family = &attacks->families[*out];
    memcpy(family->name, name.ptr, name.len);
    family->harmless = strcmp(family->name, "harmless") == 0;
    return NULL;
}

static bool make_room(struct gw_attacks *attacks)
{
    size_t cap = attacks->cap ? attacks->cap * 2 : 512;
    struct gw_attack *items;

    if (attacks->count < attacks->cap)
        return true;
    items = gw_alloc(cap * sizeof(*items));
    if (!items)
        return false;
    if (attacks->count)
        memcpy(items, attacks->items, attacks->count * sizeof(*items));
    gw_free(attacks->items);
    attacks->items = items;
    attacks->cap = cap;
    return true;
}

static const char *add_line(struct gw_attacks *attacks, struct llmp_str line)
{
    struct llmp_json_field fields[] = { { .path = "family" },
                                        { .path = "part" },
                                        { .path = "text" } };
    const struct llmp_json_field *family = &fields[0], *part = &fields[1],
                                 *text = &fields[2];
    struct gw_attack attack = { .part = LLMP_GUARD_USER };
    const char *wrong;
    char *copy;

    if (llmp_json_pick_all(line, fields, 3, NULL) < 0)
        return "it is no JSON";
    if (family->type != LLMP_JSON_STRING || text->type != LLMP_JSON_STRING ||
        !family->found || !text->found || family->escaped)
        return "'family' and 'text' are needed, as strings";
    if (part->found && part->type != LLMP_JSON_STRING)
        return "'part' is a string";
    wrong = part->found ? find_part(&attack.part, part->text) : NULL;
    if (!wrong && text->text.len > GW_ATTACK_TEXT_MAX)
        wrong = "the text is longer than 64 KiB";
    if (!wrong && attacks->count == GW_ATTACKS_MAX)
        wrong = "too many attacks";
    if (!wrong)
        wrong = find_family(attacks, &attack.family, family->text);
    if (wrong)
        return wrong;
    copy = make_room(attacks) ? gw_alloc(text->text.len + 1) : NULL;
    if (!copy)
        return "out of memory";
    attack.text =
        (struct llmp_str){ copy, llmp_json_unescape(copy, text->text) };
    attacks->items[attacks->count++] = attack;
    return NULL;
}

bool gw_attacks_add(struct gw_attacks *attacks, struct llmp_str lines,
                    const char *name, char message[256])
{
    size_t number = 1;

    for (size_t at = 0; at < lines.len; number++) {
        const char *line = lines.ptr + at;
        const char *end = memchr(line, '\n', lines.len - at);
        size_t len = end ? (size_t)(end - line) : lines.len - at;
        const char *wrong = NULL;

        at += len + 1;
        if (len && line[len - 1] == '\r')
            len--;
        if (len)
            wrong = add_line(attacks, (struct llmp_str){ line, len });
        if (wrong) {
            (void)snprintf(message, 256, "%s:%zu: %s", name, number, wrong);
            return false;
        }
    }
    return true;
}

bool gw_attacks_add_shipped(struct gw_attacks *attacks)
{
    char message[256];

    return gw_attacks_add(attacks,
                          (struct llmp_str){ (const char *)gw_redteam_lines,
                                             gw_redteam_lines_size },
                          "redteam.jsonl", message);
}

void gw_attacks_fini(struct gw_attacks *attacks)
{
    for (size_t i = 0; i < attacks->count; i++)
        gw_free((void *)attacks->items[i].text.ptr);
    gw_free(attacks->items);
    *attacks = (struct gw_attacks){ .items = NULL };
}
