/* SPDX-License-Identifier: Apache-2.0 */
/* Which endpoint answers a request, and what they share. */
#ifndef LLMSIM_ANSWER_H
#define LLMSIM_ANSWER_H

#include "conn.h"

struct sim_endpoint;

/* conn->request is whole: has it answered. */
void sim_answer(struct sim_conn *conn);

/* It is not HTTP, or too large. */
void sim_answer_bad(struct sim_conn *conn, const char *why);

/* An error in the shape of conn->reply.face. `code` NULL: none. */
void sim_answer_error(struct sim_conn *conn, unsigned status, const char *code,
                      const char *message);

/* What providers should not do: status 200 with an error in it. */
void sim_answer_error_200(struct sim_conn *conn);

/* The steps of an answer that all faces share. First: its number, on which all
 * that looks random depends. */
void sim_answer_number(struct sim_conn *conn);
/* What reply.model and then the header say; false: an error was said. */
bool sim_answer_behaviour(struct sim_conn *conn);
/* Sets the pace; false if it was to be no answer: that is done then. */
bool sim_answer_goes_on(struct sim_conn *conn);

/* Answers as this endpoint, for a model that the path says; `ptr` NULL: the
 * body does. */
void sim_answer_as(struct sim_conn *conn, const struct sim_endpoint *endpoint,
                   struct llmp_str model);
/* OpenAI's endpoint of that path and method, or NULL; whether the path is
 * known. */
const struct sim_endpoint *sim_endpoint_of(struct sim_conn *conn,
                                           struct llmp_str path, bool *known);

/* The first members that every endpoint with a JSON body reads. */
enum { SIM_MODEL, SIM_STREAM, SIM_OWN };

/* One endpoint: what of the body it reads, and how it answers. The fields are
 * in worker->fields, in the order of `paths`. */
struct sim_endpoint {
    const char *method, *path;
    const char *const *paths; /* NULL: the body is not JSON */
    uint32_t count;
    const char *required; /* one of the paths besides the model, or NULL */
    void (*answer)(struct sim_conn *conn);
};

/* Endpoints, each in its file. */
extern const struct sim_endpoint sim_chat, sim_completions, sim_responses,
    sim_embeddings, sim_moderations, sim_rerank, sim_images, sim_transcriptions,
    sim_speech, sim_models;
void sim_model_answer(struct sim_conn *conn, struct llmp_str id);
void sim_control_answer(struct sim_conn *conn, struct llmp_str path);

/* A field's value as a number, or `fallback`. */
uint64_t sim_field_u64(const struct llmp_json_field *field, uint64_t fallback);
bool sim_field_is_true(const struct llmp_json_field *field);
/* A string's text as it stands in the request; empty for other types. */
struct llmp_str sim_field_text(const struct llmp_json_field *field);

/* The vector of a text, as a JSON array; false if there is no such number of
 * dimensions. */
bool sim_embedding(struct sim_buf *out, uint64_t seed, uint64_t dimensions,
                   struct llmp_str text);

/* At most `limit` tokens; 0: no limit. */
void sim_answer_limit(struct sim_reply *reply, uint64_t limit);

/* In one piece: due when the last token would have been said. */
void sim_answer_wait(struct sim_reply *reply);

/* Calls `each` for a string, or for each element of an array of strings, of
 * numbers (one element) or of such arrays; the number of calls. */
uint64_t sim_each_input(
    const struct llmp_json_field *field, struct llmp_str body,
    void (*each)(struct llmp_str text, uint64_t index, void *ctx), void *ctx);

#endif
