/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole messages, their errors, and the dialect's table (Anthropic API
 * reference, "Create a Message", "Errors"). Anthropic counts what came from a
 * cache, and what was written to it, beside `input_tokens`, not in it.
 */
#include "wire/anthropic.h"

#include <inttypes.h>

#include "base/internal.h"

#define K(text) LLMP_STR(text)

static const struct {
    struct llmp_str name;
    enum llmp_stop stop;
} stops[] = {
    { LLMP_STR("end_turn"), LLMP_STOP_END },
    { LLMP_STR("max_tokens"), LLMP_STOP_LENGTH },
    { LLMP_STR("tool_use"), LLMP_STOP_TOOLS },
    { LLMP_STR("stop_sequence"), LLMP_STOP_SEQUENCE },
    { LLMP_STR("refusal"), LLMP_STOP_REFUSAL },
    { LLMP_STR("pause_turn"), LLMP_STOP_PAUSE },
    { LLMP_STR("model_context_window_exceeded"), LLMP_STOP_LENGTH },
    { LLMP_STR("refusal"), LLMP_STOP_FILTER },
};

enum llmp_stop llmp_anthropic_stop_of(const struct llmp_json_value *reason)
{
    if (!llmp_json_is(reason, LLMP_JSON_STRING))
        return LLMP_STOP_UNSAID;
    for (size_t i = 0; i < LLMP_COUNT(stops); i++)
        if (llmp_str_eq(stops[i].name, reason->text))
            return stops[i].stop;
    return LLMP_STOP_END;
}

struct llmp_str llmp_anthropic_stop_name(enum llmp_stop stop)
{
    for (size_t i = 0; i < LLMP_COUNT(stops); i++)
        if (stops[i].stop == stop)
            return stops[i].name;
    return K("end_turn");
}

static bool take_count(uint64_t *count, const struct llmp_json_value *usage,
                       struct llmp_str key)
{
    const struct llmp_json_value *value = llmp_json_get(usage, key);

    return llmp_json_is(value, LLMP_JSON_NUMBER) &&
           llmp_json_u64(value->text, count) == LLMP_OK;
}

void llmp_anthropic_take_usage(struct llmp_token_usage *usage,
                               const struct llmp_json_value *value)
{
    uint64_t fresh =
        usage->input - usage->cached - usage->cache_written; /* 0 at first */

    if (!llmp_json_is(value, LLMP_JSON_OBJECT))
        return;
    (void)take_count(&fresh, value, K("input_tokens"));
    (void)take_count(&usage->cached, value, K("cache_read_input_tokens"));
    (void)take_count(&usage->cache_written, value,
                     K("cache_creation_input_tokens"));
    (void)take_count(&usage->output, value, K("output_tokens"));
    usage->input =
        llmp_add_sat(fresh, llmp_add_sat(usage->cached, usage->cache_written));
    usage->reported = true;
}

void llmp_anthropic_put_usage(struct llmp_json_out *out, struct llmp_str key,
                              const struct llmp_token_usage *usage)
{
    uint64_t apart = llmp_add_sat(usage->cached, usage->cache_written);

    llmp_out_object(out, key);
    llmp_out_u64(out, K("input_tokens"),
                 usage->input > apart ? usage->input - apart : 0);
    llmp_out_u64(out, K("cache_creation_input_tokens"), usage->cache_written);
    llmp_out_u64(out, K("cache_read_input_tokens"), usage->cached);
    llmp_out_u64(out, K("output_tokens"), usage->output);
    llmp_out_end_object(out);
}

/* ---- read --------------------------------------------------------------- */

static int read_answer(struct llmp_answer *answer,
                       const struct llmp_json_value *root,
                       struct llmp_wire *wire)
{
    const struct llmp_json_value *content = llmp_json_get(root, K("content"));
    struct llmp_choice *choice = llmp_answer_add(answer, wire->arena);

    if (!choice)
        return llmp_wire_nomem(wire);
    LLMP_TRY(
        llmp_wire_expect(wire, content, LLMP_IS_ARRAY, "an array", "content"));
    answer->id = llmp_wire_text_at(root, K("id"));
    answer->model = llmp_wire_text_at(root, K("model"));
    choice->stop =
        llmp_anthropic_stop_of(llmp_json_get(root, K("stop_reason")));
    choice->stop_sequence = llmp_wire_text_at(root, K("stop_sequence"));
    for (const struct llmp_json_value *v = content->first; v; v = v->next) {
        struct llmp_part found = { .kind = LLMP_PART_TEXT };
        struct llmp_part *part;

        if (!llmp_anthropic_take_block(&found, v))
            continue; /* of a server's tool, which was not asked for */
        part = llmp_choice_add(choice, found.kind, wire->arena);
        if (!part)
            return llmp_wire_nomem(wire);
        *part = found;
    }
    llmp_anthropic_take_usage(&answer->usage, llmp_json_get(root, K("usage")));
    return LLMP_OK;
}

/* ---- write -------------------------------------------------------------- */

static void put_part(struct llmp_json_out *out, const struct llmp_part *part)
{
    llmp_out_object(out, LLMP_NO_KEY);
    switch (part->kind) {
    case LLMP_PART_TOOL_CALL:
        llmp_out_text(out, K("type"), K("tool_use"));
        llmp_out_text(out, K("id"), part->id);
        llmp_out_text(out, K("name"), part->name);
        llmp_out_raw(out, K("input"), part->arguments);
        break;
    case LLMP_PART_REASONING:
        llmp_out_text(out, K("type"),
                      part->redacted ? K("redacted_thinking") : K("thinking"));
        llmp_out_text(out, part->redacted ? K("data") : K("thinking"),
                      part->text);
        if (!part->redacted)
            llmp_out_text(out, K("signature"), part->signature);
        break;
    default:
        llmp_out_text(out, K("type"), K("text"));
        llmp_out_text(out, K("text"), part->text);
        llmp_out_raw_if(out, K("citations"), part->citations);
        break;
    }
    llmp_out_end_object(out);
}

static int write_answer(struct llmp_buf *buf, const struct llmp_answer *answer,
                        struct llmp_wire *wire)
{
    struct llmp_json_out o = { .buf = buf }, *out = &o;
    const struct llmp_choice *choice = answer->first;

    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_text(out, K("id"), answer->id);
    llmp_out_text(out, K("type"), K("message"));
    llmp_out_text(out, K("role"), K("assistant"));
    llmp_out_text(out, K("model"), answer->model);
    llmp_out_array(out, K("content"));
    for (const struct llmp_part *p = choice ? choice->first : NULL; p;
         p = p->next)
        put_part(out, p);
    llmp_out_end_array(out);
    llmp_out_text(
        out, K("stop_reason"),
        llmp_anthropic_stop_name(choice ? choice->stop : LLMP_STOP_END));
    if (choice && choice->stop_sequence.len)
        llmp_out_text(out, K("stop_sequence"), choice->stop_sequence);
    else
        llmp_out_raw(out, K("stop_sequence"), K("null"));
    llmp_anthropic_put_usage(out, K("usage"), &answer->usage);
    llmp_out_end_object(out);
    return buf->failed ? llmp_wire_nomem(wire) : LLMP_OK;
}

/* ---- errors ------------------------------------------------------------- */

static const struct {
    uint16_t status;
    const char *type;
} error_types[] = {
    { 400, "invalid_request_error" }, { 401, "authentication_error" },
    { 402, "billing_error" },         { 403, "permission_error" },
    { 404, "not_found_error" },       { 408, "timeout_error" },
    { 413, "request_too_large" },     { 429, "rate_limit_error" },
    { 503, "overloaded_error" },      { 504, "timeout_error" },
    { 529, "overloaded_error" },
};

static const char *error_type(uint16_t status)
{
    for (size_t i = 0; i < LLMP_COUNT(error_types); i++)
        if (error_types[i].status == status)
            return error_types[i].type;
    return status >= 400 && status < 500 ? "invalid_request_error"
                                         : "api_error";
}

static bool write_error(struct llmp_buf *buf,
                        const struct llmp_wire_error *error)
{
    struct llmp_json_out o = { .buf = buf }, *out = &o;

    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_text(out, K("type"), K("error"));
    llmp_out_object(out, K("error"));
    llmp_out_text(out, K("type"), llmp_str_of(error_type(error->status)));
    llmp_out_string(out, K("message"), error->message);
    llmp_out_end_object(out);
    if (error->request_id.len)
        llmp_out_string(out, K("request_id"), error->request_id);
    llmp_out_end_object(out);
    return !buf->failed;
}

static bool write_error_event(struct llmp_buf *out,
                              const struct llmp_wire_error *error)
{
    llmp_wire_begin_sse(out, K("error"));
    (void)write_error(out, error);
    llmp_wire_end_sse(out);
    return !out->failed;
}

static const struct {
    struct llmp_str type;
    enum llmp_fault fault;
} faults[] = {
    { LLMP_STR("invalid_request_error"), LLMP_FAULT_REQUEST },
    { LLMP_STR("authentication_error"), LLMP_FAULT_AUTH },
    { LLMP_STR("permission_error"), LLMP_FAULT_AUTH },
    { LLMP_STR("billing_error"), LLMP_FAULT_QUOTA },
    { LLMP_STR("not_found_error"), LLMP_FAULT_MODEL },
    { LLMP_STR("request_too_large"), LLMP_FAULT_CONTEXT },
    { LLMP_STR("rate_limit_error"), LLMP_FAULT_QUOTA },
    { LLMP_STR("timeout_error"), LLMP_FAULT_TRANSIENT },
    { LLMP_STR("overloaded_error"), LLMP_FAULT_TRANSIENT },
    { LLMP_STR("api_error"), LLMP_FAULT_TRANSIENT },
};

static bool contains(struct llmp_str text, const char *needle)
{
    return llmp_str_find(text, llmp_str_of(needle)) != SIZE_MAX;
}

void llmp_anthropic_read_error(struct llmp_provider_error *error,
                               uint16_t status,
                               const struct llmp_json_value *root)
{
    const struct llmp_json_value *e = llmp_json_get(root, K("error"));

    *error = (struct llmp_provider_error){
        .fault = llmp_fault_of_status(status),
        .message = llmp_wire_text_at(e, K("message")),
        .type = llmp_wire_text_at(e, K("type")),
    };
    for (size_t i = 0; i < LLMP_COUNT(faults); i++)
        if (llmp_str_eq(faults[i].type, error->type))
            error->fault = faults[i].fault;
    if (error->fault != LLMP_FAULT_REQUEST)
        return;
    if (contains(error->message, "prompt is too long") ||
        contains(error->message, "exceed context limit"))
        error->fault = LLMP_FAULT_CONTEXT;
    else if (contains(error->message, "credit balance"))
        error->fault = LLMP_FAULT_QUOTA;
    else if (contains(error->message, "content filtering policy"))
        error->fault = LLMP_FAULT_FILTER;
}

static bool write_count(struct llmp_buf *out, uint64_t tokens)
{
    return llmp_buf_printf(out, "{\"input_tokens\":%" PRIu64 "}", tokens);
}

const struct llmp_dialect llmp_dialect_anthropic = {
    .name = LLMP_STR("anthropic"),
    .read_request = llmp_anthropic_read_request,
    .write_request = llmp_anthropic_write_request,
    .write_count = write_count,
    .read_answer = read_answer,
    .write_answer = write_answer,
    .read_event = llmp_anthropic_read_event,
    .read_end = llmp_anthropic_read_end,
    .write_event = llmp_anthropic_write_event,
    .write_error = write_error,
    .write_error_event = write_error_event,
    .read_error = llmp_anthropic_read_error,
};
