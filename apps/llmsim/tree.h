/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's JSON as a tree, for the faces that look at all of it. Nodes and
 * texts hold until the tree is read anew.
 */
#ifndef LLMSIM_TREE_H
#define LLMSIM_TREE_H

#include <llmproxy/json.h>

#include "mem.h"

struct sim_node {
    enum llmp_json_type type; /* OBJECT and ARRAY for containers */
    struct llmp_str key;      /* a member's, decoded */
    struct llmp_str text;     /* a scalar's; strings decoded */
    struct sim_node *child, *next;
};

struct sim_tree {
    struct sim_node *root;
    struct sim_nodes *nodes; /* in pieces, so that they never move */
    struct sim_buf strings;  /* those that had escapes, decoded */
};

void sim_tree_fini(struct sim_tree *tree);

/* Reads a document whole; `json` must outlive the tree. */
int sim_tree_read(struct sim_tree *tree, struct llmp_str json,
                  struct llmp_error *err);

/* All of these take NULL for a value that is not there; null is none. */
struct sim_node *sim_get(const struct sim_node *object, const char *key);
struct llmp_str sim_text(const struct sim_node *node);
bool sim_text_is(const struct sim_node *node, const char *text);
bool sim_is_true(const struct sim_node *node);
uint64_t sim_u64(const struct sim_node *node, uint64_t fallback);
uint64_t sim_count(const struct sim_node *node);
/* The first element or member. */
const struct sim_node *sim_first(const struct sim_node *node);

/* The value again, without blanks. */
void sim_node_write(const struct sim_node *node, struct sim_buf *out);

#endif
