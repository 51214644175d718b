/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests in OpenAI's dialect: which members are read, their types, and the
 * edits that a request may get on its way. What the gateway acts on, or looks
 * into, is checked; everything else is the provider's to judge.
 */
#include <stdio.h>

#include "base/internal.h"
#include "wire/passing.h"

enum {
    NUL = 1 << LLMP_JSON_NULL,
    BOOLEAN = 1 << LLMP_JSON_FALSE | 1 << LLMP_JSON_TRUE,
    NUMBER = 1 << LLMP_JSON_NUMBER,
    STRING = 1 << LLMP_JSON_STRING,
    OBJECT = 1 << LLMP_JSON_OBJECT,
    ARRAY = 1 << LLMP_JSON_ARRAY,
    ANYTHING = ~0,
};

struct rule {
    const char *path;
    uint32_t first; /* bytes of its first segment */
    int types;
    bool required;
    const char *expected;
};

/* The first four are the same members in every table: edits rely on it. */
enum { MODEL, STREAM, STREAM_OPTIONS, INCLUDE_USAGE };

/* A name and its length. */
#define NAME(text) text, sizeof(text) - 1

#define COMMON_RULES                                                       \
    [MODEL] = { NAME("model"), STRING, true, "a string" },                 \
    [STREAM] = { NAME("stream"), BOOLEAN | NUL, false, "a boolean" },      \
    [STREAM_OPTIONS] = { NAME("stream_options"), OBJECT | NUL, false,      \
                         "an object" },                                    \
    [INCLUDE_USAGE] = { "stream_options.include_usage", 14, BOOLEAN | NUL, \
                        false, "a boolean" }

static const struct rule chat_rules[] = {
    COMMON_RULES,
    { NAME("messages"), ARRAY, true, "an array" },
    { NAME("max_tokens"), NUMBER | NUL, false, "a number" },
    { NAME("max_completion_tokens"), NUMBER | NUL, false, "a number" },
    { NAME("n"), NUMBER | NUL, false, "a number" },
    { NAME("temperature"), NUMBER | NUL, false, "a number" },
    { NAME("top_p"), NUMBER | NUL, false, "a number" },
    { NAME("tools"), ARRAY | NUL, false, "an array" },
};

static const struct rule completions_rules[] = {
    COMMON_RULES,
    { NAME("prompt"), STRING | ARRAY | NUL, false, "a string or an array" },
    { NAME("max_tokens"), NUMBER | NUL, false, "a number" },
    { NAME("n"), NUMBER | NUL, false, "a number" },
};

static const struct rule embeddings_rules[] = {
    COMMON_RULES,
    { NAME("input"), STRING | ARRAY, true, "a string or an array" },
};

static const struct rule responses_rules[] = {
    COMMON_RULES,
    { NAME("input"), STRING | ARRAY | NUL, false, "a string or an array" },
    { NAME("max_output_tokens"), NUMBER | NUL, false, "a number" },
};

static const struct rule messages_rules[] = {
    COMMON_RULES,
    { NAME("messages"), ARRAY, true, "an array" },
    { NAME("max_tokens"), NUMBER, true, "a number" },
};

static const struct rule count_rules[] = {
    COMMON_RULES,
    { NAME("messages"), ARRAY, true, "an array" },
};

/* The first four are never there: the path says model and stream. */
static const struct rule gemini_rules[] = {
    [MODEL] = { NAME("model"), ANYTHING, false, "" },
    [STREAM] = { NAME("stream"), ANYTHING, false, "" },
    [STREAM_OPTIONS] = { NAME("stream_options"), ANYTHING, false, "" },
    [INCLUDE_USAGE] = { "stream_options.include_usage", 14, ANYTHING, false,
                        "" },
    { NAME("contents"), ARRAY | OBJECT | STRING, true, "an array" },
    { "generationConfig.maxOutputTokens", 16, NUMBER | NUL, false, "a number" },
    { "generation_config.max_output_tokens", 17, NUMBER | NUL, false,
      "a number" },
    { "generationConfig.candidateCount", 16, NUMBER | NUL, false, "a number" },
};

static const struct rule gemini_other_rules[] = {
    [MODEL] = { NAME("model"), ANYTHING, false, "" },
};

static const struct rule any_rules[] = {
    [MODEL] = { NAME("model"), STRING | NUL, false, "a string" },
};

static const struct {
    const struct rule *rules;
    uint32_t count;
} shapes[] = {
    [LLMP_SHAPE_CHAT] = { chat_rules, LLMP_COUNT(chat_rules) },
    [LLMP_SHAPE_COMPLETIONS] = { completions_rules,
                                 LLMP_COUNT(completions_rules) },
    [LLMP_SHAPE_EMBEDDINGS] = { embeddings_rules,
                                LLMP_COUNT(embeddings_rules) },
    [LLMP_SHAPE_RESPONSES] = { responses_rules, LLMP_COUNT(responses_rules) },
    [LLMP_SHAPE_MESSAGES] = { messages_rules, LLMP_COUNT(messages_rules) },
    [LLMP_SHAPE_COUNT] = { count_rules, LLMP_COUNT(count_rules) },
    [LLMP_SHAPE_GEMINI] = { gemini_rules, LLMP_COUNT(gemini_rules) },
    [LLMP_SHAPE_GEMINI_OTHER] = { gemini_other_rules,
                                  LLMP_COUNT(gemini_other_rules) },
    [LLMP_SHAPE_ANY] = { any_rules, LLMP_COUNT(any_rules) },
};

void llmp_request_init(struct llmp_request_reader *request,
                       enum llmp_shape shape, uint32_t depth_max)
{
    request->shape = shape;
    request->field_count = shapes[shape].count;
    request->root_seen = request->root_is_object = false;
    request->root_offset = 0;
    memset(&request->messages, 0, sizeof(request->messages));
    memset(&request->refs, 0, sizeof(request->refs));
    request->wrong[0] = '\0';
    for (uint32_t i = 0; i < request->field_count; i++) {
        request->fields[i].path = shapes[shape].rules[i].path;
        request->fields[i].first = shapes[shape].rules[i].first;
    }
    llmp_json_init(&request->json, depth_max);
    llmp_json_pick_init(&request->pick, request->fields, request->field_count);
}

void llmp_request_fini(struct llmp_request_reader *request)
{
    llmp_json_fini(&request->json);
}

static void look_at_root(struct llmp_request_reader *request,
                         const struct llmp_json_token *token)
{
    if (!request->root_seen) {
        request->root_seen = true;
        request->root_is_object = token->type == LLMP_JSON_OBJECT;
        request->root_offset = token->offset;
    }
}

/* ---- messages ----------------------------------------------------------- */

enum { OTHER, ROLE, CONTENT };

static int wrong_message(struct llmp_request_reader *request,
                         const struct llmp_json_token *token,
                         const char *member, const char *expected,
                         struct llmp_error *err)
{
    (void)snprintf(request->wrong, sizeof(request->wrong), "messages[%u]%s",
                   request->messages.index, member);
    return llmp_fail(err, LLMP_E_TYPE, "'%s' %s (at byte %llu)", request->wrong,
                     expected, (unsigned long long)token->offset);
}

/* Of the root object: does "messages" begin or end? */
static void see_root(struct llmp_request_reader *request,
                     const struct llmp_json_token *token)
{
    bool key = token->type == LLMP_JSON_KEY;

    if (token->type == LLMP_JSON_ARRAY)
        request->messages.inside = request->messages.next;
    else
        request->messages.inside = false;
    request->messages.next =
        key && llmp_str_eq(token->text, LLMP_STR("messages"));
}

static int see_element(struct llmp_request_reader *request,
                       const struct llmp_json_token *token,
                       struct llmp_error *err)
{
    if (token->type == LLMP_JSON_OBJECT_END)
        request->messages.index++;
    else if (token->type != LLMP_JSON_OBJECT)
        return wrong_message(request, token, "", "must be an object", err);
    return LLMP_OK;
}

static int see_member(struct llmp_request_reader *request,
                      const struct llmp_json_token *token,
                      struct llmp_error *err)
{
    uint8_t member = request->messages.member;
    int type = 1 << token->type;

    request->messages.member = OTHER;
    if (token->type == LLMP_JSON_KEY) {
        if (llmp_str_eq(token->text, LLMP_STR("role")))
            request->messages.member = ROLE;
        else if (llmp_str_eq(token->text, LLMP_STR("content")))
            request->messages.member = CONTENT;
        return LLMP_OK;
    }
    if (member == ROLE && !(type & STRING))
        return wrong_message(request, token, ".role", "must be a string", err);
    if (member == CONTENT && !(type & (STRING | ARRAY | NUL)))
        return wrong_message(request, token, ".content",
                             "must be a string or an array", err);
    return LLMP_OK;
}

static int see_message(struct llmp_request_reader *request,
                       const struct llmp_json_token *token,
                       struct llmp_error *err)
{
    if (token->depth == 1)
        see_root(request, token);
    else if (!request->messages.inside)
        return LLMP_OK;
    else if (token->depth == 2)
        return see_element(request, token, err);
    else if (token->depth == 3)
        return see_member(request, token, err);
    return LLMP_OK;
}

/* Members whose values are the caller's own data, up to NULL. */
static const struct llmp_str *own_data(enum llmp_shape shape)
{
    static const struct llmp_str none = { NULL, 0 };
    static const struct llmp_str openai[] = {
        LLMP_STR("metadata"), LLMP_STR("parameters"),
        LLMP_STR("schema"),   LLMP_STR("arguments"),
        { NULL, 0 },
    };
    static const struct llmp_str anthropic[] = {
        LLMP_STR("metadata"),
        LLMP_STR("input"),
        LLMP_STR("input_schema"),
        { NULL, 0 },
    };
    static const struct llmp_str google[] = {
        LLMP_STR("args"),       LLMP_STR("response"),       LLMP_STR("schema"),
        LLMP_STR("parameters"), LLMP_STR("responseSchema"), { NULL, 0 },
    };

    switch (shape) {
    case LLMP_SHAPE_MESSAGES:
    case LLMP_SHAPE_COUNT:
        return anthropic;
    case LLMP_SHAPE_GEMINI:
    case LLMP_SHAPE_GEMINI_OTHER:
        return google;
    case LLMP_SHAPE_CHAT:
    case LLMP_SHAPE_RESPONSES:
    case LLMP_SHAPE_ANY:
        return openai;
    default:
        return &none;
    }
}

int llmp_request_feed(struct llmp_request_reader *request,
                      struct llmp_str piece, bool last, struct llmp_error *err)
{
    const struct llmp_str *own = own_data(request->shape);
    struct llmp_json_token token;
    int rc;

    llmp_json_feed(&request->json, piece, last);
    while ((rc = llmp_json_next(&request->json, &token, err)) == LLMP_OK) {
        if (token.depth <= 1)
            look_at_root(request, &token);
        if (token.depth <= 3 && (request->shape == LLMP_SHAPE_CHAT ||
                                 request->shape == LLMP_SHAPE_MESSAGES))
            LLMP_TRY(see_message(request, &token, err));
        llmp_json_pick_token(&request->pick, &token);
        llmp_refs_see(&request->refs, &token, own);
    }
    return rc;
}

bool llmp_request_has_model(const struct llmp_request_reader *request)
{
    return request->fields[MODEL].found;
}

int llmp_request_check(const struct llmp_request_reader *request,
                       const char **param, struct llmp_error *err)
{
    *param = NULL;
    LLMP_ENSURE(request->root_is_object, err, LLMP_E_TYPE,
                "the body must be a JSON object");
    for (uint32_t i = 0; i < request->field_count; i++) {
        const struct rule *rule = &shapes[request->shape].rules[i];
        const struct llmp_json_field *field = &request->fields[i];

        *param = rule->path;
        LLMP_ENSURE(field->found || !rule->required, err, LLMP_E_TYPE,
                    "'%s' is required", rule->path);
        LLMP_ENSURE(!field->found || rule->types & 1 << field->type, err,
                    LLMP_E_TYPE, "'%s' must be %s (at byte %llu)", rule->path,
                    rule->expected, (unsigned long long)field->offset);
    }
    *param = NULL;
    return LLMP_OK;
}

struct llmp_str llmp_request_model(const struct llmp_request_reader *request,
                                   struct llmp_str body,
                                   struct llmp_arena *arena)
{
    const struct llmp_json_field *field = &request->fields[MODEL];
    struct llmp_str none = { NULL, 0 };

    if (!field->found || field->type != LLMP_JSON_STRING ||
        field->offset + field->size > body.len)
        return none;

    struct llmp_str raw = { body.ptr + field->offset + 1, field->size - 2 };
    char *text = llmp_arena_take(arena, raw.len + 1);

    if (!text)
        return none;

    size_t len = llmp_json_unescape(text, raw);

    text[len] = '\0';
    return (struct llmp_str){ text, len };
}

static bool is_true(const struct llmp_request_reader *request, uint32_t index)
{
    return index < request->field_count && request->fields[index].found &&
           request->fields[index].type == LLMP_JSON_TRUE;
}

bool llmp_request_stream(const struct llmp_request_reader *request)
{
    return is_true(request, STREAM);
}

bool llmp_request_wants_usage(const struct llmp_request_reader *request)
{
    return is_true(request, INCLUDE_USAGE);
}

/* Whether an object's first byte after white space begins a member. */
static bool object_has_members(struct llmp_str body,
                               const struct llmp_json_field *object)
{
    for (uint64_t i = object->offset + 1; i < object->offset + object->size;
         i++)
        if (!strchr(" \t\r\n", body.ptr[i]))
            return body.ptr[i] == '"';
    return false;
}

/* The smallest edit after which stream_options.include_usage is true. */
static struct llmp_request_change usage_edit(
    const struct llmp_request_reader *request, struct llmp_str body)
{
    const struct llmp_json_field *options = &request->fields[STREAM_OPTIONS];
    const struct llmp_json_field *usage = &request->fields[INCLUDE_USAGE];

    if (usage->found)
        return (struct llmp_request_change){ usage->offset, usage->size,
                                             LLMP_STR("true") };
    if (!options->found)
        return (struct llmp_request_change){
            request->root_offset + 1, 0,
            LLMP_STR("\"stream_options\":{\"include_usage\":true},")
        };
    if (options->type == LLMP_JSON_OBJECT && object_has_members(body, options))
        return (struct llmp_request_change){
            options->offset + 1, 0, LLMP_STR("\"include_usage\":true,")
        };
    return (struct llmp_request_change){ options->offset, options->size,
                                         LLMP_STR("{\"include_usage\":true}") };
}

static struct llmp_str quoted(struct llmp_str text, struct llmp_arena *arena)
{
    struct llmp_buf buf = { 0 };
    struct llmp_str out = { NULL, 0 };
    bool ok = true;

    if (llmp_buf_json(&buf, text))
        out = llmp_arena_str(arena, llmp_buf_str(&buf), &ok);
    llmp_buf_fini(&buf);
    return out;
}

void llmp_request_plan(const struct llmp_request_reader *request,
                       struct llmp_str body, struct llmp_request_plan *plan)
{
    const struct llmp_json_field *field = &request->fields[MODEL];

    *plan = (struct llmp_request_plan){
        .has_model = field->found,
        .model = { .offset = field->offset, .size = field->size },
    };
    if (request->field_count > INCLUDE_USAGE)
        plan->usage = usage_edit(request, body);
}

size_t llmp_request_edit(const struct llmp_request_plan *plan,
                         struct llmp_str body, struct llmp_str model,
                         bool usage, struct llmp_arena *arena,
                         struct llmp_str parts[LLMP_REQUEST_PARTS_MAX])
{
    struct llmp_request_change changes[2];
    size_t change_count = 0, count = 0;
    uint64_t at = 0;

    if (model.len && plan->has_model) {
        changes[change_count] = plan->model;
        changes[change_count].text = quoted(model, arena);
        if (!changes[change_count++].text.ptr)
            return 0;
    }
    if (usage)
        changes[change_count++] = plan->usage;
    if (change_count == 2 && changes[1].offset < changes[0].offset) {
        struct llmp_request_change first = changes[1];

        changes[1] = changes[0];
        changes[0] = first;
    }
    for (size_t i = 0; i < change_count; i++) {
        if (changes[i].offset > at)
            parts[count++] =
                (struct llmp_str){ body.ptr + at,
                                   (size_t)(changes[i].offset - at) };
        parts[count++] = changes[i].text;
        at = changes[i].offset + changes[i].size;
    }
    if (at < body.len)
        parts[count++] =
            (struct llmp_str){ body.ptr + at, body.len - (size_t)at };
    return count;
}

/* A number member; UINT64_MAX where there is none that counts something. */
static uint64_t number_at(const struct llmp_request_reader *request,
                          struct llmp_str body, const char *path)
{
    uint64_t value;

    for (uint32_t i = 0; i < request->field_count; i++) {
        const struct llmp_json_field *f = &request->fields[i];

        if (strcmp(f->path, path) == 0 && f->found &&
            f->type == LLMP_JSON_NUMBER && f->offset + f->size <= body.len &&
            llmp_json_u64((struct llmp_str){ body.ptr + f->offset, f->size },
                          &value) == LLMP_OK)
            return value;
    }
    return UINT64_MAX;
}

uint64_t llmp_request_output_max(const struct llmp_request_reader *request,
                                 struct llmp_str body)
{
    uint64_t most = UINT64_MAX;
    uint64_t choices = number_at(request, body, "n");

    if (request->shape == LLMP_SHAPE_EMBEDDINGS)
        return 0;
    if (request->shape == LLMP_SHAPE_RESPONSES)
        return number_at(request, body, "max_output_tokens");
    if (request->shape == LLMP_SHAPE_GEMINI) {
        most = number_at(request, body, "generationConfig.maxOutputTokens");
        if (most == UINT64_MAX)
            most =
                number_at(request, body, "generation_config.max_output_tokens");
        choices = number_at(request, body, "generationConfig.candidateCount");
    }
    if (request->shape == LLMP_SHAPE_CHAT)
        most = number_at(request, body, "max_completion_tokens");
    if (most == UINT64_MAX && request->shape != LLMP_SHAPE_GEMINI)
        most = number_at(request, body, "max_tokens");
    if (most == UINT64_MAX || choices == UINT64_MAX || choices == 0)
        return most;
    return llmp_mul_sat(most, choices);
}
