/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a chat completions request (OpenAI API reference, "Create chat
 * completion") into the canonical form. Beside OpenAI's own members it takes
 * what its users have agreed on for other vendors' things: `reasoning_content`
 * and `thinking_blocks` (LiteLLM, DeepSeek, vLLM), `cache_control` on parts
 * (OpenRouter), `extra_content.google.thought_signature` (Google).
 */
#include "base/internal.h"
#include "wire/openai_chat.h"

#define AT(member) offsetof(struct llmp_chat, member)
#define NUMBER(member, key)                                   \
    {                                                         \
        LLMP_STR(key), LLMP_IS_NUMBER, "a number", AT(member) \
    }
#define TEXT(member, key)                                     \
    {                                                         \
        LLMP_STR(key), LLMP_IS_STRING, "a string", AT(member) \
    }

static const struct llmp_wire_member members[] = {
    TEXT(model, "model"),
    { LLMP_STR("stream"), LLMP_IS_BOOL, "a boolean", AT(stream) },
    { LLMP_STR("logprobs"), LLMP_IS_BOOL, "a boolean", AT(logprobs) },
    NUMBER(max_tokens, "max_completion_tokens"),
    NUMBER(max_tokens, "max_tokens"),
    NUMBER(temperature, "temperature"),
    NUMBER(top_p, "top_p"),
    NUMBER(top_k, "top_k"),
    NUMBER(min_p, "min_p"),
    NUMBER(count, "n"),
    NUMBER(presence_penalty, "presence_penalty"),
    NUMBER(frequency_penalty, "frequency_penalty"),
    NUMBER(seed, "seed"),
    NUMBER(top_logprobs, "top_logprobs"),
    TEXT(user, "user"),
    TEXT(service_tier, "service_tier"),
    TEXT(verbosity, "verbosity"),
    TEXT(reasoning.effort, "reasoning_effort"),
    { LLMP_STR("metadata"), LLMP_IS_OBJECT, "an object", AT(metadata) },
    { LLMP_STR("logit_bias"), LLMP_IS_OBJECT, "an object", AT(logit_bias) },
};

/* ---- parts -------------------------------------------------------------- */

static void take_cache(struct llmp_part *part,
                       const struct llmp_json_value *value)
{
    const struct llmp_json_value *cache =
        llmp_json_get(value, LLMP_STR("cache_control"));

    part->cache = cache != NULL;
    part->cache_ttl = llmp_wire_text_at(cache, LLMP_STR("ttl"));
}

static int take_image(struct llmp_part *part,
                      const struct llmp_json_value *value,
                      struct llmp_wire *wire, uint32_t m, uint32_t p)
{
    const struct llmp_json_value *image =
        llmp_json_get(value, LLMP_STR("image_url"));
    const struct llmp_json_value *url = llmp_json_get(image, LLMP_STR("url"));
    int rc;

    part->kind = LLMP_PART_IMAGE;
    if (!llmp_json_is(url, LLMP_JSON_STRING))
        return llmp_wire_wrong(wire, "a string",
                               "messages[%u].content[%u].image_url.url", m, p);
    rc = llmp_wire_take_url(&part->media, url->text, wire);
    if (rc == LLMP_E_TYPE)
        return llmp_wire_wrong(wire, "a URL, or a data URL in base64",
                               "messages[%u].content[%u].image_url.url", m, p);
    part->media.detail = llmp_wire_text_at(image, LLMP_STR("detail"));
    return rc;
}

static int take_audio(struct llmp_part *part,
                      const struct llmp_json_value *value,
                      struct llmp_wire *wire, uint32_t m, uint32_t p)
{
    const struct llmp_json_value *audio =
        llmp_json_get(value, LLMP_STR("input_audio"));
    const struct llmp_json_value *data = llmp_json_get(audio, LLMP_STR("data"));
    const struct llmp_json_value *format =
        llmp_json_get(audio, LLMP_STR("format"));

    part->kind = LLMP_PART_AUDIO;
    if (!llmp_json_is(data, LLMP_JSON_STRING) ||
        !llmp_json_is(format, LLMP_JSON_STRING))
        return llmp_wire_wrong(wire, "an object with 'data' and 'format'",
                               "messages[%u].content[%u].input_audio", m, p);
    part->media.data = data->text;
    part->media.type = llmp_arena_printf(
        wire->arena, "audio/%.*s",
        (int)(format->text.len < 32 ? format->text.len : 32), format->text.ptr);
    return part->media.type.ptr ? LLMP_OK : llmp_wire_nomem(wire);
}

static int take_file(struct llmp_part *part,
                     const struct llmp_json_value *value,
                     struct llmp_wire *wire, uint32_t m, uint32_t p)
{
    const struct llmp_json_value *file = llmp_json_get(value, LLMP_STR("file"));
    const struct llmp_json_value *data =
        llmp_json_get(file, LLMP_STR("file_data"));

    part->kind = LLMP_PART_DOCUMENT;
    part->media.name = llmp_wire_text_at(file, LLMP_STR("filename"));
    part->media.file = llmp_wire_text_at(file, LLMP_STR("file_id"));
    if (data && (data->type != LLMP_JSON_STRING ||
                 llmp_wire_take_url(&part->media, data->text, wire) < 0))
        return llmp_wire_wrong(wire, "a data URL in base64",
                               "messages[%u].content[%u].file.file_data", m, p);
    if (part->media.url.len) { /* bare base64 is taken, too */
        part->media.data = part->media.url;
        part->media.url.len = 0;
        part->media.type = LLMP_STR("application/pdf");
    }
    if (!part->media.data.len && !part->media.file.len)
        return llmp_wire_wrong(wire, "an object with 'file_data' or 'file_id'",
                               "messages[%u].content[%u].file", m, p);
    return LLMP_OK;
}

static int take_text(struct llmp_part *part, enum llmp_part_kind kind,
                     const struct llmp_json_value *text, struct llmp_wire *wire,
                     uint32_t m, uint32_t p)
{
    part->kind = kind;
    if (!llmp_json_is(text, LLMP_JSON_STRING))
        return llmp_wire_wrong(wire, "a string",
                               "messages[%u].content[%u].text", m, p);
    part->text = text->text;
    return LLMP_OK;
}

static int take_part(struct llmp_part *part,
                     const struct llmp_json_value *value,
                     struct llmp_wire *wire, struct llmp_chat *chat, uint32_t m,
                     uint32_t p)
{
    const struct llmp_json_value *type = llmp_json_get(value, LLMP_STR("type"));

    take_cache(part, value);
    if (llmp_json_text_is(type, LLMP_STR("text")))
        return take_text(part, LLMP_PART_TEXT,
                         llmp_json_get(value, LLMP_STR("text")), wire, m, p);
    if (llmp_json_text_is(type, LLMP_STR("refusal")))
        return take_text(part, LLMP_PART_REFUSAL,
                         llmp_json_get(value, LLMP_STR("refusal")), wire, m, p);
    if (llmp_json_text_is(type, LLMP_STR("image_url")))
        return take_image(part, value, wire, m, p);
    if (llmp_json_text_is(type, LLMP_STR("input_audio")))
        return take_audio(part, value, wire, m, p);
    if (llmp_json_text_is(type, LLMP_STR("file")))
        return take_file(part, value, wire, m, p);
    if (!llmp_json_is(type, LLMP_JSON_STRING))
        return llmp_wire_wrong(wire, "an object with a 'type'",
                               "messages[%u].content[%u]", m, p);
    part->kind = LLMP_PART_TEXT; /* nothing, if it may be dropped */
    return llmp_wire_other(wire, chat, "messages[%u].content[%u].type", m, p);
}

/* A string, or a list of parts, that becomes a list of parts. */
static int take_content(struct llmp_part **first, struct llmp_part **last,
                        const struct llmp_json_value *content,
                        struct llmp_wire *wire, struct llmp_chat *chat,
                        uint32_t m)
{
    struct llmp_chat_message list = { .first = *first, .last = *last };
    struct llmp_part *part;
    uint32_t p = 0;

    if (!content)
        return LLMP_OK;
    if (content->type == LLMP_JSON_STRING) {
        part = llmp_chat_add_part(&list, LLMP_PART_TEXT, wire->arena);
        if (!part)
            return llmp_wire_nomem(wire);
        part->text = content->text;
    } else if (content->type != LLMP_JSON_ARRAY) {
        return llmp_wire_wrong(wire, "a string or an array",
                               "messages[%u].content", m);
    }
    for (const struct llmp_json_value *v =
             content->type == LLMP_JSON_ARRAY ? content->first : NULL;
         v; v = v->next, p++) {
        part = llmp_chat_add_part(&list, LLMP_PART_TEXT, wire->arena);
        if (!part)
            return llmp_wire_nomem(wire);
        LLMP_TRY(take_part(part, v, wire, chat, m, p));
    }
    *first = list.first;
    *last = list.last;
    return LLMP_OK;
}

/* ---- what an assistant said --------------------------------------------- */

static int take_call(struct llmp_chat_message *message,
                     const struct llmp_json_value *call, struct llmp_wire *wire,
                     uint32_t c)
{
    const struct llmp_json_value *function =
        llmp_json_get(call, LLMP_STR("function"));
    const struct llmp_json_value *id = llmp_json_get(call, LLMP_STR("id"));
    const struct llmp_json_value *name =
        llmp_json_get(function, LLMP_STR("name"));
    const struct llmp_json_value *arguments =
        llmp_json_get(function, LLMP_STR("arguments"));
    const struct llmp_json_value *google = llmp_json_get(
        llmp_json_get(call, LLMP_STR("extra_content")), LLMP_STR("google"));
    struct llmp_part *part =
        llmp_chat_add_part(message, LLMP_PART_TOOL_CALL, wire->arena);

    if (!part)
        return llmp_wire_nomem(wire);
    if (!llmp_json_is(id, LLMP_JSON_STRING) ||
        !llmp_json_is(name, LLMP_JSON_STRING) ||
        !llmp_json_is(arguments, LLMP_JSON_STRING))
        return llmp_wire_wrong(
            wire, "a function call with 'id', 'name' and 'arguments'",
            "messages[%u].tool_calls[%u]", message->index, c);
    part->id = id->text;
    part->name = name->text;
    part->signature = llmp_wire_text_at(google, LLMP_STR("thought_signature"));

    int rc = llmp_wire_unquote_object(&part->arguments, arguments->text, wire);

    if (rc == LLMP_E_TYPE)
        return llmp_wire_wrong(wire, "a JSON object",
                               "messages[%u].tool_calls[%u].function.arguments",
                               message->index, c);
    return rc;
}

static int take_calls(struct llmp_chat_message *message,
                      const struct llmp_json_value *calls,
                      struct llmp_wire *wire)
{
    uint32_t c = 0;

    if (!llmp_json_is(calls, LLMP_JSON_ARRAY))
        return llmp_wire_wrong(wire, "an array", "messages[%u].tool_calls",
                               message->index);
    for (const struct llmp_json_value *v = calls->first; v; v = v->next)
        LLMP_TRY(take_call(message, v, wire, c++));
    return LLMP_OK;
}

int llmp_openai_take_thinking(struct llmp_part *part,
                              const struct llmp_json_value *block)
{
    const struct llmp_json_value *type = llmp_json_get(block, LLMP_STR("type"));

    part->kind = LLMP_PART_REASONING;
    part->redacted = llmp_json_text_is(type, LLMP_STR("redacted_thinking"));
    part->text = llmp_wire_text_at(
        block, part->redacted ? LLMP_STR("data") : LLMP_STR("thinking"));
    part->signature = llmp_wire_text_at(block, LLMP_STR("signature"));
    return part->redacted || llmp_json_text_is(type, LLMP_STR("thinking"))
               ? LLMP_OK
               : LLMP_E_TYPE;
}

/* The blocks have the seals; the plain text is for those without. */
static int take_reasoning(struct llmp_chat_message *message,
                          const struct llmp_json_value *value,
                          struct llmp_wire *wire)
{
    const struct llmp_json_value *blocks =
        llmp_json_get(value, LLMP_STR("thinking_blocks"));
    const struct llmp_json_value *text =
        llmp_json_get(value, LLMP_STR("reasoning_content"));
    struct llmp_part *part;

    if (!llmp_json_is(blocks, LLMP_JSON_ARRAY)) {
        if (!llmp_json_is(text, LLMP_JSON_STRING) || text->text.len == 0)
            return LLMP_OK;
        part = llmp_chat_add_part(message, LLMP_PART_REASONING, wire->arena);
        if (!part)
            return llmp_wire_nomem(wire);
        part->text = text->text;
        return LLMP_OK;
    }
    for (const struct llmp_json_value *v = blocks->first; v; v = v->next) {
        part = llmp_chat_add_part(message, LLMP_PART_REASONING, wire->arena);
        if (!part)
            return llmp_wire_nomem(wire);
        if (llmp_openai_take_thinking(part, v) < 0)
            return llmp_wire_wrong(wire, "a list of thinking blocks",
                                   "messages[%u].thinking_blocks",
                                   message->index);
    }
    return LLMP_OK;
}

static int take_assistant(struct llmp_chat_message *message,
                          const struct llmp_json_value *value,
                          struct llmp_wire *wire, struct llmp_chat *chat)
{
    const struct llmp_json_value *refusal =
        llmp_json_get(value, LLMP_STR("refusal"));
    const struct llmp_json_value *calls =
        llmp_json_get(value, LLMP_STR("tool_calls"));

    LLMP_TRY(take_reasoning(message, value, wire));
    LLMP_TRY(take_content(&message->first, &message->last,
                          llmp_json_get(value, LLMP_STR("content")), wire, chat,
                          message->index));
    if (llmp_json_is(refusal, LLMP_JSON_STRING)) {
        struct llmp_part *part =
            llmp_chat_add_part(message, LLMP_PART_REFUSAL, wire->arena);

        if (!part)
            return llmp_wire_nomem(wire);
        part->text = refusal->text;
    }
    return calls ? take_calls(message, calls, wire) : LLMP_OK;
}

static int take_tool_result(struct llmp_chat_message *message,
                            const struct llmp_json_value *value,
                            struct llmp_wire *wire, struct llmp_chat *chat)
{
    const struct llmp_json_value *id =
        llmp_json_get(value, LLMP_STR("tool_call_id"));
    struct llmp_part *part =
        llmp_chat_add_part(message, LLMP_PART_TOOL_RESULT, wire->arena);
    struct llmp_part *last = NULL;

    if (!part)
        return llmp_wire_nomem(wire);
    if (!llmp_json_is(id, LLMP_JSON_STRING))
        return llmp_wire_wrong(wire, "a string", "messages[%u].tool_call_id",
                               message->index);
    part->id = id->text;
    part->name = llmp_wire_text_at(value, LLMP_STR("name"));
    take_cache(part, value);
    return take_content(&part->first, &last,
                        llmp_json_get(value, LLMP_STR("content")), wire, chat,
                        message->index);
}

/* ---- messages ----------------------------------------------------------- */

static const struct {
    struct llmp_str name;
    enum llmp_speaker role;
} roles[] = {
    { LLMP_STR("system"), LLMP_SPEAKER_SYSTEM },
    { LLMP_STR("developer"), LLMP_SPEAKER_DEVELOPER },
    { LLMP_STR("user"), LLMP_SPEAKER_USER },
    { LLMP_STR("assistant"), LLMP_SPEAKER_ASSISTANT },
    { LLMP_STR("tool"), LLMP_SPEAKER_TOOL },
};

static const struct llmp_str message_members[] = {
    LLMP_STR("role"),          LLMP_STR("content"),
    LLMP_STR("name"),          LLMP_STR("refusal"),
    LLMP_STR("tool_calls"),    LLMP_STR("reasoning_content"),
    LLMP_STR("tool_call_id"),  LLMP_STR("thinking_blocks"),
    LLMP_STR("cache_control"), LLMP_STR("annotations"),
};

static int note_unknown(const struct llmp_json_value *value,
                        struct llmp_wire *wire, struct llmp_chat *chat,
                        uint32_t m)
{
    for (const struct llmp_json_value *v = value->first; v; v = v->next) {
        bool known = v->type == LLMP_JSON_NULL;

        for (size_t i = 0; !known && i < LLMP_COUNT(message_members); i++)
            known = llmp_str_eq(v->key, message_members[i]);
        if (!known)
            LLMP_TRY(llmp_wire_other(wire, chat, "messages[%u].%.*s", m,
                                     (int)v->key.len, v->key.ptr));
    }
    return LLMP_OK;
}

static int take_message(struct llmp_chat *chat,
                        const struct llmp_json_value *value,
                        struct llmp_wire *wire)
{
    const struct llmp_json_value *role = llmp_json_get(value, LLMP_STR("role"));
    struct llmp_chat_message *message =
        llmp_chat_add(chat, LLMP_SPEAKER_USER, wire->arena);
    size_t r = 0;

    if (!message)
        return llmp_wire_nomem(wire);
    while (r < LLMP_COUNT(roles) && !llmp_json_text_is(role, roles[r].name))
        r++;
    if (r == LLMP_COUNT(roles))
        return llmp_wire_wrong(
            wire, "'system', 'developer', 'user', 'assistant' or 'tool'",
            "messages[%u].role", message->index);
    message->role = roles[r].role;
    message->name = llmp_wire_text_at(value, LLMP_STR("name"));
    LLMP_TRY(note_unknown(value, wire, chat, message->index));
    if (message->role == LLMP_SPEAKER_ASSISTANT)
        return take_assistant(message, value, wire, chat);
    if (message->role == LLMP_SPEAKER_TOOL)
        return take_tool_result(message, value, wire, chat);
    LLMP_TRY(take_content(&message->first, &message->last,
                          llmp_json_get(value, LLMP_STR("content")), wire, chat,
                          message->index));
    if (message->last && llmp_json_get(value, LLMP_STR("cache_control")))
        take_cache(message->last, value);
    return LLMP_OK;
}

static int take_messages(struct llmp_chat *chat,
                         const struct llmp_json_value *list,
                         struct llmp_wire *wire)
{
    LLMP_TRY(
        llmp_wire_expect(wire, list, LLMP_IS_ARRAY, "an array", "messages"));
    for (const struct llmp_json_value *v = list->first; v; v = v->next)
        LLMP_TRY(take_message(chat, v, wire));
    return LLMP_OK;
}

/* ---- tools, format, the rest
 * -------------------------------------------------
 */

static int take_tool(struct llmp_chat *chat,
                     const struct llmp_json_value *value,
                     struct llmp_wire *wire, uint32_t t)
{
    const struct llmp_json_value *function =
        llmp_json_get(value, LLMP_STR("function"));
    const struct llmp_json_value *name =
        llmp_json_get(function, LLMP_STR("name"));
    const struct llmp_json_value *cache =
        llmp_json_get(value, LLMP_STR("cache_control"));

    if (!llmp_json_text_is(llmp_json_get(value, LLMP_STR("type")),
                           LLMP_STR("function")))
        return llmp_wire_other(wire, chat, "tools[%u].type", t);
    if (!llmp_json_is(name, LLMP_JSON_STRING))
        return llmp_wire_wrong(wire, "a string", "tools[%u].function.name", t);

    struct llmp_tool *tool = llmp_chat_add_tool(chat, wire->arena);

    if (!tool)
        return llmp_wire_nomem(wire);
    tool->name = name->text;
    tool->description = llmp_wire_text_at(function, LLMP_STR("description"));
    LLMP_TRY(llmp_wire_take_raw(
        &tool->parameters, llmp_json_get(function, LLMP_STR("parameters")),
        LLMP_IS_OBJECT, "an object", "tools[].function.parameters", wire));
    LLMP_TRY(llmp_wire_take_raw(
        &tool->strict, llmp_json_get(function, LLMP_STR("strict")),
        LLMP_IS_BOOL, "a boolean", "tools[].function.strict", wire));
    tool->cache = cache != NULL;
    tool->cache_ttl = llmp_wire_text_at(cache, LLMP_STR("ttl"));
    return LLMP_OK;
}

static int take_tools(struct llmp_chat *chat,
                      const struct llmp_json_value *list,
                      struct llmp_wire *wire)
{
    uint32_t t = 0;

    LLMP_TRY(llmp_wire_expect(wire, list, LLMP_IS_ARRAY, "an array", "tools"));
    for (const struct llmp_json_value *v = list->first; v; v = v->next)
        LLMP_TRY(take_tool(chat, v, wire, t++));
    return LLMP_OK;
}

static int take_choice(struct llmp_chat *chat,
                       const struct llmp_json_value *value,
                       struct llmp_wire *wire)
{
    const struct llmp_json_value *name = llmp_json_get(
        llmp_json_get(value, LLMP_STR("function")), LLMP_STR("name"));

    if (llmp_json_text_is(value, LLMP_STR("auto")))
        chat->choice = LLMP_CHOICE_AUTO;
    else if (llmp_json_text_is(value, LLMP_STR("none")))
        chat->choice = LLMP_CHOICE_NONE;
    else if (llmp_json_text_is(value, LLMP_STR("required")))
        chat->choice = LLMP_CHOICE_ANY;
    else if (llmp_json_is(name, LLMP_JSON_STRING)) {
        chat->choice = LLMP_CHOICE_ONE;
        chat->choice_name = name->text;
    } else if (llmp_json_is(value, LLMP_JSON_OBJECT))
        return llmp_wire_other(wire, chat, "tool_choice");
    else
        return llmp_wire_wrong(wire, "'auto', 'none', 'required' or a function",
                               "tool_choice");
    return LLMP_OK;
}

static int take_format(struct llmp_chat *chat,
                       const struct llmp_json_value *value,
                       struct llmp_wire *wire)
{
    const struct llmp_json_value *type = llmp_json_get(value, LLMP_STR("type"));
    const struct llmp_json_value *schema =
        llmp_json_get(value, LLMP_STR("json_schema"));

    if (llmp_json_text_is(type, LLMP_STR("text")))
        chat->format.kind = LLMP_FORMAT_TEXT;
    else if (llmp_json_text_is(type, LLMP_STR("json_object")))
        chat->format.kind = LLMP_FORMAT_JSON;
    else if (llmp_json_text_is(type, LLMP_STR("json_schema"))) {
        chat->format.kind = LLMP_FORMAT_SCHEMA;
        chat->format.name = llmp_wire_text_at(schema, LLMP_STR("name"));
        chat->format.description =
            llmp_wire_text_at(schema, LLMP_STR("description"));
        LLMP_TRY(llmp_wire_take_raw(
            &chat->format.schema, llmp_json_get(schema, LLMP_STR("schema")),
            LLMP_IS_OBJECT, "an object", "response_format.json_schema.schema",
            wire));
        LLMP_TRY(llmp_wire_take_raw(
            &chat->format.strict, llmp_json_get(schema, LLMP_STR("strict")),
            LLMP_IS_BOOL, "a boolean", "response_format.json_schema.strict",
            wire));
        if (!chat->format.schema.len)
            return llmp_wire_wrong(wire, "an object",
                                   "response_format.json_schema.schema");
    } else
        return llmp_wire_wrong(wire, "'text', 'json_object' or 'json_schema'",
                               "response_format.type");
    return LLMP_OK;
}

/* A string, or a list of them. */
static int take_stop(struct llmp_chat *chat,
                     const struct llmp_json_value *value,
                     struct llmp_wire *wire)
{
    if (value->type == LLMP_JSON_STRING) {
        struct llmp_json_value *one =
            llmp_arena_take(wire->arena, sizeof(*one));

        if (!one)
            return llmp_wire_nomem(wire);
        *one = *value;
        one->next = NULL;
        chat->stops = one;
        return LLMP_OK;
    }
    LLMP_TRY(llmp_wire_expect(wire, value, LLMP_IS_ARRAY,
                              "a string or an array of strings", "stop"));
    for (const struct llmp_json_value *v = value->first; v; v = v->next)
        LLMP_TRY(
            llmp_wire_expect(wire, v, LLMP_IS_STRING, "a string", "stop[]"));
    chat->stops = value->first;
    return LLMP_OK;
}

/* Members that say how the provider should keep things say nothing when they
 * say no. */
static bool is_idle(const struct llmp_json_value *value)
{
    return value->type == LLMP_JSON_NULL || value->type == LLMP_JSON_FALSE ||
           (value->type == LLMP_JSON_ARRAY && value->count == 0);
}

static bool is_text_only(const struct llmp_json_value *modalities)
{
    return llmp_json_is(modalities, LLMP_JSON_ARRAY) &&
           modalities->count == 1 &&
           llmp_json_text_is(modalities->first, LLMP_STR("text"));
}

static int take_odd_member(struct llmp_chat *chat,
                           const struct llmp_json_value *v,
                           struct llmp_wire *wire)
{
    if (llmp_str_eq(v->key, LLMP_STR("messages")))
        return take_messages(chat, v, wire);
    if (llmp_str_eq(v->key, LLMP_STR("tools")))
        return take_tools(chat, v, wire);
    if (llmp_str_eq(v->key, LLMP_STR("tool_choice")))
        return take_choice(chat, v, wire);
    if (llmp_str_eq(v->key, LLMP_STR("response_format")))
        return take_format(chat, v, wire);
    if (llmp_str_eq(v->key, LLMP_STR("stop")))
        return take_stop(chat, v, wire);
    if (llmp_str_eq(v->key, LLMP_STR("stream_options"))) {
        chat->wants_usage = llmp_json_is(
            llmp_json_get(v, LLMP_STR("include_usage")), LLMP_JSON_TRUE);
        return LLMP_OK;
    }
    if (llmp_str_eq(v->key, LLMP_STR("parallel_tool_calls"))) {
        LLMP_TRY(llmp_wire_expect(wire, v, LLMP_IS_BOOL, "a boolean",
                                  "parallel_tool_calls"));
        chat->parallel_calls = v->type == LLMP_JSON_TRUE ? LLMP_YES : LLMP_NO;
        return LLMP_OK;
    }
    if (is_idle(v) ||
        (llmp_str_eq(v->key, LLMP_STR("modalities")) && is_text_only(v)))
        return LLMP_OK;
    return llmp_wire_other(wire, chat, "%.*s", (int)v->key.len, v->key.ptr);
}

int llmp_openai_read_request(struct llmp_chat *chat,
                             const struct llmp_json_value *root,
                             struct llmp_wire *wire)
{
    LLMP_TRY(llmp_wire_expect(wire, root, LLMP_IS_OBJECT, "an object", "body"));
    for (const struct llmp_json_value *v = root->first; v; v = v->next) {
        if (v->type == LLMP_JSON_NULL)
            continue;

        int rc =
            llmp_wire_take_member(chat, wire, v, members, LLMP_COUNT(members));

        if (rc == LLMP_MISS)
            rc = take_odd_member(chat, v, wire);
        LLMP_TRY(rc);
    }
    if (chat->reasoning.effort.len)
        chat->reasoning.wanted =
            llmp_str_eq(chat->reasoning.effort, LLMP_STR("none")) ? LLMP_NO
                                                                  : LLMP_YES;
    return chat->first ? LLMP_OK
                       : llmp_wire_wrong(wire, "an array that is not empty",
                                         "messages");
}
