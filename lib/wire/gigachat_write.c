/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a request of GigaChat's chat completions (Sber's API reference, "POST
 * /chat/completions"): OpenAI's before there were tools. A message has one
 * call at most, so calls made at once are said one after the other, each with
 * its result behind it; the one system message comes first.
 */
#include "base/internal.h"
#include "wire/gigachat.h"

#define K(text) LLMP_STR(text)

struct writing {
    struct llmp_json_out *out;
    struct llmp_wire *wire;
};

static int lost_content(struct writing *w,
                        const struct llmp_chat_message *message)
{
    return llmp_wire_lost(w->wire, "messages[%u].content", message->index);
}

static void begin_message(struct writing *w, struct llmp_str role)
{
    llmp_out_object(w->out, LLMP_NO_KEY);
    llmp_out_text(w->out, K("role"), role);
}

static bool is_text(const struct llmp_part *part)
{
    return part->kind == LLMP_PART_TEXT || part->kind == LLMP_PART_REFUSAL;
}

/* What of a message is neither its text nor a call or result. */
static int lose_parts(struct writing *w,
                      const struct llmp_chat_message *message,
                      const struct llmp_part *first)
{
    for (const struct llmp_part *p = first; p; p = p->next) {
        if (p->cache)
            LLMP_TRY(llmp_wire_note(
                w->wire, "messages[%u].content.cache_control", message->index));
        if (p->kind == LLMP_PART_REASONING)
            LLMP_TRY(llmp_wire_note(w->wire, "messages[%u].reasoning_content",
                                    message->index));
        else if (!is_text(p) && p->kind != LLMP_PART_TOOL_CALL &&
                 p->kind != LLMP_PART_TOOL_RESULT)
            LLMP_TRY(lost_content(w, message));
    }
    return LLMP_OK;
}

static void put_texts(struct writing *w, const struct llmp_part *first)
{
    llmp_out_begin_text(w->out, K("content"));
    for (const struct llmp_part *p = first; p; p = p->next)
        if (is_text(p))
            llmp_out_add_text(w->out, p->text);
    llmp_out_end_text(w->out);
}

/* ---- calls and results -------------------------------------------------- */

/* A result is a string with a document in it; a text that is none becomes
 * one. */
static int put_result(struct writing *w, const struct llmp_part *part,
                      struct llmp_str name)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf text = { 0 };
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf wrapped = { 0 };
    struct llmp_json_out inner = { .buf = &wrapped };
    struct llmp_str object;
    int rc = LLMP_E_TYPE;

    for (const struct llmp_part *p = part->first; p; p = p->next)
        if (is_text(p))
            (void)llmp_buf_add(&text, p->text);
    if (text.len && !part->failed)
        rc = llmp_wire_unquote_object(&object, llmp_buf_str(&text), w->wire);
    if (rc < 0 && rc != LLMP_E_TYPE)
        return rc;
    begin_message(w, K("function"));
    llmp_out_text(w->out, K("name"), name);
    if (rc == LLMP_OK) {
        llmp_out_text(w->out, K("content"), llmp_buf_str(&text));
    } else {
        llmp_out_object(&inner, LLMP_NO_KEY);
        llmp_out_text(&inner, part->failed ? K("error") : K("result"),
                      llmp_buf_str(&text));
        llmp_out_end_object(&inner);
        llmp_out_string(w->out, K("content"), llmp_buf_str(&wrapped));
    }
    llmp_out_end_object(w->out);
    return text.failed || wrapped.failed ? llmp_wire_nomem(w->wire) : LLMP_OK;
}

static void put_call(struct writing *w, const struct llmp_part *call)
{
    static const struct llmp_str prefix = LLMP_STR(LLMP_GIGACHAT_CALL);
    struct llmp_str state = call->signature;

    if (!state.len && llmp_str_starts(call->id, prefix))
        state = (struct llmp_str){ call->id.ptr + prefix.len,
                                   call->id.len - prefix.len };
    llmp_out_object(w->out, K("function_call"));
    llmp_out_text(w->out, K("name"), call->name);
    llmp_out_raw(w->out, K("arguments"), call->arguments);
    llmp_out_end_object(w->out);
    llmp_out_text_if(w->out, K("functions_state_id"), state);
}

/* The results behind an assistant's message, as far as they are looked for. */
static const struct llmp_part *find_result(
    const struct llmp_chat_message *message, struct llmp_str id)
{
    size_t searched = 0;

    for (const struct llmp_chat_message *m = message->next;
         m && (m->role == LLMP_SPEAKER_TOOL || llmp_speaker_is_system(m->role));
         m = m->next)
        for (const struct llmp_part *p = m->first; p; p = p->next) {
            if (p->kind == LLMP_PART_TOOL_RESULT && llmp_str_eq(p->id, id))
                return p;
            if (++searched == LLMP_CALLS_SEARCHED)
                return NULL;
        }
    return NULL;
}

static int put_assistant(struct writing *w,
                         const struct llmp_chat_message *message)
{
    const struct llmp_part *result;
    uint32_t calls = 0;

    LLMP_TRY(lose_parts(w, message, message->first));
    for (const struct llmp_part *p = message->first; p; p = p->next) {
        if (p->kind != LLMP_PART_TOOL_CALL)
            continue;
        if (calls == LLMP_CALLS_SEARCHED)
            return llmp_wire_lost(w->wire, "messages[%u].tool_calls",
                                  message->index);
        begin_message(w, K("assistant"));
        put_texts(w, calls ? NULL : message->first);
        put_call(w, p);
        llmp_out_end_object(w->out);
        calls++;
        result = find_result(message, p->id);
        if (result)
            LLMP_TRY(put_result(w, result, p->name));
    }
    if (calls)
        return LLMP_OK;
    begin_message(w, K("assistant"));
    put_texts(w, message->first);
    llmp_out_end_object(w->out);
    return LLMP_OK;
}

/* Results have been said behind their calls; here is only looked whether each
 * has one, and what of it is no text. */
static int check_results(struct writing *w,
                         const struct llmp_chat_message *message,
                         const struct llmp_chat_message *calling)
{
    for (const struct llmp_part *p = message->first; p; p = p->next) {
        if (!llmp_chat_tool_of(calling, p->id).len)
            return llmp_wire_wrong(w->wire, "the id of a call before it",
                                   "messages[%u].tool_call_id", message->index);
        if (find_result(calling, p->id) != p) /* its call has one already */
            LLMP_TRY(lost_content(w, message));
        if (p->cache)
            LLMP_TRY(llmp_wire_note(w->wire, "messages[%u].cache_control",
                                    message->index));
        LLMP_TRY(lose_parts(w, message, p->first));
    }
    return LLMP_OK;
}

/* ---- messages ----------------------------------------------------------- */

static int put_system(struct writing *w, const struct llmp_chat *chat)
{
    bool first = true, turns = false;

    for (const struct llmp_chat_message *m = chat->first; m; m = m->next) {
        if (!llmp_speaker_is_system(m->role)) {
            turns = true;
            continue;
        }
        if (turns) /* its place is lost: it is said first */
            LLMP_TRY(llmp_wire_lost(w->wire, "messages[%u].role", m->index));
        LLMP_TRY(lose_parts(w, m, m->first));
        for (const struct llmp_part *p = m->first; p; p = p->next) {
            if (!is_text(p) || !p->text.len)
                continue;
            if (first) {
                begin_message(w, K("system"));
                llmp_out_begin_text(w->out, K("content"));
            } else {
                llmp_out_add_text(w->out, K("\\n\\n"));
            }
            first = false;
            llmp_out_add_text(w->out, p->text);
        }
    }
    if (!first) {
        llmp_out_end_text(w->out);
        llmp_out_end_object(w->out);
    }
    return LLMP_OK;
}

static int put_messages(struct writing *w, const struct llmp_chat *chat)
{
    const struct llmp_chat_message *calling = NULL;

    llmp_out_array(w->out, K("messages"));
    LLMP_TRY(put_system(w, chat));
    for (const struct llmp_chat_message *m = chat->first; m; m = m->next) {
        if (m->name.len)
            LLMP_TRY(llmp_wire_note(w->wire, "messages[%u].name", m->index));
        if (m->role == LLMP_SPEAKER_ASSISTANT) {
            calling = m;
            LLMP_TRY(put_assistant(w, m));
        } else if (m->role == LLMP_SPEAKER_TOOL) {
            LLMP_TRY(check_results(w, m, calling));
        } else if (m->role == LLMP_SPEAKER_USER) {
            calling = NULL; /* a result must stand behind its call */
            LLMP_TRY(lose_parts(w, m, m->first));
            begin_message(w, K("user"));
            put_texts(w, m->first);
            llmp_out_end_object(w->out);
        }
    }
    llmp_out_end_array(w->out);
    return LLMP_OK;
}

/* ---- functions and the rest --------------------------------------------- */

static int put_functions(struct writing *w, const struct llmp_chat *chat)
{
    struct llmp_json_out *out = w->out;

    llmp_out_array(out, K("functions"));
    for (const struct llmp_tool *t = chat->first_tool; t; t = t->next) {
        if (t->cache)
            LLMP_TRY(llmp_wire_note(w->wire, "tools.cache_control"));
        if (llmp_str_eq(t->strict, K("true")))
            LLMP_TRY(llmp_wire_note(w->wire, "tools.strict"));
        llmp_out_object(out, LLMP_NO_KEY);
        llmp_out_text(out, K("name"), t->name);
        llmp_out_text_if(out, K("description"), t->description);
        llmp_out_raw(out, K("parameters"),
                     t->parameters.len
                         ? t->parameters
                         : K("{\"type\":\"object\",\"properties\":{}}"));
        llmp_out_end_object(out);
    }
    llmp_out_end_array(out);
    return LLMP_OK;
}

/* Unsaid means there that nothing is called. That some function must be called
 * can be said only by its name. */
static int put_choice(struct writing *w, const struct llmp_chat *chat)
{
    struct llmp_str name = chat->choice_name;
    bool one = chat->choice == LLMP_CHOICE_ONE;

    if (chat->choice == LLMP_CHOICE_ANY) {
        one = chat->first_tool == chat->last_tool;
        name = chat->first_tool->name;
        if (!one)
            LLMP_TRY(llmp_wire_lost(w->wire, "tool_choice"));
    }
    if (!one) {
        llmp_out_text(w->out, K("function_call"),
                      chat->choice == LLMP_CHOICE_NONE ? K("none") : K("auto"));
        return LLMP_OK;
    }
    llmp_out_object(w->out, K("function_call"));
    llmp_out_text(w->out, K("name"), name);
    llmp_out_end_object(w->out);
    return LLMP_OK;
}

static bool is_zero(struct llmp_str number)
{
    return llmp_str_eq(number, K("0")) || llmp_str_eq(number, K("0.0"));
}

/* A temperature must be above 0: to take the likeliest is said by top_p. */
static void put_sampling(struct llmp_json_out *out,
                         const struct llmp_chat *chat)
{
    if (!is_zero(chat->temperature)) {
        llmp_out_raw_if(out, K("temperature"), chat->temperature);
        llmp_out_raw_if(out, K("top_p"), chat->top_p);
    } else {
        llmp_out_u64(out, K("top_p"), 0);
    }
    llmp_out_raw_if(out, K("max_tokens"), chat->max_tokens);
}

static void put_effort(struct llmp_json_out *out, const struct llmp_chat *chat)
{
    uint64_t budget = llmp_wire_u64(
        chat->reasoning.budget, llmp_wire_budget_of(chat->reasoning.effort));

    if (chat->reasoning.wanted == LLMP_YES && budget)
        llmp_out_text(out, K("reasoning_effort"), llmp_wire_effort_of(budget));
}

static int put_format(struct writing *w, const struct llmp_chat *chat)
{
    if (chat->format.kind == LLMP_FORMAT_JSON)
        return llmp_wire_lost(w->wire, "response_format");
    if (chat->format.kind != LLMP_FORMAT_SCHEMA)
        return LLMP_OK;
    if (chat->format.description.len)
        LLMP_TRY(
            llmp_wire_note(w->wire, "response_format.json_schema.description"));
    llmp_out_object(w->out, K("response_format"));
    llmp_out_text(w->out, K("type"), K("json_schema"));
    llmp_out_raw(w->out, K("schema"), chat->format.schema);
    llmp_out_raw_if(w->out, K("strict"), chat->format.strict);
    llmp_out_end_object(w->out);
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
    LLMP_TRY(lose(wire, llmp_wire_says(chat->count, "1"), "n"));
    LLMP_TRY(lose(wire, chat->seed.len, "seed"));
    LLMP_TRY(lose(wire, chat->stops != NULL, "stop"));
    LLMP_TRY(lose(wire, llmp_wire_says(chat->presence_penalty, "0"),
                  "presence_penalty"));
    LLMP_TRY(lose(wire, llmp_wire_says(chat->frequency_penalty, "0"),
                  "frequency_penalty"));
    LLMP_TRY(lose(wire, chat->logprobs, "logprobs"));
    LLMP_TRY(lose(wire, chat->logit_bias.len > 2, "logit_bias"));
    LLMP_TRY(lose(wire, chat->top_k.len, "top_k"));
    LLMP_TRY(lose(wire, chat->min_p.len, "min_p"));
    LLMP_TRY(lose(wire, chat->verbosity.len, "verbosity"));
    LLMP_TRY(lose(wire, chat->safety.len, "safetySettings"));
    LLMP_TRY(lose(wire, tier, "service_tier"));
    if (chat->user.len)
        LLMP_TRY(llmp_wire_note(wire, "user"));
    return chat->metadata.len ? llmp_wire_note(wire, "metadata") : LLMP_OK;
}

int llmp_gigachat_write_request(struct llmp_buf *buf,
                                const struct llmp_chat *chat,
                                struct llmp_wire *wire)
{
    struct llmp_json_out out = { .buf = buf };
    struct writing w = { .out = &out, .wire = wire };

    LLMP_TRY(lose_foreign(chat, wire));
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_text(&out, K("model"), chat->model);
    LLMP_TRY(put_messages(&w, chat));
    if (chat->first_tool) {
        LLMP_TRY(put_functions(&w, chat));
        LLMP_TRY(put_choice(&w, chat));
    }
    put_sampling(&out, chat);
    put_effort(&out, chat);
    LLMP_TRY(put_format(&w, chat));
    if (chat->stream)
        llmp_out_bool(&out, K("stream"), true);
    llmp_out_end_object(&out);
    return buf->failed ? llmp_wire_nomem(wire) : LLMP_OK;
}
