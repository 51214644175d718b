/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/face.h"

#include "base/internal.h"

static const struct llmp_face_row rows[LLMP_FACES] = {
    [LLMP_FACE_OPENAI] = { "openai", &llmp_dialect_openai,
                           LLMP_STR("authorization"), LLMP_STR("Bearer ") },
    [LLMP_FACE_AZURE] = { "azure", &llmp_dialect_openai, LLMP_STR("api-key"),
                          LLMP_STR("") },
    [LLMP_FACE_ANTHROPIC] = { "anthropic", &llmp_dialect_anthropic,
                              LLMP_STR("x-api-key"), LLMP_STR("") },
    [LLMP_FACE_GEMINI] = { "gemini", &llmp_dialect_gemini,
                           LLMP_STR("x-goog-api-key"), LLMP_STR("") },
    [LLMP_FACE_VERTEX] = { "vertex", &llmp_dialect_gemini,
                           LLMP_STR("authorization"), LLMP_STR("Bearer ") },
    [LLMP_FACE_GIGACHAT] = { "gigachat", &llmp_dialect_gigachat,
                             LLMP_STR("authorization"), LLMP_STR("Bearer ") },
    [LLMP_FACE_BEDROCK] = { "bedrock", &llmp_dialect_bedrock,
                            LLMP_STR("authorization"), LLMP_STR("Bearer ") },
};

const char *const llmp_face_names[] = { "openai",   "azure",  "anthropic",
                                        "gemini",   "vertex", "bedrock",
                                        "gigachat", NULL };

const struct llmp_face_row *llmp_face_row(enum llmp_face face)
{
    return &rows[face];
}

const struct llmp_dialect *llmp_shape_dialect(enum llmp_shape shape)
{
    switch (shape) {
    case LLMP_SHAPE_CHAT:
    case LLMP_SHAPE_EMBEDDINGS:
        return &llmp_dialect_openai;
    case LLMP_SHAPE_MESSAGES:
    case LLMP_SHAPE_COUNT:
        return &llmp_dialect_anthropic;
    case LLMP_SHAPE_GEMINI:
        return &llmp_dialect_gemini;
    case LLMP_SHAPE_RESPONSES:
        return &llmp_dialect_responses;
    default:
        return NULL;
    }
}

enum llmp_wire_task llmp_shape_task(enum llmp_shape shape)
{
    switch (shape) {
    case LLMP_SHAPE_COUNT:
        return LLMP_WIRE_COUNT;
    case LLMP_SHAPE_EMBEDDINGS:
        return LLMP_WIRE_EMBED;
    default:
        return LLMP_WIRE_ANSWER;
    }
}

const struct llmp_dialect *llmp_shape_errors(enum llmp_shape shape)
{
    const struct llmp_dialect *dialect = llmp_shape_dialect(shape);

    if (shape == LLMP_SHAPE_GEMINI_OTHER)
        return &llmp_dialect_gemini;
    return dialect ? dialect : &llmp_dialect_openai;
}

bool llmp_face_speaks(enum llmp_face face, enum llmp_shape shape)
{
    switch (shape) {
    case LLMP_SHAPE_MESSAGES:
    case LLMP_SHAPE_COUNT:
        return face == LLMP_FACE_ANTHROPIC;
    case LLMP_SHAPE_GEMINI:
    case LLMP_SHAPE_GEMINI_OTHER:
        return rows[face].dialect == &llmp_dialect_gemini;
    default: /* GigaChat's embeddings are as OpenAI's */
        return rows[face].dialect == &llmp_dialect_openai ||
               (face == LLMP_FACE_GIGACHAT && shape == LLMP_SHAPE_EMBEDDINGS);
    }
}

/* ---- paths -------------------------------------------------------------- */

/* Older versions of its API name the deployment in the path. */
static void add_azure(struct llmp_buf *out, const struct llmp_face_call *call)
{
    struct llmp_str rest =
        call->rest.len ? call->rest : LLMP_STR("/chat/completions");

    if (!call->api_version.len) {
        (void)llmp_buf_add(out, rest);
        return;
    }
    (void)llmp_buf_add(out, LLMP_STR("/deployments/"));
    (void)llmp_buf_percent(out, call->model);
    (void)llmp_buf_add(out, rest);
    (void)llmp_buf_add(out, LLMP_STR("?api-version="));
    (void)llmp_buf_percent(out, call->api_version);
}

static struct llmp_str google_method(enum llmp_face face,
                                     const struct llmp_face_call *call)
{
    if (call->method.len)
        return call->method;
    switch (call->task) {
    case LLMP_WIRE_COUNT:
        return LLMP_STR("countTokens");
    case LLMP_WIRE_EMBED:
        return face == LLMP_FACE_VERTEX ? LLMP_STR("predict")
                                        : LLMP_STR("batchEmbedContents");
    default:
        return call->stream ? LLMP_STR("streamGenerateContent")
                            : LLMP_STR("generateContent");
    }
}

static void add_gemini(struct llmp_buf *out, enum llmp_face face,
                       const struct llmp_face_call *call)
{
    (void)llmp_buf_add(out, LLMP_STR("/models/"));
    (void)llmp_buf_percent(out, call->model);
    (void)llmp_buf_add(out, LLMP_STR(":"));
    (void)llmp_buf_add(out, google_method(face, call));
    if (call->stream)
        (void)llmp_buf_add(out, LLMP_STR("?alt=sse"));
}

static void add_bedrock(struct llmp_buf *out, const struct llmp_face_call *call)
{
    (void)llmp_buf_add(out, LLMP_STR("/model/"));
    (void)llmp_buf_percent(out, call->model);
    if (call->task == LLMP_WIRE_COUNT)
        (void)llmp_buf_add(out, LLMP_STR("/count-tokens"));
    else if (call->task == LLMP_WIRE_EMBED)
        (void)llmp_buf_add(out, LLMP_STR("/invoke"));
    else
        (void)llmp_buf_add(out, call->stream ? LLMP_STR("/converse-stream")
                                             : LLMP_STR("/converse"));
}

struct llmp_str llmp_face_path(enum llmp_face face,
                               const struct llmp_face_call *call,
                               struct llmp_arena *arena)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf path = { 0 };
    struct llmp_str none = { NULL, 0 };
    bool ok = true;

    (void)llmp_buf_add(&path, call->base);
    switch (face) {
    case LLMP_FACE_AZURE:
        add_azure(&path, call);
        break;
    case LLMP_FACE_ANTHROPIC:
        (void)llmp_buf_add(&path,
                           call->rest.len ? call->rest : LLMP_STR("/messages"));
        break;
    case LLMP_FACE_GEMINI:
    case LLMP_FACE_VERTEX:
        add_gemini(&path, face, call);
        break;
    case LLMP_FACE_BEDROCK:
        add_bedrock(&path, call);
        break;
    default:
        (void)llmp_buf_add(
            &path, call->rest.len ? call->rest : LLMP_STR("/chat/completions"));
        break;
    }
    return path.failed ? none : llmp_arena_str(arena, llmp_buf_str(&path), &ok);
}

bool llmp_gemini_path(struct llmp_str path, struct llmp_str *model,
                      struct llmp_str *method)
{
    static const struct llmp_str heads[] = { LLMP_STR("/v1beta/models/"),
                                             LLMP_STR("/v1/models/") };
    struct llmp_str head =
        llmp_str_starts(path, heads[0]) ? heads[0] : heads[1];
    size_t colon = path.len;

    if (!llmp_str_starts(path, head))
        return false;
    while (colon > head.len && path.ptr[colon - 1] != ':')
        colon--;
    if (colon <= head.len + 1 || colon == path.len)
        return false;
    *model = (struct llmp_str){ path.ptr + head.len, colon - 1 - head.len };
    *method = (struct llmp_str){ path.ptr + colon, path.len - colon };
    return true;
}
