/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host names to addresses by getaddrinfo() on the pool, kept for a short time
 * because getaddrinfo() tells no lifetime. Literal addresses resolve at once.
 */
#ifndef LLMP_RUNTIME_RESOLVE_H
#define LLMP_RUNTIME_RESOLVE_H

#include <sys/socket.h>

#include "runtime/transport.h"

enum { LLMP_ADDRESSES_MAX = 8 };

struct llmp_address {
    struct sockaddr_storage address;
    socklen_t size;
};

struct llmp_addresses {
    uint64_t until_ns; /* when they have to be asked for again */
    uint32_t count;    /* 0: none known */
    struct llmp_address at[LLMP_ADDRESSES_MAX];
};

/* Parses a literal IPv4 or IPv6 address. Returns false if it is a name. */
bool llmp_address_literal(struct llmp_addresses *out, const char *host,
                          uint16_t port);

/* One question. `done` reads `found`; it owns the question again. */
struct llmp_question {
    struct llmp_job job;
    char host[256];
    uint16_t port;
    struct llmp_addresses found;
    void (*done)(struct llmp_question *question);
};

int llmp_question_ask(struct llmp_question *question,
                      struct llmp_driver *driver);

#endif
