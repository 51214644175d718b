/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bound on the calls that run to one origin at a time: libcurl's own is for
 * all hosts together. Who finds no place waits in line, and whoever leaves
 * hands its place to the first there. HTTP/2 shares a connection anyway.
 */
#include "base/internal.h"
#include "runtime/curl_inside.h"

/* One origin with a bound, while any call to it runs or waits. */
struct curl_gate {
    struct curl_gate *next;
    char *id;
    uint32_t running;
    struct curl_transfer *line; /* by `behind`, first come first */
};

static struct curl_gate **find_gate(struct curl *curl, const char *id)
{
    struct curl_gate **at = &curl->gates;

    while (*at && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    return at;
}

static struct curl_gate *gate_of(struct curl *curl, const char *id)
{
    struct curl_gate **at = find_gate(curl, id);

    if (*at)
        return *at;

    struct curl_gate *gate = llmp_alloc(sizeof(*gate));

    if (!gate)
        return NULL;
    gate->id = llmp_strdup(llmp_str_of(id));
    if (!gate->id) {
        llmp_free(gate);
        return NULL;
    }
    *at = gate;
    return gate;
}

int llmp_curl_gate_enter(struct curl_transfer *t)
{
    const struct llmp_origin *origin = t->call->origin;

    if (t->in_line)
        return LLMP_AGAIN;
    if (t->gate || origin->connections_max == 0 || origin->http2)
        return LLMP_OK; /* it has its place, or needs none */

    struct curl_gate *gate = gate_of(t->curl, origin->id);
    struct curl_transfer **at;

    if (!gate)
        return LLMP_E_NOMEM;
    t->gate = gate;
    if (gate->running < origin->connections_max) {
        gate->running++;
        return LLMP_OK;
    }
    for (at = &gate->line; *at; at = &(*at)->behind)
        ;
    *at = t;
    t->in_line = true;
    return LLMP_AGAIN;
}

static void leave_line(struct curl_gate *gate, struct curl_transfer *t)
{
    struct curl_transfer **at = &gate->line;

    while (*at != t)
        at = &(*at)->behind;
    *at = t->behind;
    t->behind = NULL;
    t->in_line = false;
}

struct curl_transfer *llmp_curl_gate_leave(struct curl_transfer *t)
{
    struct curl_gate *gate = t->gate;
    struct curl_transfer *next;

    if (!gate)
        return NULL;
    t->gate = NULL;
    if (t->in_line) {
        leave_line(gate, t);
        return NULL;
    }
    next = gate->line;
    if (next) {
        leave_line(gate, next);
        return next;
    }
    if (--gate->running == 0) {
        *find_gate(t->curl, gate->id) = gate->next;
        llmp_free(gate->id);
        llmp_free(gate);
    }
    return NULL;
}
