/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A load generator for the gateway's benchmark: epoll, one thread, few
 * instructions, so that it disturbs what it measures as little as it can.
 *
 *   load unary   HOST:PORT CONNECTIONS SECONDS BODY_BYTES   MODEL [tls]
 *   load streams HOST:PORT STREAMS     SECONDS RAMP_SECONDS MODEL [tls]
 *
 * unary: each connection sends the next request when the answer is complete.
 * streams: first all connect, then their requests begin evenly over
 * RAMP_SECONDS, so that the time to the first event is the proxy's and not
 * that of a queue made here; then every stream is kept. Events that carry
 * "sim_sent_ns":N (CLOCK_MONOTONIC at the provider) give the delay, the time
 * between two events of a stream the gap. A stream that fails, ends or never
 * begins is an error. Prints one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 256 * 1024, CONNS_MAX = 20000 };

/* Values in ns, 512 sub-buckets a power of two: 0.2 % resolution, because
 * figures of two targets are subtracted. */
enum { SUB_BITS = 10, SUBS = 1 << SUB_BITS };

struct histogram {
    uint64_t count[64 * SUBS], total;
};

struct conn {
    int fd;
    SSL *ssl;
    uint64_t begun_ns, last_event_ns;
    size_t sent;
    int64_t body_left; /* of the answer; -1: head is being read */
    bool chunked, first, done, wants_out;
    char tail[5]; /* the last bytes of a chunked answer */
    char head[2048];
    size_t head_len;
};

static struct conn conns[CONNS_MAX];
static struct histogram latency, first_event, gap, delay;
static uint64_t requests, errors, events, event_reads, bytes_in;
static char *request;
static size_t request_len;
static SSL_CTX *tls;
static int epoll_fd;
static bool streaming;
static uint64_t measure_from_ns;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void observe(struct histogram *h, uint64_t ns)
{
    unsigned power =
        ns < SUBS ? 0 : 64u - SUB_BITS - (unsigned)__builtin_clzll(ns);
    uint64_t sub = ns >> power;

    h->count[power * SUBS + sub]++;
    h->total++;
}

static double quantile_us(const struct histogram *h, double q)
{
    uint64_t want = (uint64_t)((double)h->total * q), seen = 0;

    for (unsigned i = 0; i < 64 * SUBS; i++) {
        seen += h->count[i];
        if (seen > want) {
            unsigned power = i / SUBS;
            uint64_t sub = i % SUBS;

            return (double)(sub << power) / 1000.0;
        }
    }
    return 0;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static ssize_t conn_write(struct conn *c, const char *p, size_t n)
{
    if (!c->ssl)
        return send(c->fd, p, n, MSG_NOSIGNAL);

    int rc = SSL_write(c->ssl, p, (int)n);

    return rc > 0 ? rc : -1;
}

static ssize_t conn_read(struct conn *c, char *p, size_t n)
{
    if (!c->ssl)
        return recv(c->fd, p, n, 0);

    int rc = SSL_read(c->ssl, p, (int)n);

    if (rc > 0)
        return rc;
    errno = SSL_get_error(c->ssl, rc) == SSL_ERROR_WANT_READ ? EAGAIN : EPIPE;
    return -1;
}

/* No more of this connection. */
static void lose(struct conn *c)
{
    errors++;
    c->done = true;
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
}

static void want_out(struct conn *c, bool wants)
{
    struct epoll_event e = { .events = EPOLLIN | (wants ? EPOLLOUT : 0),
                             .data.ptr = c };

    if (c->wants_out == wants)
        return;
    c->wants_out = wants;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e) != 0)
        die("epoll_ctl");
}

static void send_more(struct conn *c)
{
    while (c->sent < request_len) {
        ssize_t n = conn_write(c, request + c->sent, request_len - c->sent);

        if (n <= 0) {
            want_out(c, true);
            return;
        }
        c->sent += (size_t)n;
    }
    want_out(c, false);
}

static void begin(struct conn *c)
{
    c->sent = 0;
    c->body_left = -1;
    c->head_len = 0;
    c->chunked = false;
    c->first = true;
    memset(c->tail, 0, sizeof(c->tail));
    c->begun_ns = now_ns();
    send_more(c);
}

static void finish(struct conn *c)
{
    uint64_t now = now_ns();

    if (streaming) {
        lose(c); /* none is long enough to end */
        return;
    }
    if (now >= measure_from_ns) {
        requests++;
        observe(&latency, now - c->begun_ns);
    }
    begin(c);
}

/* Looks for the moments at which events were made. */
static void read_events(struct conn *c, const char *p, size_t n, uint64_t now)
{
    const char *end = p + n, *at = p;
    uint64_t before = events;

    while ((at = memmem(at, (size_t)(end - at), "data: ", 6))) {
        const char *stamp;

        at += 6;
        if (c->first) {
            c->first = false;
            observe(&first_event, now - c->begun_ns);
        } else if (now >= measure_from_ns) {
            observe(&gap, now - c->last_event_ns);
        }
        c->last_event_ns = now;
        if (now < measure_from_ns)
            continue;
        events++;
        stamp = memmem(at, (size_t)(end - at) < 400 ? (size_t)(end - at) : 400,
                       "\"sim_sent_ns\":", 14);
        if (stamp) {
            uint64_t made = strtoull(stamp + 14, NULL, 10);

            if (made && made < now)
                observe(&delay, now - made);
        }
    }
    event_reads += events > before;
}

static size_t read_head(struct conn *c, const char *p, size_t n)
{
    size_t before = c->head_len;
    size_t room = sizeof(c->head) - 1 - before;
    size_t take = n < room ? n : room;
    char *end, *length;

    memcpy(c->head + before, p, take);
    c->head_len += take;
    c->head[c->head_len] = '\0';
    end = strstr(c->head, "\r\n\r\n");
    if (!end) {
        if (take < n) {
            fprintf(stderr, "answer's head is too long\n");
            exit(1);
        }
        return n;
    }
    if (memcmp(c->head + 9, "200", 3) != 0) {
        if (errors == 0)
            fprintf(stderr, "%s\n", c->head);
        if (streaming)
            lose(c);
        else
            errors++;
    }
    *end = '\0';
    length = strcasestr(c->head, "\r\ncontent-length:");
    c->chunked = !length;
    c->body_left = length ? strtoll(length + 17, NULL, 10) : 0;
    return (size_t)(end + 4 - c->head) - before;
}

static void take_body(struct conn *c, const char *p, size_t n)
{
    if (!c->chunked) {
        c->body_left -= (int64_t)n;
        if (c->body_left <= 0)
            finish(c);
        return;
    }
    /* The end of a chunked answer is "0\r\n\r\n" behind a line end; the
     * simulator's texts do not contain it. */
    if (n >= 5) {
        memcpy(c->tail, p + n - 5, 5);
    } else {
        memmove(c->tail, c->tail + n, 5 - n);
        memcpy(c->tail + 5 - n, p, n);
    }
    if (memcmp(c->tail, "0\r\n\r\n", 5) == 0)
        finish(c);
}

static void on_readable(struct conn *c)
{
    static char buffer[BUFFER];

    for (;;) {
        ssize_t n = conn_read(c, buffer, sizeof(buffer));
        uint64_t now;
        size_t used = 0;

        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            lose(c);
            return;
        }
        bytes_in += (size_t)n;
        now = streaming ? now_ns() : 0;
        if (c->body_left < 0)
            used = read_head(c, buffer, (size_t)n);
        if (c->done)
            return;
        if (c->body_left < 0)
            continue;
        if (streaming)
            read_events(c, buffer + used, (size_t)n - used, now);
        if ((size_t)n > used || (!c->chunked && c->body_left == 0))
            take_body(c, buffer + used, (size_t)n - used);
        if (c->done)
            return;
        if (!c->ssl && (size_t)n < sizeof(buffer))
            return;
    }
}

static struct sockaddr_in parse(const char *text)
{
    struct sockaddr_in a = { .sin_family = AF_INET };
    char host[64];
    const char *colon = strrchr(text, ':');

    snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
    inet_pton(AF_INET, host, &a.sin_addr);
    a.sin_port = htons((uint16_t)atol(colon + 1));
    return a;
}

static void open_conn(struct conn *c, const struct sockaddr_in *to)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket");
    if (connect(c->fd, (const struct sockaddr *)to, sizeof(*to)) != 0) {
        perror("connect");
        lose(c);
        return;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (tls) {
        c->ssl = SSL_new(tls);
        SSL_set_fd(c->ssl, c->fd);
        if (SSL_connect(c->ssl) != 1) {
            fprintf(stderr, "TLS handshake failed\n");
            lose(c);
            return;
        }
    }
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e) != 0)
        die("epoll_ctl");
}

/* Means something to the governed target only; targets.py has it, too. */
#define BENCH_KEY "llmgw_benchmarkBENCHMARK0123456789xy1pZIQR"

/* A chat request of about `size` bytes. */
static void make_request(const char *host, const char *model, size_t size)
{
    char *body = malloc(size + 512);
    int n = snprintf(body, size + 512,
                     "{\"model\":\"%s\",%s\"messages\":[{\"role\":\"user\","
                     "\"content\":\"",
                     model, streaming ? "\"stream\":true," : "");
    size_t len = (size_t)n;

    while (len + 4 < size)
        body[len] = "lorem ipsum "[len % 12], len++;
    memcpy(body + len, "\"}]}", 4);
    len += 4;
    request = malloc(len + 512);
    n = snprintf(
        request, 512,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: %s\r\n"
        "Content-Type: application/json\r\n"
        "Authorization: Bearer " BENCH_KEY "\r\nContent-Length: %zu\r\n\r\n",
        host, len);
    memcpy(request + n, body, len);
    request_len = (size_t)n + len;
    free(body);
}

/* Streams that are open; one that never had an event is an error. */
static uint64_t count_open(int count)
{
    uint64_t open = 0;

    for (int i = 0; i < count; i++) {
        if (conns[i].done)
            continue;
        if (conns[i].begun_ns && !conns[i].first)
            open++;
        else
            errors++;
    }
    return open;
}

static void print_result(double seconds, uint64_t open)
{
    printf("{\"requests\": %" PRIu64 ", \"errors\": %" PRIu64
           ", \"streams_open\": %" PRIu64
           ", \"rps\": %.1f, \"p50_us\": %.1f, \"p90_us\": %.1f, "
           "\"p99_us\": %.1f, \"p999_us\": %.1f, \"events\": %" PRIu64
           ", \"events_per_s\": %.1f, \"events_per_read\": %.3f, "
           "\"first_event_p50_us\": %.1f, "
           "\"first_event_p99_us\": %.1f, \"gap_p50_us\": %.1f, "
           "\"gap_p99_us\": %.1f, \"delay_p50_us\": %.1f, "
           "\"delay_p99_us\": %.1f, \"bytes_in\": %" PRIu64 "}\n",
           requests, errors, open, (double)requests / seconds,
           quantile_us(&latency, .5), quantile_us(&latency, .9),
           quantile_us(&latency, .99), quantile_us(&latency, .999), events,
           (double)events / seconds,
           event_reads ? (double)events / (double)event_reads : 0,
           quantile_us(&first_event, .5), quantile_us(&first_event, .99),
           quantile_us(&gap, .5), quantile_us(&gap, .99),
           quantile_us(&delay, .5), quantile_us(&delay, .99), bytes_in);
}

/* Begins what is due of `count` requests, the last `ramp_ns` after the first.
 */
static void begin_due(int count, uint64_t passed_ns, uint64_t ramp_ns)
{
    static int begun;

    while (begun < count &&
           passed_ns >= ramp_ns / (uint64_t)count * (uint64_t)begun) {
        if (!conns[begun].done)
            begin(&conns[begun]);
        begun++;
    }
}

static void serve(const struct epoll_event *ready, int n)
{
    for (int i = 0; i < n; i++) {
        struct conn *c = ready[i].data.ptr;

        if (ready[i].events & EPOLLOUT)
            send_more(c);
        if (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            on_readable(c);
    }
}

/* Begins, warms up, measures. What is said on stderr tells whoever reads the
 * processor times of others when to do so. */
static void run(int count, double seconds, double ramp_seconds)
{
    static struct epoll_event ready[512];
    uint64_t begin_ns = now_ns(), ramp_ns = (uint64_t)(ramp_seconds * 1e9);
    uint64_t start = begin_ns + ramp_ns + (streaming ? 500000000u : 300000000u);
    uint64_t end = start + (uint64_t)(seconds * 1e9);

    measure_from_ns = UINT64_MAX;
    for (uint64_t now = begin_ns; now < end; now = now_ns()) {
        begin_due(count, now - begin_ns, ramp_ns);
        serve(ready, epoll_wait(epoll_fd, ready, 512, now < start ? 1 : 10));
        if (measure_from_ns == UINT64_MAX && now >= start) {
            measure_from_ns = now;
            fprintf(stderr, "start\n");
        }
    }
    fprintf(stderr, "end\n");
}

int main(int argc, char **argv)
{
    struct rlimit files;

    if (argc < 7)
        return fprintf(stderr, "see the head of load.c\n"), 2;
    streaming = strcmp(argv[1], "streams") == 0;

    int count = atoi(argv[3]);
    double seconds = atof(argv[4]);
    struct sockaddr_in to = parse(argv[2]);

    if (strcmp(argv[argc - 1], "tls") == 0)
        tls = SSL_CTX_new(TLS_client_method());
    if (count < 1 || count > CONNS_MAX)
        return 2;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    make_request(argv[2], argv[6], streaming ? 400 : (size_t)atol(argv[5]));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++)
        open_conn(&conns[i], &to);
    run(count, seconds, streaming ? atof(argv[5]) : 0);

    double measured = (double)(now_ns() - measure_from_ns) / 1e9;

    print_result(measured, streaming ? count_open(count) : 0);
    return 0;
}
