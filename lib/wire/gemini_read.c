/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a generateContent request (Gemini API reference, "Generating
 * content") into the canonical form. The model and whether to stream are in
 * the URL: the caller knows them. Calls need no ids there; they are numbered,
 * and a result without an id answers the first call of its name that has no
 * result yet.
 */
#include "base/internal.h"
#include "wire/gemini.h"

#define K(text)    LLMP_STR(text)
#define AT(member) offsetof(struct llmp_chat, member)

/* A call that no result has answered yet. */
struct open_call {
    struct open_call *next;
    const struct llmp_part *part;
};

struct reading {
    struct llmp_chat *chat;
    struct llmp_wire *wire;
    struct llmp_chat_message *message; /* the one that parts go to */
    struct open_call *open, **open_end;
    uint32_t content, part; /* where it is, for messages about it */
    uint32_t calls;         /* so far */
};

static int other_part(struct reading *r, struct llmp_str member)
{
    return llmp_wire_other(r->wire, r->chat, "contents[%u].parts[%u].%.*s",
                           r->content, r->part, (int)member.len, member.ptr);
}

static int wrong_part(const struct reading *r, const char *must,
                      const char *member)
{
    return llmp_wire_wrong(r->wire, must, "contents[%u].parts[%u]%s",
                           r->content, r->part, member);
}

/* ---- results ------------------------------------------------------------ */

static int open_a_call(struct reading *r, const struct llmp_part *part)
{
    struct open_call *call = llmp_arena_take(r->wire->arena, sizeof(*call));

    if (!call)
        return llmp_wire_nomem(r->wire);
    *call = (struct open_call){ .part = part };
    *r->open_end = call;
    r->open_end = &call->next;
    return LLMP_OK;
}

/* A result of no call is named after its function, as Google matches it. */
static struct llmp_str id_of_answered(struct reading *r, struct llmp_str name)
{
    size_t searched = 0;

    for (struct open_call **at = &r->open; *at; at = &(*at)->next) {
        struct open_call *call = *at;

        if (llmp_str_eq(call->part->name, name)) {
            *at = call->next;
            if (!call->next)
                r->open_end = at;
            return call->part->id;
        }
        if (++searched == LLMP_CALLS_SEARCHED)
            break;
    }
    return name;
}

/* {"result": "text"} is what a tool said, and so is {"output": "text"}; under
 * "error" it failed. Another object is said as it stands. */
static int take_response(struct reading *r, struct llmp_part *part,
                         const struct llmp_json_value *response)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf quoted = { 0 };
    const struct llmp_json_value *only = response->first;
    struct llmp_chat_message inside = { .role = LLMP_SPEAKER_TOOL };
    struct llmp_part *text =
        llmp_chat_add_part(&inside, LLMP_PART_TEXT, r->wire->arena);
    bool ok = true;

    if (!text)
        return llmp_wire_nomem(r->wire);
    part->first = text;
    if (response->count == 1 && only->type == LLMP_JSON_STRING) {
        part->failed = llmp_str_eq(only->key, K("error"));
        if (part->failed || llmp_str_eq(only->key, K("result")) ||
            llmp_str_eq(only->key, K("output"))) {
            text->text = only->text;
            return LLMP_OK;
        }
    }
    if (!llmp_buf_json(&quoted, response->text))
        return llmp_wire_nomem(r->wire);
    text->text = llmp_arena_str(
        r->wire->arena, (struct llmp_str){ quoted.ptr + 1, quoted.len - 2 },
        &ok);
    return ok ? LLMP_OK : llmp_wire_nomem(r->wire);
}

/* What a tool gave beside its text. */
static int take_result_parts(struct reading *r, struct llmp_part *part,
                             const struct llmp_json_value *parts)
{
    struct llmp_part **last = &part->first;

    if (!llmp_json_is(parts, LLMP_JSON_ARRAY))
        return wrong_part(r, "an array", ".functionResponse.parts");
    while (*last)
        last = &(*last)->next;
    for (const struct llmp_json_value *v = parts->first; v; v = v->next) {
        struct llmp_chat_message inside = { .role = LLMP_SPEAKER_TOOL };
        struct llmp_part *data =
            llmp_chat_add_part(&inside, LLMP_PART_TEXT, r->wire->arena);

        if (!data)
            return llmp_wire_nomem(r->wire);
        if (llmp_gemini_take_part(data, v, K(""), 0, r->wire->arena) != LLMP_OK)
            return wrong_part(r, "of parts with data",
                              ".functionResponse.parts");
        *last = data;
        last = &data->next;
    }
    return LLMP_OK;
}

static int take_result(struct reading *r, struct llmp_part *part,
                       const struct llmp_json_value *value)
{
    const struct llmp_json_value *response =
        llmp_gemini_get(value, K("response"));

    part->kind = LLMP_PART_TOOL_RESULT;
    part->name = llmp_gemini_text(value, K("name"));
    part->id = llmp_gemini_text(value, K("id"));
    if (!part->name.len)
        return wrong_part(r, "a string", ".functionResponse.name");
    if (!llmp_json_is(response, LLMP_JSON_OBJECT))
        return wrong_part(r, "an object", ".functionResponse.response");
    if (!part->id.len)
        part->id = id_of_answered(r, part->name);
    for (const struct llmp_json_value *v = value->first; v; v = v->next)
        if (llmp_gemini_is(v->key, K("willContinue")) ||
            llmp_gemini_is(v->key, K("scheduling")))
            LLMP_TRY(other_part(r, v->key));
    LLMP_TRY(take_response(r, part, response));
    value = llmp_gemini_get(value, K("parts"));
    return value ? take_result_parts(r, part, value) : LLMP_OK;
}

/* ---- parts -------------------------------------------------------------- */

static const struct llmp_str part_members[] = {
    LLMP_STR("text"),
    LLMP_STR("inlineData"),
    LLMP_STR("fileData"),
    LLMP_STR("functionCall"),
    LLMP_STR("thought"),
    LLMP_STR("functionResponse"),
    LLMP_STR("thoughtSignature"),
};

static int note_unknown(struct reading *r, const struct llmp_json_value *value)
{
    for (const struct llmp_json_value *v = value->first; v; v = v->next) {
        bool known = v->type == LLMP_JSON_NULL;

        for (size_t i = 0; !known && i < LLMP_COUNT(part_members); i++)
            known = llmp_gemini_is(v->key, part_members[i]);
        if (!known)
            LLMP_TRY(other_part(r, v->key));
    }
    return LLMP_OK;
}

/* The results in a turn are messages of their own. */
static int message_for(struct reading *r, enum llmp_speaker role)
{
    if (r->message && r->message->role == role)
        return LLMP_OK;
    r->message = llmp_chat_add(r->chat, role, r->wire->arena);
    if (!r->message)
        return llmp_wire_nomem(r->wire);
    r->message->index = r->content;
    return LLMP_OK;
}

static int take_part(struct reading *r, const struct llmp_json_value *value,
                     enum llmp_speaker role)
{
    const struct llmp_json_value *result =
        llmp_gemini_get(value, K("functionResponse"));
    struct llmp_part found = { .kind = LLMP_PART_TEXT }, *part;
    int rc = LLMP_OK;

    if (!llmp_json_is(value, LLMP_JSON_OBJECT))
        return wrong_part(r, "an object", "");
    LLMP_TRY(note_unknown(r, value));
    if (result)
        rc = take_result(r, &found, result);
    else
        rc = llmp_gemini_take_part(&found, value, K(""), r->calls,
                                   r->wire->arena);
    if (rc == LLMP_MISS)
        return value->count ? LLMP_OK : wrong_part(r, "a part", "");
    if (rc == LLMP_E_TYPE && !result)
        return wrong_part(r, "a part with all its members", "");
    LLMP_TRY(rc);
    LLMP_TRY(message_for(r, result ? LLMP_SPEAKER_TOOL : role));
    part = llmp_chat_add_part(r->message, found.kind, r->wire->arena);
    if (!part)
        return llmp_wire_nomem(r->wire);
    *part = found;
    if (part->kind != LLMP_PART_TOOL_CALL)
        return LLMP_OK;
    r->calls++;
    return open_a_call(r, part);
}

static int take_content(struct reading *r, const struct llmp_json_value *value,
                        enum llmp_speaker role)
{
    const struct llmp_json_value *parts = llmp_gemini_get(value, K("parts"));

    if (!llmp_json_is(parts, LLMP_JSON_ARRAY))
        return llmp_wire_wrong(r->wire, "an array", "contents[%u].parts",
                               r->content);
    r->message = NULL;
    r->part = 0;
    if (role == LLMP_SPEAKER_ASSISTANT) { /* what was not answered is not */
        r->open = NULL;
        r->open_end = &r->open;
    }
    for (const struct llmp_json_value *v = parts->first; v; v = v->next) {
        LLMP_TRY(take_part(r, v, role));
        r->part++;
    }
    return LLMP_OK;
}

static int take_turn(struct reading *r, const struct llmp_json_value *value)
{
    const struct llmp_json_value *role = llmp_gemini_get(value, K("role"));

    if (llmp_json_text_is(role, K("model")))
        return take_content(r, value, LLMP_SPEAKER_ASSISTANT);
    if (role && !llmp_json_text_is(role, K("user")) &&
        !llmp_json_text_is(role, K("function")))
        return llmp_wire_wrong(r->wire, "'user' or 'model'",
                               "contents[%u].role", r->content);
    return take_content(r, value, LLMP_SPEAKER_USER);
}

static int take_contents(struct reading *r, const struct llmp_json_value *list)
{
    LLMP_TRY(
        llmp_wire_expect(r->wire, list, LLMP_IS_ARRAY, "an array", "contents"));
    for (const struct llmp_json_value *v = list->first; v; v = v->next) {
        LLMP_TRY(take_turn(r, v));
        r->content++;
    }
    return LLMP_OK;
}

/* ---- tools -------------------------------------------------------------- */

static int take_schema(struct llmp_str *out,
                       const struct llmp_json_value *schema,
                       struct llmp_wire *wire)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf lowered = { 0 };
    bool ok = true;

    if (!llmp_gemini_lower_schema(&lowered, schema))
        return llmp_wire_nomem(wire);
    *out = llmp_arena_str(wire->arena, llmp_buf_str(&lowered), &ok);
    return ok ? LLMP_OK : llmp_wire_nomem(wire);
}

static int take_declaration(struct reading *r, uint32_t t,
                            const struct llmp_json_value *value)
{
    struct llmp_tool *tool;

    if (!llmp_gemini_text(value, K("name")).len)
        return llmp_wire_wrong(r->wire, "functions with a 'name'",
                               "tools[%u].functionDeclarations", t);
    tool = llmp_chat_add_tool(r->chat, r->wire->arena);
    if (!tool)
        return llmp_wire_nomem(r->wire);
    for (const struct llmp_json_value *v = value->first; v; v = v->next) {
        if (v->type == LLMP_JSON_NULL)
            continue;
        if (llmp_gemini_is(v->key, K("name")))
            tool->name = v->text;
        else if (llmp_gemini_is(v->key, K("description")))
            tool->description = llmp_gemini_text(value, K("description"));
        else if (llmp_gemini_is(v->key, K("parametersJsonSchema")) &&
                 v->type == LLMP_JSON_OBJECT)
            tool->parameters = v->text;
        else if (llmp_gemini_is(v->key, K("parameters")))
            LLMP_TRY(take_schema(&tool->parameters, v, r->wire));
        else
            LLMP_TRY(llmp_wire_other(r->wire, r->chat,
                                     "tools[%u].functionDeclarations.%.*s", t,
                                     (int)v->key.len, v->key.ptr));
    }
    return LLMP_OK;
}

static int take_tool(struct reading *r, const struct llmp_json_value *value,
                     uint32_t t)
{
    for (const struct llmp_json_value *v = value->first; v; v = v->next) {
        if (v->type == LLMP_JSON_NULL)
            continue;
        if (!llmp_gemini_is(v->key, K("functionDeclarations"))) {
            LLMP_TRY(llmp_wire_other(r->wire, r->chat, "tools[%u].%.*s", t,
                                     (int)v->key.len, v->key.ptr));
            continue;
        }
        if (v->type != LLMP_JSON_ARRAY)
            return llmp_wire_wrong(r->wire, "an array",
                                   "tools[%u].functionDeclarations", t);
        for (const struct llmp_json_value *f = v->first; f; f = f->next)
            LLMP_TRY(take_declaration(r, t, f));
    }
    return LLMP_OK;
}

static int take_tools(struct reading *r, const struct llmp_json_value *list)
{
    uint32_t t = 0;

    LLMP_TRY(
        llmp_wire_expect(r->wire, list, LLMP_IS_ARRAY, "an array", "tools"));
    for (const struct llmp_json_value *v = list->first; v; v = v->next) {
        LLMP_TRY(llmp_wire_expect(r->wire, v, LLMP_IS_OBJECT, "an object",
                                  "tools[]"));
        LLMP_TRY(take_tool(r, v, t++));
    }
    return LLMP_OK;
}

static int take_calling(struct reading *r, const struct llmp_json_value *value)
{
    const struct llmp_json_value *mode = llmp_gemini_get(value, K("mode"));
    const struct llmp_json_value *names =
        llmp_gemini_get(value, K("allowedFunctionNames"));

    if (llmp_json_text_is(mode, K("AUTO")))
        r->chat->choice = LLMP_CHOICE_AUTO;
    else if (llmp_json_text_is(mode, K("NONE")))
        r->chat->choice = LLMP_CHOICE_NONE;
    else if (llmp_json_text_is(mode, K("ANY")))
        r->chat->choice = LLMP_CHOICE_ANY;
    else if (mode && !llmp_json_text_is(mode, K("MODE_UNSPECIFIED")))
        LLMP_TRY(llmp_wire_other(r->wire, r->chat,
                                 "toolConfig.functionCallingConfig.mode"));
    if (!llmp_json_is(names, LLMP_JSON_ARRAY) || !names->count)
        return LLMP_OK;
    if (r->chat->choice != LLMP_CHOICE_ANY || names->count > 1 ||
        names->first->type != LLMP_JSON_STRING)
        return llmp_wire_other(
            r->wire, r->chat,
            "toolConfig.functionCallingConfig.allowedFunctionNames");
    r->chat->choice = LLMP_CHOICE_ONE;
    r->chat->choice_name = names->first->text;
    return LLMP_OK;
}

static int take_tool_config(struct reading *r,
                            const struct llmp_json_value *value)
{
    for (const struct llmp_json_value *v = value->first; v; v = v->next) {
        if (v->type == LLMP_JSON_NULL)
            continue;
        if (llmp_gemini_is(v->key, K("functionCallingConfig")))
            LLMP_TRY(take_calling(r, v));
        else
            LLMP_TRY(llmp_wire_other(r->wire, r->chat, "toolConfig.%.*s",
                                     (int)v->key.len, v->key.ptr));
    }
    return LLMP_OK;
}

/* ---- how to generate ---------------------------------------------------- */

static const struct {
    struct llmp_str name;
    uint32_t at;
} numbers[] = {
    { LLMP_STR("temperature"), AT(temperature) },
    { LLMP_STR("topP"), AT(top_p) },
    { LLMP_STR("topK"), AT(top_k) },
    { LLMP_STR("candidateCount"), AT(count) },
    { LLMP_STR("maxOutputTokens"), AT(max_tokens) },
    { LLMP_STR("seed"), AT(seed) },
    { LLMP_STR("presencePenalty"), AT(presence_penalty) },
    { LLMP_STR("frequencyPenalty"), AT(frequency_penalty) },
    { LLMP_STR("logprobs"), AT(top_logprobs) },
};

static int take_number(struct reading *r, const struct llmp_json_value *v)
{
    for (size_t i = 0; i < LLMP_COUNT(numbers); i++) {
        if (!llmp_gemini_is(v->key, numbers[i].name))
            continue;
        if (v->type != LLMP_JSON_NUMBER)
            return llmp_wire_wrong(r->wire, "a number", "generationConfig.%.*s",
                                   (int)v->key.len, v->key.ptr);
        *(struct llmp_str *)((char *)r->chat + numbers[i].at) = v->text;
        return LLMP_OK;
    }
    return LLMP_MISS;
}

static int take_stops(struct reading *r, const struct llmp_json_value *v)
{
    LLMP_TRY(llmp_wire_expect(r->wire, v, LLMP_IS_ARRAY, "an array",
                              "generationConfig.stopSequences"));
    for (const struct llmp_json_value *s = v->first; s; s = s->next)
        LLMP_TRY(llmp_wire_expect(r->wire, s, LLMP_IS_STRING, "a string",
                                  "generationConfig.stopSequences[]"));
    r->chat->stops = v->first;
    return LLMP_OK;
}

static int take_type(struct reading *r, const struct llmp_json_value *v)
{
    if (llmp_json_text_is(v, K("application/json"))) {
        if (r->chat->format.kind != LLMP_FORMAT_SCHEMA)
            r->chat->format.kind = LLMP_FORMAT_JSON;
        return LLMP_OK;
    }
    if (!llmp_json_text_is(v, K("text/plain")))
        return llmp_wire_other(r->wire, r->chat,
                               "generationConfig.responseMimeType");
    r->chat->format.kind = LLMP_FORMAT_TEXT;
    return LLMP_OK;
}

/* Levels are written in either case. */
static struct llmp_str level_of(const struct llmp_json_value *v)
{
    static const struct llmp_str levels[] = {
        LLMP_STR("minimal"), LLMP_STR("low"), LLMP_STR("medium"),
        LLMP_STR("high"), LLMP_STR("xhigh")
    };

    for (size_t i = 0; i < LLMP_COUNT(levels); i++)
        if (v->type == LLMP_JSON_STRING &&
            llmp_str_eq_nocase(v->text, levels[i]))
            return levels[i];
    return K("");
}

/* A budget of 0 is none; -1 leaves it to the model. */
static int take_thinking(struct reading *r, const struct llmp_json_value *value)
{
    const struct llmp_json_value *budget =
        llmp_gemini_get(value, K("thinkingBudget"));
    const struct llmp_json_value *level =
        llmp_gemini_get(value, K("thinkingLevel"));
    const struct llmp_json_value *shown =
        llmp_gemini_get(value, K("includeThoughts"));
    struct llmp_chat *chat = r->chat;

    if (shown)
        chat->reasoning.shown =
            shown->type == LLMP_JSON_TRUE ? LLMP_YES : LLMP_NO;
    if (chat->reasoning.shown == LLMP_YES || budget || level)
        chat->reasoning.wanted = LLMP_YES;
    if (budget && budget->type != LLMP_JSON_NUMBER)
        return llmp_wire_wrong(r->wire, "a number",
                               "generationConfig.thinkingConfig."
                               "thinkingBudget");
    if (budget && llmp_str_eq(budget->text, K("0")))
        chat->reasoning.wanted = LLMP_NO;
    else if (budget && budget->text.ptr[0] != '-')
        chat->reasoning.budget = budget->text;
    if (!level || llmp_json_text_is(level, K("THINKING_LEVEL_UNSPECIFIED")))
        return LLMP_OK;
    chat->reasoning.effort = level_of(level);
    return chat->reasoning.effort.len
               ? LLMP_OK
               : llmp_wire_wrong(r->wire, "'LOW', 'MEDIUM' or 'HIGH'",
                                 "generationConfig.thinkingConfig."
                                 "thinkingLevel");
}

static bool is_text_only(const struct llmp_json_value *v)
{
    return v->type == LLMP_JSON_ARRAY && v->count == 1 &&
           v->first->type == LLMP_JSON_STRING &&
           llmp_str_eq_nocase(v->first->text, K("text"));
}

static int take_format(struct reading *r, const struct llmp_json_value *v)
{
    if (v->type != LLMP_JSON_OBJECT)
        return llmp_wire_wrong(r->wire, "an object", "generationConfig.%.*s",
                               (int)v->key.len, v->key.ptr);
    r->chat->format.kind = LLMP_FORMAT_SCHEMA;
    if (llmp_gemini_is(v->key, K("responseSchema")))
        return take_schema(&r->chat->format.schema, v, r->wire);
    r->chat->format.schema = v->text;
    return LLMP_OK;
}

static int take_generation(struct reading *r, const struct llmp_json_value *v)
{
    if (llmp_gemini_is(v->key, K("stopSequences")))
        return take_stops(r, v);
    if (llmp_gemini_is(v->key, K("responseMimeType")))
        return take_type(r, v);
    if (llmp_gemini_is(v->key, K("responseSchema")) ||
        llmp_gemini_is(v->key, K("responseJsonSchema")) ||
        llmp_gemini_is(v->key, K("_responseJsonSchema")))
        return take_format(r, v);
    if (llmp_gemini_is(v->key, K("thinkingConfig")))
        return take_thinking(r, v);
    if (llmp_gemini_is(v->key, K("responseLogprobs"))) {
        r->chat->logprobs = v->type == LLMP_JSON_TRUE;
        return LLMP_OK;
    }
    if (llmp_gemini_is(v->key, K("responseModalities")) && is_text_only(v))
        return LLMP_OK;
    return llmp_wire_other(r->wire, r->chat, "generationConfig.%.*s",
                           (int)v->key.len, v->key.ptr);
}

static int take_config(struct reading *r, const struct llmp_json_value *value)
{
    LLMP_TRY(llmp_wire_expect(r->wire, value, LLMP_IS_OBJECT, "an object",
                              "generationConfig"));
    for (const struct llmp_json_value *v = value->first; v; v = v->next) {
        if (v->type == LLMP_JSON_NULL)
            continue;

        int rc = take_number(r, v);

        if (rc == LLMP_MISS)
            rc = take_generation(r, v);
        LLMP_TRY(rc);
    }
    return LLMP_OK;
}

/* ---- the whole ---------------------------------------------------------- */

static int take_member(struct reading *r, const struct llmp_json_value *v)
{
    if (llmp_gemini_is(v->key, K("contents")))
        return take_contents(r, v);
    if (llmp_gemini_is(v->key, K("tools")))
        return take_tools(r, v);
    if (llmp_gemini_is(v->key, K("toolConfig")))
        return take_tool_config(r, v);
    if (llmp_gemini_is(v->key, K("generationConfig")))
        return take_config(r, v);
    if (llmp_gemini_is(v->key, K("safetySettings"))) {
        LLMP_TRY(llmp_wire_expect(r->wire, v, LLMP_IS_ARRAY, "an array",
                                  "safetySettings"));
        r->chat->safety = v->count ? v->text : K("");
        return LLMP_OK;
    }
    if (llmp_gemini_is(v->key, K("systemInstruction")) ||
        llmp_gemini_is(v->key, K("model")) || v->type == LLMP_JSON_FALSE)
        return LLMP_OK; /* read first; the URL's to say; says nothing */
    return llmp_wire_other(r->wire, r->chat, "%.*s", (int)v->key.len,
                           v->key.ptr);
}

int llmp_gemini_read_request(struct llmp_chat *chat,
                             const struct llmp_json_value *root,
                             struct llmp_wire *wire)
{
    struct reading r = { .chat = chat, .wire = wire };
    const struct llmp_json_value *system =
        llmp_gemini_get(root, K("systemInstruction"));

    r.open_end = &r.open;
    LLMP_TRY(llmp_wire_expect(wire, root, LLMP_IS_OBJECT, "an object", "body"));
    if (system)
        LLMP_TRY(take_content(&r, system, LLMP_SPEAKER_SYSTEM));
    for (const struct llmp_json_value *v = root->first; v; v = v->next)
        if (v->type != LLMP_JSON_NULL)
            LLMP_TRY(take_member(&r, v));
    chat->wants_usage = true;
    if (!chat->last || llmp_speaker_is_system(chat->last->role))
        return llmp_wire_wrong(wire, "an array that is not empty", "contents");
    return LLMP_OK;
}
