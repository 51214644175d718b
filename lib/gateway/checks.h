/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks: which provider is to be asked when, by each of its keys, and
 * what its answers say to the breakers of its deployments. One table for all
 * workers, each of which may take what is due. What asks is stage_check.c.
 */
#ifndef LLMP_GATEWAY_CHECKS_H
#define LLMP_GATEWAY_CHECKS_H

#include <pthread.h>

#include "gateway/config.h"

struct llmp_buf;

enum llmp_check_result {
    LLMP_CHECK_ALIVE,   /* it answers, whatever it says */
    LLMP_CHECK_DEAD,    /* no answer, or one of a server in need */
    LLMP_CHECK_REFUSED, /* it answers that the key is not known */
    LLMP_CHECK_UNSAID   /* the check was not made, or says nothing */
};

struct llmp_check;

struct llmp_checks {
    pthread_mutex_t lock;
    struct {
        struct llmp_check *first; /* providers that are gone stay, unused */
        uint64_t version;         /* of the configuration it is made from */
    } synced;
};

int llmp_checks_init(struct llmp_checks *checks);
void llmp_checks_fini(struct llmp_checks *checks);

/* What is to be asked now. */
struct llmp_check_job {
    struct llmp_check *check;
    const struct llmp_provider *provider; /* of the configuration given */
    size_t credential;
};

/* Takes one that is due, until it is reported; false: none is.
 * @param version  of `config`: with a new one the table is made anew */
bool llmp_checks_take(struct llmp_checks *checks,
                      const struct llmp_config *config, uint64_t version,
                      uint64_t now_ns, uint64_t random,
                      struct llmp_check_job *job);

/* Whether the table is made from this version: else taking makes it anew. */
bool llmp_checks_is_current(struct llmp_checks *checks, uint64_t version);

/* When to look next; a new version may change that. In the past, if what is
 * due is still under way. */
uint64_t llmp_checks_next(struct llmp_checks *checks);

/* What came of it; the router is told where something has changed. */
void llmp_checks_report(struct llmp_checks *checks, struct llmp_router *router,
                        const struct llmp_config *config,
                        const struct llmp_check_job *job,
                        enum llmp_check_result result, uint64_t now_ns,
                        uint64_t random);

void llmp_checks_write_metrics(struct llmp_checks *checks,
                               struct llmp_buf *out);

#endif
