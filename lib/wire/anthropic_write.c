/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a Messages request. System texts go before the turns; neighbours of
 * one role are one turn; an empty text is no block there.
 */
#include "base/internal.h"
#include "wire/anthropic.h"

#define K(text) LLMP_STR(text)

enum { MAX_TOKENS = 8192, BUDGET_MIN = 1024 };

static void put_cache(struct llmp_json_out *out, bool cache,
                      struct llmp_str ttl)
{
    if (!cache)
        return;
    llmp_out_object(out, K("cache_control"));
    llmp_out_text(out, K("type"), K("ephemeral"));
    llmp_out_text_if(out, K("ttl"), ttl);
    llmp_out_end_object(out);
}

static void begin_block(struct llmp_json_out *out, struct llmp_str type)
{
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_text(out, K("type"), type);
}

static void end_block(struct llmp_json_out *out, const struct llmp_part *part)
{
    put_cache(out, part->cache, part->cache_ttl);
    llmp_out_end_object(out);
}

static void put_text(struct llmp_json_out *out, const struct llmp_part *part)
{
    begin_block(out, K("text"));
    llmp_out_text(out, K("text"), part->text);
    end_block(out, part);
}

static void put_source(struct llmp_json_out *out,
                       const struct llmp_media *media, struct llmp_str type)
{
    llmp_out_object(out, K("source"));
    if (media->url.len) {
        llmp_out_text(out, K("type"), K("url"));
        llmp_out_text(out, K("url"), media->url);
    } else {
        llmp_out_text(out, K("type"), media->is_text ? K("text") : K("base64"));
        llmp_out_text(out, K("media_type"),
                      media->type.len ? media->type : type);
        llmp_out_text(out, K("data"), media->data);
    }
    llmp_out_end_object(out);
}

static void put_document(struct llmp_json_out *out,
                         const struct llmp_part *part)
{
    begin_block(out, K("document"));
    put_source(out, &part->media,
               part->media.is_text ? K("text/plain") : K("application/pdf"));
    llmp_out_text_if(out, K("title"), part->media.name);
    if (part->cites)
        llmp_out_raw(out, K("citations"), K("{\"enabled\":true}"));
    end_block(out, part);
}

static bool has_source(const struct llmp_media *media)
{
    return media->url.len || media->data.len;
}

static void put_call(struct llmp_json_out *out, const struct llmp_part *part)
{
    begin_block(out, K("tool_use"));
    llmp_out_text(out, K("id"), part->id);
    llmp_out_text(out, K("name"), part->name);
    llmp_out_raw(out, K("input"), part->arguments);
    end_block(out, part);
}

/* Thoughts without a seal are refused there; they change no answer. */
static int put_thinking(struct llmp_json_out *out, const struct llmp_part *part,
                        struct llmp_wire *wire, uint32_t message)
{
    if (part->redacted) {
        begin_block(out, K("redacted_thinking"));
        llmp_out_text(out, K("data"), part->text);
    } else if (part->signature.len) {
        begin_block(out, K("thinking"));
        llmp_out_text(out, K("thinking"), part->text);
        llmp_out_text(out, K("signature"), part->signature);
    } else {
        return llmp_wire_note(wire, "messages[%u].reasoning_content", message);
    }
    llmp_out_end_object(out);
    return LLMP_OK;
}

static int put_part(struct llmp_json_out *out, const struct llmp_part *part,
                    struct llmp_wire *wire, uint32_t message);

static int put_result(struct llmp_json_out *out, const struct llmp_part *part,
                      struct llmp_wire *wire, uint32_t message)
{
    begin_block(out, K("tool_result"));
    llmp_out_text(out, K("tool_use_id"), part->id);
    if (part->first) {
        llmp_out_array(out, K("content"));
        for (const struct llmp_part *p = part->first; p; p = p->next)
            LLMP_TRY(put_part(out, p, wire, message));
        llmp_out_end_array(out);
    }
    if (part->failed)
        llmp_out_bool(out, K("is_error"), true);
    end_block(out, part);
    return LLMP_OK;
}

static int put_part(struct llmp_json_out *out, const struct llmp_part *part,
                    struct llmp_wire *wire, uint32_t message)
{
    switch (part->kind) {
    case LLMP_PART_TEXT:
    case LLMP_PART_REFUSAL:
        if (part->text.len)
            put_text(out, part);
        return LLMP_OK;
    case LLMP_PART_REASONING:
        return put_thinking(out, part, wire, message);
    case LLMP_PART_IMAGE:
        if (!has_source(&part->media))
            break;
        begin_block(out, K("image"));
        put_source(out, &part->media, K("image/png"));
        end_block(out, part);
        return LLMP_OK;
    case LLMP_PART_DOCUMENT:
        if (!has_source(&part->media))
            break;
        put_document(out, part);
        return LLMP_OK;
    case LLMP_PART_TOOL_CALL:
        put_call(out, part);
        return LLMP_OK;
    case LLMP_PART_TOOL_RESULT:
        return put_result(out, part, wire, message);
    case LLMP_PART_AUDIO:
    case LLMP_PART_VIDEO:
        break;
    }
    return llmp_wire_lost(wire, "messages[%u].content", message);
}

/* ---- turns -------------------------------------------------------------- */

static bool says_anything(const struct llmp_chat_message *message)
{
    for (const struct llmp_part *p = message->first; p; p = p->next)
        if ((p->kind != LLMP_PART_TEXT && p->kind != LLMP_PART_REFUSAL &&
             (p->kind != LLMP_PART_REASONING || p->redacted ||
              p->signature.len)) ||
            p->text.len)
            return true;
    return false;
}

static int put_system(struct llmp_json_out *out, const struct llmp_chat *chat,
                      struct llmp_wire *wire)
{
    bool first = true, turns = false;

    for (const struct llmp_chat_message *m = chat->first; m; m = m->next) {
        if (!llmp_speaker_is_system(m->role)) {
            turns = true;
            continue;
        }
        if (turns) /* its place is lost: it is said first */
            LLMP_TRY(llmp_wire_lost(wire, "messages[%u].role", m->index));
        if (!says_anything(m))
            continue;
        if (first)
            llmp_out_array(out, K("system"));
        first = false;
        for (const struct llmp_part *p = m->first; p; p = p->next)
            LLMP_TRY(put_part(out, p, wire, m->index));
    }
    if (!first)
        llmp_out_end_array(out);
    return LLMP_OK;
}

static struct llmp_str role_of(const struct llmp_chat_message *message)
{
    return message->role == LLMP_SPEAKER_ASSISTANT ? K("assistant") : K("user");
}

static int put_turns(struct llmp_json_out *out, const struct llmp_chat *chat,
                     struct llmp_wire *wire)
{
    struct llmp_str role = K("");

    llmp_out_array(out, K("messages"));
    for (const struct llmp_chat_message *m = chat->first; m; m = m->next) {
        if (llmp_speaker_is_system(m->role) || !says_anything(m))
            continue;
        if (m->name.len)
            LLMP_TRY(llmp_wire_note(wire, "messages[%u].name", m->index));
        if (!llmp_str_eq(role, role_of(m))) {
            if (role.len) {
                llmp_out_end_array(out);
                llmp_out_end_object(out);
            }
            role = role_of(m);
            llmp_out_object(out, LLMP_NO_KEY);
            llmp_out_text(out, K("role"), role);
            llmp_out_array(out, K("content"));
        }
        for (const struct llmp_part *p = m->first; p; p = p->next)
            LLMP_TRY(put_part(out, p, wire, m->index));
    }
    if (role.len) {
        llmp_out_end_array(out);
        llmp_out_end_object(out);
    }
    llmp_out_end_array(out);
    return LLMP_OK;
}

/* ---- tools and the rest ------------------------------------------------- */

static void put_tools(struct llmp_json_out *out, const struct llmp_chat *chat)
{
    if (!chat->first_tool)
        return;
    llmp_out_array(out, K("tools"));
    for (const struct llmp_tool *t = chat->first_tool; t; t = t->next) {
        llmp_out_object(out, LLMP_NO_KEY);
        llmp_out_text(out, K("name"), t->name);
        llmp_out_text_if(out, K("description"), t->description);
        llmp_out_raw(out, K("input_schema"),
                     t->parameters.len ? t->parameters
                                       : K("{\"type\":\"object\"}"));
        if (llmp_str_eq(t->strict, K("true")))
            llmp_out_bool(out, K("strict"), true);
        put_cache(out, t->cache, t->cache_ttl);
        llmp_out_end_object(out);
    }
    llmp_out_end_array(out);
}

static void put_choice(struct llmp_json_out *out, const struct llmp_chat *chat)
{
    static const struct llmp_str types[] = {
        [LLMP_CHOICE_UNSAID] = LLMP_STR("auto"),
        [LLMP_CHOICE_AUTO] = LLMP_STR("auto"),
        [LLMP_CHOICE_NONE] = LLMP_STR("none"),
        [LLMP_CHOICE_ANY] = LLMP_STR("any"),
        [LLMP_CHOICE_ONE] = LLMP_STR("tool"),
    };

    if (!chat->first_tool ||
        (chat->choice == LLMP_CHOICE_UNSAID && chat->parallel_calls != LLMP_NO))
        return;
    llmp_out_object(out, K("tool_choice"));
    llmp_out_text(out, K("type"), types[chat->choice]);
    if (chat->choice == LLMP_CHOICE_ONE)
        llmp_out_text(out, K("name"), chat->choice_name);
    if (chat->parallel_calls == LLMP_NO && chat->choice != LLMP_CHOICE_NONE)
        llmp_out_bool(out, K("disable_parallel_tool_use"), true);
    llmp_out_end_object(out);
}

/* Thinking has to fit into the most that may be said. */
static int put_limits(struct llmp_json_out *out, const struct llmp_chat *chat,
                      struct llmp_wire *wire)
{
    uint64_t most = wire->max_tokens ? wire->max_tokens : MAX_TOKENS;
    uint64_t budget = 0;

    if (chat->reasoning.wanted == LLMP_YES)
        budget = llmp_wire_u64(chat->reasoning.budget,
                               llmp_wire_budget_of(chat->reasoning.effort));
    if (chat->max_tokens.len)
        most = llmp_wire_u64(chat->max_tokens, most);
    else
        most = llmp_add_sat(most, budget);
    if (budget && budget >= most)
        budget = most / 2;
    llmp_out_u64(out, K("max_tokens"), most);
    if (!budget)
        return LLMP_OK;
    if (budget < BUDGET_MIN)
        return llmp_wire_lost(wire, "reasoning_effort");
    llmp_out_object(out, K("thinking"));
    llmp_out_text(out, K("type"), K("enabled"));
    llmp_out_u64(out, K("budget_tokens"), budget);
    llmp_out_end_object(out);
    return LLMP_OK;
}

/* "0.7" is at most 1; "1.5" is not. Numbers with exponents are rare enough to
 * be let through to be judged there. */
static bool above_one(struct llmp_str number)
{
    return number.len && number.ptr[0] >= '1' && number.ptr[0] <= '9' &&
           !llmp_str_eq(number, K("1")) && !llmp_str_eq(number, K("1.0"));
}

static int lose(struct llmp_wire *wire, bool said, const char *name)
{
    return said ? llmp_wire_lost(wire, "%s", name) : LLMP_OK;
}

static int lose_foreign(const struct llmp_chat *chat, struct llmp_wire *wire)
{
    bool tier = chat->service_tier.len &&
                !llmp_str_eq(chat->service_tier, K("auto")) &&
                !llmp_str_eq(chat->service_tier, K("default"));

    LLMP_TRY(llmp_wire_lose_others(wire, chat));
    LLMP_TRY(lose(wire, llmp_wire_says(chat->count, "1"), "n"));
    LLMP_TRY(lose(wire, chat->seed.len, "seed"));
    LLMP_TRY(lose(wire, llmp_wire_says(chat->presence_penalty, "0"),
                  "presence_penalty"));
    LLMP_TRY(lose(wire, llmp_wire_says(chat->frequency_penalty, "0"),
                  "frequency_penalty"));
    LLMP_TRY(lose(wire, chat->logprobs, "logprobs"));
    LLMP_TRY(lose(wire, chat->logit_bias.len > 2, "logit_bias"));
    LLMP_TRY(lose(wire, chat->min_p.len, "min_p"));
    LLMP_TRY(lose(wire, chat->verbosity.len, "verbosity"));
    LLMP_TRY(lose(wire, chat->safety.len, "safetySettings"));
    LLMP_TRY(lose(wire, tier, "service_tier"));
    LLMP_TRY(
        lose(wire, chat->format.kind == LLMP_FORMAT_JSON, "response_format"));
    return chat->metadata.len ? llmp_wire_note(wire, "metadata") : LLMP_OK;
}

static void put_format(struct llmp_json_out *out, const struct llmp_chat *chat)
{
    if (chat->format.kind != LLMP_FORMAT_SCHEMA)
        return;
    llmp_out_object(out, K("output_config"));
    llmp_out_object(out, K("format"));
    llmp_out_text(out, K("type"), K("json_schema"));
    llmp_out_raw(out, K("schema"), chat->format.schema);
    llmp_out_end_object(out);
    llmp_out_end_object(out);
}

static int put_sampling(struct llmp_json_out *out, const struct llmp_chat *chat,
                        struct llmp_wire *wire)
{
    if (above_one(chat->temperature))
        LLMP_TRY(llmp_wire_lost(wire, "temperature"));
    else
        llmp_out_raw_if(out, K("temperature"), chat->temperature);
    llmp_out_raw_if(out, K("top_p"), chat->top_p);
    llmp_out_raw_if(out, K("top_k"), chat->top_k);
    if (!chat->stops)
        return LLMP_OK;
    llmp_out_array(out, K("stop_sequences"));
    for (const struct llmp_json_value *v = chat->stops; v; v = v->next)
        llmp_out_text(out, LLMP_NO_KEY, v->text);
    llmp_out_end_array(out);
    return LLMP_OK;
}

int llmp_anthropic_write_request(struct llmp_buf *buf,
                                 const struct llmp_chat *chat,
                                 struct llmp_wire *wire)
{
    struct llmp_json_out o = { .buf = buf }, *out = &o;

    LLMP_TRY(lose_foreign(chat, wire));
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_text(out, K("model"), chat->model);
    LLMP_TRY(put_limits(out, chat, wire));
    LLMP_TRY(put_system(out, chat, wire));
    LLMP_TRY(put_turns(out, chat, wire));
    put_tools(out, chat);
    put_choice(out, chat);
    put_format(out, chat);
    LLMP_TRY(put_sampling(out, chat, wire));
    if (chat->user.len) {
        llmp_out_object(out, K("metadata"));
        llmp_out_text(out, K("user_id"), chat->user);
        llmp_out_end_object(out);
    }
    if (chat->stream)
        llmp_out_bool(out, K("stream"), true);
    llmp_out_end_object(out);
    return buf->failed ? llmp_wire_nomem(wire) : LLMP_OK;
}
