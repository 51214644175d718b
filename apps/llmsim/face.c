/* SPDX-License-Identifier: Apache-2.0 */
#include "face.h"

#include "token.h"

/* A model's name may be longer, but means nothing then. */
#define MODEL_MAX 1024

static const struct sim_face *const faces[] = { &sim_anthropic, &sim_gemini,
                                                &sim_bedrock,   &sim_azure,
                                                &sim_gigachat,  &sim_oauth };

const struct sim_face *sim_face_of(struct sim_conn *conn, struct llmp_str path)
{
    for (size_t i = 0; i < sizeof(faces) / sizeof(faces[0]); i++)
        if (faces[i]->owns(conn, path))
            return faces[i];
    return &sim_openai;
}

bool sim_method_is(const struct sim_conn *conn, const char *method)
{
    return strcmp(sim_request_method(&conn->request), method) == 0;
}

struct llmp_str sim_field(const struct sim_conn *conn, const char *name)
{
    return sim_request_field(&conn->request, name);
}

struct llmp_str sim_query(const struct sim_conn *conn)
{
    struct llmp_str target = sim_request_target(&conn->request);
    const char *query = memchr(target.ptr, '?', target.len);

    if (!query)
        return (struct llmp_str){ "", 0 };
    query++;
    return (struct llmp_str){ query,
                              target.len - (size_t)(query - target.ptr) };
}

struct llmp_str sim_behind(struct llmp_str text, const char *head)
{
    size_t len = strlen(head);

    if (!sim_str_starts(text, head))
        return (struct llmp_str){ "", 0 };
    return (struct llmp_str){ text.ptr + len, text.len - len };
}

bool sim_key_opens(const struct sim_conn *conn, struct llmp_str key)
{
    const char *right = conn->worker->shared->opts->api_key;

    return !right || sim_str_is(key, right) ||
           sim_token_is_good(conn->worker->shared->opts, key);
}

struct llmp_str sim_bearer(const struct sim_conn *conn)
{
    return sim_behind(
        sim_request_text(&conn->request, conn->request.authorization),
        "Bearer ");
}

static bool rules_hold(struct sim_conn *conn, struct sim_node *root,
                       const struct sim_rule *rules)
{
    const struct sim_face *face = conn->reply.face;
    struct sim_problem problem = { .name_at = 0 };
    bool hold = sim_rules_hold(root, rules, face->any_case, &problem);

    if (!hold)
        face->problem(conn, &problem);
    sim_buf_fini(&problem.path);
    return hold;
}

struct sim_node *sim_face_read(struct sim_conn *conn, struct llmp_str model,
                               const struct sim_rule *rules)
{
    struct sim_worker *worker = conn->worker;
    struct llmp_error err;

    sim_answer_number(conn);
    if (sim_tree_read(&worker->tree, sim_request_body(&conn->request), &err) <
        0) {
        sim_answer_error(conn, 400, NULL, err.message);
        return NULL;
    }
    if (!model.ptr)
        model = sim_text(sim_get(worker->tree.root, "model"));
    if (model.len <= MODEL_MAX)
        sim_buf_quote_inside(&conn->reply.model, model);
    if (!sim_answer_behaviour(conn) ||
        (rules && !rules_hold(conn, worker->tree.root, rules)))
        return NULL;
    sim_ask_reset(&worker->ask);
    return worker->tree.root;
}

bool sim_face_read_head(struct sim_conn *conn)
{
    sim_answer_number(conn);
    sim_ask_reset(&conn->worker->ask);
    return sim_answer_behaviour(conn);
}

bool sim_face_goes_on(struct sim_conn *conn)
{
    if (!sim_answer_goes_on(conn))
        return false;
    conn->worker->body.len = 0;
    return true;
}

void sim_face_say(struct sim_conn *conn)
{
    if (conn->reply.plan)
        conn->reply.tokens = conn->reply.plan->output;
    sim_answer_wait(&conn->reply);
    sim_conn_say_json(conn, 200);
}
