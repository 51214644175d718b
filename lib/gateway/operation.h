/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The surfaces: which method and path is which operation, and how its body is
 * treated. One table; a new surface is a new line.
 */
#ifndef LLMP_GATEWAY_OPERATION_H
#define LLMP_GATEWAY_OPERATION_H

#include "wire/passing.h"

enum llmp_body_kind {
    LLMP_BODY_NONE,
    LLMP_BODY_JSON, /* held whole, checked, edited */
    LLMP_BODY_OURS, /* held whole, answered by the gateway itself */
    LLMP_BODY_PASS  /* streamed; only the model is looked for, at its front */
};

enum llmp_local {
    LLMP_LOCAL_NO, /* goes to a provider */
    LLMP_LOCAL_MODELS,
    LLMP_LOCAL_MODEL,
    LLMP_LOCAL_CAPABILITIES,
    LLMP_LOCAL_LIVE,
    LLMP_LOCAL_READY,
    LLMP_LOCAL_METRICS,
    LLMP_LOCAL_JWKS,    /* public keys of our own tokens */
    LLMP_LOCAL_TOKENS,  /* issues one */
    LLMP_LOCAL_OBJECT,  /* its path has the id of something at a provider */
    LLMP_LOCAL_OBJECTS, /* a list of those */
    LLMP_LOCAL_ADMIN    /* the listener for administration */
};

/* What an operation has to do with what lies at a provider. */
enum llmp_object_use {
    LLMP_OBJECT_NONE,
    LLMP_OBJECT_FILE_MADE,
    LLMP_OBJECT_BATCH_MADE,
    LLMP_OBJECT_BATCH_SHOWN, /* with the files that it put out */
    LLMP_OBJECT_USED
};

struct llmp_operation {
    struct llmp_str name; /* for logs and metrics */
    struct llmp_str method;
    struct llmp_str path;     /* as clients ask; one '*' stands for anything */
    struct llmp_str upstream; /* behind a provider's base path; empty: the
                                 client's path without "/v1" */
    enum llmp_body_kind body;
    enum llmp_shape shape;
    enum llmp_local local;
    enum llmp_object_use object;
    bool model_required;
    bool usage; /* answers carry token counts */
};

/*
 * Finds the operation. NULL when no path matches; `*allowed` is then NULL,
 * or the method that this path would take.
 */
const struct llmp_operation *llmp_operation_find(struct llmp_str method,
                                                 struct llmp_str path,
                                                 const char **allowed);

/* Whether an operation on a client's listener has this name. */
bool llmp_operation_is_name(struct llmp_str name);

/* Whether answers of the operation of that name carry token counts. */
bool llmp_operation_has_usage(struct llmp_str name);

/* Whether `tail` may stand at the end of a path as it is: letters, digits and
 * a few marks, and no segment that leads elsewhere. */
bool llmp_operation_plain_tail(struct llmp_str tail);

#endif
