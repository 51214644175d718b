/* SPDX-License-Identifier: Apache-2.0 */
/* Anthropic's Messages: what its files share. */
#ifndef LLMP_WIRE_ANTHROPIC_H
#define LLMP_WIRE_ANTHROPIC_H

#include "wire/dialect.h"

int llmp_anthropic_read_request(struct llmp_chat *chat,
                                const struct llmp_json_value *root,
                                struct llmp_wire *wire);
int llmp_anthropic_write_request(struct llmp_buf *out,
                                 const struct llmp_chat *chat,
                                 struct llmp_wire *wire);
int llmp_anthropic_read_event(struct llmp_wire_reader *reader,
                              struct llmp_str name,
                              const struct llmp_json_value *data,
                              const struct llmp_event_sink *sink);
int llmp_anthropic_read_end(struct llmp_wire_reader *reader,
                            const struct llmp_event_sink *sink);
int llmp_anthropic_write_event(const struct llmp_event *event, void *writer);
void llmp_anthropic_read_error(struct llmp_provider_error *error,
                               uint16_t status,
                               const struct llmp_json_value *root);

enum llmp_stop llmp_anthropic_stop_of(const struct llmp_json_value *reason);
struct llmp_str llmp_anthropic_stop_name(enum llmp_stop stop);

/* Members that are there replace what `usage` has: a stream's come in two
 * events. */
void llmp_anthropic_take_usage(struct llmp_token_usage *usage,
                               const struct llmp_json_value *value);
void llmp_anthropic_put_usage(struct llmp_json_out *out, struct llmp_str key,
                              const struct llmp_token_usage *usage);

/* A block of an answer; false: it is of a kind that has no part. */
bool llmp_anthropic_take_block(struct llmp_part *part,
                               const struct llmp_json_value *block);

#endif
