/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A face: one provider's API. It knows its paths, keys and errors, reads a
 * request into worker->ask, and writes what sim_plan_make() planned. OpenAI's
 * face is answer.c with an endpoint a file; its usual requests are picked from
 * and not read whole, because benchmarks live on them.
 */
#ifndef LLMSIM_FACE_H
#define LLMSIM_FACE_H

#include "answer.h"
#include "plan.h"
#include "rules.h"

struct sim_face {
    const char *id_field; /* of the response, with the request's id */
    bool (*owns)(struct sim_conn *conn, struct llmp_str path);
    /* Whether the caller may ask; says the error if not. */
    bool (*allows)(struct sim_conn *conn);
    void (*answer)(struct sim_conn *conn, struct llmp_str path);
    /* `status` 200: what providers should not do. `code` may be NULL; one of
     * the SIM_CODE_… otherwise, or what the face itself gave. */
    void (*error)(struct sim_conn *conn, unsigned status, const char *code,
                  const char *message);
    bool any_case; /* of members, see sim_rules_hold() */
    void (*problem)(struct sim_conn *conn, const struct sim_problem *problem);
};

#define SIM_CODE_CONTEXT "context_length_exceeded"
#define SIM_CODE_FILTER  "content_filter"

extern const struct sim_face sim_openai, sim_anthropic, sim_gemini, sim_bedrock,
    sim_azure, sim_gigachat, sim_oauth;

/* The face that a path belongs to; OpenAI's if none. */
const struct sim_face *sim_face_of(struct sim_conn *conn, struct llmp_str path);

bool sim_method_is(const struct sim_conn *conn, const char *method);
struct llmp_str sim_field(const struct sim_conn *conn, const char *name);
/* What is behind '?'. */
struct llmp_str sim_query(const struct sim_conn *conn);
/* The text behind `head`, or an empty one. */
struct llmp_str sim_behind(struct llmp_str text, const char *head);

/* Whether a key or token opens the door: any does when no key was set. */
bool sim_key_opens(const struct sim_conn *conn, struct llmp_str key);
struct llmp_str sim_bearer(const struct sim_conn *conn);

/*
 * Numbers the request, reads its body and the behaviour, and compares the body
 * with the rules. NULL: an error was said.
 *
 * @param model  decoded; `ptr` NULL: the body says
 * @param rules  NULL: any members will do
 */
struct sim_node *sim_face_read(struct sim_conn *conn, struct llmp_str model,
                               const struct sim_rule *rules);
/* The same for requests without a JSON body. */
bool sim_face_read_head(struct sim_conn *conn);

/* False if the behaviour wants something else than an answer: it is done. */
bool sim_face_goes_on(struct sim_conn *conn);

/* Says worker->body with the answer in it. */
void sim_face_say(struct sim_conn *conn);

#endif
