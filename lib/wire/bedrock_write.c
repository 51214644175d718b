/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a Converse or ConverseStream request (Amazon Bedrock API reference,
 * "Converse"). System texts go before the turns; neighbours of one role are
 * one turn, for roles must alternate; an empty text is no block there. The
 * model is in the URL; its name says which vendor's extra members it takes.
 */
#include "base/internal.h"
#include "wire/bedrock.h"

#define K(text) LLMP_STR(text)

enum { BUDGET_MIN = 1024, NAME_MAX = 200 };

struct writing {
    struct llmp_json_out *out;
    struct llmp_wire *wire;
    const struct llmp_chat *chat;
    uint32_t message;   /* the client's number of it, for messages about it */
    uint32_t documents; /* so far */
    bool claude;
};

static int lost_content(struct writing *w)
{
    return llmp_wire_lost(w->wire, "messages[%u].content", w->message);
}

static bool contains(struct llmp_str text, struct llmp_str needle)
{
    return llmp_str_find(text, needle) != SIZE_MAX;
}

/* ---- media -------------------------------------------------------------- */

struct format {
    struct llmp_str type, name;
};

static const struct format images[] = {
    { LLMP_STR("image/png"), LLMP_STR("png") },
    { LLMP_STR("image/jpeg"), LLMP_STR("jpeg") },
    { LLMP_STR("image/jpg"), LLMP_STR("jpeg") },
    { LLMP_STR("image/gif"), LLMP_STR("gif") },
    { LLMP_STR("image/webp"), LLMP_STR("webp") },
};

static const struct format audios[] = {
    { LLMP_STR("audio/mpeg"), LLMP_STR("mp3") },
    { LLMP_STR("audio/mp3"), LLMP_STR("mp3") },
    { LLMP_STR("audio/wav"), LLMP_STR("wav") },
    { LLMP_STR("audio/x-wav"), LLMP_STR("wav") },
    { LLMP_STR("audio/aac"), LLMP_STR("aac") },
    { LLMP_STR("audio/flac"), LLMP_STR("flac") },
    { LLMP_STR("audio/mp4"), LLMP_STR("mp4") },
    { LLMP_STR("audio/ogg"), LLMP_STR("ogg") },
    { LLMP_STR("audio/opus"), LLMP_STR("opus") },
    { LLMP_STR("audio/webm"), LLMP_STR("webm") },
};

static const struct format videos[] = {
    { LLMP_STR("video/mp4"), LLMP_STR("mp4") },
    { LLMP_STR("video/quicktime"), LLMP_STR("mov") },
    { LLMP_STR("video/mov"), LLMP_STR("mov") },
    { LLMP_STR("video/x-matroska"), LLMP_STR("mkv") },
    { LLMP_STR("video/webm"), LLMP_STR("webm") },
    { LLMP_STR("video/x-flv"), LLMP_STR("flv") },
    { LLMP_STR("video/mpeg"), LLMP_STR("mpeg") },
    { LLMP_STR("video/x-ms-wmv"), LLMP_STR("wmv") },
    { LLMP_STR("video/3gpp"), LLMP_STR("three_gp") },
};

#define OFFICE "application/vnd.openxmlformats-officedocument."

static const struct format documents[] = {
    { LLMP_STR("application/pdf"), LLMP_STR("pdf") },
    { LLMP_STR("text/plain"), LLMP_STR("txt") },
    { LLMP_STR("text/markdown"), LLMP_STR("md") },
    { LLMP_STR("text/html"), LLMP_STR("html") },
    { LLMP_STR("text/csv"), LLMP_STR("csv") },
    { LLMP_STR("application/msword"), LLMP_STR("doc") },
    { LLMP_STR(OFFICE "wordprocessingml.document"), LLMP_STR("docx") },
    { LLMP_STR("application/vnd.ms-excel"), LLMP_STR("xls") },
    { LLMP_STR(OFFICE "spreadsheetml.sheet"), LLMP_STR("xlsx") },
};

static const struct {
    enum llmp_part_kind kind;
    struct llmp_str key;
    const struct format *formats;
    size_t count;
} media[] = {
    { LLMP_PART_IMAGE, LLMP_STR("image"), images, LLMP_COUNT(images) },
    { LLMP_PART_AUDIO, LLMP_STR("audio"), audios, LLMP_COUNT(audios) },
    { LLMP_PART_VIDEO, LLMP_STR("video"), videos, LLMP_COUNT(videos) },
    { LLMP_PART_DOCUMENT, LLMP_STR("document"), documents,
      LLMP_COUNT(documents) },
};

/* The first one stands for a type that nobody said; empty: it is not taken. */
static struct llmp_str format_of(size_t kind, const struct llmp_media *of)
{
    struct llmp_str type = of->type;

    if (of->is_text)
        type = K("text/plain");
    if (!type.len)
        return media[kind].formats[0].name;
    for (size_t i = 0; i < media[kind].count; i++)
        if (llmp_str_eq_nocase(media[kind].formats[i].type, type))
            return media[kind].formats[i].name;
    return K("");
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '(' || c == ')' ||
           c == '[' || c == ']';
}

/* Letters, digits, single blanks, hyphens and brackets: what else a name has
 * is a blank. One of which nothing is left is called by its number. */
static int put_name(struct writing *w, struct llmp_str name)
{
    struct llmp_str plain = llmp_wire_plain(name, w->wire->arena);
    char fit[NAME_MAX];
    size_t len = 0;

    if (!plain.ptr)
        return llmp_wire_nomem(w->wire);
    for (size_t i = 0; i < plain.len && len < sizeof(fit); i++) {
        if (is_name_byte(plain.ptr[i]))
            fit[len++] = plain.ptr[i];
        else if (len && fit[len - 1] != ' ')
            fit[len++] = ' ';
    }
    if (len && fit[len - 1] == ' ')
        len--;
    w->documents++;
    llmp_out_begin_text(w->out, K("name"));
    if (len)
        llmp_out_add_text(w->out, (struct llmp_str){ fit, len });
    else
        (void)llmp_buf_printf(w->out->buf, "document %u", w->documents);
    llmp_out_end_text(w->out);
    return LLMP_OK;
}

static void put_source(struct writing *w, const struct llmp_media *of)
{
    llmp_out_object(w->out, K("source"));
    if (of->is_text) {
        llmp_out_text(w->out, K("text"), of->data);
    } else if (of->data.len) {
        llmp_out_text(w->out, K("bytes"), of->data);
    } else {
        llmp_out_object(w->out, K("s3Location"));
        llmp_out_text(w->out, K("uri"), of->url);
        llmp_out_end_object(w->out);
    }
    llmp_out_end_object(w->out);
}

/* Bedrock fetches from S3 only. */
static int put_media(struct writing *w, const struct llmp_part *part)
{
    const struct llmp_media *of = &part->media;
    struct llmp_str format;
    size_t kind = 0;

    while (media[kind].kind != part->kind)
        kind++;
    format = format_of(kind, of);
    if (!format.len || (!of->data.len && !llmp_str_starts(of->url, K("s3://"))))
        return lost_content(w);
    if (of->detail.len && !llmp_str_eq(of->detail, K("auto")))
        LLMP_TRY(
            llmp_wire_note(w->wire, "messages[%u].content.detail", w->message));
    llmp_out_object(w->out, LLMP_NO_KEY);
    llmp_out_object(w->out, media[kind].key);
    llmp_out_text(w->out, K("format"), format);
    if (part->kind == LLMP_PART_DOCUMENT)
        LLMP_TRY(put_name(w, of->name));
    put_source(w, of);
    if (part->cites)
        llmp_out_raw(w->out, K("citations"), K("{\"enabled\":true}"));
    llmp_out_end_object(w->out);
    llmp_out_end_object(w->out);
    return LLMP_OK;
}

/* ---- blocks ------------------------------------------------------------- */

static void put_cache(struct llmp_json_out *out, bool cache,
                      struct llmp_str ttl)
{
    if (!cache)
        return;
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_object(out, K("cachePoint"));
    llmp_out_text(out, K("type"), K("default"));
    llmp_out_text_if(out, K("ttl"), ttl);
    llmp_out_end_object(out);
    llmp_out_end_object(out);
}

static void put_text(struct llmp_json_out *out, struct llmp_str text)
{
    if (!text.len)
        return;
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_text(out, K("text"), text);
    llmp_out_end_object(out);
}

static void put_call(struct llmp_json_out *out, const struct llmp_part *part)
{
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_object(out, K("toolUse"));
    llmp_out_text(out, K("toolUseId"), part->id);
    llmp_out_text(out, K("name"), part->name);
    llmp_out_raw(out, K("input"), part->arguments);
    llmp_out_end_object(out);
    llmp_out_end_object(out);
}

/* Thoughts without a seal are refused by those who seal theirs; an old thought
 * changes no answer. */
static int put_reasoning(struct writing *w, const struct llmp_part *part)
{
    struct llmp_json_out *out = w->out;

    if (!part->redacted && !part->signature.len)
        return llmp_wire_note(w->wire, "messages[%u].reasoning_content",
                              w->message);
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_object(out, K("reasoningContent"));
    if (part->redacted) {
        llmp_out_text(out, K("redactedContent"), part->text);
    } else {
        llmp_out_object(out, K("reasoningText"));
        llmp_out_text(out, K("text"), part->text);
        llmp_out_text(out, K("signature"), part->signature);
        llmp_out_end_object(out);
    }
    llmp_out_end_object(out);
    llmp_out_end_object(out);
    return LLMP_OK;
}

static int put_result(struct writing *w, const struct llmp_part *part)
{
    struct llmp_json_out *out = w->out;

    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_object(out, K("toolResult"));
    llmp_out_text(out, K("toolUseId"), part->id);
    llmp_out_array(out, K("content"));
    for (const struct llmp_part *p = part->first; p; p = p->next) {
        if (p->kind == LLMP_PART_TEXT || p->kind == LLMP_PART_REFUSAL)
            put_text(out, p->text);
        else if (p->kind == LLMP_PART_IMAGE || p->kind == LLMP_PART_VIDEO ||
                 p->kind == LLMP_PART_DOCUMENT)
            LLMP_TRY(put_media(w, p));
        else
            LLMP_TRY(lost_content(w));
    }
    llmp_out_end_array(out);
    if (part->failed)
        llmp_out_text(out, K("status"), K("error"));
    llmp_out_end_object(out);
    llmp_out_end_object(out);
    return LLMP_OK;
}

static int put_part(struct writing *w, const struct llmp_part *part)
{
    switch (part->kind) {
    case LLMP_PART_TEXT:
    case LLMP_PART_REFUSAL:
        put_text(w->out, part->text);
        break;
    case LLMP_PART_REASONING:
        LLMP_TRY(put_reasoning(w, part));
        break;
    case LLMP_PART_TOOL_CALL:
        put_call(w->out, part);
        break;
    case LLMP_PART_TOOL_RESULT:
        LLMP_TRY(put_result(w, part));
        break;
    case LLMP_PART_IMAGE:
    case LLMP_PART_AUDIO:
    case LLMP_PART_VIDEO:
    case LLMP_PART_DOCUMENT:
        LLMP_TRY(put_media(w, part));
        break;
    }
    put_cache(w->out, part->cache, part->cache_ttl);
    return LLMP_OK;
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

static int put_system(struct writing *w)
{
    bool first = true, turns = false;

    for (const struct llmp_chat_message *m = w->chat->first; m; m = m->next) {
        w->message = m->index;
        if (!llmp_speaker_is_system(m->role)) {
            turns = true;
            continue;
        }
        if (turns) /* its place is lost: it is said first */
            LLMP_TRY(llmp_wire_lost(w->wire, "messages[%u].role", m->index));
        if (!says_anything(m))
            continue;
        if (first)
            llmp_out_array(w->out, K("system"));
        first = false;
        for (const struct llmp_part *p = m->first; p; p = p->next) {
            if (p->kind != LLMP_PART_TEXT) { /* it takes nothing else */
                LLMP_TRY(lost_content(w));
                continue;
            }
            LLMP_TRY(put_part(w, p));
        }
    }
    if (!first)
        llmp_out_end_array(w->out);
    return LLMP_OK;
}

static void end_turn(struct writing *w, struct llmp_str role)
{
    if (!role.len)
        return;
    llmp_out_end_array(w->out);
    llmp_out_end_object(w->out);
}

static int put_turns(struct writing *w)
{
    struct llmp_str role = K("");

    llmp_out_array(w->out, K("messages"));
    for (const struct llmp_chat_message *m = w->chat->first; m; m = m->next) {
        struct llmp_str its =
            m->role == LLMP_SPEAKER_ASSISTANT ? K("assistant") : K("user");

        w->message = m->index;
        if (m->name.len)
            LLMP_TRY(llmp_wire_note(w->wire, "messages[%u].name", m->index));
        if (llmp_speaker_is_system(m->role) || !says_anything(m))
            continue;
        if (!llmp_str_eq(role, its)) {
            end_turn(w, role);
            role = its;
            llmp_out_object(w->out, LLMP_NO_KEY);
            llmp_out_text(w->out, K("role"), role);
            llmp_out_array(w->out, K("content"));
        }
        for (const struct llmp_part *p = m->first; p; p = p->next)
            LLMP_TRY(put_part(w, p));
    }
    end_turn(w, role);
    llmp_out_end_array(w->out);
    return LLMP_OK;
}

/* ---- tools -------------------------------------------------------------- */

static bool has_calls(const struct llmp_chat *chat)
{
    for (const struct llmp_chat_message *m = chat->first; m; m = m->next)
        for (const struct llmp_part *p = m->first; p; p = p->next)
            if (p->kind == LLMP_PART_TOOL_CALL ||
                p->kind == LLMP_PART_TOOL_RESULT)
                return true;
    return false;
}

static void put_tool(struct llmp_json_out *out, const struct llmp_tool *tool)
{
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_object(out, K("toolSpec"));
    llmp_out_text(out, K("name"), tool->name);
    llmp_out_text_if(out, K("description"), tool->description);
    llmp_out_object(out, K("inputSchema"));
    llmp_out_raw(out, K("json"),
                 tool->parameters.len ? tool->parameters
                                      : K("{\"type\":\"object\"}"));
    llmp_out_end_object(out);
    if (llmp_str_eq(tool->strict, K("true")))
        llmp_out_bool(out, K("strict"), true);
    llmp_out_end_object(out);
    llmp_out_end_object(out);
    put_cache(out, tool->cache, tool->cache_ttl);
}

static void put_choice(struct llmp_json_out *out, const struct llmp_chat *chat)
{
    if (chat->choice == LLMP_CHOICE_UNSAID || chat->choice == LLMP_CHOICE_NONE)
        return;
    llmp_out_object(out, K("toolChoice"));
    if (chat->choice == LLMP_CHOICE_ONE) {
        llmp_out_object(out, K("tool"));
        llmp_out_text(out, K("name"), chat->choice_name);
        llmp_out_end_object(out);
    } else {
        llmp_out_raw(out,
                     chat->choice == LLMP_CHOICE_ANY ? K("any") : K("auto"),
                     K("{}"));
    }
    llmp_out_end_object(out);
}

/* Nobody can forbid calls there but by having no tools, and tools must be
 * there when the conversation has calls. */
static int put_tools(struct writing *w)
{
    const struct llmp_chat *chat = w->chat;

    if (!chat->first_tool)
        return LLMP_OK;
    if (chat->parallel_calls == LLMP_NO)
        LLMP_TRY(llmp_wire_lost(w->wire, "parallel_tool_calls"));
    if (chat->choice == LLMP_CHOICE_NONE) {
        if (!has_calls(chat))
            return LLMP_OK;
        LLMP_TRY(llmp_wire_lost(w->wire, "tool_choice"));
    }
    llmp_out_object(w->out, K("toolConfig"));
    llmp_out_array(w->out, K("tools"));
    for (const struct llmp_tool *t = chat->first_tool; t; t = t->next)
        put_tool(w->out, t);
    llmp_out_end_array(w->out);
    put_choice(w->out, chat);
    llmp_out_end_object(w->out);
    return LLMP_OK;
}

/* ---- how to generate ---------------------------------------------------- */

/* "0.7" is at most 1; "1.5" is not. Numbers with exponents are rare enough to
 * be let through to be judged there. */
static bool above_one(struct llmp_str number)
{
    return number.len && number.ptr[0] >= '1' && number.ptr[0] <= '9' &&
           !llmp_str_eq(number, K("1")) && !llmp_str_eq(number, K("1.0"));
}

static int put_inference(struct writing *w)
{
    const struct llmp_chat *chat = w->chat;
    struct llmp_json_out *out = w->out;
    struct llmp_str temperature = chat->temperature;

    if (above_one(temperature)) {
        LLMP_TRY(llmp_wire_lost(w->wire, "temperature"));
        temperature.len = 0;
    }
    if (!chat->max_tokens.len && !temperature.len && !chat->top_p.len &&
        !chat->stops)
        return LLMP_OK;
    llmp_out_object(out, K("inferenceConfig"));
    llmp_out_raw_if(out, K("maxTokens"), chat->max_tokens);
    llmp_out_raw_if(out, K("temperature"), temperature);
    llmp_out_raw_if(out, K("topP"), chat->top_p);
    if (chat->stops) {
        llmp_out_array(out, K("stopSequences"));
        for (const struct llmp_json_value *v = chat->stops; v; v = v->next)
            llmp_out_text(out, LLMP_NO_KEY, v->text);
        llmp_out_end_array(out);
    }
    llmp_out_end_object(out);
    return LLMP_OK;
}

/* Thinking has to fit into the most that may be said. 0: none is wanted. */
static uint64_t budget_of(const struct llmp_chat *chat)
{
    uint64_t most = llmp_wire_u64(chat->max_tokens, UINT64_MAX);
    uint64_t budget = 0;

    if (chat->reasoning.wanted == LLMP_YES)
        budget = llmp_wire_u64(chat->reasoning.budget,
                               llmp_wire_budget_of(chat->reasoning.effort));
    return budget >= most ? most / 2 : budget;
}

/* Members that only one vendor's models know. */
static int put_additional(struct writing *w)
{
    struct llmp_json_out *out = w->out;
    struct llmp_str top_k = w->chat->top_k;
    bool nova = contains(w->chat->model, K("amazon.nova"));
    uint64_t budget = budget_of(w->chat);

    if (top_k.len && !w->claude && !nova) {
        LLMP_TRY(llmp_wire_lost(w->wire, "top_k"));
        top_k.len = 0;
    }
    if (w->chat->reasoning.wanted != LLMP_UNSAID &&
        (!w->claude || (budget && budget < BUDGET_MIN))) {
        LLMP_TRY(llmp_wire_lost(w->wire, "reasoning_effort"));
        budget = 0;
    }
    if (!top_k.len && !budget)
        return LLMP_OK;
    llmp_out_object(out, K("additionalModelRequestFields"));
    if (top_k.len && nova) {
        llmp_out_object(out, K("inferenceConfig"));
        llmp_out_raw(out, K("topK"), top_k);
        llmp_out_end_object(out);
    } else {
        llmp_out_raw_if(out, K("top_k"), top_k);
    }
    if (budget) {
        llmp_out_object(out, K("thinking"));
        llmp_out_text(out, K("type"), K("enabled"));
        llmp_out_u64(out, K("budget_tokens"), budget);
        llmp_out_end_object(out);
    }
    llmp_out_end_object(out);
    return LLMP_OK;
}

/* The schema is a string there. */
static void put_format(struct llmp_json_out *out, const struct llmp_chat *chat)
{
    if (chat->format.kind != LLMP_FORMAT_SCHEMA)
        return;
    llmp_out_object(out, K("outputConfig"));
    llmp_out_object(out, K("textFormat"));
    llmp_out_text(out, K("type"), K("json_schema"));
    llmp_out_object(out, K("structure"));
    llmp_out_object(out, K("jsonSchema"));
    llmp_out_string(out, K("schema"), chat->format.schema);
    llmp_out_text_if(out, K("name"), chat->format.name);
    llmp_out_text_if(out, K("description"), chat->format.description);
    for (int depth = 0; depth < 4; depth++)
        llmp_out_end_object(out);
}

static int put_tier(struct writing *w)
{
    static const struct llmp_str tiers[] = { LLMP_STR("default"),
                                             LLMP_STR("priority"),
                                             LLMP_STR("flex"),
                                             LLMP_STR("reserved") };
    struct llmp_str tier = w->chat->service_tier;

    if (!tier.len || llmp_str_eq(tier, K("auto")))
        return LLMP_OK;
    for (size_t i = 0; i < LLMP_COUNT(tiers); i++) {
        if (!llmp_str_eq(tiers[i], tier))
            continue;
        llmp_out_object(w->out, K("serviceTier"));
        llmp_out_text(w->out, K("type"), tier);
        llmp_out_end_object(w->out);
        return LLMP_OK;
    }
    return llmp_wire_lost(w->wire, "service_tier");
}

static int lose(struct llmp_wire *wire, bool said, const char *name)
{
    return said ? llmp_wire_lost(wire, "%s", name) : LLMP_OK;
}

static int lose_foreign(const struct llmp_chat *chat, struct llmp_wire *wire)
{
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
    LLMP_TRY(
        lose(wire, chat->format.kind == LLMP_FORMAT_JSON, "response_format"));
    if (chat->user.len)
        LLMP_TRY(llmp_wire_note(wire, "user"));
    return chat->metadata.len ? llmp_wire_note(wire, "metadata") : LLMP_OK;
}

static struct writing writing_of(struct llmp_json_out *out,
                                 const struct llmp_chat *chat,
                                 struct llmp_wire *wire)
{
    return (struct writing){
        .out = out,
        .wire = wire,
        .chat = chat,
        .claude = contains(chat->model, K("anthropic")) ||
                  contains(chat->model, K("claude")),
    };
}

/* What is asked, and with what. */
static int put_prompt(struct writing *w)
{
    LLMP_TRY(put_system(w));
    LLMP_TRY(put_turns(w));
    return put_tools(w);
}

int llmp_bedrock_write_count_request(struct llmp_buf *buf,
                                     const struct llmp_chat *chat,
                                     struct llmp_wire *wire)
{
    struct llmp_json_out out = { .buf = buf };
    struct writing w = writing_of(&out, chat, wire);

    LLMP_TRY(lose_foreign(chat, wire));
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_object(&out, K("input"));
    llmp_out_object(&out, K("converse"));
    LLMP_TRY(put_prompt(&w));
    llmp_out_end_object(&out);
    llmp_out_end_object(&out);
    llmp_out_end_object(&out);
    return buf->failed ? llmp_wire_nomem(wire) : LLMP_OK;
}

int llmp_bedrock_write_request(struct llmp_buf *buf,
                               const struct llmp_chat *chat,
                               struct llmp_wire *wire)
{
    struct llmp_json_out out = { .buf = buf };
    struct writing w = writing_of(&out, chat, wire);

    LLMP_TRY(lose_foreign(chat, wire));
    llmp_out_object(&out, LLMP_NO_KEY);
    LLMP_TRY(put_prompt(&w));
    LLMP_TRY(put_inference(&w));
    LLMP_TRY(put_additional(&w));
    put_format(&out, chat);
    LLMP_TRY(put_tier(&w));
    llmp_out_end_object(&out);
    return buf->failed ? llmp_wire_nomem(wire) : LLMP_OK;
}
