/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chat in OpenAI's form. chat.c answers the usual requests from a few picked
 * members; these answer all that needs more: what others speak this form for,
 * payloads, schemas, log probabilities, and the behaviours that plan.
 */
#ifndef LLMSIM_CHAT_H
#define LLMSIM_CHAT_H

#include "face.h"

/* Everything of an answer or a chunk up to its choices, in reply->prefix. */
void sim_chat_prefix(struct sim_reply *reply, bool stream);

/* Tells worker->ask; false: an error was said. */
bool sim_chat_read(struct sim_conn *conn, const struct sim_node *root);
/* One message's content: a string or a list of parts. */
bool sim_chat_content(struct sim_conn *conn, const char *role,
                      const struct sim_node *content);

/* Answers from worker->ask, on Azure's face with its filters' results. */
void sim_chat_say(struct sim_conn *conn, const struct sim_node *root);

/* What Azure's filters say of a text; `hit`: one of them objects. */
void sim_azure_filters(struct sim_buf *out, bool hit);

#endif
