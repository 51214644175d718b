/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every job runs once on another thread and is done once on the
 * owner's; freeing the pool loses none.
 * Method: jobs that note where they ran; a gate that holds a pool's only
 * thread while others queue up. Run under TSan too.
 */
#include "runtime/pool.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"

/* `job` is first: callbacks cast back. */
struct counted {
    struct llmp_job job;
    sem_t *begun, *gate; /* NULL: runs through */
    pthread_t ran_on, done_on;
    int ran, done;
};

static atomic_int running, running_max;

static void run(struct llmp_job *job)
{
    struct counted *c = (struct counted *)job;
    int now = atomic_fetch_add(&running, 1) + 1;
    int max = atomic_load(&running_max);

    while (now > max && !atomic_compare_exchange_weak(&running_max, &max, now))
        ;
    c->ran_on = pthread_self();
    c->ran++;
    if (c->begun)
        (void)sem_post(c->begun);
    if (c->gate)
        (void)sem_wait(c->gate);
    (void)atomic_fetch_sub(&running, 1);
}

static void done(struct llmp_job *job)
{
    struct counted *c = (struct counted *)job;

    c->done_on = pthread_self();
    c->done++;
}

static struct counted counted_job(void)
{
    return (struct counted){ .job = { .run = run, .done = done } };
}

static void wake(void *ctx)
{
    (void)sem_post((sem_t *)ctx);
}

static void jobs_run_elsewhere_and_are_done_here(void **state)
{
    enum { JOBS = 300 };
    struct counted *jobs = calloc(JOBS, sizeof(*jobs));
    struct llmp_pool *pool;
    sem_t woken;
    (void)state;

    assert_int_equal(sem_init(&woken, 0, 0), 0);
    atomic_store(&running_max, 0);
    assert_int_equal(llmp_pool_new(&pool, 3, wake, &woken), LLMP_OK);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = counted_job();
        assert_int_equal(llmp_pool_run(pool, &jobs[i].job), LLMP_OK);
        if (i % 7 == 0)
            llmp_pool_collect(pool);
    }
    for (int i = 0; i < JOBS; i++) { /* one wake a job */
        assert_int_equal(sem_wait(&woken), 0);
        llmp_pool_collect(pool);
    }
    for (int i = 0; i < JOBS; i++) {
        assert_int_equal(jobs[i].ran, 1);
        assert_int_equal(jobs[i].done, 1);
        assert_false(pthread_equal(jobs[i].ran_on, pthread_self()));
        assert_true(pthread_equal(jobs[i].done_on, pthread_self()));
    }
    assert_in_range(atomic_load(&running_max), 1, 3);
    llmp_pool_free(pool);
    (void)sem_destroy(&woken);
    free(jobs);
}

/* A second thread starts only while the first is busy. */
static void a_busy_thread_gets_help(void **state)
{
    struct counted held = counted_job(), other = counted_job();
    struct llmp_pool *pool;
    sem_t woken, begun, gate;
    (void)state;

    assert_int_equal(sem_init(&woken, 0, 0), 0);
    assert_int_equal(sem_init(&begun, 0, 0), 0);
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    held.begun = &begun;
    held.gate = &gate;
    assert_int_equal(llmp_pool_new(&pool, 2, wake, &woken), LLMP_OK);
    assert_int_equal(llmp_pool_run(pool, &held.job), LLMP_OK);
    assert_int_equal(sem_wait(&begun), 0);
    assert_int_equal(llmp_pool_run(pool, &other.job), LLMP_OK);
    assert_int_equal(sem_wait(&woken), 0);
    llmp_pool_collect(pool);
    assert_int_equal(other.done, 1);
    assert_int_equal(held.done, 0);
    (void)sem_post(&gate);
    llmp_pool_free(pool);
    assert_int_equal(held.done, 1);
    (void)sem_destroy(&woken);
    (void)sem_destroy(&begun);
    (void)sem_destroy(&gate);
}

/* Opens the gate when the pool is most likely being freed already: what
 * holds must hold either way. */
static void *open_gate(void *ctx)
{
    const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };

    (void)nanosleep(&pause, NULL);
    (void)sem_post((sem_t *)ctx);
    return NULL;
}

static void freeing_drops_no_job(void **state)
{
    enum { JOBS = 20 };
    struct counted held = counted_job(), jobs[JOBS];
    struct llmp_pool *pool;
    pthread_t opener;
    sem_t woken, begun, gate;
    (void)state;

    assert_int_equal(sem_init(&woken, 0, 0), 0);
    assert_int_equal(sem_init(&begun, 0, 0), 0);
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    held.begun = &begun;
    held.gate = &gate;
    assert_int_equal(llmp_pool_new(&pool, 1, wake, &woken), LLMP_OK);
    assert_int_equal(llmp_pool_run(pool, &held.job), LLMP_OK);
    assert_int_equal(sem_wait(&begun), 0);
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = counted_job();
        assert_int_equal(llmp_pool_run(pool, &jobs[i].job), LLMP_OK);
    }
    assert_int_equal(pthread_create(&opener, NULL, open_gate, &gate), 0);
    llmp_pool_free(pool);
    assert_int_equal(pthread_join(opener, NULL), 0);
    assert_int_equal(held.ran + held.done, 2);
    for (int i = 0; i < JOBS; i++) {
        assert_true(jobs[i].ran <= 1);
        assert_int_equal(jobs[i].done, 1);
        assert_true(pthread_equal(jobs[i].done_on, pthread_self()));
    }
    (void)sem_destroy(&woken);
    (void)sem_destroy(&begun);
    (void)sem_destroy(&gate);
}

/* A job that is done may be given again from its own done(). */
static struct llmp_pool *again_pool;

static void done_again(struct llmp_job *job)
{
    struct counted *c = (struct counted *)job;

    if (++c->done < 50)
        assert_int_equal(llmp_pool_run(again_pool, job), LLMP_OK);
}

static void a_job_may_come_again(void **state)
{
    struct counted c = counted_job();
    sem_t woken;
    (void)state;

    c.job.done = done_again;
    assert_int_equal(sem_init(&woken, 0, 0), 0);
    assert_int_equal(llmp_pool_new(&again_pool, 2, wake, &woken), LLMP_OK);
    assert_int_equal(llmp_pool_run(again_pool, &c.job), LLMP_OK);
    while (c.done < 50) {
        assert_int_equal(sem_wait(&woken), 0);
        llmp_pool_collect(again_pool);
    }
    llmp_pool_free(again_pool);
    assert_int_equal(c.ran, 50);
    (void)sem_destroy(&woken);
}

static void an_unused_pool_has_no_thread_to_wait_for(void **state)
{
    struct llmp_pool *pool;
    sem_t woken;
    (void)state;

    assert_int_equal(sem_init(&woken, 0, 0), 0);
    assert_int_equal(llmp_pool_new(&pool, 4, wake, &woken), LLMP_OK);
    llmp_pool_collect(pool);
    llmp_pool_free(pool);
    llmp_pool_free(NULL);
    (void)sem_destroy(&woken);
}

static void without_memory_there_is_no_pool(void **state)
{
    struct llmp_pool *pool = NULL;
    sem_t woken;
    (void)state;

    assert_int_equal(sem_init(&woken, 0, 0), 0);
    faulty_heap_arm(0);
    assert_int_equal(llmp_pool_new(&pool, 1, wake, &woken), LLMP_E_NOMEM);
    assert_null(pool);
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_arm(1); /* that is all it asks for */
    assert_int_equal(llmp_pool_new(&pool, 1, wake, &woken), LLMP_OK);
    llmp_pool_free(pool);
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
    (void)sem_destroy(&woken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_elsewhere_and_are_done_here),
        cmocka_unit_test(a_busy_thread_gets_help),
        cmocka_unit_test(freeing_drops_no_job),
        cmocka_unit_test(a_job_may_come_again),
        cmocka_unit_test(an_unused_pool_has_no_thread_to_wait_for),
        cmocka_unit_test(without_memory_there_is_no_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
