/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's Responses, as clients speak it: what its files share. */
#ifndef LLMP_WIRE_RESPONSES_H
#define LLMP_WIRE_RESPONSES_H

#include "wire/dialect.h"

int llmp_responses_read_request(struct llmp_chat *chat,
                                const struct llmp_json_value *root,
                                struct llmp_wire *wire);
int llmp_responses_write_event(const struct llmp_event *event, void *writer);

/* Reasoning that its provider sealed has no text: what is sealed goes under
 * this name in `encrypted_content`, and is known by it when it comes back. */
#define LLMP_RESPONSES_SEALED "redacted:"

/* An item of the output: one part of the answer. */
struct llmp_responses_item {
    const struct llmp_part *part; /* a call's arguments may be JSON text in
                                     `text` instead */
    struct llmp_str answer_id;
    uint32_t index; /* of the item in the output */
    bool begun;     /* nothing of it has come yet */
    struct llmp_str logprobs;
};

/* "msg_…", "fc_…", "rs_…" */
void llmp_responses_put_item_id(struct llmp_json_out *out, struct llmp_str key,
                                const struct llmp_responses_item *item);
void llmp_responses_put_item(struct llmp_json_out *out, struct llmp_str key,
                             const struct llmp_responses_item *item);
void llmp_responses_put_content(struct llmp_json_out *out, struct llmp_str key,
                                const struct llmp_responses_item *item);

/* The response: its members up to the output, which is left open, and those
 * behind it. `status` is what it is called there. */
void llmp_responses_begin(struct llmp_json_out *out, struct llmp_str key,
                          struct llmp_str id, struct llmp_str model,
                          uint64_t created_s, struct llmp_str status,
                          enum llmp_stop stop);
void llmp_responses_end(struct llmp_json_out *out,
                        const struct llmp_token_usage *usage);

/* "completed", or "incomplete" when it was cut short. */
struct llmp_str llmp_responses_status(enum llmp_stop stop);

#endif
