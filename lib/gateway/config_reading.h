/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the steps of one llmp_config_parse() share, and how they complain.
 *
 * Steps: text -> tree (config_yaml) -> draft (config_draft, after the table in
 * config_schema) -> configuration (config_check, config_provider,
 * config_model). A message never quotes a value that came from a reference or
 * belongs to a secret key.
 */
#ifndef LLMP_GATEWAY_CONFIG_READING_H
#define LLMP_GATEWAY_CONFIG_READING_H

#include "gateway/config.h"

struct llmp_node;

struct llmp_reading {
    struct llmp_config_source source; /* name is never NULL */
    struct llmp_str text;
    bool from_env;          /* the text is our own: positions mean nothing */
    struct llmp_error *err; /* or NULL */
    struct llmp_config_memory scratch; /* dies with the reading */
    struct llmp_config *config;        /* what is being filled */
};

/* Records "NAME:LINE:COLUMN: message" for the place where `node` begins; a
 * NULL node is the start of the text. Returns `status`. */
int llmp_reading_fail(struct llmp_reading *reading,
                      const struct llmp_node *node, int status,
                      const char *format, ...) LLMP_PRINTF(4, 5);

/* The same for a byte of the text. */
int llmp_reading_fail_at(struct llmp_reading *reading, size_t byte, int status,
                         const char *format, ...) LLMP_PRINTF(4, 5);

/* Fails when the file of a setting could not be read, as far as the host
 * checks that; `path` may be NULL. */
int llmp_reading_check_file(struct llmp_reading *reading,
                            const struct llmp_node *node, const char *path);

int llmp_reading_nomem(struct llmp_reading *reading);

/* Where the `point`-th code point of the text begins. */
size_t llmp_reading_byte_of(const struct llmp_reading *reading, size_t point);

/* A short printable form of text from outside, for messages. */
struct llmp_shown {
    char text[52];
};
struct llmp_shown llmp_show(struct llmp_str text);

/* Collects candidates for "did you mean …?". */
struct llmp_guess {
    struct llmp_str asked, best;
    size_t distance;
};
struct llmp_guess llmp_guess_begin(struct llmp_str asked);
void llmp_guess_offer(struct llmp_guess *guess, struct llmp_str candidate);

/* "; did you mean 'x'?", or "" when nothing is near. */
struct llmp_hint {
    char text[80];
};
struct llmp_hint llmp_guess_hint(const struct llmp_guess *guess);

#endif
