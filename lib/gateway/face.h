/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provider's face: which dialect it speaks, where its paths are, and in
 * which field it wants its key. One row a face; what differs in the bodies is
 * the dialect's (lib/wire).
 */
#ifndef LLMP_GATEWAY_FACE_H
#define LLMP_GATEWAY_FACE_H

#include "base/alloc.h"
#include "wire/dialect.h"
#include "wire/passing.h"

enum llmp_face {
    LLMP_FACE_OPENAI, /* and all that are compatible with it */
    LLMP_FACE_AZURE,
    LLMP_FACE_ANTHROPIC,
    LLMP_FACES
};

struct llmp_face_row {
    const char *name;
    const struct llmp_dialect *dialect;
    struct llmp_str key_field, key_prefix;
};

const struct llmp_face_row *llmp_face_row(enum llmp_face face);

/* In the order of the enum, then NULL: for the schema. */
extern const char *const llmp_face_names[];

/* The dialect that a client of this shape speaks; NULL: of none that could be
 * translated. */
const struct llmp_dialect *llmp_shape_dialect(enum llmp_shape shape);

/* The dialect in which such a client is told of errors. */
const struct llmp_dialect *llmp_shape_errors(enum llmp_shape shape);

/* Whether a provider with this face answers requests of this shape as they
 * are. */
bool llmp_face_speaks(enum llmp_face face, enum llmp_shape shape);

/* What follows the provider's base path when `model` is asked in its own
 * dialect, with the query. Empty: no memory. */
struct llmp_str llmp_face_path(enum llmp_face face, struct llmp_str model,
                               bool stream, struct llmp_arena *arena);

#endif
