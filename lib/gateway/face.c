/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/face.h"

#include "base/internal.h"

static const struct llmp_face_row rows[LLMP_FACES] = {
    [LLMP_FACE_OPENAI] = { "openai", &llmp_dialect_openai,
                           LLMP_STR("authorization"), LLMP_STR("Bearer ") },
    [LLMP_FACE_AZURE] = { "azure", &llmp_dialect_openai, LLMP_STR("api-key"),
                          LLMP_STR("") },
    [LLMP_FACE_ANTHROPIC] = { "anthropic", &llmp_dialect_anthropic,
                              LLMP_STR("x-api-key"), LLMP_STR("") },
};

const char *const llmp_face_names[] = { "openai", "azure", "anthropic", NULL };

const struct llmp_face_row *llmp_face_row(enum llmp_face face)
{
    return &rows[face];
}

const struct llmp_dialect *llmp_shape_dialect(enum llmp_shape shape)
{
    switch (shape) {
    case LLMP_SHAPE_CHAT:
        return &llmp_dialect_openai;
    case LLMP_SHAPE_MESSAGES:
        return &llmp_dialect_anthropic;
    default:
        return NULL;
    }
}

const struct llmp_dialect *llmp_shape_errors(enum llmp_shape shape)
{
    const struct llmp_dialect *dialect = llmp_shape_dialect(shape);

    if (shape == LLMP_SHAPE_COUNT)
        return &llmp_dialect_anthropic;
    return dialect ? dialect : &llmp_dialect_openai;
}

bool llmp_face_speaks(enum llmp_face face, enum llmp_shape shape)
{
    const struct llmp_dialect *dialect = llmp_shape_dialect(shape);

    if (rows[face].dialect == &llmp_dialect_openai)
        return shape != LLMP_SHAPE_MESSAGES && shape != LLMP_SHAPE_COUNT;
    if (shape == LLMP_SHAPE_COUNT)
        return face == LLMP_FACE_ANTHROPIC;
    return dialect == rows[face].dialect;
}

struct llmp_str llmp_face_path(enum llmp_face face, struct llmp_str model,
                               bool stream, struct llmp_arena *arena)
{
    (void)model;
    (void)stream;
    (void)arena;
    if (rows[face].dialect == &llmp_dialect_anthropic)
        return LLMP_STR("/messages");
    return LLMP_STR("/chat/completions");
}
