/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a Responses request (OpenAI API reference, "Create a model response")
 * into the canonical form. Items that belong to one turn of the assistant
 * become one message: its thoughts, its text, its calls. What OpenAI would
 * keep for the client (earlier responses, conversations) is not there.
 */
#include "base/internal.h"
#include "wire/responses.h"

#define K(text)    LLMP_STR(text)
#define AT(member) offsetof(struct llmp_chat, member)

static const struct llmp_wire_member members[] = {
    { LLMP_STR("model"), LLMP_IS_STRING, "a string", AT(model) },
    { LLMP_STR("stream"), LLMP_IS_BOOL, "a boolean", AT(stream) },
    { LLMP_STR("max_output_tokens"), LLMP_IS_NUMBER, "a number",
      AT(max_tokens) },
    { LLMP_STR("temperature"), LLMP_IS_NUMBER, "a number", AT(temperature) },
    { LLMP_STR("top_p"), LLMP_IS_NUMBER, "a number", AT(top_p) },
    { LLMP_STR("top_logprobs"), LLMP_IS_NUMBER, "a number", AT(top_logprobs) },
    { LLMP_STR("user"), LLMP_IS_STRING, "a string", AT(user) },
    { LLMP_STR("service_tier"), LLMP_IS_STRING, "a string", AT(service_tier) },
    { LLMP_STR("metadata"), LLMP_IS_OBJECT, "an object", AT(metadata) },
};

struct reading {
    struct llmp_chat *chat;
    struct llmp_wire *wire;
    uint32_t item, part; /* where it is, for messages about it */
};

static int wrong_item(const struct reading *r, const char *must,
                      const char *member)
{
    return llmp_wire_wrong(r->wire, must, "input[%u]%s", r->item, member);
}

static int wrong_part(const struct reading *r, const char *must,
                      const char *member)
{
    return llmp_wire_wrong(r->wire, must, "input[%u].content[%u]%s", r->item,
                           r->part, member);
}

/* ---- parts -------------------------------------------------------------- */

static int take_image(const struct reading *r, struct llmp_part *part,
                      const struct llmp_json_value *value)
{
    struct llmp_str url = llmp_wire_text_at(value, K("image_url"));
    int rc = LLMP_OK;

    part->kind = LLMP_PART_IMAGE;
    part->media.detail = llmp_wire_text_at(value, K("detail"));
    part->media.file = llmp_wire_text_at(value, K("file_id"));
    if (url.len)
        rc = llmp_wire_take_url(&part->media, url, r->wire);
    if (rc == LLMP_E_TYPE || (!url.len && !part->media.file.len))
        return wrong_part(r, "a URL, a data URL in base64 or a 'file_id'",
                          ".image_url");
    return rc;
}

/* Bare base64 is taken, too, as other servers of this dialect do. */
static int take_file(const struct reading *r, struct llmp_part *part,
                     const struct llmp_json_value *value)
{
    struct llmp_str data = llmp_wire_text_at(value, K("file_data"));
    int rc = LLMP_OK;

    part->kind = LLMP_PART_DOCUMENT;
    part->media.name = llmp_wire_text_at(value, K("filename"));
    part->media.file = llmp_wire_text_at(value, K("file_id"));
    if (data.len)
        rc = llmp_wire_take_url(&part->media, data, r->wire);
    if (rc == LLMP_E_TYPE)
        return wrong_part(r, "a data URL in base64", ".file_data");
    LLMP_TRY(rc);
    if (part->media.url.len) {
        part->media.data = part->media.url;
        part->media.type = K("application/pdf");
    }
    part->media.url = llmp_wire_text_at(value, K("file_url"));
    if (!part->media.data.len && !part->media.url.len && !part->media.file.len)
        return wrong_part(r, "one with 'file_data', 'file_url' or 'file_id'",
                          "");
    return LLMP_OK;
}

static int take_audio(const struct reading *r, struct llmp_part *part,
                      const struct llmp_json_value *value)
{
    const struct llmp_json_value *audio =
        llmp_json_get(value, K("input_audio"));
    struct llmp_str format = llmp_wire_text_at(audio, K("format"));

    part->kind = LLMP_PART_AUDIO;
    part->media.data = llmp_wire_text_at(audio, K("data"));
    if (!part->media.data.len || !format.len || format.len > 32)
        return wrong_part(r, "an object with 'data' and 'format'",
                          ".input_audio");
    part->media.type = llmp_arena_printf(r->wire->arena, "audio/%.*s",
                                         (int)format.len, format.ptr);
    return part->media.type.ptr ? LLMP_OK : llmp_wire_nomem(r->wire);
}

static int take_text(const struct reading *r, struct llmp_part *part,
                     const struct llmp_json_value *text)
{
    if (!llmp_json_is(text, LLMP_JSON_STRING))
        return wrong_part(r, "a string", ".text");
    part->text = text->text;
    return LLMP_OK;
}

static int take_part(const struct reading *r, struct llmp_part *part,
                     const struct llmp_json_value *value)
{
    const struct llmp_json_value *type = llmp_json_get(value, K("type"));

    if (llmp_json_text_is(type, K("input_text")) ||
        llmp_json_text_is(type, K("output_text")) ||
        llmp_json_text_is(type, K("text")))
        return take_text(r, part, llmp_json_get(value, K("text")));
    if (llmp_json_text_is(type, K("refusal"))) {
        part->kind = LLMP_PART_REFUSAL;
        return take_text(r, part, llmp_json_get(value, K("refusal")));
    }
    if (llmp_json_text_is(type, K("input_image")))
        return take_image(r, part, value);
    if (llmp_json_text_is(type, K("input_file")))
        return take_file(r, part, value);
    if (llmp_json_text_is(type, K("input_audio")))
        return take_audio(r, part, value);
    if (!llmp_json_is(type, LLMP_JSON_STRING))
        return wrong_part(r, "an object with a 'type'", "");
    return llmp_wire_other(r->wire, r->chat, "input[%u].content[%u].type",
                           r->item, r->part);
}

/* A string, or a list of parts. */
static int take_content(struct reading *r, struct llmp_chat_message *message,
                        const struct llmp_json_value *content,
                        const char *member)
{
    struct llmp_part *part;

    r->part = 0;
    if (llmp_json_is(content, LLMP_JSON_STRING)) {
        part = llmp_chat_add_part(message, LLMP_PART_TEXT, r->wire->arena);
        if (!part)
            return llmp_wire_nomem(r->wire);
        part->text = content->text;
        return LLMP_OK;
    }
    if (!llmp_json_is(content, LLMP_JSON_ARRAY))
        return wrong_item(r, "a string or an array", member);
    for (const struct llmp_json_value *v = content->first; v; v = v->next) {
        part = llmp_chat_add_part(message, LLMP_PART_TEXT, r->wire->arena);
        if (!part)
            return llmp_wire_nomem(r->wire);
        LLMP_TRY(take_part(r, part, v));
        r->part++;
    }
    return LLMP_OK;
}

/* ---- items -------------------------------------------------------------- */

/* The message an item belongs to: the last one if it is of that role and
 * `joins`, else a new one. */
static struct llmp_chat_message *message_for(struct reading *r,
                                             enum llmp_speaker role, bool joins)
{
    struct llmp_chat_message *message = r->chat->last;

    if (joins && message && message->role == role)
        return message;
    message = llmp_chat_add(r->chat, role, r->wire->arena);
    if (message)
        message->index = r->item;
    return message;
}

static bool has_only_thoughts(const struct llmp_chat_message *message)
{
    for (const struct llmp_part *p = message ? message->first : NULL; p;
         p = p->next)
        if (p->kind != LLMP_PART_REASONING)
            return false;
    return true;
}

static const struct {
    struct llmp_str name;
    enum llmp_speaker role;
} roles[] = {
    { LLMP_STR("user"), LLMP_SPEAKER_USER },
    { LLMP_STR("assistant"), LLMP_SPEAKER_ASSISTANT },
    { LLMP_STR("system"), LLMP_SPEAKER_SYSTEM },
    { LLMP_STR("developer"), LLMP_SPEAKER_DEVELOPER },
};

static int take_message(struct reading *r, const struct llmp_json_value *value)
{
    const struct llmp_json_value *role = llmp_json_get(value, K("role"));
    struct llmp_chat_message *message;
    size_t i = 0;

    while (i < LLMP_COUNT(roles) && !llmp_json_text_is(role, roles[i].name))
        i++;
    if (i == LLMP_COUNT(roles))
        return wrong_item(r, "'user', 'assistant', 'system' or 'developer'",
                          ".role");
    message = message_for(r, roles[i].role,
                          roles[i].role == LLMP_SPEAKER_ASSISTANT &&
                              has_only_thoughts(r->chat->last));
    if (!message)
        return llmp_wire_nomem(r->wire);
    return take_content(r, message, llmp_json_get(value, K("content")),
                        ".content");
}

static int take_call(struct reading *r, const struct llmp_json_value *value)
{
    const struct llmp_json_value *arguments =
        llmp_json_get(value, K("arguments"));
    struct llmp_chat_message *message =
        message_for(r, LLMP_SPEAKER_ASSISTANT, true);
    struct llmp_part *part =
        message
            ? llmp_chat_add_part(message, LLMP_PART_TOOL_CALL, r->wire->arena)
            : NULL;
    int rc;

    if (!part)
        return llmp_wire_nomem(r->wire);
    part->id = llmp_wire_text_at(value, K("call_id"));
    part->name = llmp_wire_text_at(value, K("name"));
    if (!part->id.len || !part->name.len ||
        !llmp_json_is(arguments, LLMP_JSON_STRING))
        return wrong_item(r, "one with 'call_id', 'name' and 'arguments'", "");
    rc = llmp_wire_unquote_object(&part->arguments, arguments->text, r->wire);
    return rc == LLMP_E_TYPE ? wrong_item(r, "a JSON object", ".arguments")
                             : rc;
}

static int take_output(struct reading *r, const struct llmp_json_value *value)
{
    struct llmp_chat_message inside = { .role = LLMP_SPEAKER_TOOL };
    struct llmp_chat_message *message = message_for(r, LLMP_SPEAKER_TOOL, true);
    struct llmp_part *part =
        message
            ? llmp_chat_add_part(message, LLMP_PART_TOOL_RESULT, r->wire->arena)
            : NULL;

    if (!part)
        return llmp_wire_nomem(r->wire);
    part->id = llmp_wire_text_at(value, K("call_id"));
    if (!part->id.len)
        return wrong_item(r, "a string", ".call_id");
    LLMP_TRY(
        take_content(r, &inside, llmp_json_get(value, K("output")), ".output"));
    part->first = inside.first;
    return LLMP_OK;
}

/* Several summaries are one thought. */
static int join_texts(struct reading *r, struct llmp_str *out,
                      const struct llmp_json_value *list)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf joined = { 0 };
    bool ok = true;

    if (!llmp_json_is(list, LLMP_JSON_ARRAY) || !list->first)
        return LLMP_OK;
    for (const struct llmp_json_value *v = list->first; v; v = v->next) {
        if (v != list->first)
            (void)llmp_buf_add(&joined, K("\\n\\n"));
        (void)llmp_buf_add(&joined, llmp_wire_text_at(v, K("text")));
    }
    *out = llmp_arena_str(r->wire->arena, llmp_buf_str(&joined), &ok);
    return ok && !joined.failed ? LLMP_OK : llmp_wire_nomem(r->wire);
}

static int take_reasoning(struct reading *r,
                          const struct llmp_json_value *value)
{
    static const struct llmp_str sealed = LLMP_STR(LLMP_RESPONSES_SEALED);
    struct llmp_str seal = llmp_wire_text_at(value, K("encrypted_content"));
    struct llmp_chat_message *message = message_for(
        r, LLMP_SPEAKER_ASSISTANT, has_only_thoughts(r->chat->last));
    struct llmp_part *part =
        message
            ? llmp_chat_add_part(message, LLMP_PART_REASONING, r->wire->arena)
            : NULL;

    if (!part)
        return llmp_wire_nomem(r->wire);
    if (llmp_str_starts(seal, sealed)) {
        part->redacted = true;
        part->text =
            (struct llmp_str){ seal.ptr + sealed.len, seal.len - sealed.len };
        return LLMP_OK;
    }
    part->signature = seal;
    LLMP_TRY(join_texts(r, &part->text, llmp_json_get(value, K("summary"))));
    if (part->text.len)
        return LLMP_OK;
    return join_texts(r, &part->text, llmp_json_get(value, K("content")));
}

static int take_item(struct reading *r, const struct llmp_json_value *value)
{
    const struct llmp_json_value *type = llmp_json_get(value, K("type"));

    if (!type ? llmp_json_get(value, K("role")) != NULL
              : llmp_json_text_is(type, K("message")))
        return take_message(r, value);
    if (llmp_json_text_is(type, K("function_call")))
        return take_call(r, value);
    if (llmp_json_text_is(type, K("function_call_output")))
        return take_output(r, value);
    if (llmp_json_text_is(type, K("reasoning")))
        return take_reasoning(r, value);
    if (!llmp_json_is(type, LLMP_JSON_STRING))
        return wrong_item(r, "an object with a 'type'", "");
    return llmp_wire_other(r->wire, r->chat, "input[%u].type", r->item);
}

static int take_input(struct reading *r, const struct llmp_json_value *input)
{
    if (llmp_json_is(input, LLMP_JSON_STRING)) {
        struct llmp_chat_message *message =
            message_for(r, LLMP_SPEAKER_USER, false);

        if (!message)
            return llmp_wire_nomem(r->wire);
        return take_content(r, message, input, "");
    }
    LLMP_TRY(llmp_wire_expect(r->wire, input, LLMP_IS_ARRAY,
                              "a string or an array", "input"));
    for (const struct llmp_json_value *v = input->first; v; v = v->next) {
        LLMP_TRY(take_item(r, v));
        r->item++;
    }
    return LLMP_OK;
}

static int take_instructions(struct reading *r,
                             const struct llmp_json_value *text)
{
    struct llmp_chat_message *message;

    LLMP_TRY(llmp_wire_expect(r->wire, text, LLMP_IS_STRING, "a string",
                              "instructions"));
    message = message_for(r, LLMP_SPEAKER_SYSTEM, false);
    if (!message)
        return llmp_wire_nomem(r->wire);
    return take_content(r, message, text, "");
}

/* ---- tools, format, the rest -------------------------------------------- */

/* A value that goes on as it stands, if it is there. */
static int take_raw(const struct reading *r, struct llmp_str *out,
                    const struct llmp_json_value *object, struct llmp_str key,
                    uint32_t types)
{
    const struct llmp_json_value *value = llmp_json_get(object, key);

    if (value && !(types & 1u << value->type))
        return llmp_wire_wrong(
            r->wire, types == LLMP_IS_BOOL ? "a boolean" : "an object", "%.*s",
            (int)key.len, key.ptr);
    *out = llmp_json_text(value);
    return LLMP_OK;
}

static int take_tools(struct reading *r, const struct llmp_json_value *list)
{
    uint32_t t = 0;

    LLMP_TRY(
        llmp_wire_expect(r->wire, list, LLMP_IS_ARRAY, "an array", "tools"));
    for (const struct llmp_json_value *v = list->first; v; v = v->next, t++) {
        struct llmp_tool *tool;

        if (!llmp_json_text_is(llmp_json_get(v, K("type")), K("function"))) {
            LLMP_TRY(llmp_wire_other(r->wire, r->chat, "tools[%u].type", t));
            continue;
        }
        if (!llmp_wire_text_at(v, K("name")).len)
            return llmp_wire_wrong(r->wire, "a string", "tools[%u].name", t);
        tool = llmp_chat_add_tool(r->chat, r->wire->arena);
        if (!tool)
            return llmp_wire_nomem(r->wire);
        tool->name = llmp_wire_text_at(v, K("name"));
        tool->description = llmp_wire_text_at(v, K("description"));
        LLMP_TRY(
            take_raw(r, &tool->parameters, v, K("parameters"), LLMP_IS_OBJECT));
        LLMP_TRY(take_raw(r, &tool->strict, v, K("strict"), LLMP_IS_BOOL));
    }
    return LLMP_OK;
}

static int take_choice(struct reading *r, const struct llmp_json_value *value)
{
    struct llmp_str name = llmp_wire_text_at(value, K("name"));

    if (llmp_json_text_is(value, K("auto")))
        r->chat->choice = LLMP_CHOICE_AUTO;
    else if (llmp_json_text_is(value, K("none")))
        r->chat->choice = LLMP_CHOICE_NONE;
    else if (llmp_json_text_is(value, K("required")))
        r->chat->choice = LLMP_CHOICE_ANY;
    else if (llmp_json_text_is(llmp_json_get(value, K("type")),
                               K("function")) &&
             name.len) {
        r->chat->choice = LLMP_CHOICE_ONE;
        r->chat->choice_name = name;
    } else if (llmp_json_is(value, LLMP_JSON_OBJECT))
        return llmp_wire_other(r->wire, r->chat, "tool_choice");
    else
        return llmp_wire_wrong(
            r->wire, "'auto', 'none', 'required' or a function", "tool_choice");
    return LLMP_OK;
}

static int take_format(struct reading *r, const struct llmp_json_value *value)
{
    const struct llmp_json_value *type = llmp_json_get(value, K("type"));
    const struct llmp_json_value *schema = llmp_json_get(value, K("schema"));
    struct llmp_chat *chat = r->chat;

    if (llmp_json_text_is(type, K("text"))) {
        chat->format.kind = LLMP_FORMAT_TEXT;
    } else if (llmp_json_text_is(type, K("json_object"))) {
        chat->format.kind = LLMP_FORMAT_JSON;
    } else if (llmp_json_text_is(type, K("json_schema"))) {
        if (!llmp_json_is(schema, LLMP_JSON_OBJECT))
            return llmp_wire_wrong(r->wire, "an object", "text.format.schema");
        chat->format.kind = LLMP_FORMAT_SCHEMA;
        chat->format.name = llmp_wire_text_at(value, K("name"));
        chat->format.description = llmp_wire_text_at(value, K("description"));
        chat->format.schema = schema->text;
        LLMP_TRY(take_raw(r, &chat->format.strict, value, K("strict"),
                          LLMP_IS_BOOL));
    } else {
        return llmp_wire_wrong(r->wire,
                               "'text', 'json_object' or 'json_schema'",
                               "text.format.type");
    }
    return LLMP_OK;
}

static int take_output_text(struct reading *r,
                            const struct llmp_json_value *value)
{
    for (const struct llmp_json_value *v = value->first; v; v = v->next) {
        if (v->type == LLMP_JSON_NULL)
            continue;
        if (llmp_str_eq(v->key, K("format")))
            LLMP_TRY(take_format(r, v));
        else if (llmp_str_eq(v->key, K("verbosity")))
            r->chat->verbosity = llmp_wire_text_at(value, K("verbosity"));
        else
            LLMP_TRY(llmp_wire_other(r->wire, r->chat, "text.%.*s",
                                     (int)v->key.len, v->key.ptr));
    }
    return LLMP_OK;
}

static int take_thinking(struct reading *r, const struct llmp_json_value *value)
{
    struct llmp_chat *chat = r->chat;

    for (const struct llmp_json_value *v = value->first; v; v = v->next) {
        if (v->type == LLMP_JSON_NULL)
            continue;
        if (llmp_str_eq(v->key, K("effort")) && v->type == LLMP_JSON_STRING)
            chat->reasoning.effort = v->text;
        else if (llmp_str_eq(v->key, K("summary")) ||
                 llmp_str_eq(v->key, K("generate_summary")))
            chat->reasoning.shown = LLMP_YES;
        else
            LLMP_TRY(llmp_wire_other(r->wire, chat, "reasoning.%.*s",
                                     (int)v->key.len, v->key.ptr));
    }
    if (llmp_str_eq(chat->reasoning.effort, K("none")))
        chat->reasoning.wanted = LLMP_NO;
    else if (chat->reasoning.effort.len || chat->reasoning.shown == LLMP_YES)
        chat->reasoning.wanted = LLMP_YES;
    return LLMP_OK;
}

/* What else should be in the answer: seals always are. */
static int take_include(struct reading *r, const struct llmp_json_value *list)
{
    LLMP_TRY(
        llmp_wire_expect(r->wire, list, LLMP_IS_ARRAY, "an array", "include"));
    for (const struct llmp_json_value *v = list->first; v; v = v->next) {
        if (llmp_json_text_is(v, K("message.output_text.logprobs")))
            r->chat->logprobs = true;
        else if (!llmp_json_text_is(v, K("reasoning.encrypted_content")))
            LLMP_TRY(llmp_wire_other(r->wire, r->chat, "include"));
    }
    return LLMP_OK;
}

/* Hints for caches and for who watches over abuse change no answer. */
static bool is_hint(struct llmp_str key)
{
    return llmp_str_eq(key, K("prompt_cache_key")) ||
           llmp_str_eq(key, K("prompt_cache_retention")) ||
           llmp_str_eq(key, K("safety_identifier"));
}

static bool is_idle(const struct llmp_json_value *v)
{
    return v->type == LLMP_JSON_FALSE ||
           (v->type == LLMP_JSON_ARRAY && v->count == 0) ||
           (llmp_str_eq(v->key, K("truncation")) &&
            llmp_json_text_is(v, K("disabled"))) ||
           llmp_str_eq(v->key, K("stream_options")) || /* padding only */
           llmp_str_eq(v->key, K("store"));            /* looked at apart */
}

static int take_odd_member(struct reading *r, const struct llmp_json_value *v)
{
    if (llmp_str_eq(v->key, K("input")))
        return take_input(r, v);
    if (llmp_str_eq(v->key, K("instructions")))
        return LLMP_OK; /* read first */
    if (llmp_str_eq(v->key, K("tools")))
        return take_tools(r, v);
    if (llmp_str_eq(v->key, K("tool_choice")))
        return take_choice(r, v);
    if (llmp_str_eq(v->key, K("parallel_tool_calls"))) {
        LLMP_TRY(llmp_wire_expect(r->wire, v, LLMP_IS_BOOL, "a boolean",
                                  "parallel_tool_calls"));
        r->chat->parallel_calls =
            v->type == LLMP_JSON_TRUE ? LLMP_YES : LLMP_NO;
        return LLMP_OK;
    }
    if (llmp_str_eq(v->key, K("text")))
        return take_output_text(r, v);
    if (llmp_str_eq(v->key, K("reasoning")))
        return take_thinking(r, v);
    if (llmp_str_eq(v->key, K("include")))
        return take_include(r, v);
    if (is_idle(v))
        return LLMP_OK;
    if (is_hint(v->key))
        return llmp_wire_note(r->wire, "%.*s", (int)v->key.len, v->key.ptr);
    return llmp_wire_other(r->wire, r->chat, "%.*s", (int)v->key.len,
                           v->key.ptr);
}

int llmp_responses_read_request(struct llmp_chat *chat,
                                const struct llmp_json_value *root,
                                struct llmp_wire *wire)
{
    struct reading r = { .chat = chat, .wire = wire };
    const struct llmp_json_value *instructions =
        llmp_json_get(root, K("instructions"));

    LLMP_TRY(llmp_wire_expect(wire, root, LLMP_IS_OBJECT, "an object", "body"));
    if (instructions)
        LLMP_TRY(take_instructions(&r, instructions));
    for (const struct llmp_json_value *v = root->first; v; v = v->next) {
        if (v->type == LLMP_JSON_NULL)
            continue;

        int rc =
            llmp_wire_take_member(chat, wire, v, members, LLMP_COUNT(members));

        if (rc == LLMP_MISS)
            rc = take_odd_member(&r, v);
        LLMP_TRY(rc);
    }
    /* To be kept is the default there, and nobody keeps it here. */
    if (!llmp_json_is(llmp_json_get(root, K("store")), LLMP_JSON_FALSE))
        LLMP_TRY(llmp_wire_note(wire, "store"));
    chat->wants_usage = true;
    if (llmp_wire_says(chat->top_logprobs, "0"))
        chat->logprobs = true;
    if (!chat->last || !llmp_json_get(root, K("input")))
        return llmp_wire_wrong(wire, "a string or an array", "input");
    return LLMP_OK;
}
