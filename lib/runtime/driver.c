/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver: takes an exchange's asks to where they belong and brings back
 * what comes. docs/internals/runtime.md says what holds; the words are those
 * of gateway.h.
 */
#include <time.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "runtime/transport.h"

enum { DRIVES_KEPT = 256, CALLS_MAX = 2 /* of a drive: a hedge has two */ };

struct llmp_drive {
    struct llmp_timer timer; /* first: fire() casts back */
    struct llmp_driver *driver;
    struct llmp_exchange *exchange;
    const struct llmp_client_ops *client;
    void *ctx;
    struct llmp_transfer *transfers;
    struct llmp_drive *next_free;
    struct llmp_drive *next_check; /* of the driver's own */
    struct {
        uint32_t id;
        enum llmp_call_failure failure;
    } refused[CALLS_MAX];   /* calls that could not be started */
    uint32_t refused_count; /* above 0: it is in the driver's list */
    bool pumping;
};

struct llmp_driver {
    struct llmp_gateway *gateway;
    struct llmp_worker *worker;
    const struct llmp_loop_ops *loop;
    void *loop_ctx;
    struct llmp_pool *pool;
    struct llmp_timers timers;
    uint64_t loop_timer_ns; /* what the loop's timer is set to */
    struct llmp_time time;  /* of this callback of the loop's; see now() */
    bool time_is_known;
    struct llmp_transport *transports[2]; /* by enum llmp_transport_kind */
    struct llmp_drive *free;
    struct llmp_drive *refused_list;
    struct llmp_drive *checks; /* that run */
    struct llmp_timer check_timer;
    uint32_t free_count;
    uint32_t open; /* drives */
    bool turn_end_asked;
};

struct llmp_time llmp_clock(void)
{
    struct timespec wall;

    (void)clock_gettime(CLOCK_REALTIME, &wall);
    return (struct llmp_time){
        .mono_ns = llmp_now_ns(),
        .wall_ns =
            (uint64_t)wall.tv_sec * LLMP_NS_PER_S + (uint64_t)wall.tv_nsec,
    };
}

/* The clocks are read once for what a socket or timer brings, and once a turn
 * for what clients bring: handed down, not read by everybody. */
static struct llmp_time now(struct llmp_driver *driver)
{
    if (!driver->time_is_known) {
        driver->time = llmp_clock();
        driver->time_is_known = true;
        llmp_driver_want_turn_end(driver); /* which forgets it */
    }
    return driver->time;
}

static void wake_loop(void *ctx)
{
    struct llmp_driver *driver = ctx;

    driver->loop->wake(driver->loop_ctx);
}

/* ---- what transports are offered ----------------------------------------- */

static void sync_loop_timer(struct llmp_driver *driver)
{
    uint64_t next = llmp_timers_next(&driver->timers);

    /* A later deadline needs no call: the loop's timer comes early, finds
     * nothing due, and is set anew. */
    if (next >= driver->loop_timer_ns)
        return;
    driver->loop_timer_ns = next;
    driver->loop->timer(next, driver->loop_ctx);
}

int llmp_driver_timer_set(struct llmp_driver *driver, struct llmp_timer *timer,
                          uint64_t at_ns)
{
    LLMP_TRY(llmp_timers_set(&driver->timers, timer, at_ns));
    sync_loop_timer(driver);
    return LLMP_OK;
}

void llmp_driver_timer_clear(struct llmp_driver *driver,
                             struct llmp_timer *timer)
{
    llmp_timers_clear(&driver->timers, timer);
}

int llmp_driver_watch(struct llmp_driver *driver, struct llmp_watch *watch,
                      int fd, unsigned events)
{
    watch->handle =
        driver->loop->watch_new(fd, events, watch, driver->loop_ctx);
    return watch->handle ? LLMP_OK : LLMP_E_IO;
}

void llmp_driver_watch_set(struct llmp_driver *driver, struct llmp_watch *watch,
                           unsigned events)
{
    driver->loop->watch_set(watch->handle, events, driver->loop_ctx);
}

void llmp_driver_unwatch(struct llmp_driver *driver, struct llmp_watch *watch)
{
    if (watch->handle)
        driver->loop->watch_free(watch->handle, driver->loop_ctx);
    watch->handle = NULL;
}

void llmp_driver_want_turn_end(struct llmp_driver *driver)
{
    if (driver->turn_end_asked)
        return;
    driver->turn_end_asked = true;
    driver->loop->turn_end(driver->loop_ctx);
}

int llmp_driver_offload(struct llmp_driver *driver, struct llmp_job *job)
{
    return llmp_pool_run(driver->pool, job);
}

/* ---- the driver's life -------------------------------------------------- */

static bool ops_complete(const struct llmp_loop_ops *ops)
{
    return ops->size >= sizeof(*ops) && ops->watch_new && ops->watch_set &&
           ops->watch_free && ops->timer && ops->turn_end && ops->wake;
}

static void check_due(struct llmp_timer *timer);

static void driver_freep(struct llmp_driver **driver)
{
    llmp_driver_free(*driver);
}

int llmp_driver_new(struct llmp_driver **out, struct llmp_gateway *gateway,
                    const struct llmp_loop_ops *ops, void *loop,
                    const struct llmp_driver_options *opts,
                    struct llmp_error *err)
{
    struct llmp_driver_options o = { .size = sizeof(o), .pool_threads = 1 };
    LLMP_AUTO(driver_freep) struct llmp_driver *driver = NULL;

    LLMP_ENSURE(out && gateway && ops && ops_complete(ops), err, LLMP_E_INVALID,
                "out, gateway and every hook are required");
    if (opts)
        LLMP_TRY(
            llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    driver = llmp_alloc(sizeof(*driver));
    LLMP_ENSURE(driver, err, LLMP_E_NOMEM, "no memory for the driver");
    driver->gateway = gateway;
    driver->loop = ops;
    driver->loop_ctx = loop;
    driver->loop_timer_ns = UINT64_MAX;
    LLMP_TRY(llmp_worker_new(&driver->worker, gateway, err));
    LLMP_ENSURE(llmp_pool_new(&driver->pool,
                              o.pool_threads ? o.pool_threads : 1, wake_loop,
                              driver) == LLMP_OK,
                err, LLMP_E_NOMEM, "no memory for the offload pool");
    LLMP_ENSURE(llmp_native_new(&driver->transports[LLMP_TRANSPORT_NATIVE],
                                driver) == LLMP_OK,
                err, LLMP_E_NOMEM, "no memory for the native transport");
    LLMP_ENSURE(llmp_curl_new(&driver->transports[LLMP_TRANSPORT_CURL],
                              driver) == LLMP_OK,
                err, LLMP_E_NOMEM, "no memory for the libcurl transport");
    llmp_worker_on_wake(driver->worker, wake_loop, driver);
    driver->check_timer.fire = check_due;
    LLMP_ENSURE(llmp_driver_timer_set(driver, &driver->check_timer,
                                      llmp_clock().mono_ns) == LLMP_OK,
                err, LLMP_E_NOMEM, "no memory for the driver's timers");
    *out = llmp_steal(&driver);
    return LLMP_OK;
}

void llmp_driver_free(struct llmp_driver *driver)
{
    if (!driver)
        return;
    while (driver->checks)
        llmp_drive_abort(driver->checks);
    assert(driver->open == 0);
    while (driver->refused_list) { /* their exchanges have ended */
        struct llmp_drive *drive = driver->refused_list;

        driver->refused_list = drive->next_free;
        llmp_free(drive);
    }
    if (driver->worker)
        llmp_worker_on_wake(driver->worker, NULL, NULL);
    llmp_pool_free(driver->pool);
    for (size_t i = 0; i < LLMP_COUNT(driver->transports); i++)
        if (driver->transports[i])
            driver->transports[i]->ops->free(driver->transports[i]);
    while (driver->free) {
        struct llmp_drive *drive = driver->free;

        driver->free = drive->next_free;
        llmp_free(drive);
    }
    llmp_timers_fini(&driver->timers);
    llmp_worker_free(driver->worker);
    llmp_free(driver);
}

/* ---- one drive ---------------------------------------------------------- */

static void drive_tick(struct llmp_timer *timer);

int llmp_drive_open(struct llmp_drive **out, struct llmp_driver *driver,
                    const struct llmp_client_ops *ops, void *ctx)
{
    struct llmp_drive *drive = driver->free;
    struct llmp_time time = now(driver);

    if (drive) {
        driver->free = drive->next_free;
        driver->free_count--;
    } else {
        drive = llmp_alloc(sizeof(*drive));
        if (!drive)
            return LLMP_E_NOMEM;
    }
    *drive = (struct llmp_drive){ .timer = { .fire = drive_tick },
                                  .driver = driver,
                                  .client = ops,
                                  .ctx = ctx };
    if (llmp_exchange_new(&drive->exchange, driver->worker, time) < 0) {
        llmp_free(drive);
        return LLMP_E_NOMEM;
    }
    llmp_exchange_set_data(drive->exchange, drive);
    driver->open++;
    *out = drive;
    return LLMP_OK;
}

static void close_drive(struct llmp_drive *drive)
{
    struct llmp_driver *driver = drive->driver;

    assert(!drive->transfers);
    llmp_timers_clear(&driver->timers, &drive->timer);
    drive->client->done(llmp_exchange_summary(drive->exchange), drive->ctx);
    llmp_exchange_free(drive->exchange);
    driver->open--;
    if (drive->refused_count) { /* still in the list that turn_end walks */
        drive->exchange = NULL;
        return;
    }
    if (driver->free_count >= DRIVES_KEPT) {
        llmp_free(drive);
        return;
    }
    drive->next_free = driver->free;
    driver->free = drive;
    driver->free_count++;
}

static struct llmp_transfer *find_transfer(struct llmp_drive *drive,
                                           uint32_t id)
{
    struct llmp_transfer *t = drive->transfers;

    while (t && t->id != id)
        t = t->next;
    return t;
}

static void unlink_transfer(struct llmp_transfer *transfer)
{
    struct llmp_transfer **at = &transfer->drive->transfers;

    while (*at != transfer)
        at = &(*at)->next;
    *at = transfer->next;
    transfer->drive = NULL;
}

/* A call that cannot begin is reported at the turn's end, like every report. */
static void refuse_call(struct llmp_drive *drive, uint32_t id, int status)
{
    uint32_t at = drive->refused_count;

    assert(at < CALLS_MAX);
    drive->refused[at].id = id;
    drive->refused[at].failure =
        status == LLMP_E_IO ? LLMP_CALL_TLS : LLMP_CALL_RESOURCES;
    drive->refused_count++;
    if (at > 0)
        return;
    drive->next_free = drive->driver->refused_list;
    drive->driver->refused_list = drive;
    llmp_driver_want_turn_end(drive->driver);
}

static void start_call(struct llmp_drive *drive, const struct llmp_call *call)
{
    struct llmp_transport *transport =
        drive->driver->transports[call->origin->transport];
    struct llmp_transfer *transfer;
    int status = transport->ops->start(transport, &transfer, call);

    if (status < 0) {
        refuse_call(drive, call->id, status);
        return;
    }
    transfer->transport = transport;
    transfer->drive = drive;
    transfer->id = call->id;
    transfer->next = drive->transfers;
    drive->transfers = transfer;
}

static void send_body(struct llmp_drive *drive, const struct llmp_ask *ask)
{
    struct llmp_transfer *transfer = find_transfer(drive, ask->id);

    if (transfer &&
        transfer->transport->ops->body(transfer, ask->bytes, ask->last) > 0)
        llmp_exchange_call_full(drive->exchange, ask->id, now(drive->driver));
}

static void cancel_call(struct llmp_drive *drive, uint32_t id)
{
    struct llmp_transfer *transfer = find_transfer(drive, id);

    if (!transfer)
        return;
    unlink_transfer(transfer);
    transfer->transport->ops->cancel(transfer);
}

static void pause(struct llmp_drive *drive, uint32_t id, bool paused)
{
    if (id == 0) {
        drive->client->pause(paused, drive->ctx);
        return;
    }

    struct llmp_transfer *transfer = find_transfer(drive, id);

    if (transfer)
        transfer->transport->ops->pause(transfer, paused);
}

/* An exchange that cannot be timed would wait for ever: it goes now. */
static void set_wait(struct llmp_drive *drive, uint64_t until_ns)
{
    if (until_ns == UINT64_MAX)
        llmp_timers_clear(&drive->driver->timers, &drive->timer);
    else if (llmp_driver_timer_set(drive->driver, &drive->timer, until_ns) < 0)
        llmp_exchange_abort(drive->exchange, now(drive->driver));
}

/* Takes every ask. The client's callbacks may feed (drained, abort) in the
 * meantime: such feeds only add asks, which this loop takes too. */
static void pump(struct llmp_drive *drive)
{
    struct llmp_ask ask;

    if (drive->pumping)
        return;
    drive->pumping = true;
    while (llmp_exchange_next(drive->exchange, &ask)) {
        switch (ask.kind) {
        case LLMP_ASK_CALL:
            start_call(drive, ask.call);
            break;
        case LLMP_ASK_CALL_BODY:
            send_body(drive, &ask);
            break;
        case LLMP_ASK_CANCEL:
            cancel_call(drive, ask.id);
            break;
        case LLMP_ASK_RESPOND:
            drive->client->respond(ask.response, drive->ctx);
            break;
        case LLMP_ASK_WRITE:
            drive->client->write(ask.bytes, drive->ctx);
            break;
        case LLMP_ASK_PAUSE:
            pause(drive, ask.id, true);
            break;
        case LLMP_ASK_RESUME:
            pause(drive, ask.id, false);
            break;
        case LLMP_ASK_WAIT:
            set_wait(drive, ask.until_ns);
            break;
        case LLMP_ASK_DONE:
            close_drive(drive);
            return;
        }
    }
    drive->pumping = false;
}

void llmp_drive_head(struct llmp_drive *drive,
                     const struct llmp_request_head *head)
{
    llmp_exchange_request_head(drive->exchange, head, now(drive->driver));
    pump(drive);
}

void llmp_drive_body(struct llmp_drive *drive, struct llmp_str bytes)
{
    llmp_exchange_request_body(drive->exchange, bytes, now(drive->driver));
    pump(drive);
}

void llmp_drive_end(struct llmp_drive *drive)
{
    llmp_exchange_request_end(drive->exchange, now(drive->driver));
    pump(drive);
}

void llmp_drive_drained(struct llmp_drive *drive, size_t n)
{
    llmp_exchange_drained(drive->exchange, n, now(drive->driver));
    pump(drive);
}

void llmp_drive_stop(struct llmp_drive *drive)
{
    llmp_exchange_stop(drive->exchange, now(drive->driver));
    pump(drive);
}

void llmp_driver_took(struct llmp_driver *driver, uint64_t turn_ns)
{
    llmp_worker_took(driver->worker, turn_ns);
}

void llmp_drive_abort(struct llmp_drive *drive)
{
    llmp_exchange_abort(drive->exchange, now(drive->driver));
    pump(drive);
}

static void drive_tick(struct llmp_timer *timer)
{
    struct llmp_drive *drive = (struct llmp_drive *)timer;

    llmp_exchange_tick(drive->exchange, now(drive->driver));
    pump(drive);
}

/* ---- health checks: drives without a client ----------------------------- */

static void nothing_responded(const struct llmp_response_head *head, void *ctx)
{
    (void)head;
    (void)ctx;
}

static void nothing_written(struct llmp_str bytes, void *ctx)
{
    (void)bytes;
    (void)ctx;
}

static void nothing_paused(bool paused, void *ctx)
{
    (void)paused;
    (void)ctx;
}

static void check_done(const struct llmp_summary *summary, void *ctx)
{
    struct llmp_driver *driver = ctx;
    struct llmp_drive **at = &driver->checks;

    while (*at && llmp_exchange_summary((*at)->exchange) != summary)
        at = &(*at)->next_check;
    if (*at)
        *at = (*at)->next_check;
}

static const struct llmp_client_ops check_ops = {
    .size = sizeof(check_ops),
    .respond = nothing_responded,
    .write = nothing_written,
    .done = check_done,
    .pause = nothing_paused,
};

/* False: nothing is due, or it cannot be done now. */
static bool begin_check(struct llmp_driver *driver)
{
    struct llmp_drive *drive;

    if (llmp_worker_check_ns(driver->worker, now(driver)) >
            now(driver).mono_ns ||
        llmp_drive_open(&drive, driver, &check_ops, driver) < 0)
        return false;
    drive->next_check = driver->checks;
    driver->checks = drive;

    bool begun = llmp_exchange_check(drive->exchange, now(driver)) == LLMP_OK;

    if (begun)
        pump(drive);
    else
        close_drive(drive);
    return begun;
}

static void check_due(struct llmp_timer *timer)
{
    struct llmp_driver *driver =
        (struct llmp_driver *)(void *)((char *)timer -
                                       offsetof(struct llmp_driver,
                                                check_timer));
    uint64_t next_ns;

    while (begin_check(driver))
        ;
    next_ns = llmp_worker_check_ns(driver->worker, now(driver));
    if (next_ns <= now(driver).mono_ns) /* it runs still; or for want of memory
                                         */
        next_ns = now(driver).mono_ns + LLMP_NS_PER_S;
    (void)llmp_driver_timer_set(driver, timer, next_ns);
}

/* ---- reports ------------------------------------------------------------ */

void llmp_transfer_head(struct llmp_transfer *transfer,
                        const struct llmp_response_head *head)
{
    struct llmp_drive *drive = transfer->drive;

    llmp_exchange_call_head(drive->exchange, transfer->id, head,
                            now(drive->driver));
    pump(drive);
}

void llmp_transfer_body(struct llmp_transfer *transfer, struct llmp_str bytes)
{
    struct llmp_drive *drive = transfer->drive;

    llmp_exchange_call_body(drive->exchange, transfer->id, bytes,
                            now(drive->driver));
    pump(drive);
}

void llmp_transfer_end(struct llmp_transfer *transfer)
{
    struct llmp_drive *drive = transfer->drive;

    unlink_transfer(transfer);
    llmp_exchange_call_end(drive->exchange, transfer->id, now(drive->driver));
    pump(drive);
}

void llmp_transfer_fail(struct llmp_transfer *transfer,
                        enum llmp_call_failure failure, bool sent)
{
    struct llmp_drive *drive = transfer->drive;

    unlink_transfer(transfer);
    llmp_exchange_call_fail(drive->exchange, transfer->id, failure, sent,
                            now(drive->driver));
    pump(drive);
}

void llmp_transfer_writable(struct llmp_transfer *transfer)
{
    struct llmp_drive *drive = transfer->drive;

    llmp_exchange_call_writable(drive->exchange, transfer->id,
                                now(drive->driver));
    pump(drive);
}

/* ---- what the loop reports ---------------------------------------------- */

void llmp_driver_ready(struct llmp_driver *driver, void *token, unsigned events)
{
    struct llmp_watch *watch = token;

    driver->time_is_known = false;
    watch->ready(watch, events);
}

void llmp_driver_timer(struct llmp_driver *driver)
{
    struct llmp_timer *timer;

    driver->time_is_known = false;

    uint64_t at = now(driver).mono_ns;

    driver->loop_timer_ns = UINT64_MAX;
    while ((timer = llmp_timers_due(&driver->timers, at)))
        timer->fire(timer);
    sync_loop_timer(driver);
}

/* One at a time, because the first report may end the drive. */
static void report_refused(struct llmp_driver *driver)
{
    while (driver->refused_list) {
        struct llmp_drive *drive = driver->refused_list;
        uint32_t at = drive->refused_count - 1;

        if (!drive->exchange) { /* ended in the meantime */
            driver->refused_list = drive->next_free;
            llmp_free(drive);
            continue;
        }
        llmp_exchange_call_fail(drive->exchange, drive->refused[at].id,
                                drive->refused[at].failure, false, now(driver));
        if (at == 0)
            driver->refused_list = drive->next_free;
        drive->refused_count = at;
        pump(drive);
    }
}

void llmp_driver_turn_end(struct llmp_driver *driver)
{
    driver->turn_end_asked = false;
    driver->time_is_known = false;
    report_refused(driver);
    for (size_t i = 0; i < LLMP_COUNT(driver->transports); i++)
        if (driver->transports[i]->ops->turn_end)
            driver->transports[i]->ops->turn_end(driver->transports[i]);
    driver->time_is_known = false;
}

void llmp_driver_woken(struct llmp_driver *driver)
{
    struct llmp_exchange *x;

    driver->time_is_known = false;
    llmp_pool_collect(driver->pool);
    while ((x = llmp_worker_woken(driver->worker))) {
        llmp_exchange_woken(x, now(driver));
        pump(llmp_exchange_data(x));
    }
}
