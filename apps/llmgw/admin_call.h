/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request of administration from the command line: to a server that runs,
 * or by the library on the store's file.
 */
#ifndef LLMGW_ADMIN_CALL_H
#define LLMGW_ADMIN_CALL_H

#include <llmproxy/base.h>

struct gw_admin_call {
    const char *config_path; /* or NULL */
    const char *url;         /* "http://host:port", "unix:/path"; or NULL */
    const char *key;         /* for `url`; or NULL */
    const char *method;
    const char *target;
    struct llmp_str body;

    /* Out. */
    unsigned status;
    char *answer; /* to be given to gw_free() */
    size_t answer_len;
};

/* False after telling on stderr why there is no answer. */
bool gw_admin_call(struct gw_admin_call *call);

#endif
