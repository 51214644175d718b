/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that finds no room at any deployment waits for its turn (line.c),
 * behind the more important ones and those who came before it. Only bodies that
 * are held wait: what is uploaded is answered at once.
 */
#include "base/internal.h"
#include "gateway/decide.h"
#include "gateway/exchange.h"
#include "gateway/line.h"

enum { LOOK_AGAIN_MS = 250 }; /* when nobody has said that there is room */

static struct llmp_lines *lines_of(const struct llmp_exchange *x)
{
    return llmp_routes_lines(x->access->routes, x->model->index);
}

/* Those who may go to the same deployments stand in one line. */
static uint32_t line_of(const struct llmp_exchange *x)
{
    uint64_t where = x->route.regions.bound ? x->route.regions.bits + 1 : 0;
    size_t words = (x->model->deployment_count + 63) / 64;

    for (size_t i = 0; x->route.allowed && i < words; i++)
        where = where * 31 + x->route.allowed[i];
    return llmp_lines_find(where);
}

bool llmp_x_stands_behind(const struct llmp_exchange *x)
{
    const struct llmp_lines *lines = lines_of(x);

    return lines && x->queue.place.state == LLMP_PLACE_NONE &&
           x->operation->body == LLMP_BODY_JSON &&
           llmp_lines_busy(lines, line_of(x));
}

static void refuse_queued(struct llmp_exchange *x, const char *code,
                          const char *why)
{
    llmp_x_leave_queue(x, false);
    llmp_metrics_queue(&x->worker->metrics, LLMP_QUEUE_REFUSED);
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 503,
                                          .code = code,
                                          .retry_after = "1",
                                          .ending = LLMP_END_REFUSED },
                  "All deployments of '%.*s' are busy, and %s.",
                  (int)x->summary.model.len, x->summary.model.ptr, why);
}

static void wait(struct llmp_exchange *x)
{
    uint64_t left_ms =
        (x->queue.until_ns - x->now.mono_ns + LLMP_NS_PER_MS - 1) /
        LLMP_NS_PER_MS;

    x->state = LLMP_X_QUEUED;
    llmp_x_deadline(x, left_ms < LOOK_AGAIN_MS ? left_ms : LOOK_AGAIN_MS);
}

static uint64_t patience_ns(const struct llmp_exchange *x)
{
    uint64_t until_ns = llmp_add_sat(
        x->now.mono_ns,
        llmp_mul_sat(x->config->routing.queue.wait_ms, LLMP_NS_PER_MS));

    return until_ns < x->route.until_ns ? until_ns : x->route.until_ns;
}

static uint32_t priority_of(struct llmp_exchange *x)
{
    const struct llmp_asked asked = llmp_x_asked(x);

    if (x->queue.place.state == LLMP_PLACE_TURN)
        return LLMP_PRIORITY_FRONT;
    return llmp_priority_find(&x->config->routing.queue, &asked);
}

bool llmp_x_queue(struct llmp_exchange *x)
{
    struct llmp_lines *lines = lines_of(x);
    int rc;

    if (!lines || x->operation->body != LLMP_BODY_JSON ||
        !(x->queue.place.waker = llmp_x_waker(x)))
        return false;
    if (!x->queue.until_ns) {
        x->queue.since_ns = x->now.mono_ns;
        x->queue.until_ns = patience_ns(x);
        llmp_metrics_queue(&x->worker->metrics, LLMP_QUEUE_JOINED);
    }
    x->queue.lines = lines;
    rc = llmp_lines_join(lines, &x->queue.place, line_of(x), priority_of(x),
                         x->now.mono_ns);
    if (rc == LLMP_OK)
        wait(x);
    else if (rc == LLMP_FULL)
        refuse_queued(x, "queue_full", "too many requests wait already");
    else
        llmp_x_refuse_nomem(x);
    return true;
}

void llmp_x_leave_queue(struct llmp_exchange *x, bool used)
{
    if (x->queue.lines)
        llmp_lines_leave(x->queue.lines, &x->queue.place, used, x->now.mono_ns);
    x->queue.lines = NULL;
    if (x->queue.since_ns)
        x->summary.queued_ns = x->now.mono_ns - x->queue.since_ns;
    x->queue.since_ns = 0;
}

void llmp_x_queue_woken(struct llmp_exchange *x)
{
    switch (llmp_lines_look(x->queue.lines, &x->queue.place)) {
    case LLMP_PLACE_TURN:
        x->state = LLMP_X_BODY;
        llmp_x_no_deadline(x);
        llmp_x_admit_again(x, x->request_ended);
        break;
    case LLMP_PLACE_SHED:
        refuse_queued(x, "queue_full", "more important requests wait");
        break;
    default:
        wait(x);
        break;
    }
}

void llmp_x_queue_tick(struct llmp_exchange *x)
{
    if (x->now.mono_ns >= x->queue.until_ns) {
        refuse_queued(x, "queue_timeout", "none had room in time");
        return;
    }
    llmp_lines_poll(x->queue.lines, x->queue.place.line, x->now.mono_ns);
    llmp_x_queue_woken(x);
}
