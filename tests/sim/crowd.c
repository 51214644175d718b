/* SPDX-License-Identifier: Apache-2.0 */
#include "crowd.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/internal.h"
#include "base/json_tree.h"

const struct crowd_kind crowd_kinds[DOES_COUNT] = {
    [DOES_WELL] = { "well", BOOKS_REPORTED },
    [DOES_SLOWLY] = { "slowly", BOOKS_REPORTED },
    [DOES_UNREACHABLE] = { "unreachable", BOOKS_NONE, .not_sent = true },
    [DOES_BREAK_EARLY] = { "break early", BOOKS_UNKNOWN },
    [DOES_BREAK_AT_HEAD] = { "break at head", BOOKS_UNKNOWN | BOOKS_ESTIMATED },
    [DOES_HANG] = { "hang", BOOKS_UNKNOWN },
    [DOES_STALL_AT_HEAD] = { "stall at head", BOOKS_UNKNOWN | BOOKS_ESTIMATED },
    [DOES_END_EMPTY] = { "end empty", BOOKS_UNKNOWN | BOOKS_ESTIMATED },
    [DOES_401] = { "401", BOOKS_NONE },
    [DOES_403] = { "403", BOOKS_NONE },
    [DOES_404] = { "404", BOOKS_NONE },
    [DOES_408] = { "408", BOOKS_NONE },
    [DOES_429] = { "429", BOOKS_NONE },
    [DOES_429_LATER] = { "429 later", BOOKS_NONE },
    [DOES_500] = { "500", BOOKS_NONE },
    [DOES_502_HTML] = { "502 html", BOOKS_NONE },
    [DOES_503] = { "503", BOOKS_NONE },
    [DOES_529] = { "529", BOOKS_NONE },
    [DOES_HTML_200] = { "html 200", BOOKS_UNKNOWN },
    [DOES_ERROR_200] = { "error in 200", BOOKS_NONE },
    [DOES_MALFORMED] = { "malformed", BOOKS_UNKNOWN | BOOKS_ESTIMATED },
    [DOES_BREAK_LATE] = { "break late", BOOKS_UNKNOWN | BOOKS_ESTIMATED,
                          .late = true },
    [DOES_STALL_LATE] = { "stall late", BOOKS_UNKNOWN | BOOKS_ESTIMATED,
                          .late = true },
    [DOES_END_LATE] = { "end late", BOOKS_UNKNOWN | BOOKS_ESTIMATED,
                        .late = true },
    [DOES_ERROR_LATE] = { "error late", BOOKS_UNKNOWN | BOOKS_ESTIMATED,
                          .late = true },
    [DOES_400] = { "400", BOOKS_NONE, .own_fault = true },
    [DOES_413] = { "413", BOOKS_NONE, .own_fault = true },
    [DOES_CONTEXT] = { "context", BOOKS_NONE, .own_fault = true },
};

/* ---- steps --------------------------------------------------------------- */

static struct sim_step *add(struct crowd_call *call, enum sim_step_kind kind)
{
    struct sim_step *step = &call->steps[call->count++];

    assert(call->count <= CROWD_STEPS);
    *step = (struct sim_step){ .after_ms = 1, .kind = kind };
    return step;
}

static void add_head(struct crowd_call *call, uint16_t status, const char *type)
{
    struct sim_step *step = add(call, SIM_HEAD);

    step->status = status;
    step->type = type;
}

LLMP_PRINTF(2, 3)
static void add_body(struct crowd_call *call, const char *format, ...)
{
    size_t room = sizeof(call->text) - call->used;
    char *at = call->text + call->used;
    va_list args;

    va_start(args, format);
    int len = vsnprintf(at, room, format, args);
    va_end(args);
    assert(len >= 0 && (size_t)len < room);
    call->used += (size_t)len;
    add(call, SIM_BODY)->bytes = (struct llmp_str){ at, (size_t)len };
}

static void add_fail(struct crowd_call *call, enum llmp_call_failure failure,
                     bool sent)
{
    struct sim_step *step = add(call, SIM_FAIL);

    step->failure = failure;
    step->sent = sent;
}

/* ---- errors -------------------------------------------------------------- */

static const char *anthropic_type(uint16_t status)
{
    switch (status) {
    case 400:
        return "invalid_request_error";
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 408:
        return "timeout_error";
    case 413:
        return "request_too_large";
    case 429:
        return "rate_limit_error";
    case 529:
        return "overloaded_error";
    default:
        return "api_error";
    }
}

static void add_error(struct crowd_call *call, bool anthropic, uint16_t status,
                      const char *message)
{
    if (anthropic)
        add_body(call,
                 "{\"error\":{\"type\":\"%s\",\"message\":\"%s\"},"
                 "\"type\":\"error\"}",
                 anthropic_type(status), message);
    else
        add_body(call,
                 "{\"error\":{\"message\":\"%s\",\"type\":\"some_error\","
                 "\"param\":null,\"code\":null}}",
                 message);
}

static void refuse(struct crowd_call *call, bool anthropic, uint16_t status,
                   const char *message)
{
    add_head(call, status, "application/json");
    add_error(call, anthropic, status, message);
    add(call, SIM_END);
}

static void show_page(struct crowd_call *call, uint16_t status)
{
    add_head(call, status, "text/html");
    add_body(call, "<html><h1>%u</h1></html>", status);
    add(call, SIM_END);
}

/* ---- answers ------------------------------------------------------------- */

static void add_role(struct crowd_call *call, bool anthropic)
{
    if (anthropic)
        add_body(call, "event: message_start\ndata: {\"type\":"
                       "\"message_start\",\"message\":{\"id\":\"m\",\"type\":"
                       "\"message\",\"role\":\"assistant\",\"model\":\"c\","
                       "\"content\":[],\"stop_reason\":null,\"usage\":"
                       "{\"input_tokens\":11,\"output_tokens\":1}}}\n\n"
                       "event: ping\ndata: {\"type\":\"ping\"}\n\n"
                       "event: content_block_start\ndata: {\"type\":"
                       "\"content_block_start\",\"index\":0,\"content_block\":"
                       "{\"type\":\"text\",\"text\":\"\"}}\n\n");
    else
        add_body(call, ": hello\n\ndata: {\"id\":\"c\",\"choices\":[{\"index\":"
                       "0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                       "\"finish_reason\":null}],\"usage\":null}\n\n");
}

static void add_content(struct crowd_call *call, bool anthropic)
{
    if (anthropic)
        add_body(call,
                 "event: content_block_delta\ndata: {\"type\":"
                 "\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
                 "\"text_delta\",\"text\":\"from-%c\"}}\n\n",
                 call->provider);
    else
        add_body(call,
                 "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":"
                 "{\"content\":\"from-%c\"},\"finish_reason\":null}],"
                 "\"usage\":null}\n\n",
                 call->provider);
}

static void add_finish(struct crowd_call *call, bool anthropic)
{
    if (anthropic)
        add_body(call, "event: content_block_stop\ndata: {\"type\":"
                       "\"content_block_stop\",\"index\":0}\n\n"
                       "event: message_delta\ndata: {\"type\":"
                       "\"message_delta\",\"delta\":{\"stop_reason\":"
                       "\"end_turn\"},\"usage\":{\"output_tokens\":7}}\n\n"
                       "event: message_stop\ndata: {\"type\":"
                       "\"message_stop\"}\n\n");
    else
        add_body(call, "data: {\"id\":\"c\",\"choices\":[{\"index\":0,"
                       "\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":"
                       "null}\n\ndata: {\"id\":\"c\",\"choices\":[],\"usage\":"
                       "{\"prompt_tokens\":11,\"completion_tokens\":7,"
                       "\"total_tokens\":18}}\n\ndata: [DONE]\n\n");
}

static void add_front(struct crowd_call *call, bool anthropic)
{
    add_head(call, 200,
             call->stream ? "text/event-stream" : "application/json");
    if (call->stream)
        add_role(call, anthropic);
}

/* Half an answer; of a whole one no member is complete without the rest. */
static void add_half(struct crowd_call *call, bool anthropic)
{
    add_front(call, anthropic);
    if (call->stream)
        add_content(call, anthropic);
    else
        add_body(call, "{\"id\":\"x\",\"object\":\"chat.completion\",\"cho");
}

static void answer(struct crowd_call *call, bool anthropic)
{
    if (call->stream) {
        add_half(call, anthropic);
        add_finish(call, anthropic);
    } else {
        add_front(call, anthropic);
        if (anthropic)
            add_body(call,
                     "{\"id\":\"m\",\"type\":\"message\",\"role\":"
                     "\"assistant\",\"model\":\"c\",\"content\":[{\"type\":"
                     "\"text\",\"text\":\"from-%c\"}],\"stop_reason\":"
                     "\"end_turn\",\"stop_sequence\":null,\"usage\":"
                     "{\"input_tokens\":11,\"output_tokens\":7}}",
                     call->provider);
        else
            add_body(call,
                     "{\"id\":\"x\",\"object\":\"chat.completion\","
                     "\"created\":1,\"model\":\"gpt-4o\",\"choices\":[{"
                     "\"index\":0,\"message\":{\"role\":\"assistant\","
                     "\"content\":\"from-%c\"},\"finish_reason\":\"stop\"}],"
                     "\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":7,"
                     "\"total_tokens\":18}}",
                     call->provider);
    }
    add(call, SIM_END);
}

/* An error where an answer was promised. */
static void add_error_event(struct crowd_call *call, bool anthropic)
{
    if (!call->stream) {
        add_error(call, anthropic, 529, "overloaded");
    } else if (anthropic) {
        add_body(call, "event: error\ndata: {\"type\":\"error\",\"error\":"
                       "{\"type\":\"overloaded_error\",\"message\":"
                       "\"overloaded\"}}\n\n");
    } else {
        add_body(call, "data: {\"error\":{\"message\":\"overloaded\",\"type\":"
                       "\"server_error\",\"code\":null}}\n\n");
    }
    add(call, SIM_END);
}

static void be_malformed(struct crowd_call *call)
{
    add_head(call, 200,
             call->stream ? "text/event-stream" : "application/json");
    if (call->stream)
        add_body(call, "data: {\"id\":\"c\",\"choi\n\n");
    else
        add_body(call, "]");
    add(call, SIM_END);
}

/* ---- all of it ----------------------------------------------------------- */

static void fail_before_content(struct crowd_call *call, bool anthropic)
{
    switch (call->does) {
    case DOES_UNREACHABLE:
        add_fail(call, LLMP_CALL_CONNECT, false);
        break;
    case DOES_BREAK_EARLY:
        add_fail(call, LLMP_CALL_RECEIVE, true);
        break;
    case DOES_BREAK_AT_HEAD:
        add_front(call, anthropic);
        add_fail(call, LLMP_CALL_RECEIVE, true);
        break;
    case DOES_STALL_AT_HEAD:
        add_front(call, anthropic);
        add(call, SIM_HANG);
        break;
    case DOES_END_EMPTY:
        add_front(call, anthropic);
        add(call, SIM_END);
        break;
    case DOES_HTML_200:
        show_page(call, 200);
        break;
    case DOES_ERROR_200:
        add_front(call, anthropic);
        add_error_event(call, anthropic);
        break;
    case DOES_MALFORMED:
        be_malformed(call);
        break;
    default:
        add(call, SIM_HANG);
        break;
    }
}

static void fail_late(struct crowd_call *call, bool anthropic)
{
    add_half(call, anthropic);
    if (call->does == DOES_BREAK_LATE)
        add_fail(call, LLMP_CALL_RECEIVE, true);
    else if (call->does == DOES_STALL_LATE)
        add(call, SIM_HANG);
    else if (call->does == DOES_END_LATE || !call->stream)
        add(call, SIM_END);
    else
        add_error_event(call, anthropic);
}

static const struct {
    uint16_t status;
    const char *message;
} refusals[DOES_COUNT] = {
    [DOES_401] = { 401, "bad key" },
    [DOES_403] = { 403, "not yours" },
    [DOES_404] = { 404, "no such model" },
    [DOES_408] = { 408, "too slow" },
    [DOES_429] = { 429, "slow down" },
    [DOES_429_LATER] = { 429, "slow down" },
    [DOES_500] = { 500, "oh" },
    [DOES_503] = { 503, "busy" },
    [DOES_529] = { 529, "overloaded" },
    [DOES_400] = { 400, "'messages' is wrong" },
    [DOES_413] = { 413, "too large" },
    [DOES_CONTEXT] = { 400, "prompt is too long: maximum context length" },
};

void crowd_make(struct crowd_call *call, char provider, bool anthropic,
                bool stream, enum crowd_does does, uint64_t late_ms)
{
    call->provider = provider;
    call->stream = stream;
    call->does = does;
    call->count = call->used = 0;
    if (does == DOES_WELL || does == DOES_SLOWLY)
        answer(call, anthropic);
    else if (refusals[does].status)
        refuse(call, anthropic, refusals[does].status, refusals[does].message);
    else if (does == DOES_502_HTML)
        show_page(call, 502);
    else if (crowd_kinds[does].late)
        fail_late(call, anthropic);
    else
        fail_before_content(call, anthropic);
    if (does == DOES_429_LATER) {
        call->steps[0].field = "retry-after";
        call->steps[0].value = "3";
    }
    call->steps[0].after_ms = late_ms;
}

/* ---- what clients get ---------------------------------------------------- */

static bool ends_with(struct llmp_str text, const char *end)
{
    size_t len = strlen(end);

    return text.len >= len && memcmp(text.ptr + text.len - len, end, len) == 0;
}

static struct llmp_str last_event(struct llmp_str body)
{
    size_t from = body.len < 2 ? 0 : body.len - 2;

    while (from > 1 && memcmp(body.ptr + from - 2, "\n\n", 2) != 0)
        from--;
    if (from < 2)
        from = 0;
    return (struct llmp_str){ body.ptr + from, body.len - from };
}

static bool is_stream(struct llmp_str body, bool anthropic)
{
    struct llmp_str last = last_event(body);

    if (!ends_with(body, "\n\n"))
        return false;
    if (anthropic)
        return llmp_str_find(last, LLMP_STR("\"message_stop\"")) != SIZE_MAX ||
               (llmp_str_starts(last, LLMP_STR("event: error\ndata: {")) &&
                llmp_str_find(last, LLMP_STR("\"message\"")) != SIZE_MAX);
    return llmp_str_eq(last, LLMP_STR("data: [DONE]\n\n")) ||
           llmp_str_starts(last, LLMP_STR("data: {\"error\":{\"message\":"));
}

static bool has_members(struct llmp_str body, uint16_t status, bool anthropic)
{
    const struct llmp_json_value *root = NULL, *error;
    struct llmp_arena arena;
    bool ok;

    llmp_arena_init(&arena, 1024);
    ok = llmp_json_tree(&root, body, 0, &arena, NULL) == LLMP_OK;
    error = ok ? llmp_json_get(root, LLMP_STR("error")) : NULL;
    if (ok && status == 200)
        ok = !error && llmp_json_get(root, anthropic ? LLMP_STR("content")
                                                     : LLMP_STR("choices"));
    else if (ok)
        ok = llmp_json_text(llmp_json_get(error, LLMP_STR("message"))).len &&
             llmp_json_text(llmp_json_get(error, LLMP_STR("type"))).len &&
             (!anthropic ||
              llmp_json_text_is(llmp_json_get(root, LLMP_STR("type")),
                                LLMP_STR("error")));
    llmp_arena_fini(&arena);
    return ok;
}

bool crowd_is_well_formed(const struct sim_result *result, bool anthropic,
                          bool cut)
{
    struct llmp_str head = llmp_buf_str(&result->head);
    struct llmp_str body = llmp_buf_str(&result->body);

    if (result->status == 200 &&
        llmp_str_find(head, LLMP_STR("text/event-stream")) != SIZE_MAX)
        return is_stream(body, anthropic);
    if (result->status == 200 && cut)
        return true;
    return has_members(body, result->status, anthropic);
}
