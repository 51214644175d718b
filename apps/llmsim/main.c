/* SPDX-License-Identifier: Apache-2.0 */
/*
 * llmsim: a simulated LLM provider. This file opens the sockets, starts the
 * workers and says when they are ready.
 */
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io.h"
#include "text.h"
#include "worker.h"

#define BACKLOG 4096

struct start {
    struct sim_shared *shared;
    int listener;
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "llmsim: ");
    perror(what);
    exit(1);
}

static struct addrinfo *resolve(const struct sim_options *opts, uint16_t port)
{
    struct addrinfo hints = {
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *found;
    char service[8];

    (void)snprintf(service, sizeof(service), "%u", port);

    int rc =
        getaddrinfo(*opts->host ? opts->host : NULL, service, &hints, &found);

    if (rc != 0) {
        fprintf(stderr, "llmsim: %s: %s\n", opts->host, gai_strerror(rc));
        exit(1);
    }
    return found;
}

/* Each worker has a socket of its own; the kernel spreads connections. */
static int listen_on(const struct sim_options *opts, uint16_t port)
{
    struct addrinfo *where = resolve(opts, port);
    int on = 1;
    int fd =
        socket(where->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        (opts->workers > 1 &&
         setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0))
        die("socket");
    if (bind(fd, where->ai_addr, where->ai_addrlen) != 0)
        die("bind");
    if (listen(fd, BACKLOG) != 0)
        die("listen");
    freeaddrinfo(where);
    return fd;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        die("getsockname");
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static void say_ready(const struct sim_options *opts, uint16_t port)
{
    const char *scheme = opts->tls_cert ? "https" : "http";
    bool brackets = strchr(opts->host, ':') != NULL;
    char url[300];

    (void)snprintf(url, sizeof(url), "%s://%s%s%s:%u", scheme,
                   brackets ? "[" : "", opts->host, brackets ? "]" : "", port);
    if (opts->print_address)
        printf("{\"url\":\"%s\",\"host\":\"%s\",\"port\":%u,\"pid\":%ld}\n",
               url, opts->host, port, (long)getpid());
    else
        printf("llmsim is ready on %s (seed %llu)\n", url,
               (unsigned long long)opts->seed);
    (void)fflush(stdout);
}

static void on_end(int signal_number)
{
    (void)signal_number;
    _exit(0);
}

static void prepare_process(void)
{
    struct rlimit files;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGTERM, on_end);
    (void)signal(SIGINT, on_end);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static void *run_worker(void *arg)
{
    struct start *start = arg;

    sim_worker_run(start->shared, start->listener);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct sim_options opts;
    static struct sim_shared shared;
    struct start *starts;
    uint16_t port;

    sim_options_read(&opts, argc, argv);
    prepare_process();
    sim_text_init();
    sim_last_init(&shared.last);
    shared.opts = &opts;
    if (opts.tls_cert)
        shared.tls = sim_tls_new(opts.tls_cert, opts.tls_key);
    starts = sim_alloc(opts.workers * sizeof(*starts));
    port = opts.port;
    for (unsigned i = 0; i < opts.workers; i++) {
        starts[i].shared = &shared;
        starts[i].listener = listen_on(&opts, port);
        port = port_of(starts[i].listener);
    }
    say_ready(&opts, port);
    for (unsigned i = 1; i < opts.workers; i++) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, run_worker, &starts[i]) != 0)
            die("pthread_create");
    }
    (void)run_worker(&starts[0]);
    sim_free(starts);
    return 1;
}
