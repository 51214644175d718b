/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that works for the store: pumps ledger and writer, keeps the
 * journal's next segment ready, sleeps until woken. Producers write to its
 * descriptor only when it sleeps, so that a busy thread costs them nothing.
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
};

struct llmp_store_thread {
    struct llmp_journal_file *journal; /* NULL: none */
    struct llmp_store_writer *writer;
    struct llmp_ledger *ledger;
    int event; /* -1: not yet */
    atomic_bool awake;
    atomic_bool stop;
    _Atomic uint64_t stop_at_ns; /* monotonic; when stop is set */
    bool started;
    pthread_t thread;
};

/* ---- waking and sleeping
 * ------------------------------------------------------------- */

static void wake(void *ctx)
{
    struct llmp_store_thread *thread = ctx;
    const uint64_t one = 1;
    ssize_t written;

    if (atomic_exchange(&thread->awake, true))
        return;
    do {
        written = write(thread->event, &one, sizeof(one));
    } while (written < 0 && errno == EINTR);
}

/* What was queued before `awake` is cleared is seen by the next pump, what is
 * queued afterwards writes to the descriptor. */
static void sleep_for(struct llmp_store_thread *thread, uint64_t wait_ns)
{
    struct pollfd poll_fd = { .fd = thread->event, .events = POLLIN };
    uint64_t ms = wait_ns / LLMP_NS_PER_MS + 1, count;

    (void)poll(&poll_fd, 1,
               wait_ns == UINT64_MAX ? -1 : (int)(ms < 60000 ? ms : 60000));
    if (poll_fd.revents & POLLIN)
        while (read(thread->event, &count, sizeof(count)) < 0 && errno == EINTR)
            ;
}

/* ---- working
 * ---------------------------------------------------------------------------
 */

/* Whether to look again soon. */
static bool maintain(struct llmp_store_thread *thread, uint64_t wall_ns)
{
    return thread->journal && llmp_journal_file_maintain(
                                  thread->journal, wall_ns, NULL) != LLMP_OK;
}

/* Returns how long there is nothing to do. */
static uint64_t work(struct llmp_store_thread *thread)
{
    const struct llmp_time now = llmp_clock();
    bool again = maintain(thread, now.wall_ns);
    uint64_t wait_ns;

    again |= llmp_ledger_pump(thread->ledger);
    wait_ns = llmp_store_writer_pump(thread->writer, now.mono_ns);
    if (again && wait_ns > LOOK_AGAIN_MS * LLMP_NS_PER_MS)
        wait_ns = LOOK_AGAIN_MS * LLMP_NS_PER_MS;
    return wait_ns;
}

/* When it shall stop: nothing is left, or patience is; else it waits no longer
 * than patience lasts. */
static bool is_done(const struct llmp_store_thread *thread, uint64_t *wait_ns)
{
    uint64_t now_ns, stop_at_ns;

    if (!atomic_load(&thread->stop))
        return false;
    now_ns = llmp_clock().mono_ns;
    stop_at_ns = atomic_load(&thread->stop_at_ns);
    if (*wait_ns == UINT64_MAX || now_ns >= stop_at_ns)
        return true;
    if (*wait_ns > stop_at_ns - now_ns)
        *wait_ns = stop_at_ns - now_ns;
    return false;
}

static void *run(void *ctx)
{
    struct llmp_store_thread *thread = ctx;

    for (;;) {
        atomic_store(&thread->awake, false);

        uint64_t wait_ns = work(thread);

        if (is_done(thread, &wait_ns))
            return NULL;
        if (wait_ns)
            sleep_for(thread, wait_ns);
    }
}

/* ---- starting and stopping
 * --------------------------------------------------------------- */

void llmp_store_thread_options_init_sized(
    struct llmp_store_thread_options *opts, size_t size)
{
    const struct llmp_store_thread_options defaults = { .size = size };

    memcpy(opts, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

/* Signals are the host's: the thread takes none. */
static int start_thread(struct llmp_store_thread *thread,
                        struct llmp_error *err)
{
    sigset_t all, before;
    pthread_attr_t attr;
    int code = pthread_attr_init(&attr);

    LLMP_ENSURE(code == 0, err, LLMP_E_NOMEM, "no memory for a thread");
    (void)sigfillset(&all);
    (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(&thread->thread, &attr, run, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    LLMP_ENSURE(code == 0, err, LLMP_E_IO, "no thread: %s", strerror(code));
    thread->started = true;
    return LLMP_OK;
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
    o.wake_ctx = thread;
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
        llmp_journal_on_switch(journal, wake, thread);
    /* What does not fit follows on the thread. */
    return llmp_ledger_recover(thread->ledger, NULL, NULL) < 0 ? LLMP_E_NOMEM
                                                               : LLMP_OK;
}

static void end_thread(struct llmp_store_thread *thread)
{
    if (thread->started)
        (void)pthread_join(thread->thread, NULL);
    if (thread->journal)
        llmp_journal_on_switch(llmp_journal_file_journal(thread->journal), NULL,
                               NULL);
    llmp_store_writer_free(thread->writer);
    llmp_ledger_free(thread->ledger);
    if (thread->event >= 0)
        (void)close(thread->event);
    llmp_free(thread);
}

static int start(struct llmp_store_thread *thread, struct llmp_store *store,
                 const struct llmp_store_thread_options *o,
                 struct llmp_error *err)
{
    thread->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    LLMP_ENSURE(thread->event >= 0, err, LLMP_E_IO, "no descriptor: %s",
                strerror(errno));
    thread->journal = o->journal;
    LLMP_TRY(make_writer(thread, store, o->writer, err));
    LLMP_TRY(make_ledger(thread, o, err));
    return start_thread(thread, err);
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
    (*out)->event = -1;
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
    wake(thread);
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
