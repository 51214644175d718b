/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers in OpenAI's dialect: token counts, and what a stream's event means.
 * Chat and completions count "prompt" and "completion" tokens, responses
 * counts "input" and "output" ones, wrapped in "response" inside a stream.
 */
#include "base/internal.h"
#include "wire/passing.h"

enum { INPUT, OUTPUT, CACHED, REASONING, TOTAL, COUNTS };

/* Paths in a stream's event. */
static const char *const chat_event_paths[COUNTS] = {
    [INPUT] = "usage.prompt_tokens",
    [OUTPUT] = "usage.completion_tokens",
    [CACHED] = "usage.prompt_tokens_details.cached_tokens",
    [REASONING] = "usage.completion_tokens_details.reasoning_tokens",
    [TOTAL] = "usage.total_tokens",
};

static const char *const responses_event_paths[COUNTS] = {
    [INPUT] = "response.usage.input_tokens",
    [OUTPUT] = "response.usage.output_tokens",
    [CACHED] = "response.usage.input_tokens_details.cached_tokens",
    [REASONING] = "response.usage.output_tokens_details.reasoning_tokens",
    [TOTAL] = "response.usage.total_tokens",
};

/* Members of an answer's usage object. */
#define OWN(name)                     \
    {                                 \
        LLMP_STR(""), LLMP_STR(name), \
        {                             \
            NULL, 0                   \
        }                             \
    }
#define WITHIN(outer, name)              \
    {                                    \
        LLMP_STR(outer), LLMP_STR(name), \
        {                                \
            NULL, 0                      \
        }                                \
    }

static const struct llmp_json_number chat_numbers[COUNTS] = {
    [INPUT] = OWN("prompt_tokens"),
    [OUTPUT] = OWN("completion_tokens"),
    [CACHED] = WITHIN("prompt_tokens_details", "cached_tokens"),
    [REASONING] = WITHIN("completion_tokens_details", "reasoning_tokens"),
    [TOTAL] = OWN("total_tokens"),
};

/* Beside the others: Anthropic counts what was written to a cache apart. */
enum { CACHE_WRITTEN = TOTAL };

static const struct llmp_json_number messages_numbers[COUNTS] = {
    [INPUT] = OWN("input_tokens"),
    [OUTPUT] = OWN("output_tokens"),
    [CACHED] = OWN("cache_read_input_tokens"),
    [REASONING] = OWN("thinking_tokens"),
    [CACHE_WRITTEN] = OWN("cache_creation_input_tokens"),
};

/* Google counts thoughts apart from what is said. */
static const struct llmp_json_number gemini_numbers[COUNTS] = {
    [INPUT] = OWN("promptTokenCount"),
    [OUTPUT] = OWN("candidatesTokenCount"),
    [CACHED] = OWN("cachedContentTokenCount"),
    [REASONING] = OWN("thoughtsTokenCount"),
    [TOTAL] = OWN("totalTokenCount"),
};

static const struct llmp_json_number responses_numbers[COUNTS] = {
    [INPUT] = OWN("input_tokens"),
    [OUTPUT] = OWN("output_tokens"),
    [CACHED] = WITHIN("input_tokens_details", "cached_tokens"),
    [REASONING] = WITHIN("output_tokens_details", "reasoning_tokens"),
    [TOTAL] = OWN("total_tokens"),
};

static void take_count(struct llmp_token_usage *usage, uint32_t which,
                       struct llmp_str number)
{
    uint64_t value;

    if (llmp_json_u64(number, &value) != LLMP_OK)
        return;
    usage->reported = true;
    switch (which) {
    case INPUT:
        usage->input = value;
        break;
    case OUTPUT:
        usage->output = value;
        break;
    case CACHED:
        usage->cached = value;
        break;
    case REASONING:
        usage->reasoning = value;
        break;
    default:
        break;
    }
}

static void read_counts(struct llmp_token_usage *usage,
                        const struct llmp_json_field *fields)
{
    for (uint32_t i = 0; i < COUNTS; i++)
        if (fields[i].found && fields[i].type == LLMP_JSON_NUMBER)
            take_count(usage, i, fields[i].text);
}

void llmp_peek_init(struct llmp_peek *reader, enum llmp_shape shape)
{
    reader->shape = shape;
    reader->front_len = 0;

    const struct llmp_str names[] = { shape == LLMP_SHAPE_GEMINI
                                          ? LLMP_STR("usageMetadata")
                                          : LLMP_STR("usage"),
                                      LLMP_STR("error"), LLMP_STR("id") };

    llmp_json_members_init(&reader->members, names,
                           shape == LLMP_SHAPE_RESPONSES ? 3 : 2);
}

void llmp_peek_feed(struct llmp_peek *reader, struct llmp_str piece)
{
    size_t room = sizeof(reader->front) - reader->front_len;
    size_t more = piece.len < room ? piece.len : room;

    if (more)
        memcpy(reader->front + reader->front_len, piece.ptr, more);
    reader->front_len += more;
    llmp_json_members_feed(&reader->members, piece);
}

/* `text` without what it has to begin with; false if it begins otherwise. What
 * is only the begin of that leaves nothing. */
static bool skip(struct llmp_str *text, struct llmp_str what)
{
    size_t len = text->len < what.len ? text->len : what.len;

    if (memcmp(text->ptr, what.ptr, len) != 0)
        return false;
    text->ptr += len;
    text->len -= len;
    while (text->len && strchr(" \t\r\n", text->ptr[0])) {
        text->ptr++;
        text->len--;
    }
    return true;
}

/* Anthropic's answers and errors both begin with their type, mostly. */
static enum llmp_peek_verdict verdict_of_type(const struct llmp_peek *reader)
{
    static const struct llmp_str parts[] = { LLMP_STR(""), LLMP_STR("{"),
                                             LLMP_STR("\"type\""),
                                             LLMP_STR(":"),
                                             LLMP_STR("\"error\"") };
    struct llmp_str text = { reader->front, reader->front_len };

    for (size_t i = 0; i < LLMP_COUNT(parts); i++) {
        bool whole = text.len >= parts[i].len;

        if (!skip(&text, parts[i]))
            return LLMP_PEEK_CONTENT;
        if (!whole)
            return LLMP_PEEK_UNDECIDED;
    }
    return LLMP_PEEK_ERROR;
}

enum llmp_peek_verdict llmp_peek_verdict(const struct llmp_peek *reader)
{
    const struct llmp_json_members *members = &reader->members;
    bool named = members->member[1].found || members->keeping == 1;
    struct llmp_str error = llmp_str_trim(llmp_json_members_so_far(members, 1));

    if (!named && reader->shape == LLMP_SHAPE_MESSAGES)
        return members->begun ? verdict_of_type(reader) : LLMP_PEEK_UNDECIDED;
    if (!named)
        return members->begun ? LLMP_PEEK_CONTENT : LLMP_PEEK_UNDECIDED;
    if (error.len == 0 && !members->member[1].cut)
        return LLMP_PEEK_UNDECIDED;
    /* null, false */
    return error.len && (error.ptr[0] == 'n' || error.ptr[0] == 'f')
               ? LLMP_PEEK_CONTENT
               : LLMP_PEEK_ERROR;
}

static const struct llmp_json_number *numbers_of(enum llmp_shape shape)
{
    if (shape == LLMP_SHAPE_RESPONSES)
        return responses_numbers;
    if (shape == LLMP_SHAPE_GEMINI)
        return gemini_numbers;
    return shape == LLMP_SHAPE_MESSAGES ? messages_numbers : chat_numbers;
}

/* Anthropic's input does not include what a cache had or got. */
static void take_messages_usage(struct llmp_token_usage *usage,
                                const struct llmp_json_number *numbers)
{
    uint64_t fresh = usage->input - usage->cached - usage->cache_written;
    uint64_t *const counts[COUNTS] = {
        [INPUT] = &fresh,
        [OUTPUT] = &usage->output,
        [CACHED] = &usage->cached,
        [REASONING] = &usage->reasoning,
        [CACHE_WRITTEN] = &usage->cache_written,
    };

    for (uint32_t i = 0; i < COUNTS; i++)
        if (numbers[i].text.len &&
            llmp_json_u64(numbers[i].text, counts[i]) == LLMP_OK)
            usage->reported = true;
    usage->input =
        llmp_add_sat(fresh, llmp_add_sat(usage->cached, usage->cache_written));
}

static void take_usage_object(enum llmp_shape shape, struct llmp_str object,
                              struct llmp_token_usage *usage)
{
    struct llmp_json_number numbers[COUNTS];

    memcpy(numbers, numbers_of(shape), sizeof(numbers));
    llmp_json_numbers(object, numbers, COUNTS);
    if (shape == LLMP_SHAPE_MESSAGES) {
        take_messages_usage(usage, numbers);
        return;
    }
    for (uint32_t i = 0; i < COUNTS; i++)
        if (numbers[i].text.len)
            take_count(usage, i, numbers[i].text);
    if (shape == LLMP_SHAPE_GEMINI)
        usage->output = llmp_add_sat(usage->output, usage->reasoning);
}

bool llmp_peek_end(const struct llmp_peek *reader,
                   struct llmp_token_usage *usage)
{
    *usage = (struct llmp_token_usage){ 0 };
    take_usage_object(reader->shape,
                      llmp_json_members_value(&reader->members, 0), usage);
    return llmp_peek_verdict(reader) == LLMP_PEEK_ERROR;
}

struct llmp_str llmp_peek_object(const struct llmp_peek *reader)
{
    struct llmp_str none = { NULL, 0 };
    struct llmp_str id =
        llmp_str_trim(llmp_json_members_value(&reader->members, 2));

    if (reader->shape != LLMP_SHAPE_RESPONSES || id.len < 2 ||
        id.ptr[0] != '"' || memchr(id.ptr, '\\', id.len))
        return none;
    return (struct llmp_str){ id.ptr + 1, id.len - 2 };
}

static bool contains(struct llmp_str text, struct llmp_str needle)
{
    return llmp_str_find(text, needle) != SIZE_MAX;
}

static bool is_set(const struct llmp_json_field *field)
{
    return field->found && field->type != LLMP_JSON_NULL &&
           field->type != LLMP_JSON_FALSE;
}

static void read_responses_event(struct llmp_str data,
                                 struct llmp_peek_event *out)
{
    enum { TYPE = COUNTS, ERROR, ID, FIELDS };
    struct llmp_json_field fields[FIELDS] = { 0 };

    for (uint32_t i = 0; i < COUNTS; i++)
        fields[i].path = responses_event_paths[i];
    fields[TYPE].path = "type";
    fields[ERROR].path = "error";
    fields[ID].path = "response.id";
    if (llmp_json_pick_all(data, fields, FIELDS, NULL) != LLMP_OK) {
        out->obscure = true;
        return;
    }
    read_counts(&out->usage, fields);
    if (fields[ID].found && fields[ID].type == LLMP_JSON_STRING)
        out->object = fields[ID].text;

    struct llmp_str type = fields[TYPE].type == LLMP_JSON_STRING
                               ? fields[TYPE].text
                               : (struct llmp_str){ NULL, 0 };

    out->error = is_set(&fields[ERROR]) ||
                 llmp_str_eq(type, LLMP_STR("error")) ||
                 llmp_str_eq(type, LLMP_STR("response.failed"));
    out->done = out->error ||
                llmp_str_eq(type, LLMP_STR("response.completed")) ||
                llmp_str_eq(type, LLMP_STR("response.incomplete"));
    out->finished = out->done && !out->error;
}

static void read_chat_event(struct llmp_str data, struct llmp_peek_event *out)
{
    enum { ERROR = COUNTS, CHOICE, FINISH };
    struct llmp_json_field fields[COUNTS + 3] = { 0 };

    for (uint32_t i = 0; i < COUNTS; i++)
        fields[i].path = chat_event_paths[i];
    fields[ERROR].path = "error";
    fields[CHOICE].path = "choices.[]";
    fields[FINISH].path = "choices.[].finish_reason";
    if (llmp_json_pick_all(data, fields, COUNTS + 3, NULL) != LLMP_OK) {
        out->obscure = true;
        return;
    }
    read_counts(&out->usage, fields);
    out->error = is_set(&fields[ERROR]);
    out->finished =
        fields[FINISH].found && fields[FINISH].type == LLMP_JSON_STRING;
    out->usage_only = out->usage.reported && !fields[CHOICE].found;
}

/* The counts come in two events: of the prompt first, of the answer last. */
static void read_messages_event(struct llmp_str data,
                                struct llmp_token_usage *sofar,
                                struct llmp_peek_event *out)
{
    enum { TYPE, ERROR, STOP, FIRST, LAST, FIELDS };
    struct llmp_json_field fields[FIELDS] = {
        [TYPE] = { .path = "type" },
        [ERROR] = { .path = "error" },
        [STOP] = { .path = "delta.stop_reason" },
        [FIRST] = { .path = "message.usage" },
        [LAST] = { .path = "usage" },
    };

    if (llmp_json_pick_all(data, fields, FIELDS, NULL) != LLMP_OK ||
        fields[TYPE].type != LLMP_JSON_STRING) {
        out->obscure = true;
        return;
    }

    struct llmp_str type = fields[TYPE].text;
    const struct llmp_json_field *usage =
        fields[LAST].found ? &fields[LAST] : &fields[FIRST];

    if (usage->found && usage->type == LLMP_JSON_OBJECT)
        take_usage_object(
            LLMP_SHAPE_MESSAGES,
            (struct llmp_str){ data.ptr + usage->offset, (size_t)usage->size },
            sofar);
    if (llmp_str_eq(type, LLMP_STR("message_delta")))
        out->usage = *sofar;
    out->error = is_set(&fields[ERROR]) || llmp_str_eq(type, LLMP_STR("error"));
    out->done = out->error || llmp_str_eq(type, LLMP_STR("message_stop"));
    out->finished = fields[STOP].found && fields[STOP].type == LLMP_JSON_STRING;
}

/* Any event may have the counts so far; the last ones count. */
static void read_gemini_event(struct llmp_str data, struct llmp_peek_event *out)
{
    enum { ERROR, STOP, BLOCKED, USAGE, FIELDS };
    struct llmp_json_field fields[FIELDS] = {
        [ERROR] = { .path = "error" },
        [STOP] = { .path = "candidates.[].finishReason" },
        [BLOCKED] = { .path = "promptFeedback.blockReason" },
        [USAGE] = { .path = "usageMetadata" },
    };

    if (llmp_json_pick_all(data, fields, FIELDS, NULL) != LLMP_OK) {
        out->obscure = true;
        return;
    }
    if (fields[USAGE].found && fields[USAGE].type == LLMP_JSON_OBJECT)
        take_usage_object(LLMP_SHAPE_GEMINI,
                          (struct llmp_str){ data.ptr + fields[USAGE].offset,
                                             (size_t)fields[USAGE].size },
                          &out->usage);
    out->error = is_set(&fields[ERROR]);
    out->finished = is_set(&fields[STOP]) || is_set(&fields[BLOCKED]);
}

/* Most events of a stream are deltas, which say nothing of interest: whether
 * one may is seen by a search for the few names that matter. */
static bool concerns_us(enum llmp_shape shape, struct llmp_str data)
{
    if (contains(data, LLMP_STR("\"error\"")))
        return true;
    if (shape == LLMP_SHAPE_RESPONSES)
        return contains(data, LLMP_STR("\"response\""));
    if (shape == LLMP_SHAPE_GEMINI)
        return contains(data, LLMP_STR("\"usageMetadata\"")) ||
               contains(data, LLMP_STR("\"finishReason\""));
    if (shape == LLMP_SHAPE_MESSAGES)
        return contains(data, LLMP_STR("\"message_")) ||
               contains(data, LLMP_STR("\"usage\""));
    return contains(data, LLMP_STR("_tokens\"")) ||
           contains(data, LLMP_STR("\"finish_reason\":\"")) ||
           contains(data, LLMP_STR("\"finish_reason\": \""));
}

/* An object that begins like the dialect's own events: an id, choices, a type,
 * and not a message about what went wrong. */
static bool is_ordinary(struct llmp_str data)
{
    static const struct llmp_str begins[] = {
        LLMP_STR("{\"id\""),         LLMP_STR("{\"type\""),
        LLMP_STR("{\"choices\""),    LLMP_STR("{\"object\""),
        LLMP_STR("{\"created\""),    LLMP_STR("{\"model\""),
        LLMP_STR("{\"candidates\""),
    };

    for (size_t i = 0; i < LLMP_COUNT(begins); i++)
        if (llmp_str_starts(data, begins[i]))
            return true;
    return data.ptr[0] == '{' && (contains(data, LLMP_STR("\"choices\"")) ||
                                  contains(data, LLMP_STR("\"candidates\"")) ||
                                  contains(data, LLMP_STR("\"type\"")));
}

void llmp_peek_event_read(enum llmp_shape shape, struct llmp_str name,
                          struct llmp_str data, struct llmp_token_usage *sofar,
                          struct llmp_peek_event *out)
{
    *out = (struct llmp_peek_event){ 0 };
    if (data.len == 0)
        return;
    if (llmp_str_eq(llmp_str_trim(data), LLMP_STR("[DONE]"))) {
        out->done = true;
        return;
    }
    if (concerns_us(shape, data)) {
        if (shape == LLMP_SHAPE_RESPONSES)
            read_responses_event(data, out);
        else if (shape == LLMP_SHAPE_MESSAGES)
            read_messages_event(data, sofar, out);
        else if (shape == LLMP_SHAPE_GEMINI)
            read_gemini_event(data, out);
        else
            read_chat_event(data, out);
    } else if (!is_ordinary(data)) {
        out->obscure = true;
    }
    out->error |= llmp_str_eq(name, LLMP_STR("error"));
    out->finished &= !out->error; /* an error ends nothing well */
}

/* ---- is it the answer yet? ---------------------------------------------- */

static bool has_text(const struct llmp_json_field *field)
{
    if (!field->found || field->type == LLMP_JSON_NULL)
        return false;
    return field->type != LLMP_JSON_STRING || field->size > 2;
}

static bool is_chat_content(struct llmp_str data)
{
    struct llmp_json_field fields[] = {
        { .path = "choices.[].delta.content" },
        { .path = "choices.[].delta.tool_calls" },
        { .path = "choices.[].delta.function_call" },
        { .path = "choices.[].delta.reasoning_content" },
        { .path = "choices.[].delta.reasoning" },
        { .path = "choices.[].delta.refusal" },
        { .path = "choices.[].delta.audio" },
        { .path = "choices.[].finish_reason" },
        { .path = "choices.[].text" },
        { .path = "choices.[]" },
    };
    size_t last = LLMP_COUNT(fields) - 1;

    if (llmp_json_pick_all(data, fields, LLMP_COUNT(fields), NULL) != LLMP_OK)
        return true;
    for (size_t i = 0; i < last; i++)
        if (has_text(&fields[i]))
            return true;
    return !fields[last].found && contains(data, LLMP_STR("\"usage\""));
}

static bool is_one_of(struct llmp_str type, const struct llmp_str *types,
                      size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (llmp_str_eq(type, types[i]))
            return true;
    return false;
}

bool llmp_peek_is_content(enum llmp_shape shape, struct llmp_str data)
{
    static const struct llmp_str early[] = {
        LLMP_STR("response.created"),     LLMP_STR("response.queued"),
        LLMP_STR("response.in_progress"), LLMP_STR("message_start"),
        LLMP_STR("content_block_start"),  LLMP_STR("ping"),
    };
    struct llmp_json_field type = { .path = "type" };

    if (data.len == 0)
        return false;
    if (shape == LLMP_SHAPE_CHAT || shape == LLMP_SHAPE_COMPLETIONS)
        return is_chat_content(data);
    if (shape != LLMP_SHAPE_RESPONSES && shape != LLMP_SHAPE_MESSAGES)
        return true;
    return llmp_json_pick_all(data, &type, 1, NULL) != LLMP_OK ||
           type.type != LLMP_JSON_STRING ||
           !is_one_of(type.text, early, LLMP_COUNT(early));
}
