/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange's frame: its pool, the queue of asks, deadlines, endings, and
 * the feeds, which hand over to the stage that the state names. What a stage
 * does is in stage_*.c; docs/internals/exchange.md has the picture.
 */
#include "gateway/exchange.h"

#include "base/internal.h"

enum { ARENA_BLOCK = 2048, SWEEP_EVERY = 256 };

static const char *const ending_names[LLMP_ENDINGS] = {
    [LLMP_END_COMPLETE] = "complete",
    [LLMP_END_REFUSED] = "refused",
    [LLMP_END_UPSTREAM_ERROR] = "upstream_error",
    [LLMP_END_UPSTREAM_FAILED] = "upstream_failed",
    [LLMP_END_TIMEOUT] = "timeout",
    [LLMP_END_CUT] = "cut",
    [LLMP_END_CLIENT_GONE] = "client_gone",
    [LLMP_END_OVERTAKEN] = "overtaken",
};

const char *llmp_ending_name(enum llmp_ending ending)
{
    return (size_t)ending < LLMP_ENDINGS ? ending_names[ending] : "unknown";
}

static struct llmp_exchange *take_pooled(struct llmp_worker *worker)
{
    struct llmp_exchange *x = worker->free;

    if (x) {
        worker->free = x->next_free;
        worker->free_count--;
        return x;
    }
    x = llmp_alloc(sizeof(*x));
    if (x)
        llmp_arena_init(&x->arena, ARENA_BLOCK);
    return x;
}

/* Back to what a new one is, but for the memory it keeps. */
static void reset(struct llmp_exchange *x)
{
    struct llmp_arena arena = x->arena;
    struct llmp_buf body = x->body, out = x->out;

    llmp_buf_fini(&x->first.early);
    llmp_arena_reset(&arena);
    if (out.cap > LLMP_X_BUFFER_KEPT)
        llmp_buf_fini(&out);
    body.len = out.len = 0;
    body.limit = out.limit = 0;
    body.failed = out.failed = false;
    memset(x, 0, offsetof(struct llmp_exchange, asks));
    memset(&x->first, 0, offsetof(struct llmp_x_attempt, reader));
    x->arena = arena;
    x->body = body;
    x->out = out;
}

int llmp_exchange_new(struct llmp_exchange **out, struct llmp_worker *worker,
                      struct llmp_time now)
{
    struct llmp_exchange *x = take_pooled(worker);

    if (!x)
        return LLMP_E_NOMEM;
    /* Limits of users who come with tokens are made as they come. */
    if (++worker->begun % SWEEP_EVERY == 0)
        (void)llmp_limiter_sweep(llmp_worker_limiter(worker), now);
    x->worker = worker;
    x->attempt = &x->first;
    x->config = llmp_config_ref(llmp_worker_config(worker));
    x->access = llmp_access_ref(worker->access);
    x->now = now;
    x->deadline_ns = x->wait_ns = UINT64_MAX;
    x->route.until_ns = UINT64_MAX;
    x->body.limit = (size_t)x->config->limits.body_bytes_max;
    x->summary.size = sizeof(x->summary);
    x->summary.started_wall_ns = now.wall_ns;
    atomic_fetch_add_explicit(&worker->metrics.in_flight, 1,
                              memory_order_relaxed);
    *out = x;
    return LLMP_OK;
}

void llmp_exchange_set_data(struct llmp_exchange *x, void *data)
{
    x->data = data;
}

void *llmp_exchange_data(const struct llmp_exchange *x)
{
    return x->data;
}

struct llmp_waker *llmp_x_waker(struct llmp_exchange *x)
{
    if (!x->waker)
        x->waker = llmp_waker_new(x->worker->mailbox, x);
    return x->waker;
}

static void leave_list(struct llmp_exchange *x)
{
    if (x->waits_in)
        llmp_wait_list_remove(x->waits_in, x->waker);
    x->waits_in = NULL;
}

bool llmp_x_wait_in(struct llmp_exchange *x, struct llmp_wait_list *list)
{
    if (!llmp_x_waker(x))
        return false;
    if (x->waits_in != list)
        leave_list(x);
    x->waits_in = list;
    llmp_wait_list_add(list, x->waker);
    return true;
}

static void drop_waker(struct llmp_exchange *x)
{
    leave_list(x);
    llmp_waker_drop(x->waker);
    x->waker = NULL;
}

static void free_memory(struct llmp_exchange *x)
{
    llmp_buf_fini(&x->body);
    llmp_buf_fini(&x->out);
    llmp_buf_fini(&x->first.early);
    llmp_arena_fini(&x->arena);
    llmp_free(x);
}

void llmp_exchange_free(struct llmp_exchange *x)
{
    if (!x)
        return;

    struct llmp_worker *worker = x->worker;

    llmp_x_win(x);
    llmp_x_leave_queue(x, false);
    llmp_x_object_drop(x);
    llmp_x_stop_reading(x);
    llmp_x_release_body(x);
    llmp_x_guard_drop(x);
    llmp_upload_check_free(x->upload_check);
    if (x->attempt->sse_open)
        llmp_sse_fini(&x->attempt->sse);
    drop_waker(x);
    llmp_x_admin_drop(x);
    llmp_x_credential_drop(x);
    llmp_x_check_drop(x);
    llmp_x_foreign_free(x);
    llmp_x_report(x, LLMP_OUTCOME_ABANDONED);
    llmp_x_hedge_free(x);
    llmp_x_forget_caller(x);
    llmp_access_unref(x->access);
    llmp_config_unref(x->config);
    if (!x->check.open)
        atomic_fetch_sub_explicit(&worker->metrics.in_flight, 1,
                                  memory_order_relaxed);
    if (worker->free_count >= LLMP_POOL_MAX) {
        free_memory(x);
        return;
    }
    reset(x);
    x->next_free = worker->free;
    worker->free = x;
    worker->free_count++;
}

void llmp_exchange_pool_free(struct llmp_worker *worker)
{
    while (worker->free) {
        struct llmp_exchange *x = worker->free;

        worker->free = x->next_free;
        free_memory(x);
    }
    worker->free_count = 0;
}

/* ---- asks --------------------------------------------------------------- */

void llmp_x_ask(struct llmp_exchange *x, struct llmp_ask ask)
{
    assert(x->ask_count < LLMP_X_ASKS);
    x->asks[(x->ask_first + x->ask_count) % LLMP_X_ASKS] = ask;
    x->ask_count++;
}

void llmp_x_respond(struct llmp_exchange *x)
{
    x->responded = true;
    x->summary.status = x->attempt->response.status;
    x->summary.first_byte_ns = x->now.mono_ns - x->begun_ns;
    llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_RESPOND,
                                     .response = &x->attempt->response });
}

void llmp_x_write(struct llmp_exchange *x, struct llmp_str bytes)
{
    if (bytes.len == 0)
        return;
    x->summary.response_bytes += bytes.len;
    x->unsent += bytes.len;
    llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_WRITE, .bytes = bytes });
    if (x->unsent > LLMP_X_UNSENT_HIGH && x->attempt->call_open &&
        !x->attempt->call_paused) {
        x->attempt->call_paused = true;
        llmp_x_no_deadline(x); /* a slow client is not a slow provider */
        llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_PAUSE,
                                         .id = x->attempt->call.id });
    }
}

static void wait_until(struct llmp_exchange *x, uint64_t at_ns)
{
    if (at_ns >= x->wait_ns)
        return; /* an earlier tick is on its way and will look again */
    x->wait_ns = at_ns;
    llmp_x_ask(x,
               (struct llmp_ask){ .kind = LLMP_ASK_WAIT, .until_ns = at_ns });
}

void llmp_x_deadline(struct llmp_exchange *x, uint64_t timeout_ms)
{
    x->deadline_ns =
        llmp_add_sat(x->now.mono_ns, llmp_mul_sat(timeout_ms, LLMP_NS_PER_MS));
    wait_until(x, x->deadline_ns);
}

void llmp_x_hedge_at(struct llmp_exchange *x, uint64_t at_ns)
{
    x->hedge_ns = at_ns;
    wait_until(x, at_ns);
}

void llmp_x_guard_at(struct llmp_exchange *x, uint64_t at_ns)
{
    x->guard_ns = at_ns;
    wait_until(x, at_ns);
}

void llmp_x_no_deadline(struct llmp_exchange *x)
{
    x->deadline_ns = UINT64_MAX;
}

void llmp_x_release_body(struct llmp_exchange *x)
{
    x->worker->held -= x->held;
    x->held = 0;
    if (x->body.cap > LLMP_X_BUFFER_KEPT)
        llmp_buf_fini(&x->body);
}

void llmp_x_stop_reading(struct llmp_exchange *x)
{
    if (x->attempt->reads == LLMP_READS_REQUEST)
        llmp_request_fini(&x->attempt->reader.request);
    x->attempt->reads = LLMP_READS_NOTHING;
}

void llmp_x_cancel_call(struct llmp_exchange *x)
{
    if (!x->attempt->call_open)
        return;
    x->attempt->call_open = false;
    /* Nobody has said that it was not sent: it may cost something. */
    x->attempt->call_reached |= x->attempt->receiver->costs;
    llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_CANCEL,
                                     .id = x->attempt->call.id });
}

/* What was called and not answered with a count may still cost something; but
 * not what the provider refused before it gave anything. */
static void settle_usage(struct llmp_exchange *x, enum llmp_ending ending)
{
    struct llmp_summary *s = &x->summary;
    bool refused = llmp_x_was_refused(x) ||
                   (ending == LLMP_END_UPSTREAM_ERROR && x->attempt->sse_open &&
                    !x->attempt->foreign && s->events <= 1);

    if (s->usage_basis == LLMP_USAGE_REPORTED || !x->operation ||
        !x->operation->usage || !x->attempt->call_reached || refused)
        return;
    s->usage_basis = LLMP_USAGE_UNKNOWN;
    if (s->events == 0 || !x->attempt->sse_open ||
        ending == LLMP_END_UPSTREAM_ERROR)
        return;
    s->usage_basis = LLMP_USAGE_ESTIMATED; /* an event is about a token */
    s->input_tokens = s->reserved_input_tokens;
    s->output_tokens = s->events;
    /* What was not seen of a broken one may have been made, and cost. */
    if (ending != LLMP_END_COMPLETE &&
        s->output_tokens < s->reserved_output_tokens)
        s->output_tokens = s->reserved_output_tokens;
}

uint64_t llmp_x_own_ns(const struct llmp_exchange *x)
{
    uint64_t until = x->attempt->call_sent_ns ? x->attempt->call_sent_ns
                     : x->call_begun_ns       ? x->call_begun_ns
                                              : x->now.mono_ns;

    uint64_t since = llmp_add_sat(x->begun_ns, x->others_ns);

    return until > since ? until - since : 0;
}

/* The configured name; behind a pattern the one that was asked for, once its
 * provider has said that it is one, and while there is room for series. */
static struct llmp_str model_label(const struct llmp_exchange *x)
{
    const struct llmp_summary *s = &x->summary;

    if (!x->model)
        return (struct llmp_str){ NULL, 0 };
    if (x->model->index < x->config->literal_count || !s->model.len ||
        s->model.len > 128 || s->upstream_status < 200 ||
        s->upstream_status >= 300 ||
        !llmp_metrics_has_room(&x->worker->metrics))
        return x->model->name;
    return s->model;
}

/* What the router learns of the attempt that the exchange ended with. */
static enum llmp_route_class outcome_of(const struct llmp_exchange *x,
                                        enum llmp_ending ending)
{
    if (x->attempt->outcome != LLMP_OUTCOME_ABANDONED)
        return x->attempt->outcome;
    switch (ending) {
    case LLMP_END_COMPLETE:
        return LLMP_OUTCOME_OK;
    case LLMP_END_UPSTREAM_ERROR:
    case LLMP_END_UPSTREAM_FAILED:
    case LLMP_END_TIMEOUT:
    case LLMP_END_CUT:
        return LLMP_OUTCOME_TRANSIENT;
    default:
        return LLMP_OUTCOME_ABANDONED; /* the client's doing, or ours */
    }
}

void llmp_x_end(struct llmp_exchange *x, enum llmp_ending ending, bool complete)
{
    struct llmp_summary *s = &x->summary;

    assert(x->state != LLMP_X_ENDED);
    llmp_x_win(x);
    llmp_x_leave_queue(x, false);
    llmp_x_object_drop(x);
    llmp_x_cancel_call(x);
    x->state = LLMP_X_ENDED;
    x->input.len = 0;
    s->ending = ending;
    s->complete = complete;
    s->hedged = x->route.hedged;
    s->duration_ns = x->now.mono_ns - x->begun_ns;
    s->request_bytes = x->body_seen;
    s->own_ns = llmp_x_own_ns(x);
    settle_usage(x, ending);
    llmp_x_report(x, outcome_of(x, ending));
    llmp_x_keys_drop(x);
    llmp_x_credential_drop(x);
    llmp_x_check_drop(x);
    llmp_x_settle(x);
    llmp_x_book_outcome(x);
    if (x->route.failed_before && s->usage_basis == LLMP_USAGE_NONE) {
        s->usage_basis = LLMP_USAGE_UNKNOWN; /* an earlier attempt's */
        s->cost_known = false;
    }
    llmp_x_anomaly_note(x);
    llmp_x_guard_sum_up(x);
    if (!x->check.open)
        llmp_metrics_record(&x->worker->metrics, model_label(x), s);
    llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_DONE });
}

bool llmp_exchange_next(struct llmp_exchange *x, struct llmp_ask *ask)
{
    while (x->ask_count == 0)
        if (x->input.len == 0 || !llmp_x_answer_pump(x))
            return false;
    *ask = x->asks[x->ask_first];
    x->ask_first = (uint8_t)((x->ask_first + 1) % LLMP_X_ASKS);
    x->ask_count--;
    return true;
}

const struct llmp_summary *llmp_exchange_summary(const struct llmp_exchange *x)
{
    return &x->summary;
}

/* ---- feeds -------------------------------------------------------------- */

void llmp_exchange_request_head(struct llmp_exchange *x,
                                const struct llmp_request_head *head,
                                struct llmp_time now)
{
    assert(x->state == LLMP_X_HEAD);
    x->now = now;
    /* A host's clock and ours may be read in either order. */
    x->begun_ns = head->received_ns && head->received_ns < now.mono_ns
                      ? head->received_ns
                      : now.mono_ns;
    llmp_x_request_head(x, head);
}

void llmp_exchange_request_body(struct llmp_exchange *x, struct llmp_str bytes,
                                struct llmp_time now)
{
    x->now = now;
    x->body_seen += bytes.len;
    if (x->state == LLMP_X_BODY || x->state == LLMP_X_AUTH ||
        x->state == LLMP_X_LIMITS || llmp_x_uploads(x))
        llmp_x_request_body(x, bytes);
}

void llmp_exchange_request_end(struct llmp_exchange *x, struct llmp_time now)
{
    x->now = now;
    if (x->request_ended)
        return;
    x->request_ended = true;
    if (x->state == LLMP_X_BODY || llmp_x_uploads(x))
        llmp_x_request_end(x);
}

/* The attempt whose call it is comes in hand. */
static bool concerns_call(struct llmp_exchange *x, uint32_t id)
{
    if (llmp_x_races(x) && x->rival->attempt->call.id == id)
        llmp_x_turn(x);
    return x->attempt->call_open && x->attempt->call.id == id;
}

void llmp_exchange_call_head(struct llmp_exchange *x, uint32_t id,
                             const struct llmp_response_head *head,
                             struct llmp_time now)
{
    x->now = now;
    if (concerns_call(x, id))
        x->attempt->receiver->head(x, head);
}

void llmp_exchange_call_body(struct llmp_exchange *x, uint32_t id,
                             struct llmp_str bytes, struct llmp_time now)
{
    x->now = now;
    if (concerns_call(x, id) && bytes.len)
        x->attempt->receiver->body(x, bytes);
}

static void call_over(struct llmp_exchange *x, uint32_t id,
                      const struct llmp_x_over *over)
{
    if (!concerns_call(x, id))
        return;
    x->attempt->call_open = false;
    x->attempt->receiver->over(x, over);
}

void llmp_exchange_call_end(struct llmp_exchange *x, uint32_t id,
                            struct llmp_time now)
{
    x->now = now;
    call_over(x, id, &(struct llmp_x_over){ .how = LLMP_X_ENDED_WELL });
}

void llmp_exchange_call_fail(struct llmp_exchange *x, uint32_t id,
                             enum llmp_call_failure failure, bool sent,
                             struct llmp_time now)
{
    x->now = now;
    call_over(x, id,
              &(struct llmp_x_over){
                  .how = LLMP_X_FAILED, .failure = failure, .sent = sent });
}

void llmp_exchange_call_full(struct llmp_exchange *x, uint32_t id,
                             struct llmp_time now)
{
    x->now = now;
    if (!concerns_call(x, id))
        return;
    if (llmp_x_uploads(x) && !x->request_paused) {
        x->request_paused = true;
        llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_PAUSE });
    }
}

void llmp_exchange_call_writable(struct llmp_exchange *x, uint32_t id,
                                 struct llmp_time now)
{
    x->now = now;
    if (!concerns_call(x, id))
        return;
    if (x->request_paused) {
        x->request_paused = false;
        llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_RESUME });
    }
}

void llmp_exchange_drained(struct llmp_exchange *x, size_t n,
                           struct llmp_time now)
{
    x->now = now;
    x->unsent -= n < x->unsent ? n : x->unsent;
    if (!x->attempt->call_paused || x->unsent > LLMP_X_UNSENT_LOW ||
        !x->attempt->call_open)
        return;
    x->attempt->call_paused = false;
    llmp_x_deadline(x, x->attempt->deployment->provider->idle_timeout_ms);
    llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_RESUME,
                                     .id = x->attempt->call.id });
}

/* What the attempt in hand waits for does not come. */
static void look_at_deadline(struct llmp_exchange *x)
{
    static const struct llmp_x_over late = { .how = LLMP_X_LATE };

    if (x->now.mono_ns < x->deadline_ns)
        return;
    x->deadline_ns = UINT64_MAX;
    if (x->attempt->call_open) {
        x->attempt->receiver->over(x, &late);
        return;
    }
    switch (x->state) {
    case LLMP_X_AUTH:
        llmp_x_keys_woken(x);
        break;
    case LLMP_X_OBJECT:
        llmp_x_object_tick(x);
        break;
    case LLMP_X_QUEUED:
        llmp_x_queue_tick(x);
        break;
    case LLMP_X_LIMITS:
        llmp_x_limits_tick(x);
        break;
    case LLMP_X_CREDENTIAL:
        llmp_x_credential_woken(x);
        break;
    case LLMP_X_BACKOFF:
        llmp_x_backoff_tick(x);
        break;
    case LLMP_X_ADMIN:
        llmp_x_admin_tick(x);
        break;
    default:
        break;
    }
}

void llmp_exchange_tick(struct llmp_exchange *x, struct llmp_time now)
{
    x->now = now;
    if (x->state == LLMP_X_ENDED || now.mono_ns < x->wait_ns)
        return;
    x->wait_ns = UINT64_MAX;
    if (x->hedge_ns && now.mono_ns >= x->hedge_ns)
        llmp_x_hedge(x);
    if (x->guard_ns && now.mono_ns >= x->guard_ns)
        llmp_x_guard_tick(x);
    if (x->state == LLMP_X_ENDED)
        return;
    look_at_deadline(x);
    if (llmp_x_races(x) && now.mono_ns >= x->rival->deadline_ns) {
        llmp_x_turn(x);
        look_at_deadline(x);
    }
    if (x->state == LLMP_X_ENDED)
        return;
    wait_until(x, x->deadline_ns);
    if (x->hedge_ns)
        wait_until(x, x->hedge_ns);
    if (x->guard_ns)
        wait_until(x, x->guard_ns);
    if (llmp_x_races(x))
        wait_until(x, x->rival->deadline_ns);
}

void llmp_exchange_woken(struct llmp_exchange *x, struct llmp_time now)
{
    x->now = now;
    if (llmp_x_races(x) && x->rival->state == LLMP_X_CREDENTIAL)
        llmp_x_turn(x);
    if (x->state == LLMP_X_AUTH)
        llmp_x_keys_woken(x);
    else if (x->state == LLMP_X_CREDENTIAL)
        llmp_x_credential_woken(x);
    else if (x->state == LLMP_X_ADMIN)
        llmp_x_admin_woken(x);
    else if (x->state == LLMP_X_OBJECT)
        llmp_x_object_woken(x);
    else if (x->state == LLMP_X_QUEUED)
        llmp_x_queue_woken(x);
    else if (x->state == LLMP_X_LIMITS)
        llmp_x_limits_woken(x);
}

void llmp_exchange_stop(struct llmp_exchange *x, struct llmp_time now)
{
    x->now = now;
    if (x->state != LLMP_X_ENDED)
        llmp_x_answer_stop(x);
}

void llmp_exchange_abort(struct llmp_exchange *x, struct llmp_time now)
{
    x->now = now;
    if (x->state == LLMP_X_ENDED)
        return;
    x->ask_count = 0; /* nobody is there to take them */
    llmp_x_end(x, LLMP_END_CLIENT_GONE, false);
}
