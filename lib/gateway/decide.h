/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request's content and caller say about who may answer it, and about
 * who waits before whom: rules. Pure functions: an exchange and an explanation
 * ask the same ones.
 */
#ifndef LLMP_GATEWAY_DECIDE_H
#define LLMP_GATEWAY_DECIDE_H

#include "gateway/config.h"

/* What is known of a request when a deployment is chosen. */
struct llmp_asked {
    const struct llmp_str *fields; /* values, as llmp_config.rule_fields names
                                      them; may be NULL if there are none */
    struct llmp_str tags;          /* of x-llmproxy-tags */
    struct llmp_str key, team;
    uint64_t input_tokens; /* as estimated */
};

/* Whether all that is demanded is so. */
bool llmp_when_holds(const struct llmp_when *when,
                     const struct llmp_asked *asked);

/* Of who waits: an enum llmp_priority. */
uint32_t llmp_priority_find(const struct llmp_queue_config *queue,
                            const struct llmp_asked *asked);

/* The index of the first of the model's rules that holds; SIZE_MAX: none
 * does, and all deployments are allowed. */
size_t llmp_rule_find(const struct llmp_model *model,
                      const struct llmp_asked *asked);

/* Adds the values that rules ask for to `fields`, which has a place for each
 * and is empty; of several lines of one name the first counts. */
void llmp_rule_fields_read(struct llmp_str *fields,
                           const struct llmp_config *config,
                           const struct llmp_header *headers, size_t count);

#endif
