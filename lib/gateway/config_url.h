/* SPDX-License-Identifier: Apache-2.0 */
/* URLs and addresses of the configuration, read strictly. Pure. */
#ifndef LLMP_GATEWAY_CONFIG_URL_H
#define LLMP_GATEWAY_CONFIG_URL_H

#include <llmproxy/base.h>

/* Points into the text it was read from. */
struct llmp_url {
    struct llmp_str scheme;   /* lower case, as written */
    struct llmp_str userinfo; /* empty, or "user:password" */
    struct llmp_str host;     /* IPv6 without brackets */
    struct llmp_str path;     /* without trailing '/'; may be empty */
    bool ipv6;
    uint16_t port; /* 0: not written */
};

/*
 * NULL when `text` is a URL that can be called, else what is wrong with it,
 * to follow its key's name; never quotes it. No query, no fragment.
 * `userinfo` tells whether "user:password@" is accepted.
 */
const char *llmp_url_parse(struct llmp_url *out, struct llmp_str text,
                           bool userinfo);

/* localhost, 127.0.0.0/8, ::1. */
bool llmp_host_is_loopback(struct llmp_str host);

enum llmp_listen_kind {
    LLMP_LISTEN_LOOPBACK,
    LLMP_LISTEN_OPEN,
    LLMP_LISTEN_UNIX
};

/* "127.0.0.1:80", "[::1]:80", "unix:/path". NULL or what is wrong. */
const char *llmp_listen_parse(enum llmp_listen_kind *out, struct llmp_str text);

#endif
