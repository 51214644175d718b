/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who else can be asked about a text: what each of them wants to be sent, and
 * what its answers mean. Pure: a host makes the calls.
 *
 *   texts ── llmp_remote_next() ── pieces of one call ── request ── body
 *   answer ── found, of which piece
 */
#ifndef LLMP_GUARD_REMOTE_H
#define LLMP_GUARD_REMOTE_H

#include <llmproxy/guardrail.h>

#include "base/json_tree.h"
#include "base/str.h"

enum {
    LLMP_REMOTE_PIECES_MAX = 64,      /* of one call */
    LLMP_REMOTE_ANSWER_MAX = 1 << 20, /* bytes */
    LLMP_REMOTE_KIND_MAX = 96
};

/* A text, or a picture. */
struct llmp_remote_text {
    enum llmp_guard_part part;
    struct llmp_str text;  /* plain; of a picture: base64, or an address */
    struct llmp_str media; /* of a picture: "image/png" */
    bool is_image, is_url;
};

/* As much of a text as one call has. */
struct llmp_remote_piece {
    const struct llmp_remote_text *of;
    uint32_t index; /* of the text */
    size_t begin;   /* in it */
    struct llmp_str text;
};

/* What the configuration says besides the place. Texts end with NUL. */
struct llmp_remote_settings {
    const struct llmp_remote_api *api;
    struct llmp_str model;     /* as the service calls it; or empty */
    struct llmp_str guardrail; /* Bedrock's id */
    struct llmp_str version;   /* of it, or of the API; or empty */
    struct llmp_str path;      /* instead of the API's own; or empty */
};

/* Something that an answer says: in bytes of the piece. What it points to holds
 * during the call only. */
typedef void llmp_remote_found_fn(void *to, uint32_t piece,
                                  const struct llmp_guard_found *one);

struct llmp_remote_api {
    const char *name;
    uint32_t pieces_max; /* of one call */
    size_t bytes_max;    /* of all of them together */
    bool images;         /* each alone in its call */
    bool image_urls;     /* it fetches them itself */
    bool needs_model, needs_guardrail;
    const char *key_field; /* where it wants its key; NULL: as the provider */
    /* Adds the path behind the base path, with its query. */
    bool (*path)(struct llmp_buf *to, const struct llmp_remote_settings *set);
    bool (*request)(struct llmp_buf *to, const struct llmp_remote_settings *set,
                    const struct llmp_remote_piece *pieces, uint32_t count);
    /* False: that is no answer. */
    bool (*answer)(const struct llmp_json_value *root,
                   const struct llmp_remote_piece *pieces, uint32_t count,
                   llmp_remote_found_fn *found, void *to);
};

/* In the order of llmp_remote_names. */
const struct llmp_remote_api *llmp_remote_api(size_t index);
extern const char *const llmp_remote_names[]; /* ends with NULL */

/* Where the next call begins; {0}: with the first text. */
struct llmp_remote_cursor {
    size_t text, byte;
};

/* Fills the pieces of the next call; 0: all was asked about. What the service
 * does not take (pictures) is passed over. */
uint32_t llmp_remote_next(
    const struct llmp_remote_api *api, const struct llmp_remote_text *texts,
    size_t count, struct llmp_remote_cursor *cursor,
    struct llmp_remote_piece pieces[LLMP_REMOTE_PIECES_MAX]);

/* Whether the service can be asked about it. */
bool llmp_remote_takes(const struct llmp_remote_api *api,
                       const struct llmp_remote_text *text);

/* What a model said; anything else was said to it. */
static inline bool llmp_remote_is_answer(enum llmp_guard_part part)
{
    return part == LLMP_GUARD_OUTPUT || part == LLMP_GUARD_REASONING ||
           part == LLMP_GUARD_TOOL_ARGUMENTS;
}

/* ---- what the services have in common (remote.c) ------------------------- */

/* Says that a piece as a whole is of a kind: "head" and `name` in small
 * letters, what is no letter or digit as '_'. */
void llmp_remote_say(llmp_remote_found_fn *found, void *to,
                     const struct llmp_remote_piece *pieces, uint32_t piece,
                     const char *head, struct llmp_str name,
                     enum llmp_guard_severity severity, uint32_t sure);
/* The same of each place where `match` (JSON text) stands in a piece; of the
 * pieces as a whole where it stands in none. */
void llmp_remote_say_match(llmp_remote_found_fn *found, void *to,
                           const struct llmp_remote_piece *pieces,
                           uint32_t count, const char *head,
                           struct llmp_str name,
                           enum llmp_guard_severity severity,
                           const struct llmp_json_value *match);

/* "data:image/png;base64,…", or the address. */
bool llmp_remote_put_url(struct llmp_buf *to,
                         const struct llmp_remote_text *image);

extern const struct llmp_remote_api llmp_remote_openai_moderation;
extern const struct llmp_remote_api llmp_remote_azure_prompt_shields;
extern const struct llmp_remote_api llmp_remote_azure_text;
extern const struct llmp_remote_api llmp_remote_azure_image;
extern const struct llmp_remote_api llmp_remote_bedrock_guardrail;
extern const struct llmp_remote_api llmp_remote_llama_guard;
extern const struct llmp_remote_api llmp_remote_webhook;

#endif
