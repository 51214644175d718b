/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See admin_table.h. What is printed came from others: control characters,
 * which terminals obey, are shown as question marks.
 */
#define _GNU_SOURCE
#include "admin_table.h"

#include <llmproxy/json.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define ROWS_MAX 10000

static void make_printable(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == 0x7f ||
            (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0)) {
            text[i] = '?';
            if (c == 0xc2)
                text[++i] = '?';
        }
    }
}

/* A value's text: strings without quotes and escapes, the rest as it is. */
static char *value_text(struct llmp_str json)
{
    bool quoted = json.len >= 2 && json.ptr[0] == '"';
    struct llmp_str raw = { json.ptr + quoted, json.len - 2 * quoted };
    char *text = gw_copy_text(raw.ptr ? raw.ptr : "", raw.len);
    size_t len = raw.len;

    if (!text)
        return NULL;
    if (quoted)
        len = llmp_json_unescape(text, raw);
    make_printable(text, len);
    text[len] = '\0';
    return text;
}

char *gw_admin_member(struct llmp_str json, const char *path)
{
    struct llmp_json_field field = { .path = path };

    if (llmp_json_pick_all(json, &field, 1, NULL) < 0 || !field.found ||
        field.type == LLMP_JSON_NULL)
        return value_text((struct llmp_str){ NULL, 0 });
    return value_text(
        (struct llmp_str){ json.ptr + field.offset, (size_t)field.size });
}

void gw_admin_each(struct llmp_str json, uint32_t depth, gw_admin_see_fn *see,
                   void *ctx)
{
    struct llmp_str key = { NULL, 0 };
    struct llmp_json_token token;
    struct llmp_json reader;
    uint64_t from = 0;

    llmp_json_init(&reader, 0);
    llmp_json_feed(&reader, json, true);
    while (llmp_json_next(&reader, &token, NULL) == LLMP_OK) {
        bool ends = token.type == LLMP_JSON_OBJECT_END ||
                    token.type == LLMP_JSON_ARRAY_END;
        bool begins =
            token.type == LLMP_JSON_OBJECT || token.type == LLMP_JSON_ARRAY;

        if (token.depth != depth)
            continue;
        if (token.type == LLMP_JSON_KEY) {
            key = token.text;
            continue;
        }
        if (!ends)
            from = token.offset;
        if (!begins)
            see(key,
                (struct llmp_str){ json.ptr + from,
                                   (size_t)(token.offset + token.size - from) },
                ctx);
    }
    llmp_json_fini(&reader);
}

void gw_admin_put_json(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            (void)fprintf(out, "\\%c", c);
        else if (c < 0x20)
            (void)fprintf(out, "\\u%04x", c);
        else
            (void)fputc(c, out);
    }
    (void)fputc('"', out);
}

/* ---- an object ----------------------------------------------------------- */

struct lines {
    FILE *out;
    const char *without;
};

static void print_line(struct llmp_str key, struct llmp_str value, void *ctx)
{
    const struct lines *lines = ctx;
    char *text;

    if (lines->without && strlen(lines->without) == key.len &&
        memcmp(lines->without, key.ptr, key.len) == 0)
        return;
    text = value_text(value);
    (void)fprintf(lines->out, "%-16.*s %s\n", (int)key.len, key.ptr,
                  text ? text : "");
    gw_free(text);
}

void gw_admin_print_object(FILE *out, struct llmp_str json, const char *without)
{
    struct lines lines = { out, without };

    gw_admin_each(json, 1, print_line, &lines);
}

/* ---- a list -------------------------------------------------------------- */

struct table {
    const char *const *columns;
    size_t column_count, row_count;
    size_t widths[GW_COLUMNS_MAX];
    char **cells; /* row by row */
};

/* Characters, not bytes: what a terminal shows, nearly always. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void add_row(struct llmp_str key, struct llmp_str value, void *ctx)
{
    struct table *table = ctx;

    (void)key;
    if (table->row_count == ROWS_MAX)
        return;
    for (size_t i = 0; i < table->column_count; i++) {
        char *text = gw_admin_member(value, table->columns[i]);
        size_t width = text ? width_of(text) : 0;

        table->cells[table->row_count * table->column_count + i] = text;
        if (width > table->widths[i])
            table->widths[i] = width;
    }
    table->row_count++;
}

static void print_cell(FILE *out, const char *text, size_t width, bool last)
{
    (void)fprintf(out, "%s", text);
    for (size_t n = width_of(text); !last && n < width + 2; n++)
        (void)fputc(' ', out);
}

/* Of a path, what it ends with. */
static const char *title_of(const char *column)
{
    const char *dot = strrchr(column, '.');

    return dot ? dot + 1 : column;
}

static void print_head(FILE *out, const struct table *table)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const char *column = title_of(table->columns[i]);
        char title[32];
        size_t n = 0;

        for (; column[n] && n < sizeof(title) - 1; n++) {
            char c = column[n];

            title[n] = (char)(c >= 'a' && c <= 'z' ? c - 32
                              : c == '_'           ? ' '
                                                   : c);
        }
        title[n] = '\0';
        print_cell(out, title, table->widths[i], i + 1 == table->column_count);
    }
    (void)fputc('\n', out);
}

void gw_admin_print_list(FILE *out, struct llmp_str json,
                         const char *const *columns)
{
    struct table table = { .columns = columns };
    char *next = gw_admin_member(json, "next");

    while (columns[table.column_count])
        table.column_count++;
    table.cells = gw_alloc(ROWS_MAX * table.column_count * sizeof(char *));
    for (size_t i = 0; i < table.column_count; i++)
        table.widths[i] = strlen(title_of(columns[i]));
    if (table.cells) {
        gw_admin_each(json, 2, add_row, &table);
        print_head(out, &table);
    }
    for (size_t r = 0; r < table.row_count; r++) {
        for (size_t i = 0; i < table.column_count; i++) {
            char *cell = table.cells[r * table.column_count + i];

            print_cell(out, cell ? cell : "", table.widths[i],
                       i + 1 == table.column_count);
            gw_free(cell);
        }
        (void)fputc('\n', out);
    }
    if (next && *next)
        (void)fprintf(stderr, "there is more: go on with --after %s\n", next);
    gw_free(next);
    gw_free(table.cells);
}
