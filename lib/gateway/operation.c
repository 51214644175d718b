/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of surfaces: of two patterns that take a path, the longer one
 * comes first.
 */
#include "gateway/operation.h"

#include "base/internal.h"
#include "gateway/objects.h"

#define S(text)                   \
    {                             \
        "" text, sizeof(text) - 1 \
    }

#define JSON_OP(op, p, sh)                                         \
    {                                                              \
        .name = S(op), .method = S("POST"), .path = S("/v1/" p),   \
        .upstream = S("/" p), .body = LLMP_BODY_JSON, .shape = sh, \
        .model_required = true, .usage = true                      \
    }

#define GEMINI_OP(op, version, what, sh, counts)                          \
    {                                                                     \
        .name = S(op), .method = S("POST"),                               \
        .path = S("/" version "/models/*:" what), .body = LLMP_BODY_JSON, \
        .shape = sh, .usage = counts                                      \
    }

/* Google's clients differ in the version they ask for. */
#define GEMINI_OPS(version)                                             \
    GEMINI_OP("generate_content", version, "generateContent",           \
              LLMP_SHAPE_GEMINI, true),                                 \
        GEMINI_OP("generate_content", version, "streamGenerateContent", \
                  LLMP_SHAPE_GEMINI, true),                             \
        GEMINI_OP("gemini_tokens", version, "countTokens",              \
                  LLMP_SHAPE_GEMINI_OTHER, false),                      \
        GEMINI_OP("gemini_embed", version, "embedContent",              \
                  LLMP_SHAPE_GEMINI_OTHER, false),                      \
        GEMINI_OP("gemini_embed", version, "batchEmbedContents",        \
                  LLMP_SHAPE_GEMINI_OTHER, false)

#define PASS_OP(op, p, required)                                 \
    {                                                            \
        .name = S(op), .method = S("POST"), .path = S("/v1/" p), \
        .body = LLMP_BODY_PASS, .shape = LLMP_SHAPE_ANY,         \
        .model_required = required                               \
    }

#define OBJECT_OP(op, m, p, use)                                            \
    {                                                                       \
        .name = S(op), .method = S(m), .path = S("/v1/" p),                 \
        .local = LLMP_LOCAL_OBJECT, .shape = LLMP_SHAPE_ANY, .object = use, \
    }

#define LOCAL_OP(op, p, what)                                          \
    {                                                                  \
        .name = S(op), .method = S("GET"), .path = S(p), .local = what \
    }

static const struct llmp_operation operations[] = {
    JSON_OP("chat", "chat/completions", LLMP_SHAPE_CHAT),
    JSON_OP("completions", "completions", LLMP_SHAPE_COMPLETIONS),
    JSON_OP("embeddings", "embeddings", LLMP_SHAPE_EMBEDDINGS),
    JSON_OP("responses", "responses", LLMP_SHAPE_RESPONSES),
    JSON_OP("messages", "messages", LLMP_SHAPE_MESSAGES),
    { .name = S("count_tokens"),
      .method = S("POST"),
      .path = S("/v1/messages/count_tokens"),
      .upstream = S("/messages/count_tokens"),
      .body = LLMP_BODY_JSON,
      .shape = LLMP_SHAPE_COUNT,
      .model_required = true },
    GEMINI_OPS("v1beta"),
    GEMINI_OPS("v1"),
    OBJECT_OP("responses", "GET", "responses/*/input_items", LLMP_OBJECT_USED),
    OBJECT_OP("responses", "POST", "responses/*/cancel", LLMP_OBJECT_USED),
    OBJECT_OP("responses", "GET", "responses/*", LLMP_OBJECT_USED),
    OBJECT_OP("responses", "DELETE", "responses/*", LLMP_OBJECT_USED),
    { .name = S("files"),
      .method = S("POST"),
      .path = S("/v1/files"),
      .body = LLMP_BODY_PASS,
      .shape = LLMP_SHAPE_ANY,
      .model_required = true,
      .object = LLMP_OBJECT_FILE_MADE },
    LOCAL_OP("files", "/v1/files", LLMP_LOCAL_OBJECTS),
    OBJECT_OP("files", "GET", "files/*/content", LLMP_OBJECT_USED),
    OBJECT_OP("files", "GET", "files/*", LLMP_OBJECT_USED),
    OBJECT_OP("files", "DELETE", "files/*", LLMP_OBJECT_USED),
    { .name = S("batches"),
      .method = S("POST"),
      .path = S("/v1/batches"),
      .upstream = S("/batches"),
      .body = LLMP_BODY_JSON,
      .shape = LLMP_SHAPE_ANY,
      .usage = true,
      .object = LLMP_OBJECT_BATCH_MADE },
    LOCAL_OP("batches", "/v1/batches", LLMP_LOCAL_OBJECTS),
    OBJECT_OP("batches", "POST", "batches/*/cancel", LLMP_OBJECT_USED),
    OBJECT_OP("batches", "GET", "batches/*", LLMP_OBJECT_BATCH_SHOWN),
    PASS_OP("images", "images/*", true),
    PASS_OP("audio", "audio/*", true),
    PASS_OP("moderations", "moderations", false),
    PASS_OP("rerank", "rerank", true),
    LOCAL_OP("models", "/v1/models", LLMP_LOCAL_MODELS),
    LOCAL_OP("model", "/v1/models/*", LLMP_LOCAL_MODEL), /* %XX too */
    LOCAL_OP("capabilities", "/v1/capabilities", LLMP_LOCAL_CAPABILITIES),
    LOCAL_OP("live", "/health/live", LLMP_LOCAL_LIVE),
    LOCAL_OP("ready", "/health/ready", LLMP_LOCAL_READY),
    LOCAL_OP("metrics", "/metrics", LLMP_LOCAL_METRICS),
    LOCAL_OP("jwks", "/.well-known/jwks.json", LLMP_LOCAL_JWKS),
    { .name = S("tokens"),
      .method = S("POST"),
      .path = S("/v1/auth/tokens"),
      .body = LLMP_BODY_OURS,
      .local = LLMP_LOCAL_TOKENS },
};

bool llmp_operation_has_usage(struct llmp_str name)
{
    for (size_t i = 0; i < LLMP_COUNT(operations); i++)
        if (llmp_str_eq(operations[i].name, name))
            return operations[i].usage;
    return false;
}

/* The free part of a path may go into an upstream's. */
bool llmp_operation_plain_tail(struct llmp_str tail)
{
    if (tail.len == 0 || tail.ptr[0] == '/' ||
        llmp_str_find(tail, LLMP_STR("..")) != SIZE_MAX ||
        llmp_str_find(tail, LLMP_STR("//")) != SIZE_MAX)
        return false;
    for (size_t i = 0; i < tail.len; i++) {
        char c = tail.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || (c && strchr("/-_.:@", c))))
            return false;
    }
    return true;
}

/* What goes into an upstream's path must be plain; what we answer ourselves is
 * a name, which may be anything. */
static bool path_matches(const struct llmp_operation *op, struct llmp_str path)
{
    const struct llmp_str pattern = op->path;
    size_t star = llmp_str_find(pattern, LLMP_STR("*"));

    if (star == SIZE_MAX)
        return llmp_str_eq(pattern, path);

    struct llmp_str head = { pattern.ptr, star };
    struct llmp_str end = { pattern.ptr + star + 1, pattern.len - star - 1 };

    if (path.len < head.len + end.len || !llmp_str_starts(path, head) ||
        !llmp_str_eq(
            (struct llmp_str){ path.ptr + path.len - end.len, end.len }, end))
        return false;

    struct llmp_str free = { path.ptr + star, path.len - star - end.len };

    if (op->local == LLMP_LOCAL_OBJECT) /* and nothing that leads elsewhere */
        return llmp_object_is_id(free);
    return op->local ? free.len > 0 : llmp_operation_plain_tail(free);
}

const struct llmp_operation *llmp_operation_find(struct llmp_str method,
                                                 struct llmp_str path,
                                                 const char **allowed)
{
    *allowed = NULL;
    for (size_t i = 0; i < LLMP_COUNT(operations); i++) {
        if (!path_matches(&operations[i], path))
            continue;
        if (llmp_str_eq(operations[i].method, method) ||
            (llmp_str_eq(operations[i].method, LLMP_STR("GET")) &&
             llmp_str_eq(method, LLMP_STR("HEAD"))))
            return &operations[i]; /* the server keeps HEAD's body back */
        *allowed = operations[i].method.ptr;
    }
    return NULL;
}

bool llmp_operation_is_name(struct llmp_str name)
{
    for (size_t i = 0; i < LLMP_COUNT(operations); i++)
        if (llmp_str_eq(operations[i].name, name))
            return true;
    return false;
}
