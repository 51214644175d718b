/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator: drives exchanges in virtual time from a seed. A script
 * says what client and provider do; the seed decides how bytes are cut into
 * pieces, how long each step takes, and who comes first when two could. The
 * same seed replays the same run.
 */
#ifndef SIM_H
#define SIM_H

#include <llmproxy/gateway.h>

#include "base/str.h"

enum sim_step_kind {
    SIM_HEAD, /* status, type, extra field */
    SIM_BODY, /* bytes, cut at random */
    SIM_END,
    SIM_FAIL, /* failure, sent */
    SIM_HANG  /* nothing more comes */
};

/* What the provider does next, `after_ms` behind the step before. */
struct sim_step {
    uint64_t after_ms;
    enum sim_step_kind kind;
    uint16_t status;
    const char *type;
    const char *field, *value;
    struct llmp_str bytes;
    uint32_t repeat; /* BODY: how often; 0: once */
    enum llmp_call_failure failure;
    bool sent;
};

/* What a provider does with one call. */
struct sim_answer {
    const struct sim_step *steps;
    size_t count;
};

struct sim_script {
    const char *name;
    const char *method, *path, *type;
    struct llmp_str body;
    uint64_t body_size;          /* declared; 0: the body's own size */
    const char *field, *value;   /* one more request field */
    const char *field2, *value2; /* and another one */
    const struct sim_step *provider;
    size_t steps;
    /* What is done with each call, instead of `provider`; NULL: always that.
     * The steps must stay as long as the run. */
    struct sim_answer (*answer)(const struct llmp_call *call,
                                struct llmp_time now, void *ctx);
    void *answer_ctx;
    /* What a token's issuer does with a call to a path below /issuer; NULL:
     * there is none. `steps` comes with the number of such calls before. */
    const struct sim_step *(*issuer)(struct llmp_str path, size_t *steps);
    uint64_t start_ms;       /* of several: when it begins */
    uint64_t stop_ms;        /* when the gateway is shut down; 0: never */
    uint64_t send_ms;        /* between two pieces of the request */
    uint64_t client_rate;    /* bytes it reads a second; 0: at once */
    uint64_t client_gone_ms; /* when it leaves; 0: never */
    bool hedges;             /* two calls may run at a time */
    bool send_anyway;        /* what was read before a pause comes behind it */
    bool call_full;          /* the provider's socket takes one piece a time */
    int fail_allocation;     /* from the n-th on the exchange gets no memory;
                                0: never */
};

/* What came out. Owned by the caller; sim_result_fini(). */
struct sim_result {
    uint16_t status;
    bool close;
    struct llmp_buf head;      /* "name: value\n" … */
    struct llmp_buf body;      /* what the client got */
    struct llmp_buf call_head; /* "POST /path\nname: value\n" … */
    struct llmp_buf call_body; /* what the provider got */
    uint32_t calls, cancels, pauses, resumes;
    uint32_t fetches;  /* of the calls: to issuers */
    uint32_t open_max; /* of several: most calls of all at a time */
    size_t unsent_max; /* most bytes waiting for the client at a time */
    uint64_t ended_ms;
    struct llmp_summary summary; /* texts are not kept */
    char error_code[64];
    char model[64];
    char key[64], user[64];
};

struct sim;

/* `yaml` is the configuration. Fails the test when it does not parse. */
struct sim *sim_new(const char *yaml);
void sim_free(struct sim *sim);

/* Runs the script once; checks the order of asks on the way and fails the
 * test, naming script and seed, when it is broken. */
void sim_run(struct sim *sim, const struct sim_script *script, uint64_t seed,
             struct sim_result *result);
/* The same with several at a time, each on one of two workers. The clock goes
 * on from one such run to the next. */
void sim_run_many(struct sim *sim, const struct sim_script *scripts,
                  size_t count, uint64_t seed, struct sim_result *results);
/* The same, but `killed_ms` from now everything stops where it is, as with
 * kill -9. What had not ended has a summary of size 0.
 *
 * @param meanwhile  called after each step: other threads' work
 */
void sim_run_until_killed(struct sim *sim, const struct sim_script *scripts,
                          size_t count, uint64_t seed,
                          struct sim_result *results, uint64_t killed_ms,
                          void (*meanwhile)(void *ctx), void *ctx);
void sim_result_fini(struct sim_result *result);

/* For looking behind. */
struct llmp_limiter *sim_limiter(const struct sim *sim);
struct llmp_gateway *sim_gateway(const struct sim *sim);
struct llmp_time sim_now(const struct sim *sim); /* of sim_run_many() */
void sim_sleep(struct sim *sim, uint64_t ms);
void sim_reload(struct sim *sim, const char *yaml);

/* A cmocka teardown: if the test ended within a run, says how to replay it. */
int sim_name_seed(void **state);

/* How many seeds to try: LLMP_SIM_SEEDS, default 200. The first is
 * LLMP_SIM_SEED, default 1; when it is given, it is the only one by default. */
uint64_t sim_seed_count(void);
uint64_t sim_seed_first(void);

#endif
