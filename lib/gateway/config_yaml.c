/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text -> tree, over libyaml's events.
 *
 * The stack of open lists and mappings is an array of LLMP_CONFIG_DEPTH_MAX,
 * so depth costs nothing but an error. Anchors, aliases and tags are refused:
 * a reader should see at the place what a value is, and without them a tree is
 * never larger than its text.
 */
#include <openssl/crypto.h>
#include <yaml.h>

#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_tree.h"

struct builder {
    struct llmp_reading *reading;
    struct llmp_node *root;
    struct {
        struct llmp_node *node, *last; /* last: its newest child */
        struct llmp_node *key;         /* of the member to come */
    } open[LLMP_CONFIG_DEPTH_MAX];
    size_t depth, nodes;
};

const struct llmp_node *llmp_node_member(const struct llmp_node *map,
                                         struct llmp_str name)
{
    for (const struct llmp_node *n = map ? map->first : NULL; n; n = n->next)
        if (n->key && llmp_str_eq(n->key->text, name))
            return n;
    return NULL;
}

bool llmp_node_is_null(const struct llmp_node *node)
{
    static const char *const names[] = { "", "~", "null", "Null", "NULL" };

    if (!node || node->kind != LLMP_NODE_SCALAR || !node->plain)
        return false;
    for (size_t i = 0; i < LLMP_COUNT(names); i++)
        if (llmp_str_eq(node->text, llmp_str_of(names[i])))
            return true;
    return false;
}

const char *llmp_node_kind_name(const struct llmp_node *node)
{
    static const char *const names[] = {
        [LLMP_NODE_SCALAR] = "a single value",
        [LLMP_NODE_LIST] = "a list",
        [LLMP_NODE_MAP] = "a mapping",
    };

    return names[node->kind];
}

/* What usually lies behind these: "listen: [::]:80", "name: *". */
static const char *quotes_hint(const char *context)
{
    struct llmp_str text = llmp_str_of(context);

    if (llmp_str_find(text, LLMP_STR(" flow ")) != SIZE_MAX)
        return "; a text that begins with [ or { needs quotes";
    if (llmp_str_find(text, LLMP_STR("an alias")) != SIZE_MAX ||
        llmp_str_find(text, LLMP_STR("an anchor")) != SIZE_MAX)
        return "; a text that begins with * or & needs quotes";
    return "";
}

/* The byte to look at: where something open began, if it never ended. */
static size_t place_of_problem(const struct llmp_reading *reading,
                               const yaml_parser_t *p)
{
    size_t byte;

    if (p->error == YAML_READER_ERROR)
        return p->problem_offset;
    byte = llmp_reading_byte_of(reading, p->problem_mark.index);
    if (byte >= reading->text.len && p->context)
        return llmp_reading_byte_of(reading, p->context_mark.index);
    return byte;
}

/* libyaml's texts are constants: nothing of the document is in them. */
static int fail_parser(struct llmp_reading *reading, const yaml_parser_t *p)
{
    size_t byte = place_of_problem(reading, p);
    const char *context = p->context ? p->context : "";

    if (p->error == YAML_MEMORY_ERROR)
        return llmp_reading_nomem(reading);
    if (byte < reading->text.len && reading->text.ptr[byte] == '\t')
        return llmp_reading_fail_at(reading, byte, LLMP_E_SYNTAX,
                                    "YAML is indented with blanks, not tabs");
    return llmp_reading_fail_at(
        reading, byte, LLMP_E_SYNTAX, "not valid YAML: %s%s%s%s",
        p->problem ? p->problem : "not readable", *context ? " " : "", context,
        quotes_hint(context));
}

static struct llmp_node *add_node(struct builder *b, enum llmp_node_kind kind,
                                  const yaml_event_t *event)
{
    struct llmp_node *node =
        llmp_config_take(&b->reading->scratch, sizeof(*node));

    if (!node)
        return NULL;
    node->kind = kind;
    node->at = event->start_mark.index;
    return node;
}

/* Becomes the next key, the value of that key, an item, or the root. */
static int place(struct builder *b, struct llmp_node *node)
{
    struct llmp_reading *reading = b->reading;

    if (b->depth == 0) {
        b->root = node;
        return LLMP_OK;
    }

    struct llmp_node *parent = b->open[b->depth - 1].node;
    struct llmp_node **key = &b->open[b->depth - 1].key;

    if (parent->kind == LLMP_NODE_MAP && !*key) {
        if (node->kind != LLMP_NODE_SCALAR)
            return llmp_reading_fail(reading, node, LLMP_E_SYNTAX,
                                     "a key must be a word, not %s",
                                     llmp_node_kind_name(node));
        if (llmp_node_member(parent, node->text))
            return llmp_reading_fail(reading, node, LLMP_E_SYNTAX,
                                     "the key '%s' is there twice",
                                     llmp_show(node->text).text);
        if (parent->count == LLMP_CONFIG_MEMBERS_MAX)
            return llmp_reading_fail(reading, node, LLMP_E_LIMIT,
                                     "more than %d keys in one mapping",
                                     LLMP_CONFIG_MEMBERS_MAX);
        *key = node;
        return LLMP_OK;
    }
    node->key = llmp_steal(key);

    struct llmp_node *last = b->open[b->depth - 1].last;

    if (last)
        last->next = node;
    else
        parent->first = node;
    b->open[b->depth - 1].last = node;
    parent->count++;
    return LLMP_OK;
}

static int open_node(struct builder *b, struct llmp_node *node)
{
    LLMP_TRY(place(b, node));
    if (b->depth == LLMP_CONFIG_DEPTH_MAX)
        return llmp_reading_fail(b->reading, node, LLMP_E_LIMIT,
                                 "nested deeper than %d levels",
                                 LLMP_CONFIG_DEPTH_MAX);
    b->open[b->depth].node = node;
    b->open[b->depth].last = NULL;
    b->open[b->depth].key = NULL;
    b->depth++;
    return LLMP_OK;
}

static int add_scalar(struct builder *b, const yaml_event_t *event)
{
    const struct llmp_str text = { (const char *)event->data.scalar.value,
                                   event->data.scalar.length };
    struct llmp_node *node = add_node(b, LLMP_NODE_SCALAR, event);

    if (!node)
        return llmp_reading_nomem(b->reading);
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = llmp_config_join(&b->reading->scratch, &text, 1);
    if (!node->text.ptr)
        return llmp_reading_nomem(b->reading);
    return place(b, node);
}

static int fail_event(struct builder *b, const yaml_event_t *event,
                      const char *problem)
{
    return llmp_reading_fail_at(
        b->reading, llmp_reading_byte_of(b->reading, event->start_mark.index),
        LLMP_E_SYNTAX, "%s", problem);
}

/* Refuses what would give a value a second meaning. */
static int check_plainness(struct builder *b, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;

    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    if (anchor || event->type == YAML_ALIAS_EVENT)
        return fail_event(b, event,
                          "anchors (&) and aliases (*) are not "
                          "accepted; a text that begins with & or * "
                          "needs quotes");
    if (tag)
        return fail_event(b, event,
                          "tags (!) are not accepted; a text that "
                          "begins with ! needs quotes");
    return LLMP_OK;
}

static int take_event(struct builder *b, const yaml_event_t *event)
{
    struct llmp_node *node = NULL;

    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return add_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        node = add_node(b, LLMP_NODE_LIST, event);
        break;
    case YAML_MAPPING_START_EVENT:
        node = add_node(b, LLMP_NODE_MAP, event);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        assert(b->depth > 0);
        b->depth--;
        return LLMP_OK;
    case YAML_DOCUMENT_START_EVENT:
        if (b->root)
            return fail_event(b, event, "a second document begins here");
        return LLMP_OK;
    default:
        return LLMP_OK;
    }
    if (!node)
        return llmp_reading_nomem(b->reading);
    return open_node(b, node);
}

/* A scalar may be a secret. */
static void drop_event(yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT)
        OPENSSL_cleanse(event->data.scalar.value, event->data.scalar.length);
    yaml_event_delete(event);
}

static void wipe(unsigned char *begin, const unsigned char *end)
{
    if (begin)
        OPENSSL_cleanse(begin, (size_t)(end - begin));
}

/* Its buffers hold the text, and after an error tokens are still queued. */
static void drop_parser(yaml_parser_t *parser)
{
    for (yaml_token_t *t = parser->tokens.head; t != parser->tokens.tail; t++)
        if (t->type == YAML_SCALAR_TOKEN)
            OPENSSL_cleanse(t->data.scalar.value, t->data.scalar.length);
    wipe(parser->raw_buffer.start, parser->raw_buffer.end);
    wipe(parser->buffer.start, parser->buffer.end);
    yaml_parser_delete(parser);
}

static int build(struct builder *b, yaml_parser_t *parser)
{
    for (;;) {
        yaml_event_t event;

        if (!yaml_parser_parse(parser, &event))
            return fail_parser(b->reading, parser);

        bool end = event.type == YAML_STREAM_END_EVENT;
        int rc = LLMP_OK;

        if (++b->nodes > LLMP_CONFIG_NODES_MAX)
            rc =
                llmp_reading_fail(b->reading, NULL, LLMP_E_LIMIT,
                                  "more than %d values", LLMP_CONFIG_NODES_MAX);
        if (rc == LLMP_OK)
            rc = check_plainness(b, &event);
        if (rc == LLMP_OK)
            rc = take_event(b, &event);
        drop_event(&event);
        LLMP_TRY(rc);
        if (end)
            return LLMP_OK;
    }
}

/* libyaml compares each %TAG line with all before it, and tags are refused
 * anyway. */
static int check_directives(struct llmp_reading *reading)
{
    const struct llmp_str text = reading->text;

    for (size_t at = 0; at < text.len;) {
        const struct llmp_str rest = { text.ptr + at, text.len - at };
        size_t end = llmp_str_find(rest, LLMP_STR("\n"));

        if (llmp_str_starts(rest, LLMP_STR("%TAG")))
            return llmp_reading_fail_at(reading, at, LLMP_E_SYNTAX,
                                        "%%TAG is not accepted");
        if (end == SIZE_MAX)
            break;
        at += end + 1;
    }
    return LLMP_OK;
}

int llmp_tree_parse(struct llmp_node **out, struct llmp_reading *reading)
{
    struct builder b = { .reading = reading };
    yaml_parser_t parser;

    if (reading->text.len > LLMP_CONFIG_TEXT_MAX)
        return llmp_reading_fail(reading, NULL, LLMP_E_LIMIT,
                                 "the text is larger than 4 MiB");
    LLMP_TRY(check_directives(reading));
    if (!yaml_parser_initialize(&parser))
        return llmp_reading_nomem(reading);
    /* Always UTF-8: a mark for UTF-16 is an error, not a switch. */
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &parser, (const unsigned char *)reading->text.ptr, reading->text.len);

    int rc = build(&b, &parser);

    drop_parser(&parser);
    if (rc == LLMP_OK)
        *out = b.root;
    return rc;
}
