/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers in OpenAI's dialect: token counts, and what a stream's event means.
 * Chat and completions count "prompt" and "completion" tokens, responses
 * counts "input" and "output" ones, wrapped in "response" inside a stream.
 */
#include "base/internal.h"
#include "wire/openai.h"

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

static const struct llmp_json_number responses_numbers[COUNTS] = {
    [INPUT] = OWN("input_tokens"),
    [OUTPUT] = OWN("output_tokens"),
    [CACHED] = WITHIN("input_tokens_details", "cached_tokens"),
    [REASONING] = WITHIN("output_tokens_details", "reasoning_tokens"),
    [TOTAL] = OWN("total_tokens"),
};

static void take_count(struct llmp_openai_usage *usage, uint32_t which,
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

static void read_counts(struct llmp_openai_usage *usage,
                        const struct llmp_json_field *fields)
{
    for (uint32_t i = 0; i < COUNTS; i++)
        if (fields[i].found && fields[i].type == LLMP_JSON_NUMBER)
            take_count(usage, i, fields[i].text);
}

void llmp_openai_usage_init(struct llmp_openai_usage_reader *reader,
                            enum llmp_openai_shape shape)
{
    reader->shape = shape;
    llmp_json_members_init(&reader->members, LLMP_STR("usage"),
                           LLMP_STR("error"));
}

void llmp_openai_usage_feed(struct llmp_openai_usage_reader *reader,
                            struct llmp_str piece)
{
    llmp_json_members_feed(&reader->members, piece);
}

bool llmp_openai_usage_end(const struct llmp_openai_usage_reader *reader,
                           struct llmp_openai_usage *usage)
{
    struct llmp_json_number numbers[COUNTS];
    struct llmp_str text = llmp_json_members_value(&reader->members, 0);
    struct llmp_str error = llmp_json_members_value(&reader->members, 1);

    *usage = (struct llmp_openai_usage){ 0 };
    memcpy(numbers,
           reader->shape == LLMP_OPENAI_RESPONSES ? responses_numbers
                                                  : chat_numbers,
           sizeof(numbers));
    llmp_json_numbers(text, numbers, COUNTS);
    for (uint32_t i = 0; i < COUNTS; i++)
        if (numbers[i].text.len)
            take_count(usage, i, numbers[i].text);
    return reader->members.member[1].found &&
           !llmp_str_eq(llmp_str_trim(error), LLMP_STR("null"));
}

static bool contains(struct llmp_str text, struct llmp_str needle)
{
    return llmp_str_find(text, needle) != SIZE_MAX;
}

static void read_responses_event(struct llmp_str data,
                                 struct llmp_openai_event *out)
{
    enum { TYPE = COUNTS };
    struct llmp_json_field fields[COUNTS + 1] = { 0 };

    for (uint32_t i = 0; i < COUNTS; i++)
        fields[i].path = responses_event_paths[i];
    fields[TYPE].path = "type";
    if (llmp_json_pick_all(data, fields, COUNTS + 1, NULL) != LLMP_OK ||
        !fields[TYPE].found || fields[TYPE].type != LLMP_JSON_STRING)
        return;
    read_counts(&out->usage, fields);

    struct llmp_str type = fields[TYPE].text;

    out->error = llmp_str_eq(type, LLMP_STR("error")) ||
                 llmp_str_eq(type, LLMP_STR("response.failed"));
    out->done = out->error ||
                llmp_str_eq(type, LLMP_STR("response.completed")) ||
                llmp_str_eq(type, LLMP_STR("response.incomplete"));
    out->finished = out->done && !out->error;
}

static void read_chat_event(struct llmp_str data, struct llmp_openai_event *out)
{
    enum { ERROR = COUNTS, CHOICE, FINISH };
    struct llmp_json_field fields[COUNTS + 3] = { 0 };

    for (uint32_t i = 0; i < COUNTS; i++)
        fields[i].path = chat_event_paths[i];
    fields[ERROR].path = "error";
    fields[CHOICE].path = "choices.[]";
    fields[FINISH].path = "choices.[].finish_reason";
    if (llmp_json_pick_all(data, fields, COUNTS + 3, NULL) != LLMP_OK)
        return;
    read_counts(&out->usage, fields);
    out->error = fields[ERROR].found && fields[ERROR].type != LLMP_JSON_NULL;
    out->finished =
        fields[FINISH].found && fields[FINISH].type == LLMP_JSON_STRING;
    out->usage_only = out->usage.reported && !fields[CHOICE].found;
}

void llmp_openai_event_read(enum llmp_openai_shape shape, struct llmp_str data,
                            struct llmp_openai_event *out)
{
    *out = (struct llmp_openai_event){ 0 };
    if (data.len == 0)
        return;
    if (shape == LLMP_OPENAI_RESPONSES) {
        /* Deltas are most of a stream: they say nothing of interest. */
        if (contains(data, LLMP_STR("\"response\"")) ||
            contains(data, LLMP_STR("\"error\"")))
            read_responses_event(data, out);
        return;
    }
    if (llmp_str_eq(llmp_str_trim(data), LLMP_STR("[DONE]"))) {
        out->done = true;
        return;
    }
    /* Only three members matter, and most events have none of them set. */
    if (contains(data, LLMP_STR("_tokens\"")) ||
        contains(data, LLMP_STR("\"error\"")) ||
        contains(data, LLMP_STR("\"finish_reason\":\"")) ||
        contains(data, LLMP_STR("\"finish_reason\": \"")))
        read_chat_event(data, out);
}
