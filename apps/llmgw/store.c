/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "random.h"

/* A process that takes over from one that still drains finds its journal in
 * use, and takes the next; whoever opens a folder books what was left in it. */
enum { JOURNALS = 4, PATIENCE_MS = 10000, PATH_SIZE = 4096 };

/* Mapped files are resident memory: small ones, and more when the store lags.
 */
enum { SEGMENT_SIZE = 1 << 20, SEGMENTS_MAX = 128 };

struct gw_store {
    struct llmp_gateway *gateway;
    struct llmp_journal_file *journal;
    struct llmp_store_thread *thread;
};

static int open_journal(struct gw_store *store,
                        const struct llmp_store_config *conf,
                        struct llmp_error *err)
{
    struct llmp_journal_file_options options;
    int status = LLMP_E_STATE;

    for (int n = 0; n < JOURNALS && status == LLMP_E_STATE; n++) {
        char folder[PATH_SIZE];
        int len = n == 0 ? snprintf(folder, sizeof(folder), "%s", conf->journal)
                         : snprintf(folder, sizeof(folder), "%s.%d",
                                    conf->journal, n + 1);

        if (len < 0 || (size_t)len >= sizeof(folder)) {
            *err = (struct llmp_error){ .status = LLMP_E_LIMIT };
            (void)snprintf(err->message, sizeof(err->message),
                           "the journal's path is too long");
            return LLMP_E_LIMIT;
        }
        llmp_journal_file_options_init(&options);
        options.folder = folder;
        options.segment_size = SEGMENT_SIZE;
        options.segments_max = SEGMENTS_MAX;
        options.random = (struct llmp_random){ .fill = gw_random_fill };
        status = llmp_journal_file_open(&store->journal, &options,
                                        llmp_clock().wall_ns, err);
    }
    return status;
}

static int start_thread(struct gw_store *store,
                        const struct llmp_store_config *conf,
                        struct llmp_error *err)
{
    struct llmp_store_sqlite_options sqlite;
    struct llmp_store_thread_options options;
    struct llmp_ledger_options ledger;
    struct llmp_store *opened;
    int status;

    llmp_store_sqlite_options_init(&sqlite);
    sqlite.path = conf->path;
    status = llmp_store_open_sqlite(&opened, &sqlite, err);
    if (status != LLMP_OK)
        return status;
    llmp_ledger_options_init(&ledger);
    ledger.on_store_failure =
        conf->refuse ? LLMP_STORE_REFUSE : LLMP_STORE_SERVE;
    llmp_store_thread_options_init(&options);
    options.journal = store->journal;
    options.ledger = &ledger;
    return llmp_store_thread_start(&store->thread, opened, &options, err);
}

/* ---- what is in it ------------------------------------------------------ */

/* The main thread waits for the store's. */
struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool over;
    int status;
};

static void over(int status, void *ctx)
{
    struct waiting *w = ctx;

    (void)pthread_mutex_lock(&w->lock);
    w->over = true;
    w->status = status;
    (void)pthread_cond_signal(&w->done);
    (void)pthread_mutex_unlock(&w->lock);
}

static void begin_waiting(struct waiting *w)
{
    w->over = false;
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->done, NULL);
}

static int end_waiting(struct waiting *w, int status)
{
    if (status == LLMP_OK) {
        (void)pthread_mutex_lock(&w->lock);
        while (!w->over)
            (void)pthread_cond_wait(&w->done, &w->lock);
        (void)pthread_mutex_unlock(&w->lock);
        status = w->status;
    }
    (void)pthread_cond_destroy(&w->done);
    (void)pthread_mutex_destroy(&w->lock);
    return status;
}

/* Keys and owners first: they have limits, too. */
static int load(struct gw_store *store, struct llmp_error *err)
{
    struct waiting w;
    int status;

    begin_waiting(&w);
    llmp_gateway_set_store(store->gateway, gw_store_writer(store), over, &w);
    status = end_waiting(&w, LLMP_OK);
    if (status >= 0) {
        begin_waiting(&w);
        status = end_waiting(&w, llmp_gateway_restore_limits(
                                     store->gateway, gw_store_writer(store),
                                     llmp_clock(), over, &w));
    }
    if (status < 0) {
        *err = (struct llmp_error){ .status = status };
        (void)snprintf(err->message, sizeof(err->message),
                       "the store does not say what keys there are and what "
                       "budgets have used: %s",
                       llmp_status_text(status));
    }
    return status < 0 ? status : LLMP_OK;
}

void gw_store_restore(struct gw_store *store)
{
    int status = LLMP_OK;

    if (store)
        status = llmp_gateway_restore_limits(
            store->gateway, gw_store_writer(store), llmp_clock(), NULL, NULL);
    (void)status; /* new budgets begin at nothing, then */
}

/* ---- open and close ------------------------------------------------------ */

int gw_store_open(struct gw_store **out, struct llmp_gateway *gateway,
                  struct llmp_error *err)
{
    struct llmp_config *config = llmp_gateway_config(gateway);
    const struct llmp_store_config *conf = llmp_config_store(config);
    struct gw_store *store = conf->path ? gw_alloc(sizeof(*store)) : NULL;
    int status = LLMP_OK;

    if (conf->path && !store) {
        *err = (struct llmp_error){ .status = LLMP_E_NOMEM };
        (void)snprintf(err->message, sizeof(err->message), "out of memory");
        status = LLMP_E_NOMEM;
    } else if (store) {
        store->gateway = gateway;
        status = open_journal(store, conf, err);
        if (status == LLMP_OK)
            status = start_thread(store, conf, err);
        if (status == LLMP_OK)
            status = load(store, err);
        if (status == LLMP_OK)
            llmp_gateway_set_ledger(gateway,
                                    llmp_store_thread_ledger(store->thread));
    }
    llmp_config_unref(config);
    if (status != LLMP_OK)
        gw_store_close(store);
    else
        *out = store;
    return status;
}

struct llmp_store_writer *gw_store_writer(struct gw_store *store)
{
    return store ? llmp_store_thread_writer(store->thread) : NULL;
}

void gw_store_close(struct gw_store *store)
{
    if (!store)
        return;
    llmp_gateway_set_ledger(store->gateway, NULL);
    llmp_gateway_leave_store(store->gateway, llmp_clock());
    llmp_store_thread_stop(store->thread, PATIENCE_MS);
    llmp_gateway_set_store(store->gateway, NULL, NULL, NULL);
    llmp_journal_file_close(store->journal);
    gw_free(store);
}
