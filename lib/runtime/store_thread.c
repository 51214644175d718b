/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads that work for the store. The *writer's* pumps ledger and writer
 * and blocks as long as the store does. The *keeper* has the journal's next
 * segment ready, which must not wait for a slow store: so it is another one.
 * Both sleep until woken; wakers write to a descriptor only when its thread
 * sleeps, so that a busy thread costs them nothing.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <llmproxy/journal.h>
#include <llmproxy/runtime.h>
#include <llmproxy/store.h>

#include "base/alloc.h"
#include "base/internal.h"

enum {
    STACK_SIZE = 256 * 1024,
    /* How soon to look again for what waits in the journal, or for a segment
     * while every one is full. */
    LOOK_AGAIN_MS = 50,
    /* After something came, for more to come: a commit costs its sync whether
     * it has one row or hundreds, and the journal has the rows already. */
    GATHER_MS = 10,
    GATHERED = 512, /* rows that need not wait for more */
};

/* A thread that can be woken. */
struct sleeper {
    int event; /* -1: not yet */
    atomic_bool awake;
    bool started;
    pthread_t thread;
};

struct llmp_store_thread {
    struct llmp_journal_file *journal; /* NULL: none */
    struct llmp_store_writer *writer;
    struct llmp_ledger *ledger;
    struct sleeper pump, keeper;
    atomic_bool stop;            /* the writer's thread */
    atomic_bool stop_keeper;     /* after it */
    _Atomic uint64_t stop_at_ns; /* monotonic; when stop is set */
    /* Held while the journal's segments are looked at or prepared, never while
     * the store is asked. */
    pthread_mutex_t segments_lock;
    bool has_lock;
};

/* ---- waking and sleeping ------------------------------------------------- */

static void wake(void *ctx)
{
    struct sleeper *sleeper = ctx;
    const uint64_t one = 1;
    ssize_t written;

    if (atomic_exchange(&sleeper->awake, true))
        return;
    do {
        written = write(sleeper->event, &one, sizeof(one));
    } while (written < 0 && errno == EINTR);
}

/* Before looking for work: what comes from now on wakes. */
static void may_sleep(struct sleeper *sleeper)
{
    atomic_store(&sleeper->awake, false);
}

static void sleep_for(struct sleeper *sleeper, uint64_t wait_ns)
{
    struct pollfd poll_fd = { .fd = sleeper->event, .events = POLLIN };
    uint64_t ms = wait_ns / LLMP_NS_PER_MS + 1, count;

    (void)poll(&poll_fd, 1,
               wait_ns == UINT64_MAX ? -1 : (int)(ms < 60000 ? ms : 60000));
    if (poll_fd.revents & POLLIN)
        while (read(sleeper->event, &count, sizeof(count)) < 0 &&
               errno == EINTR)
            ;
}

/* ---- working ------------------------------------------------------------- */

/* Returns how long there is nothing to do. */
static uint64_t work(struct llmp_store_thread *thread)
{
    uint64_t wait_ns;

    (void)pthread_mutex_lock(&thread->segments_lock);
    (void)llmp_ledger_pump(thread->ledger);
    (void)pthread_mutex_unlock(&thread->segments_lock);
    wait_ns = llmp_store_writer_pump(thread->writer, llmp_clock().mono_ns);
    /* Asked after there is room again: see leave_in_journal() in ledger.c. */
    if (llmp_ledger_is_behind(thread->ledger) &&
        wait_ns > LOOK_AGAIN_MS * LLMP_NS_PER_MS)
        wait_ns = LOOK_AGAIN_MS * LLMP_NS_PER_MS;
    return wait_ns;
}

/* When it had to stop before it looked for work the last time: nothing is left,
 * or patience is; else it waits no longer than patience lasts. Had it looked
 * before that, something may have come in between. */
static bool is_done(const struct llmp_store_thread *thread, bool stopping,
                    uint64_t *wait_ns)
{
    uint64_t now_ns, stop_at_ns;

    if (!stopping)
        return false;
    now_ns = llmp_clock().mono_ns;
    stop_at_ns = atomic_load(&thread->stop_at_ns);
    if (*wait_ns == UINT64_MAX || now_ns >= stop_at_ns)
        return true;
    if (*wait_ns > stop_at_ns - now_ns)
        *wait_ns = stop_at_ns - now_ns;
    return false;
}

static void gather(const struct llmp_store_thread *thread)
{
    struct llmp_store_health health;

    llmp_store_writer_health(thread->writer, &health);
    if (health.items < GATHERED && !atomic_load(&thread->stop))
        (void)poll(NULL, 0, GATHER_MS);
}

static void *run_pump(void *ctx)
{
    struct llmp_store_thread *thread = ctx;

    for (;;) {
        may_sleep(&thread->pump);

        bool stopping = atomic_load(&thread->stop);
        uint64_t wait_ns = work(thread);

        if (is_done(thread, stopping, &wait_ns))
            return NULL;
        if (wait_ns)
            sleep_for(&thread->pump, wait_ns);
        gather(thread);
    }
}

static void *run_keeper(void *ctx)
{
    struct llmp_store_thread *thread = ctx;

    for (;;) {
        int rc;

        may_sleep(&thread->keeper);
        if (atomic_load(&thread->stop_keeper))
            return NULL;
        (void)pthread_mutex_lock(&thread->segments_lock);
        rc = llmp_journal_file_maintain(thread->journal, llmp_clock().wall_ns,
                                        NULL);
        (void)pthread_mutex_unlock(&thread->segments_lock);
        sleep_for(&thread->keeper,
                  rc == LLMP_OK ? UINT64_MAX : LOOK_AGAIN_MS * LLMP_NS_PER_MS);
    }
}

/* ---- starting and stopping ----------------------------------------------- */

void llmp_store_thread_options_init_sized(
    struct llmp_store_thread_options *opts, size_t size)
{
    const struct llmp_store_thread_options defaults = { .size = size };

    memcpy(opts, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

/* Signals are the host's: the thread takes none. */
static int start_thread(struct sleeper *sleeper, void *(*run)(void *ctx),
                        void *ctx, struct llmp_error *err)
{
    sigset_t all, before;
    pthread_attr_t attr;
    int code = pthread_attr_init(&attr);

    LLMP_ENSURE(code == 0, err, LLMP_E_NOMEM, "no memory for a thread");
    (void)sigfillset(&all);
    (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(&sleeper->thread, &attr, run, ctx);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    LLMP_ENSURE(code == 0, err, LLMP_E_IO, "no thread: %s", strerror(code));
    sleeper->started = true;
    return LLMP_OK;
}

static int open_sleeper(struct sleeper *sleeper, struct llmp_error *err)
{
    sleeper->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    LLMP_ENSURE(sleeper->event >= 0, err, LLMP_E_IO, "no descriptor: %s",
                strerror(errno));
    return LLMP_OK;
}

static void join_sleeper(struct sleeper *sleeper)
{
    if (sleeper->started)
        (void)pthread_join(sleeper->thread, NULL);
}

static void close_sleeper(struct sleeper *sleeper)
{
    if (sleeper->event >= 0)
        (void)close(sleeper->event);
}

static int make_writer(struct llmp_store_thread *thread,
                       struct llmp_store *store,
                       const struct llmp_store_writer_options *opts,
                       struct llmp_error *err)
{
    struct llmp_store_writer_options o;

    llmp_store_writer_options_init(&o);
    if (opts)
        LLMP_TRY(
            llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    o.wake = wake;
    o.wake_ctx = &thread->pump;
    return llmp_store_writer_new(&thread->writer, store, &o, err);
}

static int make_ledger(struct llmp_store_thread *thread,
                       const struct llmp_store_thread_options *o,
                       struct llmp_error *err)
{
    struct llmp_journal *journal =
        o->journal ? llmp_journal_file_journal(o->journal) : NULL;

    LLMP_TRY(llmp_ledger_new(&thread->ledger, journal, thread->writer,
                             o->ledger, err));
    if (journal)
        llmp_journal_on_switch(journal, wake, &thread->keeper);
    /* What does not fit follows on the thread. */
    return llmp_ledger_recover(thread->ledger, NULL, NULL) < 0 ? LLMP_E_NOMEM
                                                               : LLMP_OK;
}

/* The keeper's thread last: the pump may still want a segment. Rows that end
 * with the writer may wake, so the descriptors go at the very end. */
static void end_thread(struct llmp_store_thread *thread)
{
    join_sleeper(&thread->pump);
    atomic_store(&thread->stop_keeper, true);
    if (thread->keeper.started)
        wake(&thread->keeper);
    join_sleeper(&thread->keeper);
    if (thread->journal)
        llmp_journal_on_switch(llmp_journal_file_journal(thread->journal), NULL,
                               NULL);
    llmp_store_writer_free(thread->writer);
    llmp_ledger_free(thread->ledger);
    close_sleeper(&thread->pump);
    close_sleeper(&thread->keeper);
    if (thread->has_lock)
        (void)pthread_mutex_destroy(&thread->segments_lock);
    llmp_free(thread);
}

static int start(struct llmp_store_thread *thread, struct llmp_store *store,
                 const struct llmp_store_thread_options *o,
                 struct llmp_error *err)
{
    LLMP_TRY(open_sleeper(&thread->pump, err));
    LLMP_TRY(open_sleeper(&thread->keeper, err));
    thread->has_lock = pthread_mutex_init(&thread->segments_lock, NULL) == 0;
    LLMP_ENSURE(thread->has_lock, err, LLMP_E_NOMEM, "no memory for a lock");
    thread->journal = o->journal;
    LLMP_TRY(make_writer(thread, store, o->writer, err));
    LLMP_TRY(make_ledger(thread, o, err));
    if (thread->journal)
        LLMP_TRY(start_thread(&thread->keeper, run_keeper, thread, err));
    return start_thread(&thread->pump, run_pump, thread, err);
}

static int new_thread(struct llmp_store_thread **out, struct llmp_store *store,
                      const struct llmp_store_thread_options *opts,
                      struct llmp_store_thread_options *o,
                      struct llmp_error *err)
{
    LLMP_ENSURE(out && store, err, LLMP_E_INVALID,
                "out and store are required");
    llmp_store_thread_options_init(o);
    if (opts)
        LLMP_TRY(llmp_options_read(o, sizeof(*o), sizeof(*o), opts, opts->size,
                                   err));
    *out = llmp_alloc(sizeof(**out));
    LLMP_ENSURE(*out, err, LLMP_E_NOMEM, "no memory for a thread");
    (*out)->pump.event = (*out)->keeper.event = -1;
    return LLMP_OK;
}

/* The store goes with the writer, or, before there is one, by itself. */
int llmp_store_thread_start(struct llmp_store_thread **out,
                            struct llmp_store *store,
                            const struct llmp_store_thread_options *opts,
                            struct llmp_error *err)
{
    struct llmp_store_thread_options o;
    struct llmp_store_thread *thread = NULL;
    int rc = new_thread(out ? &thread : NULL, store, opts, &o, err);

    if (rc == LLMP_OK)
        rc = start(thread, store, &o, err);
    if (rc == LLMP_OK) {
        *out = thread;
        return LLMP_OK;
    }
    if (!thread || !thread->writer)
        llmp_store_close(store);
    if (thread)
        end_thread(thread);
    return rc;
}

void llmp_store_thread_stop(struct llmp_store_thread *thread,
                            uint64_t patience_ms)
{
    if (!thread)
        return;
    atomic_store(&thread->stop_at_ns,
                 llmp_add_sat(llmp_clock().mono_ns,
                              llmp_mul_sat(patience_ms, LLMP_NS_PER_MS)));
    atomic_store(&thread->stop, true);
    wake(&thread->pump);
    end_thread(thread);
}

struct llmp_store_writer *llmp_store_thread_writer(
    struct llmp_store_thread *thread)
{
    return thread->writer;
}

struct llmp_ledger *llmp_store_thread_ledger(struct llmp_store_thread *thread)
{
    return thread->ledger;
}
