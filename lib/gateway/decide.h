/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request's content and caller say about who may answer it: a model's
 * rules. Pure functions: an exchange and an explanation ask the same ones.
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
