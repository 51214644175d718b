/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a generateContent request. System texts go before the turns;
 * neighbours of one role are one turn; an empty text is no part there. The
 * model and whether to stream are in the URL, which the caller makes.
 */
#include "base/internal.h"
#include "wire/gemini.h"

#define K(text) LLMP_STR(text)

/* What Google documents for calls that it did not make itself ("Thought
 * signatures", FAQ). Its models from Gemini 3 on refuse a turn whose first
 * call has no seal, and a client that speaks a dialect without a place for
 * seals, or that began with another vendor's model, cannot have one; without
 * this none of them could give a tool's result. Earlier models do not look. */
#define UNSEALED "skip_thought_signature_validator"

/* What a request is put together from. */
struct writing {
    struct llmp_json_out *out;
    struct llmp_wire *wire;
    const struct llmp_chat_message *message;
    const struct llmp_chat_message
        *calling; /* the last that an assistant said */
    bool from_3;  /* Gemini 3 or later */
    bool called;  /* the open turn has a call */
};

/* "gemini-3-pro-preview", "models/gemini-3.1-flash"; not "gemini-2.5-pro". */
static bool is_from_3(struct llmp_str model)
{
    static const struct llmp_str name = LLMP_STR("gemini-");
    size_t at = llmp_str_find(model, name);

    if (at == SIZE_MAX || at + name.len >= model.len)
        return false;

    char version = model.ptr[at + name.len];

    return version >= '3' && version <= '9';
}

static int lost_content(struct writing *w)
{
    return llmp_wire_lost(w->wire, "messages[%u].content", w->message->index);
}

/* ---- results ------------------------------------------------------------ */

/* Parts of a result that are no text: models from Gemini 3 on take them. */
static int put_result_data(struct writing *w, const struct llmp_part *first)
{
    bool any = false;

    for (const struct llmp_part *p = first; p; p = p->next) {
        if (p->kind == LLMP_PART_TEXT)
            continue;
        if (!w->from_3 || !p->media.data.len || p->media.is_text) {
            LLMP_TRY(lost_content(w));
            continue;
        }
        if (!any)
            llmp_out_array(w->out, K("parts"));
        any = true;
        llmp_out_object(w->out, LLMP_NO_KEY);
        (void)llmp_gemini_put_media(w->out, &p->media);
        llmp_out_end_object(w->out);
    }
    if (any)
        llmp_out_end_array(w->out);
    return LLMP_OK;
}

static int put_response(struct writing *w, const struct llmp_part *part)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf text = { 0 };
    struct llmp_str object;
    int rc = LLMP_E_TYPE;

    for (const struct llmp_part *p = part->first; p; p = p->next)
        if (p->kind == LLMP_PART_TEXT)
            (void)llmp_buf_add(&text, p->text);
    if (text.failed)
        return llmp_wire_nomem(w->wire);
    if (text.len && !part->failed)
        rc = llmp_wire_unquote_object(&object, llmp_buf_str(&text), w->wire);
    if (rc == LLMP_OK && object.len > 2) {
        llmp_out_raw(w->out, K("response"), object);
        return LLMP_OK;
    }
    if (rc < 0 && rc != LLMP_E_TYPE)
        return rc;
    llmp_out_object(w->out, K("response"));
    llmp_out_text(w->out, part->failed ? K("error") : K("result"),
                  llmp_buf_str(&text));
    llmp_out_end_object(w->out);
    return LLMP_OK;
}

static int put_result(struct writing *w, const struct llmp_part *part)
{
    struct llmp_str name = llmp_chat_tool_of(w->calling, part->id);

    if (!name.len)
        name = part->name;
    if (!name.len)
        return llmp_wire_wrong(w->wire, "the id of a call before it",
                               "messages[%u].tool_call_id", w->message->index);
    llmp_out_object(w->out, LLMP_NO_KEY);
    llmp_out_object(w->out, K("functionResponse"));
    llmp_out_text_if(w->out, K("id"), part->id);
    llmp_out_text(w->out, K("name"), name);
    LLMP_TRY(put_response(w, part));
    LLMP_TRY(put_result_data(w, part->first));
    llmp_out_end_object(w->out);
    llmp_out_end_object(w->out);
    return LLMP_OK;
}

/* ---- parts -------------------------------------------------------------- */

static void put_call(struct writing *w, const struct llmp_part *part)
{
    struct llmp_part call = *part;

    if (w->from_3 && !w->called && !call.signature.len)
        call.signature = K(UNSEALED);
    w->called = true;
    llmp_gemini_put_part(w->out, &call);
}

static int put_media(struct writing *w, const struct llmp_part *part)
{
    const struct llmp_media *media = &part->media;
    uint32_t m = w->message->index;

    if (part->cites)
        LLMP_TRY(llmp_wire_lost(w->wire, "messages[%u].content.citations", m));
    if (media->name.len)
        LLMP_TRY(llmp_wire_note(w->wire, "messages[%u].content.title", m));
    if (media->detail.len && !llmp_str_eq(media->detail, K("auto")))
        LLMP_TRY(llmp_wire_note(w->wire, "messages[%u].content.detail", m));
    llmp_out_object(w->out, LLMP_NO_KEY);
    if (!llmp_gemini_put_media(w->out, media))
        LLMP_TRY(llmp_wire_lost(w->wire, "messages[%u].content.source", m));
    llmp_out_end_object(w->out);
    return LLMP_OK;
}

static int put_part(struct writing *w, const struct llmp_part *part)
{
    uint32_t m = w->message->index;

    if (part->cache)
        LLMP_TRY(
            llmp_wire_note(w->wire, "messages[%u].content.cache_control", m));
    switch (part->kind) {
    case LLMP_PART_TEXT:
    case LLMP_PART_REFUSAL:
        if (part->text.len || part->signature.len)
            llmp_gemini_put_part(w->out, part);
        return LLMP_OK;
    case LLMP_PART_REASONING:
        if (part->redacted) /* sealed by somebody else */
            return llmp_wire_note(w->wire, "messages[%u].reasoning_content", m);
        llmp_gemini_put_part(w->out, part);
        return LLMP_OK;
    case LLMP_PART_TOOL_CALL:
        put_call(w, part);
        return LLMP_OK;
    case LLMP_PART_TOOL_RESULT:
        return put_result(w, part);
    case LLMP_PART_IMAGE:
    case LLMP_PART_AUDIO:
    case LLMP_PART_VIDEO:
    case LLMP_PART_DOCUMENT:
        break;
    }
    return put_media(w, part);
}

/* ---- turns -------------------------------------------------------------- */

static bool says_anything(const struct llmp_chat_message *message)
{
    for (const struct llmp_part *p = message->first; p; p = p->next) {
        bool text = p->kind == LLMP_PART_TEXT || p->kind == LLMP_PART_REFUSAL;

        if ((text && (p->text.len || p->signature.len)) ||
            (!text && !p->redacted))
            return true;
    }
    return false;
}

static int put_system(struct writing *w, const struct llmp_chat *chat)
{
    bool first = true, turns = false;

    for (const struct llmp_chat_message *m = chat->first; m; m = m->next) {
        w->message = m;
        if (!llmp_speaker_is_system(m->role)) {
            turns = true;
            continue;
        }
        if (turns) /* its place is lost: it is said first */
            LLMP_TRY(llmp_wire_lost(w->wire, "messages[%u].role", m->index));
        if (!says_anything(m))
            continue;
        if (first) {
            llmp_out_object(w->out, K("systemInstruction"));
            llmp_out_array(w->out, K("parts"));
        }
        first = false;
        for (const struct llmp_part *p = m->first; p; p = p->next)
            LLMP_TRY(put_part(w, p));
    }
    if (!first) {
        llmp_out_end_array(w->out);
        llmp_out_end_object(w->out);
    }
    return LLMP_OK;
}

static void begin_turn(struct writing *w, struct llmp_str role)
{
    w->called = false;
    llmp_out_object(w->out, LLMP_NO_KEY);
    llmp_out_text(w->out, K("role"), role);
    llmp_out_array(w->out, K("parts"));
}

static void end_turn(struct writing *w, struct llmp_str role)
{
    if (!role.len)
        return;
    llmp_out_end_array(w->out);
    llmp_out_end_object(w->out);
}

static int put_turns(struct writing *w, const struct llmp_chat *chat)
{
    struct llmp_str role = K("");

    llmp_out_array(w->out, K("contents"));
    for (const struct llmp_chat_message *m = chat->first; m; m = m->next) {
        bool model = m->role == LLMP_SPEAKER_ASSISTANT;
        struct llmp_str its = model ? K("model") : K("user");

        w->message = m;
        if (model)
            w->calling = m;
        if (m->name.len && !llmp_speaker_is_system(m->role))
            LLMP_TRY(llmp_wire_note(w->wire, "messages[%u].name", m->index));
        if (llmp_speaker_is_system(m->role) || !says_anything(m))
            continue;
        if (!llmp_str_eq(role, its)) {
            end_turn(w, role);
            role = its;
            begin_turn(w, role);
        }
        for (const struct llmp_part *p = m->first; p; p = p->next)
            LLMP_TRY(put_part(w, p));
    }
    end_turn(w, role);
    llmp_out_end_array(w->out);
    return LLMP_OK;
}

/* ---- tools and the rest ------------------------------------------------- */

static int put_tools(struct writing *w, const struct llmp_chat *chat)
{
    struct llmp_json_out *out = w->out;

    if (!chat->first_tool)
        return LLMP_OK;
    llmp_out_array(out, K("tools"));
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_array(out, K("functionDeclarations"));
    for (const struct llmp_tool *t = chat->first_tool; t; t = t->next) {
        if (t->cache)
            LLMP_TRY(llmp_wire_note(w->wire, "tools.cache_control"));
        if (llmp_str_eq(t->strict, K("true"))) /* it keeps to schemas anyway */
            LLMP_TRY(llmp_wire_note(w->wire, "tools.strict"));
        llmp_out_object(out, LLMP_NO_KEY);
        llmp_out_text(out, K("name"), t->name);
        llmp_out_text_if(out, K("description"), t->description);
        llmp_out_raw_if(out, K("parametersJsonSchema"), t->parameters);
        llmp_out_end_object(out);
    }
    llmp_out_end_array(out);
    llmp_out_end_object(out);
    llmp_out_end_array(out);
    return LLMP_OK;
}

static int put_choice(struct writing *w, const struct llmp_chat *chat)
{
    static const struct llmp_str modes[] = {
        [LLMP_CHOICE_UNSAID] = LLMP_STR("AUTO"),
        [LLMP_CHOICE_AUTO] = LLMP_STR("AUTO"),
        [LLMP_CHOICE_NONE] = LLMP_STR("NONE"),
        [LLMP_CHOICE_ANY] = LLMP_STR("ANY"),
        [LLMP_CHOICE_ONE] = LLMP_STR("ANY"),
    };

    if (!chat->first_tool)
        return LLMP_OK;
    if (chat->parallel_calls == LLMP_NO)
        LLMP_TRY(llmp_wire_lost(w->wire, "parallel_tool_calls"));
    if (chat->choice == LLMP_CHOICE_UNSAID)
        return LLMP_OK;
    llmp_out_object(w->out, K("toolConfig"));
    llmp_out_object(w->out, K("functionCallingConfig"));
    llmp_out_text(w->out, K("mode"), modes[chat->choice]);
    if (chat->choice == LLMP_CHOICE_ONE) {
        llmp_out_array(w->out, K("allowedFunctionNames"));
        llmp_out_text(w->out, LLMP_NO_KEY, chat->choice_name);
        llmp_out_end_array(w->out);
    }
    llmp_out_end_object(w->out);
    llmp_out_end_object(w->out);
    return LLMP_OK;
}

static struct llmp_str level_of(struct llmp_str effort)
{
    if (llmp_str_eq(effort, K("minimal")) || llmp_str_eq(effort, K("low")) ||
        llmp_str_eq(effort, K("medium")))
        return effort;
    return K("high");
}

/* Models from Gemini 3 on want a level rather than a budget. A thought that
 * somebody may see is shown: providers of other dialects do so unasked. */
static void put_thinking(struct writing *w, const struct llmp_chat *chat)
{
    struct llmp_str effort = chat->reasoning.effort;

    if (chat->reasoning.wanted == LLMP_UNSAID)
        return;
    llmp_out_object(w->out, K("thinkingConfig"));
    if (chat->reasoning.wanted == LLMP_NO) {
        llmp_out_u64(w->out, K("thinkingBudget"), 0);
    } else {
        llmp_out_bool(w->out, K("includeThoughts"),
                      chat->reasoning.shown != LLMP_NO);
        if (chat->reasoning.budget.len)
            llmp_out_raw(w->out, K("thinkingBudget"), chat->reasoning.budget);
        else if (effort.len && w->from_3)
            llmp_out_text(w->out, K("thinkingLevel"), level_of(effort));
        else if (effort.len)
            llmp_out_u64(w->out, K("thinkingBudget"),
                         llmp_wire_budget_of(effort));
    }
    llmp_out_end_object(w->out);
}

static int put_format(struct writing *w, const struct llmp_chat *chat)
{
    if (chat->format.kind == LLMP_FORMAT_UNSAID)
        return LLMP_OK;
    llmp_out_text(w->out, K("responseMimeType"),
                  chat->format.kind == LLMP_FORMAT_TEXT
                      ? K("text/plain")
                      : K("application/json"));
    if (chat->format.kind != LLMP_FORMAT_SCHEMA)
        return LLMP_OK;
    if (chat->format.description.len)
        LLMP_TRY(
            llmp_wire_note(w->wire, "response_format.json_schema.description"));
    llmp_out_raw(w->out, K("responseJsonSchema"), chat->format.schema);
    return LLMP_OK;
}

static int put_config(struct writing *w, const struct llmp_chat *chat)
{
    struct llmp_json_out *out = w->out;
    size_t begin = out->buf->len;
    bool comma = out->comma;

    llmp_out_object(out, K("generationConfig"));
    size_t empty = out->buf->len;

    llmp_out_raw_if(out, K("temperature"), chat->temperature);
    llmp_out_raw_if(out, K("topP"), chat->top_p);
    llmp_out_raw_if(out, K("topK"), chat->top_k);
    llmp_out_raw_if(out, K("candidateCount"), chat->count);
    llmp_out_raw_if(out, K("maxOutputTokens"), chat->max_tokens);
    llmp_out_raw_if(out, K("seed"), chat->seed);
    llmp_out_raw_if(out, K("presencePenalty"), chat->presence_penalty);
    llmp_out_raw_if(out, K("frequencyPenalty"), chat->frequency_penalty);
    if (chat->logprobs)
        llmp_out_bool(out, K("responseLogprobs"), true);
    llmp_out_raw_if(out, K("logprobs"), chat->top_logprobs);
    if (chat->stops) {
        llmp_out_array(out, K("stopSequences"));
        for (const struct llmp_json_value *v = chat->stops; v; v = v->next)
            llmp_out_text(out, LLMP_NO_KEY, v->text);
        llmp_out_end_array(out);
    }
    LLMP_TRY(put_format(w, chat));
    put_thinking(w, chat);
    llmp_out_end_object(out);
    if (!out->buf->failed && out->buf->len == empty + 1) { /* nothing in it */
        out->buf->len = begin;
        out->comma = comma;
    }
    return LLMP_OK;
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
    LLMP_TRY(lose(wire, chat->logit_bias.len > 2, "logit_bias"));
    LLMP_TRY(lose(wire, chat->min_p.len, "min_p"));
    LLMP_TRY(lose(wire, chat->verbosity.len, "verbosity"));
    LLMP_TRY(lose(wire, tier, "service_tier"));
    if (chat->user.len)
        LLMP_TRY(llmp_wire_note(wire, "user"));
    return chat->metadata.len ? llmp_wire_note(wire, "metadata") : LLMP_OK;
}

static struct writing writing_of(struct llmp_json_out *out,
                                 const struct llmp_chat *chat,
                                 struct llmp_wire *wire)
{
    return (struct writing){ .out = out,
                             .wire = wire,
                             .from_3 = is_from_3(chat->model) };
}

/* What is asked, and with what. */
static int put_prompt(struct writing *w, const struct llmp_chat *chat)
{
    LLMP_TRY(put_system(w, chat));
    LLMP_TRY(put_turns(w, chat));
    return put_tools(w, chat);
}

int llmp_gemini_write_count_request(struct llmp_buf *buf,
                                    const struct llmp_chat *chat,
                                    struct llmp_wire *wire)
{
    struct llmp_json_out out = { .buf = buf };
    struct writing w = writing_of(&out, chat, wire);

    LLMP_TRY(lose_foreign(chat, wire));
    llmp_out_object(&out, LLMP_NO_KEY);
    if (!wire->is_vertex) { /* there the members stand by themselves */
        llmp_out_object(&out, K("generateContentRequest"));
        llmp_out_begin_text(&out, K("model"));
        llmp_out_add_text(&out, K("models/"));
        llmp_out_add_text(&out, chat->model);
        llmp_out_end_text(&out);
    }
    LLMP_TRY(put_prompt(&w, chat));
    if (!wire->is_vertex)
        llmp_out_end_object(&out);
    llmp_out_end_object(&out);
    return buf->failed ? llmp_wire_nomem(wire) : LLMP_OK;
}

int llmp_gemini_write_request(struct llmp_buf *buf,
                              const struct llmp_chat *chat,
                              struct llmp_wire *wire)
{
    struct llmp_json_out out = { .buf = buf };
    struct writing w = writing_of(&out, chat, wire);

    LLMP_TRY(lose_foreign(chat, wire));
    llmp_out_object(&out, LLMP_NO_KEY);
    LLMP_TRY(put_prompt(&w, chat));
    LLMP_TRY(put_choice(&w, chat));
    LLMP_TRY(put_config(&w, chat));
    llmp_out_raw_if(&out, K("safetySettings"), chat->safety);
    llmp_out_end_object(&out);
    return buf->failed ? llmp_wire_nomem(wire) : LLMP_OK;
}
