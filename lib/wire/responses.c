/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole responses, their errors, and the dialect's table (OpenAI API
 * reference, "The response object"). Each part of an answer is an item of the
 * output. What the request said is not repeated but for what every client's
 * library requires, with the values that hold by default.
 */
#include "wire/responses.h"

#include "base/internal.h"
#include "wire/passing.h"

#define K(text) LLMP_STR(text)

/* ---- items -------------------------------------------------------------- */

void llmp_responses_put_item_id(struct llmp_json_out *out, struct llmp_str key,
                                const struct llmp_responses_item *item)
{
    struct llmp_str prefix = K("msg_");

    if (item->part->kind == LLMP_PART_TOOL_CALL)
        prefix = K("fc_");
    else if (item->part->kind == LLMP_PART_REASONING)
        prefix = K("rs_");
    llmp_out_begin_text(out, key);
    llmp_out_add_text(out, prefix);
    llmp_out_add_text(out, item->answer_id);
    (void)llmp_buf_printf(out->buf, "_%u", item->index);
    llmp_out_end_text(out);
}

static void put_status(struct llmp_json_out *out,
                       const struct llmp_responses_item *item)
{
    llmp_out_text(out, K("status"),
                  item->begun ? K("in_progress") : K("completed"));
}

static void put_call(struct llmp_json_out *out,
                     const struct llmp_responses_item *item)
{
    const struct llmp_part *part = item->part;

    llmp_out_text(out, K("type"), K("function_call"));
    put_status(out, item);
    if (part->arguments.len)
        llmp_out_string(out, K("arguments"), part->arguments);
    else
        llmp_out_text(out, K("arguments"), part->text);
    llmp_out_text(out, K("call_id"), part->id);
    llmp_out_text(out, K("name"), part->name);
}

static void put_reasoning(struct llmp_json_out *out,
                          const struct llmp_part *part)
{
    llmp_out_text(out, K("type"), K("reasoning"));
    llmp_out_array(out, K("summary"));
    if (!part->redacted && part->text.len) {
        llmp_out_object(out, LLMP_NO_KEY);
        llmp_out_text(out, K("type"), K("summary_text"));
        llmp_out_text(out, K("text"), part->text);
        llmp_out_end_object(out);
    }
    llmp_out_end_array(out);
    if (part->redacted) {
        llmp_out_begin_text(out, K("encrypted_content"));
        llmp_out_add_text(out, K(LLMP_RESPONSES_SEALED));
        llmp_out_add_text(out, part->text);
        llmp_out_end_text(out);
    } else {
        llmp_out_text_if(out, K("encrypted_content"), part->signature);
    }
}

void llmp_responses_put_content(struct llmp_json_out *out, struct llmp_str key,
                                const struct llmp_responses_item *item)
{
    bool refusal = item->part->kind == LLMP_PART_REFUSAL;

    llmp_out_object(out, key);
    llmp_out_text(out, K("type"), refusal ? K("refusal") : K("output_text"));
    llmp_out_text(out, refusal ? K("refusal") : K("text"), item->part->text);
    if (!refusal) {
        llmp_out_raw(out, K("annotations"), K("[]"));
        llmp_out_raw_line(out, K("logprobs"),
                          item->logprobs.len ? item->logprobs : K("[]"));
    }
    llmp_out_end_object(out);
}

void llmp_responses_put_item(struct llmp_json_out *out, struct llmp_str key,
                             const struct llmp_responses_item *item)
{
    llmp_out_object(out, key);
    llmp_responses_put_item_id(out, K("id"), item);
    if (item->part->kind == LLMP_PART_TOOL_CALL) {
        put_call(out, item);
    } else if (item->part->kind == LLMP_PART_REASONING) {
        put_reasoning(out, item->part);
    } else {
        llmp_out_text(out, K("type"), K("message"));
        put_status(out, item);
        llmp_out_text(out, K("role"), K("assistant"));
        llmp_out_array(out, K("content"));
        if (!item->begun)
            llmp_responses_put_content(out, LLMP_NO_KEY, item);
        llmp_out_end_array(out);
    }
    llmp_out_end_object(out);
}

/* ---- the response ------------------------------------------------------- */

struct llmp_str llmp_responses_status(enum llmp_stop stop)
{
    return stop == LLMP_STOP_LENGTH || stop == LLMP_STOP_FILTER
               ? K("incomplete")
               : K("completed");
}

void llmp_responses_begin(struct llmp_json_out *out, struct llmp_str key,
                          struct llmp_str id, struct llmp_str model,
                          uint64_t created_s, struct llmp_str status,
                          enum llmp_stop stop)
{
    llmp_out_object(out, key);
    llmp_out_text(out, K("id"), id);
    llmp_out_text(out, K("object"), K("response"));
    llmp_out_u64(out, K("created_at"), created_s);
    llmp_out_text(out, K("status"), status);
    if (llmp_str_eq(status, K("failed"))) {
        llmp_out_object(out, K("error"));
        llmp_out_text(out, K("code"), K("server_error"));
        llmp_out_text(out, K("message"),
                      K("The provider failed; see the error that follows."));
        llmp_out_end_object(out);
    } else {
        llmp_out_raw(out, K("error"), K("null"));
    }
    if (llmp_str_eq(status, K("incomplete"))) {
        llmp_out_object(out, K("incomplete_details"));
        llmp_out_text(out, K("reason"),
                      stop == LLMP_STOP_LENGTH ? K("max_output_tokens")
                                               : K("content_filter"));
        llmp_out_end_object(out);
    } else {
        llmp_out_raw(out, K("incomplete_details"), K("null"));
    }
    llmp_out_text(out, K("model"), model);
    llmp_out_array(out, K("output"));
}

static void put_usage(struct llmp_json_out *out,
                      const struct llmp_token_usage *usage)
{
    if (!usage || !usage->reported) {
        llmp_out_raw(out, K("usage"), K("null"));
        return;
    }
    llmp_out_object(out, K("usage"));
    llmp_out_u64(out, K("input_tokens"), usage->input);
    llmp_out_object(out, K("input_tokens_details"));
    llmp_out_u64(out, K("cached_tokens"), usage->cached);
    llmp_out_end_object(out);
    llmp_out_u64(out, K("output_tokens"), usage->output);
    llmp_out_object(out, K("output_tokens_details"));
    llmp_out_u64(out, K("reasoning_tokens"), usage->reasoning);
    llmp_out_end_object(out);
    llmp_out_u64(out, K("total_tokens"),
                 llmp_add_sat(usage->input, usage->output));
    llmp_out_end_object(out);
}

void llmp_responses_end(struct llmp_json_out *out,
                        const struct llmp_token_usage *usage)
{
    llmp_out_end_array(out);
    llmp_out_bool(out, K("parallel_tool_calls"), true);
    llmp_out_raw(out, K("previous_response_id"), K("null"));
    llmp_out_bool(out, K("store"), false);
    llmp_out_text(out, K("tool_choice"), K("auto"));
    llmp_out_raw(out, K("tools"), K("[]"));
    llmp_out_raw(out, K("metadata"), K("{}"));
    put_usage(out, usage);
    llmp_out_end_object(out);
}

/* There is no place for another choice than the first, nor was it asked for. */
static int write_answer(struct llmp_buf *buf, const struct llmp_answer *answer,
                        struct llmp_wire *wire)
{
    struct llmp_json_out out = { .buf = buf };
    const struct llmp_choice *choice = answer->first;
    enum llmp_stop stop = choice ? choice->stop : LLMP_STOP_END;
    struct llmp_responses_item item = { .answer_id = answer->id };

    llmp_responses_begin(&out, LLMP_NO_KEY, answer->id, answer->model,
                         answer->created_s ? answer->created_s : wire->now_s,
                         llmp_responses_status(stop), stop);
    if (choice)
        item.logprobs = choice->logprobs;
    for (const struct llmp_part *p = choice ? choice->first : NULL; p;
         p = p->next) {
        bool text = p->kind == LLMP_PART_TEXT;

        if (!text && p->kind != LLMP_PART_REFUSAL &&
            p->kind != LLMP_PART_REASONING && p->kind != LLMP_PART_TOOL_CALL) {
            LLMP_TRY(llmp_wire_note(wire, "content"));
            continue;
        }
        if (p->citations.len > 2)
            LLMP_TRY(llmp_wire_note(wire, "content.citations"));
        item.part = p;
        llmp_responses_put_item(&out, LLMP_NO_KEY, &item);
        item.index++;
        if (text) /* they are of all texts: the first says them */
            item.logprobs.len = 0;
    }
    llmp_responses_end(&out, &answer->usage);
    return buf->failed ? llmp_wire_nomem(wire) : LLMP_OK;
}

/* ---- errors ------------------------------------------------------------- */

static bool write_error(struct llmp_buf *out,
                        const struct llmp_wire_error *error)
{
    return llmp_openai_error_write(
        out, &(struct llmp_openai_error){ .type = error->type,
                                          .code = error->code,
                                          .param = error->param,
                                          .message = error->message });
}

static void put_string_or_null(struct llmp_json_out *out, struct llmp_str key,
                               const char *text)
{
    if (text)
        llmp_out_string(out, key, llmp_str_of(text));
    else
        llmp_out_raw(out, key, K("null"));
}

static bool write_error_event(struct llmp_buf *buf,
                              const struct llmp_wire_error *error)
{
    struct llmp_json_out o = { .buf = buf }, *out = &o;

    llmp_wire_begin_sse(buf, K("error"));
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_text(out, K("type"), K("error"));
    /* It is the last, whatever its number would be. */
    llmp_out_u64(out, K("sequence_number"), 0);
    put_string_or_null(out, K("code"), error->code ? error->code : error->type);
    llmp_out_string(out, K("message"), error->message);
    put_string_or_null(out, K("param"), error->param);
    llmp_out_end_object(out);
    llmp_wire_end_sse(buf);
    return !buf->failed;
}

const struct llmp_dialect llmp_dialect_responses = {
    .name = LLMP_STR("responses"),
    .read_request = llmp_responses_read_request,
    .write_answer = write_answer,
    .write_event = llmp_responses_write_event,
    .write_error = write_error,
    .write_error_event = write_error_event,
};
