/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GigaChat's answers and streams, their errors, and the dialect's table
 * (Sber's API reference, "POST /chat/completions"). An answer has one call at
 * most, and that comes whole, also in a stream. `prompt_tokens` is what is
 * paid for: what came from a cache has been taken off.
 */
#include "wire/gigachat.h"

#include "base/internal.h"
#include "wire/openai_chat.h"

#define K(text) LLMP_STR(text)

/* "blacklist": a filter stopped it. "error": the arguments of its call were
 * none, the turn is over. The others are OpenAI's. */
static enum llmp_stop stop_of(const struct llmp_json_value *choice)
{
    const struct llmp_json_value *reason =
        llmp_json_get(choice, K("finish_reason"));

    if (llmp_json_text_is(reason, K("blacklist")))
        return LLMP_STOP_FILTER;
    return llmp_openai_stop_of(reason);
}

static void take_usage(struct llmp_token_usage *usage,
                       const struct llmp_json_value *root)
{
    const struct llmp_json_value *value = llmp_json_get(root, K("usage"));

    if (!llmp_json_is(value, LLMP_JSON_OBJECT))
        return;
    *usage = (struct llmp_token_usage){
        .reported = true,
        .output = llmp_wire_count_at(value, K("completion_tokens")),
        .cached = llmp_wire_count_at(value, K("precached_prompt_tokens")),
    };
    usage->input = llmp_add_sat(llmp_wire_count_at(value, K("prompt_tokens")),
                                usage->cached);
}

/* A call's id is its state's name, or "call_0": there is but one. LLMP_MISS:
 * there is none. */
static int take_call(struct llmp_part *part,
                     const struct llmp_json_value *message,
                     struct llmp_arena *arena)
{
    const struct llmp_json_value *call =
        llmp_json_get(message, K("function_call"));
    const struct llmp_json_value *arguments =
        llmp_json_get(call, K("arguments"));
    struct llmp_str state = llmp_wire_text_at(message, K("functions_state_id"));
    struct llmp_wire wire = { .arena = arena };
    int rc;

    if (!llmp_json_is(call, LLMP_JSON_OBJECT))
        return LLMP_MISS;
    part->kind = LLMP_PART_TOOL_CALL;
    part->name = llmp_wire_text_at(call, K("name"));
    part->signature = state;
    part->id = K("call_0");
    if (state.len && state.len <= 64)
        part->id = llmp_arena_printf(arena, LLMP_GIGACHAT_CALL "%.*s",
                                     (int)state.len, state.ptr);
    if (!part->id.ptr)
        return LLMP_E_NOMEM;
    part->arguments =
        llmp_json_is(arguments, LLMP_JSON_OBJECT) ? arguments->text : K("{}");
    if (!llmp_json_is(arguments, LLMP_JSON_STRING))
        return LLMP_OK;
    rc = llmp_wire_unquote_object(&part->arguments, arguments->text, &wire);
    return rc == LLMP_E_NOMEM ? rc : LLMP_OK; /* what is none says nothing */
}

/* ---- whole answers ------------------------------------------------------ */

static int take_text(struct llmp_choice *choice, enum llmp_part_kind kind,
                     struct llmp_str text, struct llmp_wire *wire)
{
    struct llmp_part *part;

    if (!text.len)
        return LLMP_OK;
    part = llmp_choice_add(choice, kind, wire->arena);
    if (!part)
        return llmp_wire_nomem(wire);
    part->text = text;
    return LLMP_OK;
}

static int take_choice(struct llmp_answer *answer,
                       const struct llmp_json_value *value,
                       struct llmp_wire *wire)
{
    const struct llmp_json_value *message = llmp_json_get(value, K("message"));
    struct llmp_choice *choice = llmp_answer_add(answer, wire->arena);
    struct llmp_part call = { .kind = LLMP_PART_TOOL_CALL }, *part;
    int rc;

    if (!choice)
        return llmp_wire_nomem(wire);
    choice->stop = stop_of(value);
    LLMP_TRY(take_text(choice, LLMP_PART_REASONING,
                       llmp_wire_text_at(message, K("reasoning_content")),
                       wire));
    LLMP_TRY(take_text(choice, LLMP_PART_TEXT,
                       llmp_wire_text_at(message, K("content")), wire));
    rc = take_call(&call, message, wire->arena);
    if (rc == LLMP_MISS)
        return LLMP_OK;
    part = rc == LLMP_OK
               ? llmp_choice_add(choice, LLMP_PART_TOOL_CALL, wire->arena)
               : NULL;
    if (!part)
        return llmp_wire_nomem(wire);
    *part = call;
    return LLMP_OK;
}

static int read_answer(struct llmp_answer *answer,
                       const struct llmp_json_value *root,
                       struct llmp_wire *wire)
{
    const struct llmp_json_value *choices = llmp_json_get(root, K("choices"));

    LLMP_TRY(
        llmp_wire_expect(wire, choices, LLMP_IS_ARRAY, "an array", "choices"));
    answer->id = llmp_wire_text_at(root, K("id"));
    answer->model = llmp_wire_text_at(root, K("model"));
    answer->created_s = llmp_wire_count_at(root, K("created"));
    for (const struct llmp_json_value *v = choices->first; v; v = v->next)
        LLMP_TRY(take_choice(answer, v, wire));
    take_usage(&answer->usage, root);
    return LLMP_OK;
}

/* ---- errors ------------------------------------------------------------- */

/* {"status":422,"message":…}; the code of a refused key is a number of its
 * own. */
static void read_error(struct llmp_provider_error *error, uint16_t status,
                       const struct llmp_json_value *root)
{
    const struct llmp_json_value *code = llmp_json_get(root, K("code"));
    uint64_t said = llmp_wire_count_at(root, K("status"));

    if (said >= 400 && said < 600)
        status = (uint16_t)said;
    *error = (struct llmp_provider_error){
        .fault = llmp_fault_of_status(status),
        .message = llmp_wire_text_at(root, K("message")),
        .code = llmp_json_is(code, LLMP_JSON_NUMBER) ||
                        llmp_json_is(code, LLMP_JSON_STRING)
                    ? code->text
                    : (struct llmp_str){ NULL, 0 },
    };
}

/* ---- streams ------------------------------------------------------------ */

static int read_call(struct llmp_wire_reader *reader,
                     const struct llmp_json_value *delta,
                     const struct llmp_event_sink *sink)
{
    LLMP_AUTO(llmp_arena_fini) struct llmp_arena arena;
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf quoted = { 0 };
    struct llmp_part call = { .kind = LLMP_PART_TOOL_CALL };
    int rc;

    llmp_arena_init(&arena, 512);
    rc = take_call(&call, delta, &arena);
    if (rc != LLMP_OK)
        return rc == LLMP_MISS ? LLMP_OK : rc;
    LLMP_TRY(llmp_wire_open(reader, 0, &call, sink));
    LLMP_TRY(llmp_wire_sign(reader, call.signature, sink));
    if (!llmp_buf_json(&quoted, call.arguments))
        return LLMP_E_NOMEM;
    LLMP_TRY(llmp_wire_delta(
        reader, 0, LLMP_PART_TOOL_CALL,
        (struct llmp_str){ quoted.ptr + 1, quoted.len - 2 }, sink));
    return llmp_wire_close(reader, sink);
}

/* More than one answer cannot be asked for. */
static int read_choice(struct llmp_wire_reader *reader,
                       const struct llmp_json_value *choice,
                       const struct llmp_event_sink *sink)
{
    const struct llmp_json_value *delta = llmp_json_get(choice, K("delta"));
    enum llmp_stop stop = stop_of(choice);

    LLMP_TRY(llmp_wire_delta(reader, 0, LLMP_PART_REASONING,
                             llmp_wire_text_at(delta, K("reasoning_content")),
                             sink));
    LLMP_TRY(llmp_wire_delta(reader, 0, LLMP_PART_TEXT,
                             llmp_wire_text_at(delta, K("content")), sink));
    LLMP_TRY(read_call(reader, delta, sink));
    if (stop == LLMP_STOP_UNSAID || reader->stopped)
        return LLMP_OK;
    return llmp_wire_stop(reader, 0, stop, (struct llmp_str){ NULL, 0 }, sink);
}

static int read_event(struct llmp_wire_reader *reader, struct llmp_str name,
                      const struct llmp_json_value *data,
                      const struct llmp_event_sink *sink)
{
    const struct llmp_json_value *choices = llmp_json_get(data, K("choices"));

    (void)name; /* there are none */
    if (!data)  /* [DONE] */
        return llmp_wire_finish(reader, sink);
    if (!choices && llmp_json_get(data, K("message"))) {
        struct llmp_provider_error error;

        read_error(&error, 500, data);
        return llmp_wire_fail(reader, &error, sink);
    }
    LLMP_TRY(llmp_wire_start(reader, llmp_wire_text_at(data, K("id")),
                             llmp_wire_text_at(data, K("model")),
                             llmp_wire_count_at(data, K("created")), sink));
    take_usage(&reader->usage, data);
    if (!llmp_json_is(choices, LLMP_JSON_ARRAY) || !choices->first)
        return LLMP_OK;
    return read_choice(reader, choices->first, sink);
}

const struct llmp_dialect llmp_dialect_gigachat = {
    .name = LLMP_STR("gigachat"),
    .write_request = llmp_gigachat_write_request,
    .read_answer = read_answer,
    .read_event = read_event,
    .read_end = llmp_openai_read_end,
    .read_error = read_error,
};
