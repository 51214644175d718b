/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may go to a model, and what may come back: every text of the held body,
 * once its sender may ask and before anybody else sees it, and every text of a
 * whole answer in the client's dialect. What was not looked at does not pass,
 * unless the policy says so.
 */
#include "base/internal.h"
#include "gateway/inspect.h"
#include "wire/expected.h"

/* ---- documents ---------------------------------------------------------- */

static bool wants(const struct llmp_json_value *object, struct llmp_str key)
{
    const struct llmp_json_value *value = llmp_json_get(object, key);

    return value && value->type != LLMP_JSON_FALSE;
}

/* They spell the answer once more, token by token and by their bytes: what is
 * replaced in one would be read in the other. */
static bool wants_logprobs(const struct llmp_json_value *root)
{
    if (!llmp_json_is(root, LLMP_JSON_OBJECT))
        return false;

    const struct llmp_json_value *google =
        llmp_json_get(root, LLMP_STR("generationConfig"));

    return wants(root, LLMP_STR("logprobs")) ||
           wants(root, LLMP_STR("top_logprobs")) ||
           (llmp_json_is(google, LLMP_JSON_OBJECT) &&
            wants(google, LLMP_STR("responseLogprobs")));
}

/* The schema of structured output. One that cannot be read is the provider's to
 * refuse. */
static int expect(struct llmp_exchange *x, const struct llmp_json_value *root)
{
    struct llmp_str schema = llmp_wire_expected(llmp_x_guard_shape(x), root);
    int rc = LLMP_OK;

    if (schema.len)
        rc = llmp_guard_session_expect(x->guard->session, schema, NULL);
    return rc == LLMP_E_NOMEM ? rc : LLMP_OK;
}

/* LLMP_E_UNSUPPORTED: log probabilities. */
static int walk_request(struct llmp_exchange *x,
                        const struct llmp_json_value *root,
                        const struct llmp_wire_text_sink *sink)
{
    if (llmp_guard_session_acts(x->guard->session, LLMP_GUARD_OUTPUT) &&
        wants_logprobs(root))
        return LLMP_E_UNSUPPORTED;
    LLMP_TRY(expect(x, root));
    return llmp_wire_request_texts(llmp_x_guard_shape(x), root, sink);
}

static int walk_answer(struct llmp_exchange *x,
                       const struct llmp_json_value *root,
                       const struct llmp_wire_text_sink *sink)
{
    return llmp_wire_answer_texts(llmp_x_guard_shape(x), root, sink);
}

/* ---- the request -------------------------------------------------------- */

static bool is_in_play(const struct llmp_exchange *x)
{
    return x->config->guard.policy && x->operation &&
           (x->operation->body == LLMP_BODY_JSON ||
            x->operation->local == LLMP_LOCAL_OBJECT);
}

/* A response that the provider kept is shown as it was given. */
enum llmp_shape llmp_x_guard_shape(const struct llmp_exchange *x)
{
    return x->operation->local == LLMP_LOCAL_OBJECT &&
                   llmp_str_eq(x->operation->name, LLMP_STR("responses"))
               ? LLMP_SHAPE_RESPONSES
               : x->operation->shape;
}

/* Vectors and counts say nothing. */
static bool has_texts(enum llmp_shape shape)
{
    return shape != LLMP_SHAPE_EMBEDDINGS && shape != LLMP_SHAPE_COUNT;
}

static bool begin(struct llmp_exchange *x)
{
    const struct llmp_summary *s = &x->summary;
    struct llmp_guard_subject subject;

    x->guard = llmp_arena_take(&x->arena, sizeof(*x->guard));
    if (!x->guard)
        return false;
    memset(x->guard, 0, sizeof(*x->guard));
    llmp_guard_subject_init(&subject);
    subject.tenant = s->org.len ? s->org : s->team.len ? s->team : s->user;
    subject.model = s->model;
    subject.key = s->key;
    subject.role = llmp_str_of(llmp_role_name(x->principal.role));
    subject.lot = llmp_x_random(x);
    subject.nonce = llmp_x_random(x);
    x->guard->answers =
        has_texts(x->operation->shape) &&
        (llmp_guard_policy_parts(x->config->guard.policy) &
         (1u << LLMP_GUARD_OUTPUT | 1u << LLMP_GUARD_REASONING |
          1u << LLMP_GUARD_TOOL_ARGUMENTS | 1u << LLMP_GUARD_OTHER |
          1u << LLMP_GUARD_TOOL_NAME)) != 0;
    x->guard->over =
        llmp_guard_session_new(&x->guard->session, x->config->guard.policy,
                               &subject, NULL) != LLMP_OK;
    return !x->guard->over;
}

/* Where a model's name and a stream's options are has changed. */
static bool plan_again(struct llmp_exchange *x)
{
    struct llmp_request_reader *reader = &x->attempt->reader.request;
    struct llmp_str body = llmp_buf_str(&x->body);
    bool ok;

    llmp_request_init(reader, x->operation->shape,
                      x->config->limits.json_depth_max);
    ok = llmp_request_feed(reader, body, true, NULL) == LLMP_END;
    if (ok)
        llmp_request_plan(reader, body, &x->plan);
    llmp_request_fini(reader);
    return ok;
}

static void refuse_blocked(struct llmp_exchange *x,
                           const struct llmp_x_blocked *b)
{
    const char *stage =
        llmp_guard_policy_stage_name(x->config->guard.policy, b->stage);
    const char *path = b->path[0] ? b->path : NULL;

    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 400,
                                          .code = "content_filter",
                                          .param = path,
                                          .ending = LLMP_END_REFUSED },
                  "The guard '%s' does not let this request pass: %s.", stage,
                  b->kind ? b->kind : "it could not look at all of it");
}

static void refuse_logprobs(struct llmp_exchange *x)
{
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 400,
                                          .code = "unsupported_value",
                                          .param = "logprobs",
                                          .ending = LLMP_END_REFUSED },
                  "Guards look at this answer, and log probabilities would "
                  "tell what they replace.");
}

static void refuse_request(struct llmp_exchange *x, int rc,
                           const struct llmp_x_blocked *blocked)
{
    if (blocked->blocked)
        refuse_blocked(x, blocked);
    else if (rc == LLMP_E_NOMEM)
        llmp_x_refuse_nomem(x);
    else if (rc == LLMP_E_UNSUPPORTED)
        refuse_logprobs(x);
    else
        llmp_x_refuse(x,
                      &(struct llmp_refusal){ .status = 400,
                                              .code = "content_filter",
                                              .ending = LLMP_END_REFUSED },
                      "The request has more parts than guards can look at.");
}

/* The body has changed. False: the exchange was ended. */
static bool take_body(struct llmp_exchange *x, size_t before, bool changed)
{
    x->held += x->body.len - before;
    x->worker->held += x->body.len - before;
    if (!changed || plan_again(x))
        return true;
    llmp_x_refuse_nomem(x);
    return false;
}

/* False: the exchange was ended. */
static bool spotlight(struct llmp_exchange *x)
{
    size_t before = x->body.len;
    bool changed = false;

    if (llmp_x_spotlight(x, &changed) == LLMP_OK)
        return take_body(x, before, changed);
    llmp_x_refuse_nomem(x);
    return false;
}

/* False: the exchange was ended. */
static bool look_at_request(struct llmp_exchange *x, enum llmp_x_look what)
{
    struct llmp_x_blocked blocked = { .blocked = false };
    size_t before = x->body.len;
    bool changed = false;
    int rc = LLMP_OK;

    if (x->body.len)
        rc = llmp_x_look(x, &x->body, walk_request, what, &blocked, &changed);
    if (rc == LLMP_OK)
        return take_body(x, before, changed);
    refuse_request(x, rc, &blocked);
    return false;
}

/* Those who were asked have answered. */
static void heard_of_request(struct llmp_exchange *x)
{
    bool good = look_at_request(x, LLMP_X_HEAR);

    llmp_x_remote_drop(x);
    if (good && spotlight(x))
        x->attempt->make_call(x);
}

/* A stream is seen in pieces; who looks at whole answers only could not stop
 * it. False: it was refused. */
static bool may_stream(struct llmp_exchange *x)
{
    static const enum llmp_guard_part parts[] = { LLMP_GUARD_OUTPUT,
                                                  LLMP_GUARD_REASONING,
                                                  LLMP_GUARD_TOOL_ARGUMENTS,
                                                  LLMP_GUARD_OTHER };
    const char *stage = NULL;

    if (!x->summary.stream || !x->guard->answers)
        return true;
    for (size_t i = 0; i < LLMP_COUNT(parts) && !stage; i++)
        stage = llmp_guard_session_whole(x->guard->session, parts[i]);
    if (!stage)
        return true;
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 400,
                                          .code = "unsupported_value",
                                          .param = "stream",
                                          .ending = LLMP_END_REFUSED },
                  "The guard '%s' looks at whole answers only: ask without "
                  "'stream'.",
                  stage);
    return false;
}

bool llmp_x_inspect(struct llmp_exchange *x)
{
    if (x->guard || !is_in_play(x))
        return true;
    if (!begin(x)) {
        llmp_x_refuse_nomem(x);
        return false;
    }
    return look_at_request(x, LLMP_X_SCAN) && may_stream(x) &&
           !llmp_x_remote_ask(x, heard_of_request) && spotlight(x);
}

/* ---- whole answers ------------------------------------------------------ */

bool llmp_x_guards_answer(const struct llmp_exchange *x)
{
    return x->guard && !x->guard->over &&
           (x->guard->answers ||
            llmp_guard_session_restores(x->guard->session));
}

/* Instead of the answer: what a provider says whose own filter did it. */
static int filter_answer(struct llmp_exchange *x)
{
    struct llmp_buf out = { 0 }, model = { 0 };
    struct llmp_wire_filtered filtered = {
        .id = x->request_id,
        .created_s = x->now.wall_ns / LLMP_NS_PER_S,
        .usage = { .reported = x->summary.usage_basis == LLMP_USAGE_REPORTED,
                   .input = x->summary.input_tokens,
                   .output = x->summary.output_tokens,
                   .cached = x->summary.cached_tokens,
                   .reasoning = x->summary.reasoning_tokens },
    };
    int rc = LLMP_E_NOMEM;

    if (llmp_buf_json(&model, x->summary.model)) {
        filtered.model = (struct llmp_str){ model.ptr + 1, model.len - 2 };
        rc = llmp_wire_filtered_answer(&out, llmp_x_guard_shape(x), &filtered);
    }
    llmp_buf_fini(&model);
    if (rc == LLMP_OK) {
        out.limit = x->out.limit;
        llmp_buf_fini(&x->out);
        x->out = out;
        x->summary.error_code = LLMP_STR("content_filter");
        return LLMP_OK;
    }
    llmp_buf_fini(&out);
    return rc;
}

/* What cannot be shown is nobody else's to answer: the provider did its work.
 */
static void refuse_answer(struct llmp_exchange *x, int rc)
{
    llmp_x_report(x, LLMP_OUTCOME_OK);
    if (rc == LLMP_E_NOMEM)
        llmp_x_refuse_nomem(x);
    else
        llmp_x_refuse(x,
                      &(struct llmp_refusal){ .status = 502,
                                              .code = "content_filter",
                                              .ending = LLMP_END_REFUSED },
                      "The guards do not let the answer pass.");
}

/* False: the exchange was ended. */
static bool look_at_answer(struct llmp_exchange *x, enum llmp_x_look what)
{
    struct llmp_x_blocked blocked = { .blocked = false };
    bool changed;
    int rc = llmp_x_look(x, &x->out, walk_answer, what, &blocked, &changed);

    if (blocked.blocked) {
        llmp_x_remote_drop(x); /* no more is asked about it */
        rc = filter_answer(x);
    }
    if (rc < 0)
        refuse_answer(x, rc);
    return rc == LLMP_OK;
}

static void heard_of_answer(struct llmp_exchange *x)
{
    bool good = look_at_answer(x, LLMP_X_HEAR | LLMP_X_RESTORE);

    llmp_x_remote_drop(x);
    if (good)
        x->guard->go_on(x);
}

/* Others are not shown what tokens stand for. */
bool llmp_x_inspect_answer(struct llmp_exchange *x,
                           void (*go_on)(struct llmp_exchange *x))
{
    bool asks = x->config->guard.remotes != NULL;

    if (!llmp_x_guards_answer(x))
        return true;
    x->guard->go_on = go_on;
    if (!asks)
        return look_at_answer(x, LLMP_X_SCAN | LLMP_X_RESTORE);
    if (!look_at_answer(x, LLMP_X_SCAN) ||
        llmp_x_remote_ask(x, heard_of_answer))
        return false;
    return look_at_answer(x, LLMP_X_RESTORE);
}

void llmp_x_guard_drop(struct llmp_exchange *x)
{
    if (!x->guard)
        return;
    llmp_x_guard_stream_drop(x);
    llmp_x_remote_drop(x);
    llmp_guard_session_free(x->guard->session);
    x->guard = NULL; /* it is in the arena */
}
