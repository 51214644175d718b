/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML document as a tree with places, before anything is known about keys.
 * One document, no aliases, no tags, no duplicate keys, bounded in depth and
 * number: what looks like one thing cannot be another.
 */
#ifndef LLMP_GATEWAY_CONFIG_TREE_H
#define LLMP_GATEWAY_CONFIG_TREE_H

#include "gateway/config_reading.h"

#define LLMP_CONFIG_TEXT_MAX    (4u << 20)
#define LLMP_CONFIG_DEPTH_MAX   16
#define LLMP_CONFIG_NODES_MAX   200000
#define LLMP_CONFIG_MEMBERS_MAX 256 /* of one mapping */

enum llmp_node_kind { LLMP_NODE_SCALAR, LLMP_NODE_LIST, LLMP_NODE_MAP };

struct llmp_node {
    enum llmp_node_kind kind;
    bool plain;           /* a scalar without quotes: may be true, 1, null */
    size_t at;            /* first code point in the text */
    struct llmp_str text; /* of a scalar, references not expanded */
    const struct llmp_node *key; /* of a member of a mapping */
    struct llmp_node *first, *next;
    size_t count; /* of items or members */
};

/* The tree of reading->text, in reading->scratch; *out is NULL for an empty
 * document. */
int llmp_tree_parse(struct llmp_node **out, struct llmp_reading *reading);

/* NULL: no such member, or `map` is NULL. */
const struct llmp_node *llmp_node_member(const struct llmp_node *map,
                                         struct llmp_str name);

/* An empty value or a plain null. */
bool llmp_node_is_null(const struct llmp_node *node);

/* "a list", "a mapping", "a value". */
const char *llmp_node_kind_name(const struct llmp_node *node);

#endif
