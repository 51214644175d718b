/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offload threads: jobs run on them, `done` is called on the owner's thread
 * from llmp_pool_collect(), after the owner was woken.
 */
#ifndef LLMP_RUNTIME_POOL_H
#define LLMP_RUNTIME_POOL_H

#include <llmproxy/base.h>

struct llmp_pool;

struct llmp_job {
    struct llmp_job *next;
    void (*run)(struct llmp_job *job);  /* on a pool thread */
    void (*done)(struct llmp_job *job); /* on the owner's thread */
};

/* Threads start with the first job. `wake` is called from pool threads. */
int llmp_pool_new(struct llmp_pool **out, uint32_t threads,
                  void (*wake)(void *ctx), void *ctx);

/* Waits for running jobs; jobs not begun are dropped through `done`. */
void llmp_pool_free(struct llmp_pool *pool);

/* LLMP_E_IO: no thread could be started; the job was not taken. */
int llmp_pool_run(struct llmp_pool *pool, struct llmp_job *job);

void llmp_pool_collect(struct llmp_pool *pool);

#endif
