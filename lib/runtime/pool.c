/* SPDX-License-Identifier: Apache-2.0 */
/* Two queues under one lock: jobs to do, jobs done. Nothing is called while
 * the lock is held. */
#include "runtime/pool.h"

#include <pthread.h>
#include <signal.h>

#include "base/alloc.h"
#include "base/internal.h"

enum { THREADS_MAX = 16 };

struct queue {
    struct llmp_job *first, **end;
};

struct llmp_pool {
    void (*wake)(void *ctx);
    void *ctx;
    uint32_t threads_max, threads;
    pthread_t thread[THREADS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct {
        struct queue todo, done;
        bool stop;
        uint32_t idle;
    } synced;
};

static void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
}

static void queue_put(struct queue *queue, struct llmp_job *job)
{
    job->next = NULL;
    *queue->end = job;
    queue->end = &job->next;
}

static struct llmp_job *queue_take(struct queue *queue)
{
    struct llmp_job *job = queue->first;

    if (job && !(queue->first = job->next))
        queue->end = &queue->first;
    return job;
}

int llmp_pool_new(struct llmp_pool **out, uint32_t threads,
                  void (*wake)(void *ctx), void *ctx)
{
    struct llmp_pool *pool = llmp_alloc(sizeof(*pool));

    if (!pool)
        return LLMP_E_NOMEM;
    pool->wake = wake;
    pool->ctx = ctx;
    pool->threads_max = threads < THREADS_MAX ? threads : THREADS_MAX;
    if (pthread_mutex_init(&pool->lock, NULL) != 0) {
        llmp_free(pool);
        return LLMP_E_NOMEM;
    }
    if (pthread_cond_init(&pool->more, NULL) != 0) {
        (void)pthread_mutex_destroy(&pool->lock);
        llmp_free(pool);
        return LLMP_E_NOMEM;
    }
    queue_init(&pool->synced.todo);
    queue_init(&pool->synced.done);
    *out = pool;
    return LLMP_OK;
}

static struct llmp_job *wait_for_job(struct llmp_pool *pool)
{
    struct llmp_job *job = NULL;

    (void)pthread_mutex_lock(&pool->lock);
    pool->synced.idle++;
    while (!pool->synced.stop && !(job = queue_take(&pool->synced.todo)))
        (void)pthread_cond_wait(&pool->more, &pool->lock);
    pool->synced.idle--;
    (void)pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *ctx)
{
    struct llmp_pool *pool = ctx;
    struct llmp_job *job;

    while ((job = wait_for_job(pool))) {
        job->run(job);
        (void)pthread_mutex_lock(&pool->lock);
        queue_put(&pool->synced.done, job);
        (void)pthread_mutex_unlock(&pool->lock);
        pool->wake(pool->ctx);
    }
    return NULL;
}

/* Signals are the host's: a pool thread takes none. */
static bool start_thread(struct llmp_pool *pool)
{
    sigset_t all, before;
    pthread_attr_t attr;

    (void)sigfillset(&all);
    if (pthread_attr_init(&attr) != 0)
        return false;
    (void)pthread_attr_setstacksize(&attr, 256 * 1024);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&pool->thread[pool->threads], &attr, work, pool);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attr);
    if (rc == 0)
        pool->threads++;
    return rc == 0;
}

int llmp_pool_run(struct llmp_pool *pool, struct llmp_job *job)
{
    (void)pthread_mutex_lock(&pool->lock);
    bool busy = pool->synced.idle == 0 || pool->synced.todo.first;
    (void)pthread_mutex_unlock(&pool->lock);

    if (busy && pool->threads < pool->threads_max)
        (void)start_thread(pool);
    if (pool->threads == 0)
        return LLMP_E_IO;
    (void)pthread_mutex_lock(&pool->lock);
    queue_put(&pool->synced.todo, job);
    (void)pthread_mutex_unlock(&pool->lock);
    (void)pthread_cond_signal(&pool->more);
    return LLMP_OK;
}

void llmp_pool_collect(struct llmp_pool *pool)
{
    for (;;) {
        (void)pthread_mutex_lock(&pool->lock);
        struct llmp_job *job = queue_take(&pool->synced.done);
        (void)pthread_mutex_unlock(&pool->lock);

        if (!job)
            return;
        job->done(job);
    }
}

void llmp_pool_free(struct llmp_pool *pool)
{
    struct llmp_job *job;

    if (!pool)
        return;
    (void)pthread_mutex_lock(&pool->lock);
    pool->synced.stop = true;
    (void)pthread_mutex_unlock(&pool->lock);
    (void)pthread_cond_broadcast(&pool->more);
    for (uint32_t i = 0; i < pool->threads; i++)
        (void)pthread_join(pool->thread[i], NULL);
    llmp_pool_collect(pool);
    while ((job = queue_take(&pool->synced.todo)))
        job->done(job);
    (void)pthread_cond_destroy(&pool->more);
    (void)pthread_mutex_destroy(&pool->lock);
    llmp_free(pool);
}
