/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request asks for, in no face's words. Each face tells it what it
 * reads; the answer is planned from it, and `mirror` shows it as JSON. So
 * requests that mean the same look the same here, whatever API they came by.
 */
#ifndef LLMSIM_ASK_H
#define LLMSIM_ASK_H

#include "tree.h"

enum sim_choice { SIM_CHOOSE_AUTO, SIM_CHOOSE_NONE, SIM_CHOOSE_ANY };
enum sim_format { SIM_FORMAT_TEXT, SIM_FORMAT_JSON, SIM_FORMAT_SCHEMA };

struct sim_ask {
    struct sim_buf system;   /* JSON strings */
    struct sim_buf messages; /* JSON objects; the last one is open */
    struct sim_buf tools;    /* JSON objects */
    struct sim_buf sampling; /* JSON members */
    struct sim_buf names;    /* of tools: each ends with NUL */
    struct sim_buf media;    /* "image:<sha256> document:<sha256>" */
    struct sim_buf bytes;    /* scratch: a decoded payload */
    struct sim_tree inner;   /* JSON that stood in a string */
    const char *role;        /* of the open message; NULL: none is */
    uint32_t tool_count, media_count;
    enum sim_choice choice;
    struct llmp_str chosen; /* with SIM_CHOOSE_ANY: this one; or empty */
    bool one_tool_only;     /* no parallel calls */
    bool has_limit;
    uint64_t limit; /* max tokens */
    enum sim_format format;
    const struct sim_node *schema;
    struct llmp_str stop; /* the first stop sequence */
    bool thinks;          /* reasoning was asked for */
    uint64_t budget;      /* its tokens; 0: not said */
    struct llmp_str effort;
    bool caches; /* a cache of prompts is to be used */
    bool logprobs;
    uint64_t top_logprobs, candidates;
};

void sim_ask_reset(struct sim_ask *ask);
void sim_ask_fini(struct sim_ask *ask);

/* Roles are "user", "assistant", "tool"; parts of one role in a row are one
 * message. */
void sim_ask_system(struct sim_ask *ask, struct llmp_str text);
void sim_ask_text(struct sim_ask *ask, const char *role, struct llmp_str text);
/* `signature` may be empty. */
void sim_ask_thought(struct sim_ask *ask, struct llmp_str text,
                     struct llmp_str signature);
/* `kind` is "image", "audio", "video" or "document"; false if it is not
 * base64. */
bool sim_ask_media(struct sim_ask *ask, const char *role, const char *kind,
                   struct llmp_str type, struct llmp_str base64);
void sim_ask_link(struct sim_ask *ask, const char *role, const char *kind,
                  struct llmp_str url);
/* The call of a tool in an earlier turn: arguments as a value, or as text that
 * should be JSON. `id` may be empty. */
void sim_ask_call(struct sim_ask *ask, struct llmp_str id, struct llmp_str name,
                  const struct sim_node *arguments, struct llmp_str text);
/* What a tool said: parts between begin and end belong to it. */
void sim_ask_result_begin(struct sim_ask *ask, struct llmp_str id,
                          struct llmp_str name, bool failed);
void sim_ask_result_value(struct sim_ask *ask, const struct sim_node *value);
void sim_ask_result_end(struct sim_ask *ask);

/* `schema` may be NULL. */
void sim_ask_tool(struct sim_ask *ask, struct llmp_str name,
                  struct llmp_str description, const struct sim_node *schema);
/* A member of the sampling, under its canonical name; NULL: not given. */
void sim_ask_sampling(struct sim_ask *ask, const char *name,
                      const struct sim_node *value);
void sim_ask_limit(struct sim_ask *ask, const struct sim_node *value);
/* A string or a list of them. */
void sim_ask_stop(struct sim_ask *ask, const struct sim_node *value);
void sim_ask_schema(struct sim_ask *ask, const struct sim_node *schema);

/* Writes all of it as one JSON object. */
void sim_ask_mirror(const struct sim_ask *ask, struct sim_buf *out);

#endif
