/* SPDX-License-Identifier: Apache-2.0 */
#include "tree.h"

#define NODES_A_PIECE 128

struct sim_nodes {
    struct sim_nodes *older;
    size_t used;
    struct sim_node node[NODES_A_PIECE];
};

/* One piece is kept for the next document. */
static void clear(struct sim_tree *tree)
{
    while (tree->nodes && tree->nodes->older) {
        struct sim_nodes *piece = tree->nodes;

        tree->nodes = piece->older;
        sim_free(piece);
    }
    if (tree->nodes)
        tree->nodes->used = 0;
    tree->root = NULL;
    tree->strings.len = 0;
}

void sim_tree_fini(struct sim_tree *tree)
{
    clear(tree);
    sim_free(tree->nodes);
    tree->nodes = NULL;
    sim_buf_fini(&tree->strings);
}

static struct sim_node *new_node(struct sim_tree *tree)
{
    if (!tree->nodes || tree->nodes->used == NODES_A_PIECE) {
        struct sim_nodes *piece = sim_alloc(sizeof(*piece));

        piece->older = tree->nodes;
        tree->nodes = piece;
    }
    return &tree->nodes->node[tree->nodes->used++];
}

/* Decoding never grows text, and all strings together are no longer than the
 * document: there is room for every one from the first on, so none moves. */
static struct llmp_str decode(struct sim_tree *tree, size_t document,
                              const struct llmp_json_token *token)
{
    if (!token->escaped)
        return token->text;
    if (tree->strings.len == 0)
        sim_buf_reserve(&tree->strings, document);

    char *at = tree->strings.ptr + tree->strings.len;
    size_t len = llmp_json_unescape(at, token->text);

    tree->strings.len += len;
    return (struct llmp_str){ at, len };
}

/* Puts the values of one document to their places. */
struct build {
    struct sim_node *open[LLMP_JSON_DEPTH_MAX + 1];
    struct sim_node *last[LLMP_JSON_DEPTH_MAX + 1]; /* child of open[] */
    struct llmp_str key;
};

static void place(struct sim_tree *tree, struct build *build,
                  struct sim_node *node, uint32_t depth)
{
    node->key = build->key;
    build->key = (struct llmp_str){ NULL, 0 };
    if (depth == 0)
        tree->root = node;
    else if (build->last[depth - 1])
        build->last[depth - 1]->next = node;
    else
        build->open[depth - 1]->child = node;
    if (depth > 0)
        build->last[depth - 1] = node;
    build->open[depth] = node;
    build->last[depth] = NULL;
}

static void take(struct sim_tree *tree, struct build *build, size_t document,
                 const struct llmp_json_token *token)
{
    if (token->type == LLMP_JSON_OBJECT_END ||
        token->type == LLMP_JSON_ARRAY_END)
        return;
    if (token->type == LLMP_JSON_KEY) {
        build->key = decode(tree, document, token);
        return;
    }

    struct sim_node *node = new_node(tree);

    *node = (struct sim_node){ .type = token->type, .text = token->text };
    if (token->type == LLMP_JSON_STRING)
        node->text = decode(tree, document, token);
    place(tree, build, node, token->depth);
}

int sim_tree_read(struct sim_tree *tree, struct llmp_str json,
                  struct llmp_error *err)
{
    struct build build = { .key = { NULL, 0 } };
    struct llmp_json_token token;
    struct llmp_json reader;
    int rc;

    clear(tree);
    llmp_json_init(&reader, 0);
    llmp_json_feed(&reader, json, true);
    while ((rc = llmp_json_next(&reader, &token, err)) == LLMP_OK)
        take(tree, &build, json.len, &token);
    llmp_json_fini(&reader);
    return rc;
}

const struct sim_node *sim_first(const struct sim_node *node)
{
    return node ? node->child : NULL;
}

struct sim_node *sim_get(const struct sim_node *object, const char *key)
{
    if (!object || object->type != LLMP_JSON_OBJECT)
        return NULL;
    for (struct sim_node *node = object->child; node; node = node->next)
        if (sim_str_is(node->key, key))
            return node->type == LLMP_JSON_NULL ? NULL : node;
    return NULL;
}

struct llmp_str sim_text(const struct sim_node *node)
{
    if (node && node->type == LLMP_JSON_STRING)
        return node->text;
    return (struct llmp_str){ "", 0 };
}

bool sim_text_is(const struct sim_node *node, const char *text)
{
    return node && node->type == LLMP_JSON_STRING &&
           sim_str_is(node->text, text);
}

bool sim_is_true(const struct sim_node *node)
{
    return node && node->type == LLMP_JSON_TRUE;
}

uint64_t sim_u64(const struct sim_node *node, uint64_t fallback)
{
    uint64_t value = fallback;

    if (node && node->type == LLMP_JSON_NUMBER &&
        llmp_json_u64(node->text, &value) != LLMP_OK)
        return fallback;
    return value;
}

uint64_t sim_count(const struct sim_node *node)
{
    uint64_t count = 0;

    for (const struct sim_node *one = sim_first(node); one; one = one->next)
        count++;
    return count;
}

void sim_node_write(const struct sim_node *node, struct sim_buf *out)
{
    bool object = node->type == LLMP_JSON_OBJECT;

    if (node->type == LLMP_JSON_STRING) {
        sim_buf_quote(out, node->text);
        return;
    }
    if (!object && node->type != LLMP_JSON_ARRAY) {
        sim_buf_add(out, node->text);
        return;
    }
    sim_buf_text(out, object ? "{" : "[");
    for (const struct sim_node *one = node->child; one; one = one->next) {
        if (one != node->child)
            sim_buf_text(out, ",");
        if (object) {
            sim_buf_quote(out, one->key);
            sim_buf_text(out, ":");
        }
        sim_node_write(one, out);
    }
    sim_buf_text(out, object ? "}" : "]");
}
