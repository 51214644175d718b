/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure OpenAI's face: OpenAI's endpoints below /openai/deployments/NAME/, the
 * deployment being the model, and below /openai/v1/; chat with the results of
 * its content filters.
 */
#include "chat.h"
#include "media.h"

#define DEPLOYMENTS "/openai/deployments/"

static void answer_chat(struct sim_conn *conn, struct llmp_str model)
{
    struct sim_node *root = sim_face_read(conn, model, NULL);

    if (root && sim_face_goes_on(conn) && sim_chat_read(conn, root))
        sim_chat_say(conn, root);
}

/* `rest` is what OpenAI's path has behind "/v1". */
static void answer_endpoint(struct sim_conn *conn, struct llmp_str model,
                            struct llmp_str rest)
{
    struct sim_buf path = { 0 };
    const struct sim_endpoint *endpoint;
    bool known;

    sim_buf_text(&path, "/v1");
    sim_buf_add(&path, rest);
    endpoint = sim_endpoint_of(conn, sim_buf_str(&path), &known);
    sim_buf_fini(&path);
    if (endpoint == &sim_chat)
        answer_chat(conn, model);
    else if (endpoint)
        sim_answer_as(conn, endpoint, model);
    else
        sim_answer_error(conn, 404, "404", "Resource not found");
}

static void answer_deployment(struct sim_conn *conn, struct llmp_str behind)
{
    const char *slash = memchr(behind.ptr, '/', behind.len);
    size_t len = slash ? (size_t)(slash - behind.ptr) : behind.len;
    struct sim_buf model = { 0 };

    if (sim_query_get(sim_query(conn), "api-version").len == 0 || len == 0) {
        sim_answer_error(conn, 404, "404", "Resource not found");
        return;
    }
    sim_percent_decode(&model, (struct llmp_str){ behind.ptr, len });
    answer_endpoint(conn, sim_buf_str(&model),
                    (struct llmp_str){ behind.ptr + len, behind.len - len });
    sim_buf_fini(&model);
}

static void answer(struct sim_conn *conn, struct llmp_str path)
{
    struct llmp_str behind = sim_behind(path, DEPLOYMENTS);
    struct llmp_str rest = sim_behind(path, "/openai/v1");

    sim_buf_text(&conn->reply.headers, "x-ms-region: Simulated\r\n"
                                       "apim-request-id: sim\r\n");
    if (behind.len)
        answer_deployment(conn, behind);
    else
        answer_endpoint(conn, (struct llmp_str){ NULL, 0 }, rest);
}

static bool owns(struct sim_conn *conn, struct llmp_str path)
{
    (void)conn;
    return sim_str_starts(path, "/openai/");
}

static bool allows(struct sim_conn *conn)
{
    struct llmp_str key = sim_field(conn, "api-key");

    if (sim_key_opens(conn, key.len ? key : sim_bearer(conn)))
        return true;
    sim_answer_error(conn, 401, "401",
                     "Access denied due to invalid subscription key or wrong "
                     "API endpoint. Make sure to provide a valid key for an "
                     "active subscription and use a correct regional API "
                     "endpoint for your resource.");
    return false;
}

static void say_filtered(struct sim_conn *conn)
{
    struct sim_buf *out = &conn->worker->body;

    sim_buf_text(out,
                 "{\"error\":{\"message\":\"The response was filtered due to "
                 "the prompt triggering Azure OpenAI's content management "
                 "policy. Please modify your prompt and retry.\",\"type\":null,"
                 "\"param\":\"prompt\",\"code\":\"content_filter\",\"status\":"
                 "400,\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation"
                 "\",\"content_filter_result\":");
    sim_azure_filters(out, true);
    sim_buf_text(out, "}}}");
    sim_conn_say_json(conn, 400);
}

/* As OpenAI's, but for the filter, and a status as the code of what the
 * service says before a model has seen the request. */
static void error(struct sim_conn *conn, unsigned status, const char *code,
                  const char *message)
{
    conn->worker->body.len = 0;
    if (code && strcmp(code, SIM_CODE_FILTER) == 0)
        say_filtered(conn);
    else if (status == 429 && code)
        sim_openai.error(conn, status, "429", message);
    else
        sim_openai.error(conn, status, code, message);
}

const struct sim_face sim_azure = {
    .id_field = "x-request-id",
    .owns = owns,
    .allows = allows,
    .answer = answer,
    .error = error,
};
