/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of administration, for people: tables and lists of fields. */
#ifndef LLMGW_ADMIN_TABLE_H
#define LLMGW_ADMIN_TABLE_H

#include <llmproxy/base.h>
#include <stdio.h>

#define GW_COLUMNS_MAX 10

/* A list's items as rows. @param columns  names of members, ends with NULL */
void gw_admin_print_list(FILE *out, struct llmp_str json,
                         const char *const *columns);

/* One object's members, one a line; not those named in `without`. */
void gw_admin_print_object(FILE *out, struct llmp_str json,
                           const char *without);

/* A member's text, unescaped, printable; empty: there is none. To be given to
 * gw_free(). */
char *gw_admin_member(struct llmp_str json, const char *path);

/* Sees each value or container at `depth` (1: the members of an object). */
typedef void gw_admin_see_fn(struct llmp_str key, struct llmp_str value,
                             void *ctx);
void gw_admin_each(struct llmp_str json, uint32_t depth, gw_admin_see_fn *see,
                   void *ctx);

/* A text as JSON. */
void gw_admin_put_json(FILE *out, const char *text);

#endif
