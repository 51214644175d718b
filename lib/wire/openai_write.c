/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a chat completions request. OpenAI's own servers refuse members that
 * they do not know; those that are compatible with it are told more.
 */
#include "base/internal.h"
#include "wire/openai_chat.h"

#define K(text) LLMP_STR(text)

static void put_type(struct llmp_json_out *out, struct llmp_str type)
{
    llmp_out_text(out, K("type"), type);
}

/* "data:image/png;base64,…" */
static void put_data_url(struct llmp_json_out *out, struct llmp_str key,
                         const struct llmp_media *media,
                         struct llmp_str otherwise)
{
    llmp_out_begin_text(out, key);
    llmp_out_add_text(out, K("data:"));
    llmp_out_add_text(out, media->type.len ? media->type : otherwise);
    llmp_out_add_text(out, K(";base64,"));
    llmp_out_add_text(out, media->data);
    llmp_out_end_text(out);
}

static void put_text(struct llmp_json_out *out, struct llmp_str text)
{
    llmp_out_object(out, LLMP_NO_KEY);
    put_type(out, K("text"));
    llmp_out_text(out, K("text"), text);
    llmp_out_end_object(out);
}

static void put_image(struct llmp_json_out *out, const struct llmp_media *media)
{
    llmp_out_object(out, LLMP_NO_KEY);
    put_type(out, K("image_url"));
    llmp_out_object(out, K("image_url"));
    if (media->url.len)
        llmp_out_text(out, K("url"), media->url);
    else
        put_data_url(out, K("url"), media, K("image/png"));
    llmp_out_text_if(out, K("detail"), media->detail);
    llmp_out_end_object(out);
    llmp_out_end_object(out);
}

/* "audio/mpeg" is called "mp3" there. */
static struct llmp_str audio_format(struct llmp_str type)
{
    if (llmp_str_eq(type, K("audio/mpeg")))
        return K("mp3");
    if (llmp_str_eq(type, K("audio/x-wav")) || type.len <= 6)
        return K("wav");
    return (struct llmp_str){ type.ptr + 6, type.len - 6 };
}

static void put_audio(struct llmp_json_out *out, const struct llmp_media *media)
{
    llmp_out_object(out, LLMP_NO_KEY);
    put_type(out, K("input_audio"));
    llmp_out_object(out, K("input_audio"));
    llmp_out_text(out, K("data"), media->data);
    llmp_out_text(out, K("format"), audio_format(media->type));
    llmp_out_end_object(out);
    llmp_out_end_object(out);
}

static void put_file(struct llmp_json_out *out, const struct llmp_media *media)
{
    llmp_out_object(out, LLMP_NO_KEY);
    put_type(out, K("file"));
    llmp_out_object(out, K("file"));
    llmp_out_text(out, K("filename"),
                  media->name.len ? media->name : K("document.pdf"));
    put_data_url(out, K("file_data"), media, K("application/pdf"));
    llmp_out_end_object(out);
    llmp_out_end_object(out);
}

struct place { /* of a part, for messages about it */
    uint32_t message, part;
};

static int put_document(struct llmp_json_out *out, const struct llmp_part *part,
                        struct llmp_wire *wire, struct place at)
{
    if (part->cites)
        LLMP_TRY(llmp_wire_lost(wire, "messages[%u].content[%u].citations",
                                at.message, at.part));
    if (part->media.is_text) {
        if (part->media.name.len)
            LLMP_TRY(llmp_wire_note(wire, "messages[%u].content[%u].title",
                                    at.message, at.part));
        put_text(out, part->media.data);
        return LLMP_OK;
    }
    if (!part->media.data.len)
        return llmp_wire_lost(wire, "messages[%u].content[%u].source",
                              at.message, at.part);
    put_file(out, &part->media);
    return LLMP_OK;
}

static int put_part(struct llmp_json_out *out, const struct llmp_part *part,
                    struct llmp_wire *wire, struct place at)
{
    if (part->cache)
        LLMP_TRY(llmp_wire_note(wire, "messages[%u].content[%u].cache_control",
                                at.message, at.part));
    switch (part->kind) {
    case LLMP_PART_TEXT:
        put_text(out, part->text);
        return LLMP_OK;
    case LLMP_PART_IMAGE:
        if (!part->media.url.len && !part->media.data.len)
            break;
        put_image(out, &part->media);
        return LLMP_OK;
    case LLMP_PART_AUDIO:
        if (!part->media.data.len)
            break;
        put_audio(out, &part->media);
        return LLMP_OK;
    case LLMP_PART_DOCUMENT:
        return put_document(out, part, wire, at);
    default:
        break;
    }
    return llmp_wire_lost(wire, "messages[%u].content[%u]", at.message,
                          at.part);
}

static bool is_plain(const struct llmp_part *part)
{
    return part->kind == LLMP_PART_TEXT && !part->cache;
}

/* One text is a string, as most servers know it best; else a list. */
static int put_content(struct llmp_json_out *out, const struct llmp_part *first,
                       struct llmp_wire *wire, uint32_t message)
{
    struct place at = { message, 0 };

    if (!first) {
        llmp_out_text(out, K("content"), K(""));
        return LLMP_OK;
    }
    if (!first->next && is_plain(first)) {
        llmp_out_text(out, K("content"), first->text);
        return LLMP_OK;
    }
    llmp_out_array(out, K("content"));
    for (const struct llmp_part *p = first; p; p = p->next, at.part++)
        LLMP_TRY(put_part(out, p, wire, at));
    llmp_out_end_array(out);
    return LLMP_OK;
}

/* ---- what an assistant said --------------------------------------------- */

static void put_call(struct llmp_json_out *out, const struct llmp_part *call)
{
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_text(out, K("id"), call->id);
    put_type(out, K("function"));
    llmp_out_object(out, K("function"));
    llmp_out_text(out, K("name"), call->name);
    llmp_out_string(out, K("arguments"), call->arguments);
    llmp_out_end_object(out);
    if (call->signature.len) {
        llmp_out_object(out, K("extra_content"));
        llmp_out_object(out, K("google"));
        llmp_out_text(out, K("thought_signature"), call->signature);
        llmp_out_end_object(out);
        llmp_out_end_object(out);
    }
    llmp_out_end_object(out);
}

static const struct llmp_part *find_kind(const struct llmp_part *part,
                                         enum llmp_part_kind kind)
{
    while (part && part->kind != kind)
        part = part->next;
    return part;
}

static void put_calls(struct llmp_json_out *out, const struct llmp_part *first)
{
    if (!find_kind(first, LLMP_PART_TOOL_CALL))
        return;
    llmp_out_array(out, K("tool_calls"));
    for (const struct llmp_part *p = first; p; p = p->next)
        if (p->kind == LLMP_PART_TOOL_CALL)
            put_call(out, p);
    llmp_out_end_array(out);
}

static int put_reasoning(struct llmp_json_out *out,
                         const struct llmp_part *first, struct llmp_wire *wire,
                         uint32_t message)
{
    if (!find_kind(first, LLMP_PART_REASONING))
        return LLMP_OK;
    if (!wire->keeps_reasoning)
        return llmp_wire_note(wire, "messages[%u].content.thinking", message);
    llmp_openai_put_reasoning(out, first);
    return LLMP_OK;
}

/* All texts of one kind as one string. */
static void put_joined(struct llmp_json_out *out, struct llmp_str key,
                       const struct llmp_part *first, enum llmp_part_kind kind)
{
    llmp_out_begin_text(out, key);
    for (const struct llmp_part *p = first; p; p = p->next)
        if (p->kind == kind && !p->redacted)
            llmp_out_add_text(out, p->text);
    llmp_out_end_text(out);
}

void llmp_openai_put_reasoning(struct llmp_json_out *out,
                               const struct llmp_part *first)
{
    bool sealed = false;

    put_joined(out, K("reasoning_content"), first, LLMP_PART_REASONING);
    for (const struct llmp_part *p = first; p; p = p->next)
        sealed |=
            p->kind == LLMP_PART_REASONING && (p->redacted || p->signature.len);
    if (!sealed)
        return;
    llmp_out_array(out, K("thinking_blocks"));
    for (const struct llmp_part *p = first; p; p = p->next) {
        if (p->kind != LLMP_PART_REASONING)
            continue;
        llmp_out_object(out, LLMP_NO_KEY);
        put_type(out, p->redacted ? K("redacted_thinking") : K("thinking"));
        llmp_out_text(out, p->redacted ? K("data") : K("thinking"), p->text);
        llmp_out_text_if(out, K("signature"), p->signature);
        llmp_out_end_object(out);
    }
    llmp_out_end_array(out);
}

void llmp_openai_put_assistant(struct llmp_json_out *out,
                               const struct llmp_part *first)
{
    if (find_kind(first, LLMP_PART_TEXT))
        put_joined(out, K("content"), first, LLMP_PART_TEXT);
    else
        llmp_out_raw(out, K("content"), K("null"));
    if (find_kind(first, LLMP_PART_REFUSAL))
        put_joined(out, K("refusal"), first, LLMP_PART_REFUSAL);
    put_calls(out, first);
}

static int put_assistant(struct llmp_json_out *out,
                         const struct llmp_chat_message *message,
                         struct llmp_wire *wire)
{
    uint32_t part = 0;

    for (const struct llmp_part *p = message->first; p; p = p->next, part++) {
        if (p->cache)
            LLMP_TRY(llmp_wire_note(wire,
                                    "messages[%u].content[%u].cache_control",
                                    message->index, part));
        if (p->kind != LLMP_PART_TEXT && p->kind != LLMP_PART_REFUSAL &&
            p->kind != LLMP_PART_REASONING && p->kind != LLMP_PART_TOOL_CALL)
            LLMP_TRY(llmp_wire_lost(wire, "messages[%u].content[%u]",
                                    message->index, part));
    }
    LLMP_TRY(put_reasoning(out, message->first, wire, message->index));
    llmp_openai_put_assistant(out, message->first);
    return LLMP_OK;
}

/* ---- messages ----------------------------------------------------------- */

static struct llmp_str role_name(enum llmp_speaker role,
                                 const struct llmp_wire *wire)
{
    switch (role) {
    case LLMP_SPEAKER_SYSTEM:
        return K("system");
    case LLMP_SPEAKER_DEVELOPER: /* what the others do not know yet */
        return wire->is_openai ? K("developer") : K("system");
    case LLMP_SPEAKER_ASSISTANT:
        return K("assistant");
    case LLMP_SPEAKER_TOOL:
        return K("tool");
    case LLMP_SPEAKER_USER:
        break;
    }
    return K("user");
}

static void begin_message(struct llmp_json_out *out, enum llmp_speaker role,
                          const struct llmp_wire *wire)
{
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_text(out, K("role"), role_name(role, wire));
}

/* Each result is a message of its own. */
static int put_results(struct llmp_json_out *out,
                       const struct llmp_chat_message *message,
                       struct llmp_wire *wire)
{
    for (const struct llmp_part *p = message->first; p; p = p->next) {
        if (p->failed)
            LLMP_TRY(
                llmp_wire_note(wire, "messages[%u].is_error", message->index));
        if (p->cache)
            LLMP_TRY(llmp_wire_note(wire, "messages[%u].cache_control",
                                    message->index));
        begin_message(out, LLMP_SPEAKER_TOOL, wire);
        llmp_out_text(out, K("tool_call_id"), p->id);
        for (const struct llmp_part *c = p->first; c; c = c->next)
            if (c->kind != LLMP_PART_TEXT) /* it takes nothing else */
                LLMP_TRY(llmp_wire_lost(wire, "messages[%u].content",
                                        message->index));
        put_joined(out, K("content"), p->first, LLMP_PART_TEXT);
        llmp_out_end_object(out);
    }
    return LLMP_OK;
}

static int put_message(struct llmp_json_out *out,
                       const struct llmp_chat_message *message,
                       struct llmp_wire *wire)
{
    if (message->role == LLMP_SPEAKER_TOOL)
        return put_results(out, message, wire);
    begin_message(out, message->role, wire);
    llmp_out_text_if(out, K("name"), message->name);
    LLMP_TRY(message->role == LLMP_SPEAKER_ASSISTANT
                 ? put_assistant(out, message, wire)
                 : put_content(out, message->first, wire, message->index));
    llmp_out_end_object(out);
    return LLMP_OK;
}

/* ---- tools, format, the rest -------------------------------------------- */

static int put_tools(struct llmp_json_out *out, const struct llmp_chat *chat,
                     struct llmp_wire *wire)
{
    if (!chat->first_tool)
        return LLMP_OK;
    llmp_out_array(out, K("tools"));
    for (const struct llmp_tool *t = chat->first_tool; t; t = t->next) {
        if (t->cache)
            LLMP_TRY(llmp_wire_note(wire, "tools.cache_control"));
        llmp_out_object(out, LLMP_NO_KEY);
        put_type(out, K("function"));
        llmp_out_object(out, K("function"));
        llmp_out_text(out, K("name"), t->name);
        llmp_out_text_if(out, K("description"), t->description);
        llmp_out_raw_if(out, K("parameters"), t->parameters);
        llmp_out_raw_if(out, K("strict"), t->strict);
        llmp_out_end_object(out);
        llmp_out_end_object(out);
    }
    llmp_out_end_array(out);
    return LLMP_OK;
}

static void put_choice(struct llmp_json_out *out, const struct llmp_chat *chat)
{
    static const struct llmp_str names[] = {
        [LLMP_CHOICE_AUTO] = LLMP_STR("auto"),
        [LLMP_CHOICE_NONE] = LLMP_STR("none"),
        [LLMP_CHOICE_ANY] = LLMP_STR("required"),
    };

    if (chat->parallel_calls != LLMP_UNSAID && chat->first_tool)
        llmp_out_bool(out, K("parallel_tool_calls"),
                      chat->parallel_calls == LLMP_YES);
    if (chat->choice == LLMP_CHOICE_UNSAID)
        return;
    if (chat->choice != LLMP_CHOICE_ONE) {
        llmp_out_text(out, K("tool_choice"), names[chat->choice]);
        return;
    }
    llmp_out_object(out, K("tool_choice"));
    put_type(out, K("function"));
    llmp_out_object(out, K("function"));
    llmp_out_text(out, K("name"), chat->choice_name);
    llmp_out_end_object(out);
    llmp_out_end_object(out);
}

static void put_format(struct llmp_json_out *out, const struct llmp_chat *chat)
{
    if (chat->format.kind == LLMP_FORMAT_UNSAID)
        return;
    llmp_out_object(out, K("response_format"));
    if (chat->format.kind == LLMP_FORMAT_SCHEMA) {
        put_type(out, K("json_schema"));
        llmp_out_object(out, K("json_schema"));
        llmp_out_text(out, K("name"),
                      chat->format.name.len ? chat->format.name : K("answer"));
        llmp_out_text_if(out, K("description"), chat->format.description);
        llmp_out_raw(out, K("schema"), chat->format.schema);
        llmp_out_raw_if(out, K("strict"), chat->format.strict);
        llmp_out_end_object(out);
    } else {
        put_type(out, chat->format.kind == LLMP_FORMAT_JSON ? K("json_object")
                                                            : K("text"));
    }
    llmp_out_end_object(out);
}

static void put_numbers(struct llmp_json_out *out, const struct llmp_chat *chat,
                        const struct llmp_wire *wire)
{
    llmp_out_raw_if(
        out, wire->is_openai ? K("max_completion_tokens") : K("max_tokens"),
        chat->max_tokens);
    llmp_out_raw_if(out, K("temperature"), chat->temperature);
    llmp_out_raw_if(out, K("top_p"), chat->top_p);
    llmp_out_raw_if(out, K("n"), chat->count);
    llmp_out_raw_if(out, K("presence_penalty"), chat->presence_penalty);
    llmp_out_raw_if(out, K("frequency_penalty"), chat->frequency_penalty);
    llmp_out_raw_if(out, K("seed"), chat->seed);
    if (chat->logprobs)
        llmp_out_bool(out, K("logprobs"), true);
    llmp_out_raw_if(out, K("top_logprobs"), chat->top_logprobs);
    llmp_out_raw_if(out, K("logit_bias"), chat->logit_bias);
}

/* What the compatible ones took over from elsewhere. */
static int put_foreign(struct llmp_json_out *out, const struct llmp_chat *chat,
                       struct llmp_wire *wire)
{
    if (wire->is_openai) {
        if (chat->top_k.len)
            LLMP_TRY(llmp_wire_lost(wire, "top_k"));
        if (chat->min_p.len)
            LLMP_TRY(llmp_wire_lost(wire, "min_p"));
    } else {
        llmp_out_raw_if(out, K("top_k"), chat->top_k);
        llmp_out_raw_if(out, K("min_p"), chat->min_p);
    }
    if (chat->safety.len)
        LLMP_TRY(llmp_wire_lost(wire, "safetySettings"));
    return LLMP_OK;
}

static void put_stops(struct llmp_json_out *out, const struct llmp_chat *chat)
{
    if (!chat->stops)
        return;
    llmp_out_array(out, K("stop"));
    for (const struct llmp_json_value *v = chat->stops; v; v = v->next)
        llmp_out_text(out, LLMP_NO_KEY, v->text);
    llmp_out_end_array(out);
}

static void put_effort(struct llmp_json_out *out, const struct llmp_chat *chat)
{
    struct llmp_str effort = chat->reasoning.effort;

    if (!effort.len && chat->reasoning.wanted == LLMP_YES)
        effort =
            llmp_wire_effort_of(llmp_wire_u64(chat->reasoning.budget, 4096));
    llmp_out_text_if(out, K("reasoning_effort"), effort);
}

int llmp_openai_write_request(struct llmp_buf *buf,
                              const struct llmp_chat *chat,
                              struct llmp_wire *wire)
{
    struct llmp_json_out o = { .buf = buf }, *out = &o;

    LLMP_TRY(llmp_wire_lose_others(wire, chat));
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_text(out, K("model"), chat->model);
    llmp_out_array(out, K("messages"));
    for (const struct llmp_chat_message *m = chat->first; m; m = m->next)
        LLMP_TRY(put_message(out, m, wire));
    llmp_out_end_array(out);
    LLMP_TRY(put_tools(out, chat, wire));
    put_choice(out, chat);
    put_format(out, chat);
    put_numbers(out, chat, wire);
    LLMP_TRY(put_foreign(out, chat, wire));
    put_stops(out, chat);
    put_effort(out, chat);
    llmp_out_text_if(out, K("verbosity"), chat->verbosity);
    llmp_out_text_if(out, K("user"), chat->user);
    llmp_out_raw_if(out, K("metadata"), chat->metadata);
    llmp_out_text_if(out, K("service_tier"), chat->service_tier);
    if (chat->stream) {
        llmp_out_bool(out, K("stream"), true);
        if (!wire->no_stream_usage)
            llmp_out_raw(out, K("stream_options"),
                         K("{\"include_usage\":true}"));
    }
    llmp_out_end_object(out);
    return buf->failed ? llmp_wire_nomem(wire) : LLMP_OK;
}
