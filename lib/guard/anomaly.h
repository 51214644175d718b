/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How unlike its sender's earlier requests a request is: docs/internals/
 * anomaly.md. Streaming statistics of at most so many principals, in memory of
 * a fixed size. No clock, no lock; the same requests give the same scores.
 */
#ifndef LLMP_GUARD_ANOMALY_H
#define LLMP_GUARD_ANOMALY_H

#include <llmproxy/base.h>

enum llmp_anomaly_feature {
    LLMP_ANOMALY_RATE,
    LLMP_ANOMALY_REFUSALS,
    LLMP_ANOMALY_LENGTH,
    LLMP_ANOMALY_ENTROPY,
    LLMP_ANOMALY_REPEATS
};

enum {
    LLMP_ANOMALY_FEATURES = 5,
    LLMP_ANOMALY_LANES = 16,
    LLMP_ANOMALY_SAMPLE = 4096, /* bytes of a text that are looked at */
    LLMP_ANOMALY_WARM = 50,     /* requests before which nothing is said */
    LLMP_ANOMALY_PRINCIPALS_MAX = 1000000
};

/* "rate", "refusals", … */
const char *llmp_anomaly_feature_name(enum llmp_anomaly_feature feature);

/* What is kept of a text. */
struct llmp_anomaly_print {
    uint64_t size; /* of all of it */
    float entropy; /* bits a byte; below 0: it is too short to say */
    uint8_t lanes[LLMP_ANOMALY_LANES]; /* 0: no word fell into it */
};

/* Looks at the end of a text, at most LLMP_ANOMALY_SAMPLE bytes. */
void llmp_anomaly_look(struct llmp_anomaly_print *out, struct llmp_str text);

/* Whether two texts are nearly the same; of few words nobody knows. */
bool llmp_anomaly_alike(const struct llmp_anomaly_print *a,
                        const struct llmp_anomaly_print *b);

struct llmp_anomaly_options {
    uint32_t principals;   /* 1 … LLMP_ANOMALY_PRINCIPALS_MAX */
    uint64_t half_life_ns; /* > 0 */
    uint64_t warm_ns;      /* of a principal's begin nothing is said */
};

/* Opaque; one thread at a time. */
struct llmp_anomaly;

/*
 * @retval LLMP_OK         done
 * @retval LLMP_E_INVALID  an option is out of range
 * @retval LLMP_E_NOMEM    out of memory
 */
int llmp_anomaly_new(struct llmp_anomaly **out,
                     const struct llmp_anomaly_options *opts,
                     struct llmp_error *err);
void llmp_anomaly_free(struct llmp_anomaly *anomaly); /* accepts NULL */

struct llmp_anomaly_request {
    uint64_t principal; /* whose: a hash */
    uint64_t now_ns;    /* monotonic; what goes back stands still */
    bool refused;
    const struct llmp_anomaly_print *print; /* NULL: there was no text */
};

struct llmp_anomaly_verdict {
    bool known;     /* else it is too early to say: all scores are 0 */
    uint32_t score; /* 0 to 100 */
    uint32_t of[LLMP_ANOMALY_FEATURES];
    enum llmp_anomaly_feature strongest;
    bool told; /* somebody was told of this principal lately */
};

/*
 * Notes a request and says how unlike the ones before it is.
 *
 * @param tell  the score from which somebody is to be told; see `told`
 */
void llmp_anomaly_note(struct llmp_anomaly *anomaly,
                       const struct llmp_anomaly_request *request,
                       uint32_t tell, struct llmp_anomaly_verdict *verdict);

/* Of how many principals something is known. */
uint32_t llmp_anomaly_count(const struct llmp_anomaly *anomaly);

#endif
