/* SPDX-License-Identifier: Apache-2.0 */
/* The text of single tokens: see also llmp_json_unescape() in json.h. */
#ifndef LLMP_BASE_JSON_TEXT_H
#define LLMP_BASE_JSON_TEXT_H

#include <llmproxy/json.h>

/* Whether `raw` without its escapes is `text`; nothing is copied. */
bool llmp_json_unescaped_eq(struct llmp_str raw, struct llmp_str text);

#endif
