/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the driver and a transport. The driver starts, feeds, pauses and
 * cancels transfers; the transport reports what comes. Reports are never made
 * from inside the driver's own calls: what fails there is reported at the end
 * of the turn.
 */
#ifndef LLMP_RUNTIME_TRANSPORT_H
#define LLMP_RUNTIME_TRANSPORT_H

#include <llmproxy/gateway.h>
#include <time.h>

#include "runtime/pool.h"
#include "runtime/timers.h"

struct llmp_transport;
struct llmp_drive;

/* One call on its way. The transport's own structure begins with it. */
struct llmp_transfer {
    struct llmp_transport *transport;
    struct llmp_drive *drive;   /* NULL once cancelled, ended or failed */
    struct llmp_transfer *next; /* the drive's list */
    uint32_t id;
};

struct llmp_transport_ops {
    size_t size;
    const char *name;
    /*
     * Begins a call. Everything in `call` holds until the transfer ends.
     * On success the transport owns *out until it reported its end or failure,
     * or until cancel(). Negative: nothing was begun; LLMP_E_IO: what TLS to
     * that origin needs cannot be read.
     */
    int (*start)(struct llmp_transport *transport, struct llmp_transfer **out,
                 const struct llmp_call *call);
    /* A piece of an upload; what cannot be sent now is copied. Returns > 0 if
     * there is no more room: llmp_transfer_writable() follows; 0 if there is;
     * negative: the transfer will fail. */
    int (*body)(struct llmp_transfer *transfer, struct llmp_str bytes,
                bool last);
    /* Stops (true) or resumes reports of the answer's body. */
    void (*pause)(struct llmp_transfer *transfer, bool paused);
    /* Frees the transfer, perhaps after the report it is making returns. */
    void (*cancel)(struct llmp_transfer *transfer);
    /* The end of a turn that was asked for. */
    void (*turn_end)(struct llmp_transport *transport);
    /* No transfer is left. */
    void (*free)(struct llmp_transport *transport);
};

struct llmp_transport {
    const struct llmp_transport_ops *ops;
    struct llmp_driver *driver;
};

/* Reports. After each, look at transfer->drive: NULL means cancelled. The
 * transport frees a transfer itself after reporting its end or failure. */
void llmp_transfer_head(struct llmp_transfer *transfer,
                        const struct llmp_response_head *head);
void llmp_transfer_body(struct llmp_transfer *transfer, struct llmp_str bytes);
void llmp_transfer_end(struct llmp_transfer *transfer);
void llmp_transfer_fail(struct llmp_transfer *transfer,
                        enum llmp_call_failure failure, bool sent);
void llmp_transfer_writable(struct llmp_transfer *transfer);

/* What the driver offers to transports. */

static inline uint64_t llmp_now_ns(void) /* monotonic */
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What a loop's watch reports to. */
struct llmp_watch {
    void *handle; /* the loop's; NULL: not watched */
    void (*ready)(struct llmp_watch *watch, unsigned events);
};

int llmp_driver_watch(struct llmp_driver *driver, struct llmp_watch *watch,
                      int fd, unsigned events);
void llmp_driver_watch_set(struct llmp_driver *driver, struct llmp_watch *watch,
                           unsigned events);
void llmp_driver_unwatch(struct llmp_driver *driver, struct llmp_watch *watch);

/* turn_end() of every transport will be called in this turn. */
void llmp_driver_want_turn_end(struct llmp_driver *driver);

/* A timer on the driver's heap; the loop's timer follows by itself. */
int llmp_driver_timer_set(struct llmp_driver *driver, struct llmp_timer *timer,
                          uint64_t at_ns);
void llmp_driver_timer_clear(struct llmp_driver *driver,
                             struct llmp_timer *timer);
int llmp_driver_offload(struct llmp_driver *driver, struct llmp_job *job);

int llmp_native_new(struct llmp_transport **out, struct llmp_driver *driver);
int llmp_curl_new(struct llmp_transport **out, struct llmp_driver *driver);

#endif
