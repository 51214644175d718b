/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who would answer a request and why, found by the same functions as for a
 * real one, without an exchange.
 */
#ifndef LLMP_GATEWAY_EXPLAIN_H
#define LLMP_GATEWAY_EXPLAIN_H

#include <llmproxy/gateway.h>

#include "gateway/access.h"
#include "gateway/operation.h"

/* One deployment. */
struct llmp_explained {
    const struct llmp_deployment *deployment;
    struct llmp_str upstream; /* what the provider is asked for */
    struct llmp_route_reason reason;
    struct llmp_route_look look;
    uint64_t price;  /* see llmp_routes_price() */
    bool translated; /* it speaks another dialect */
    bool untold;     /* the request cannot be said in it */
    struct llmp_str lost[LLMP_WIRE_LOST_MAX]; /* what would be left out, or is
                                                 at fault */
    uint32_t lost_count;
};

struct llmp_explanation {
    const struct llmp_config *config;
    const struct llmp_operation *operation;
    struct llmp_str asked;          /* the model's name */
    const struct llmp_model *model; /* NULL: there is none */
    bool stream;
    uint64_t input_tokens, output_tokens; /* UINT64_MAX: not bounded */
    size_t rule;                          /* SIZE_MAX: none holds */
    struct llmp_route_score score;        /* with that strategy */
    struct llmp_regions regions;
    struct llmp_names region_names; /* of them */
    struct llmp_explained *all;     /* as the model has them */
    size_t count;
    size_t chosen; /* SIZE_MAX: none */
    struct {
        uint16_t status; /* 0: it would be answered */
        const char *code;
        struct llmp_str message;
    } refusal;
};

/* explain_write.c; whether there was memory is in `out`. */
void llmp_explain_text(struct llmp_buf *out, const struct llmp_explanation *e);
void llmp_explain_json(struct llmp_buf *out, const struct llmp_explanation *e);

#endif
