/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/internal.h"

bool llmp_address_literal(struct llmp_addresses *out, const char *host,
                          uint16_t port)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                               .sin6_port = htons(port) };
    struct llmp_address *address = &out->at[0];

    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(&address->address, &v4, sizeof(v4));
        address->size = sizeof(v4);
    } else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        memcpy(&address->address, &v6, sizeof(v6));
        address->size = sizeof(v6);
    } else {
        return false;
    }
    out->count = 1;
    out->until_ns = UINT64_MAX;
    return true;
}

static void look_up(struct llmp_job *job)
{
    struct llmp_question *question = (struct llmp_question *)job;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_ADDRCONFIG };
    struct addrinfo *list = NULL;
    char port[8];

    (void)snprintf(port, sizeof(port), "%u", question->port);
    question->found.count = 0;
    if (getaddrinfo(question->host, port, &hints, &list) != 0)
        return;
    for (struct addrinfo *a = list;
         a && question->found.count < LLMP_ADDRESSES_MAX; a = a->ai_next) {
        struct llmp_address *to = &question->found.at[question->found.count++];

        memcpy(&to->address, a->ai_addr, a->ai_addrlen);
        to->size = a->ai_addrlen;
    }
    freeaddrinfo(list);
}

static void looked_up(struct llmp_job *job)
{
    struct llmp_question *question = (struct llmp_question *)job;

    question->done(question);
}

int llmp_question_ask(struct llmp_question *question,
                      struct llmp_driver *driver)
{
    question->job.run = look_up;
    question->job.done = looked_up;
    return llmp_driver_offload(driver, &question->job);
}
