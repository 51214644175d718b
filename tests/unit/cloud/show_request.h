/* SPDX-License-Identifier: Apache-2.0 */
/* A request as text, for comparing. */
#ifndef SHOW_REQUEST_H
#define SHOW_REQUEST_H

#include <stdio.h>

#include "cloud/request.h"

static inline void show_request(char *out, size_t size,
                                const struct llmp_cloud_request *request)
{
    size_t len = (size_t)snprintf(out, size, "%.*s %.*s\n",
                                  (int)request->method.len, request->method.ptr,
                                  (int)request->url.len, request->url.ptr);

    for (size_t i = 0; i < request->header_count; i++)
        len += (size_t)snprintf(
            out + len, size - len, "%.*s: %.*s\n",
            (int)request->headers[i].name.len, request->headers[i].name.ptr,
            (int)request->headers[i].value.len, request->headers[i].value.ptr);
    (void)snprintf(out + len, size - len, "\n%.*s", (int)request->body.len,
                   request->body.ptr ? request->body.ptr : "");
}

#endif
