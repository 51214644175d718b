/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what the native transport keeps is given up in time: idle
 * connections, addresses; and a paused transfer goes on with what OpenSSL has
 * read already.
 * Method: the real transport with real sockets on loopback; this file stands
 * in for the driver and for the clock, so that time is a number we choose.
 */
#include "runtime/native.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/internal.h"
#include "self_signed.h"

#define SECONDS(n) ((uint64_t)(n)*LLMP_NS_PER_S)

enum { WATCHES_MAX = 16, TIMERS_MAX = 16, PATIENCE_MS = 5000 };

static uint64_t clock_ns = SECONDS(1000);

/* In place of the C library's. */
int clock_gettime(clockid_t id, struct timespec *out)
{
    (void)id;
    out->tv_sec = (time_t)(clock_ns / LLMP_NS_PER_S);
    out->tv_nsec = (long)(clock_ns % LLMP_NS_PER_S);
    return 0;
}

/* One call, as its exchange would see it. */
struct llmp_drive {
    struct llmp_call call;
    bool pauses; /* at the first piece of the body */
    uint16_t status;
    bool request_sent; /* as the answer's head said */
    char body[64];
    size_t body_len;
    bool ended, failed;
};

struct llmp_driver {
    struct {
        struct llmp_watch *watch;
        int fd;
        unsigned events;
    } watches[WATCHES_MAX];
    struct llmp_timer *timers[TIMERS_MAX];
    struct llmp_job *job;
    size_t jobs; /* that were asked for */
    bool turn_end;
};

/* ---- the driver, as the transport sees it -------------------------------- */

int llmp_driver_watch(struct llmp_driver *driver, struct llmp_watch *watch,
                      int fd, unsigned events)
{
    for (size_t i = 0; i < WATCHES_MAX; i++)
        if (!driver->watches[i].watch) {
            driver->watches[i].watch = watch;
            driver->watches[i].fd = fd;
            driver->watches[i].events = events;
            watch->handle = &driver->watches[i];
            return LLMP_OK;
        }
    return LLMP_E_IO;
}

void llmp_driver_watch_set(struct llmp_driver *driver, struct llmp_watch *watch,
                           unsigned events)
{
    for (size_t i = 0; i < WATCHES_MAX; i++)
        if (driver->watches[i].watch == watch)
            driver->watches[i].events = events;
}

void llmp_driver_unwatch(struct llmp_driver *driver, struct llmp_watch *watch)
{
    for (size_t i = 0; i < WATCHES_MAX; i++)
        if (driver->watches[i].watch == watch)
            driver->watches[i].watch = NULL;
    watch->handle = NULL;
}

void llmp_driver_want_turn_end(struct llmp_driver *driver)
{
    driver->turn_end = true;
}

void llmp_driver_timer_clear(struct llmp_driver *driver,
                             struct llmp_timer *timer)
{
    for (size_t i = 0; i < TIMERS_MAX; i++)
        if (driver->timers[i] == timer)
            driver->timers[i] = NULL;
    timer->place = 0;
}

int llmp_driver_timer_set(struct llmp_driver *driver, struct llmp_timer *timer,
                          uint64_t at_ns)
{
    llmp_driver_timer_clear(driver, timer);
    for (size_t i = 0; i < TIMERS_MAX; i++)
        if (!driver->timers[i]) {
            driver->timers[i] = timer;
            timer->at_ns = at_ns;
            timer->place = 1;
            return LLMP_OK;
        }
    return LLMP_E_NOMEM;
}

int llmp_driver_offload(struct llmp_driver *driver, struct llmp_job *job)
{
    driver->job = job;
    driver->jobs++;
    return LLMP_OK;
}

/* ---- reports ------------------------------------------------------------- */

void llmp_transfer_head(struct llmp_transfer *transfer,
                        const struct llmp_response_head *head)
{
    transfer->drive->status = head->status;
    transfer->drive->request_sent = head->request_sent;
}

void llmp_transfer_body(struct llmp_transfer *transfer, struct llmp_str bytes)
{
    struct llmp_drive *drive = transfer->drive;

    assert_true(drive->body_len + bytes.len < sizeof(drive->body));
    memcpy(drive->body + drive->body_len, bytes.ptr, bytes.len);
    drive->body_len += bytes.len;
    if (drive->pauses)
        transfer->transport->ops->pause(transfer, true);
    drive->pauses = false;
}

void llmp_transfer_end(struct llmp_transfer *transfer)
{
    transfer->drive->ended = true;
    transfer->drive = NULL;
}

void llmp_transfer_fail(struct llmp_transfer *transfer,
                        enum llmp_call_failure failure, bool sent)
{
    (void)failure;
    (void)sent;
    transfer->drive->failed = true;
    transfer->drive = NULL;
}

void llmp_transfer_writable(struct llmp_transfer *transfer)
{
    (void)transfer;
    fail(); /* nothing was full */
}

/* ---- time and turns ------------------------------------------------------ */

/* One event of a socket, if there is one within `wait_ms`. */
static bool turn(struct llmp_driver *driver, struct llmp_transport *transport,
                 int wait_ms)
{
    struct pollfd fds[WATCHES_MAX];
    bool any = driver->turn_end;

    if (driver->turn_end) {
        driver->turn_end = false;
        transport->ops->turn_end(transport);
    }
    for (size_t i = 0; i < WATCHES_MAX; i++) {
        unsigned events = driver->watches[i].events;

        fds[i] = (struct pollfd){
            .fd =
                driver->watches[i].watch && events ? driver->watches[i].fd : -1,
            .events = (short)((events & LLMP_READ ? POLLIN : 0) |
                              (events & LLMP_WRITE ? POLLOUT : 0)),
        };
    }
    if (poll(fds, WATCHES_MAX, any ? 0 : wait_ms) <= 0)
        return any;
    for (size_t i = 0; i < WATCHES_MAX; i++) {
        struct llmp_watch *watch = driver->watches[i].watch;
        short seen = fds[i].revents;

        if (!seen || fds[i].fd < 0)
            continue;
        if (seen & (POLLERR | POLLHUP))
            seen |= fds[i].events;
        watch->ready(watch, (seen & POLLIN ? LLMP_READ : 0U) |
                                (seen & POLLOUT ? LLMP_WRITE : 0U));
        return true;
    }
    return true;
}

/* Lets time pass in steps, as a loop would see it. */
static void let_pass(struct llmp_driver *driver, uint64_t ns)
{
    for (uint64_t end = clock_ns + ns; clock_ns < end;) {
        clock_ns += SECONDS(1);
        for (size_t i = 0; i < TIMERS_MAX; i++) {
            struct llmp_timer *timer = driver->timers[i];

            if (!timer || timer->at_ns > clock_ns)
                continue;
            llmp_driver_timer_clear(driver, timer);
            timer->fire(timer);
        }
    }
}

/* ---- the provider -------------------------------------------------------- */

static int listen_somewhere(uint16_t *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static bool is_readable(int fd, int wait_ms)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };

    return poll(&one, 1, wait_ms) > 0;
}

static bool has_ended(int fd)
{
    char byte;

    return is_readable(fd, 0) && recv(fd, &byte, 1, 0) == 0;
}

static int accept_one(int listener)
{
    assert_true(is_readable(listener, PATIENCE_MS));

    int fd = accept(listener, NULL, NULL), on = 1;

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)),
                     0);
    return fd;
}

static void answer_on(int fd, const char *answer)
{
    char request[4096];

    assert_true(is_readable(fd, PATIENCE_MS));
    assert_true(recv(fd, request, sizeof(request), 0) > 0);
    assert_int_equal(send(fd, answer, strlen(answer), MSG_NOSIGNAL),
                     strlen(answer));
}

#define KEPT "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
#define CLOSED                                 \
    "HTTP/1.1 200 OK\r\nconnection: close\r\n" \
    "content-length: 2\r\n\r\n{}"

/* ---- the setting --------------------------------------------------------- */

struct setting {
    struct llmp_driver driver;
    struct llmp_transport *transport;
    struct llmp_origin origin;
    int listener;
};

static void set_up(struct setting *s, const char *scheme, const char *host)
{
    *s = (struct setting){ .origin = { .id = "o",
                                       .scheme = scheme,
                                       .host = host,
                                       .authority = host,
                                       .connect_timeout_ms = 60000 } };
    s->listener = listen_somewhere(&s->origin.port);
    assert_int_equal(llmp_native_new(&s->transport, &s->driver), LLMP_OK);
}

static void tear_down(struct setting *s)
{
    s->transport->ops->free(s->transport);
    (void)close(s->listener);
}

static struct llmp_transfer *begin(struct setting *s, struct llmp_drive *drive)
{
    struct llmp_transfer *transfer = NULL;

    assert_int_equal(
        s->transport->ops->start(s->transport, &transfer, &drive->call),
        LLMP_OK);
    transfer->drive = drive;
    transfer->transport = s->transport;
    return transfer;
}

static struct llmp_transfer *start(struct setting *s, struct llmp_drive *drive)
{
    *drive = (struct llmp_drive){ .call = { .id = 1,
                                            .origin = &s->origin,
                                            .method = LLMP_STR("GET"),
                                            .path = LLMP_STR("/") } };
    return begin(s, drive);
}

/* Until the connection to the provider stands and the request was sent. */
static void connect_all(struct setting *s)
{
    while (turn(&s->driver, s->transport, 20))
        ;
}

static void finish(struct setting *s, const struct llmp_drive *drive)
{
    while (!drive->ended) {
        assert_false(drive->failed);
        assert_true(turn(&s->driver, s->transport, PATIENCE_MS));
    }
    assert_int_equal(drive->status, 200);
}

static struct native_origin *origin_of(struct setting *s)
{
    return ((struct native *)s->transport)->origins;
}

/* ---- what is kept -------------------------------------------------------- */

static void idle_connections_are_closed_in_time(void **state)
{
    struct setting s;
    struct llmp_drive one, two;

    (void)state;
    set_up(&s, "http", "127.0.0.1");
    (void)start(&s, &one);
    (void)start(&s, &two);
    connect_all(&s);

    int first = accept_one(s.listener), second = accept_one(s.listener);

    answer_on(first, KEPT);
    finish(&s, &one);
    answer_on(second, KEPT);
    finish(&s, &two);
    assert_int_equal(origin_of(&s)->idle_count, 2);

    /* The newest is used again and again; the other one grows old. */
    for (int i = 0; i < 3; i++) {
        let_pass(&s.driver, SECONDS(14));
        assert_false(has_ended(first));
        (void)start(&s, &two);
        answer_on(second, KEPT);
        finish(&s, &two);
    }
    assert_int_equal(origin_of(&s)->idle_count, 2);
    let_pass(&s.driver, SECONDS(NATIVE_IDLE_S) / 2);
    assert_true(has_ended(first));
    assert_false(has_ended(second));
    assert_int_equal(origin_of(&s)->idle_count, 1);

    /* In the end none is left, nor its origin, nor what would look for more. */
    let_pass(&s.driver, SECONDS(NATIVE_IDLE_S) * 2);
    assert_true(has_ended(second));
    assert_null(origin_of(&s));
    for (size_t i = 0; i < TIMERS_MAX; i++)
        assert_null(s.driver.timers[i]);
    (void)close(first);
    (void)close(second);
    tear_down(&s);
}

/* Says where the name leads. */
static void answer_question(struct setting *s, uint16_t port)
{
    struct llmp_question *question = (struct llmp_question *)s->driver.job;
    struct llmp_addresses found = { .count = 0 };

    assert_non_null(question);
    s->driver.job = NULL;
    assert_true(llmp_address_literal(&found, "127.0.0.1", port));
    question->found = found;
    question->job.done(&question->job);
}

static void ask_once(struct setting *s, int listener)
{
    struct llmp_drive drive;

    (void)start(s, &drive);
    if (s->driver.job && !origin_of(s)->addresses.count)
        answer_question(s, s->origin.port);
    connect_all(s);

    int fd = accept_one(listener);

    answer_on(fd, CLOSED);
    finish(s, &drive);
    (void)close(fd);
}

static void a_provider_that_moves_is_found(void **state)
{
    struct setting s;
    uint16_t port;
    int elsewhere = listen_somewhere(&port);

    (void)state;
    set_up(&s, "http", "provider.example");
    ask_once(&s, s.listener);
    assert_int_equal(s.driver.jobs, 1);
    let_pass(&s.driver, SECONDS(NATIVE_ADDRESS_S - 1));
    ask_once(&s, s.listener);
    assert_int_equal(s.driver.jobs, 1); /* the answer still holds */

    /* It is asked again, and nobody waits for it meanwhile. */
    let_pass(&s.driver, SECONDS(1));
    ask_once(&s, s.listener);
    ask_once(&s, s.listener);
    assert_int_equal(s.driver.jobs, 2);
    answer_question(&s, port);
    ask_once(&s, elsewhere);
    assert_int_equal(s.driver.jobs, 2);
    (void)close(elsewhere);
    tear_down(&s);
}

/* ---- TLS ----------------------------------------------------------------- */

/* The provider's side of a handshake, while the transport does its own. */
static SSL *accept_tls(struct setting *s, SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);

    connect_all(s);

    int fd = accept_one(s->listener), on = 1;

    assert_int_equal(ioctl(fd, FIONBIO, &on), 0);
    assert_true(SSL_set_fd(ssl, fd));
    while (SSL_accept(ssl) != 1)
        assert_true(turn(&s->driver, s->transport, PATIENCE_MS));
    connect_all(s);
    return ssl;
}

static void write_tls(SSL *ssl, const char *text)
{
    assert_int_equal(SSL_write(ssl, text, (int)strlen(text)), strlen(text));
}

/*
 * OpenSSL as the transport sets it up reads a record at a time, so that a
 * pause finds nothing in its buffers. Here it reads ahead, as it may: then the
 * socket shows nothing of what is still to come.
 */
static void a_resumed_transfer_reads_what_tls_holds(void **state)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    char request[4096];
    struct setting s;
    struct llmp_drive drive;
    struct llmp_transfer *transfer;
    int unread = 1;

    (void)state;
    assert_true(self_signed_use(ctx));
    (void)SSL_CTX_set_num_tickets(ctx, 0);
    set_up(&s, "https", "127.0.0.1");
    transfer = start(&s, &drive);
    drive.pauses = true;
    SSL_CTX_set_read_ahead(origin_of(&s)->ctx, 1);

    SSL *ssl = accept_tls(&s, ctx);
    struct native_conn *conn = ((struct native_transfer *)transfer)->conn;

    assert_true(SSL_read(ssl, request, sizeof(request)) > 0);
    write_tls(ssl, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nfirst");
    write_tls(ssl, "last");
    while (drive.body_len == 0)
        assert_true(turn(&s.driver, s.transport, PATIENCE_MS));
    assert_int_equal(drive.body_len, 5); /* it pauses */
    assert_int_equal(ioctl(conn->fd, FIONREAD, &unread), 0);
    assert_int_equal(unread, 0);
    assert_true(SSL_has_pending(conn->ssl));
    s.transport->ops->pause(transfer, false);
    finish(&s, &drive);
    assert_memory_equal(drive.body, "firstlast", 9);
    (void)close(SSL_get_fd(ssl));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    tear_down(&s);
}

/* Who is answered before all was sent must not give the body back yet. */
static void an_early_answer_says_what_was_not_sent(void **state)
{
    static const size_t sizes[] = { 100, 32 << 20 };
    (void)state;

    for (size_t i = 0; i < LLMP_COUNT(sizes); i++) {
        char *bytes = calloc(1, sizes[i]);
        struct llmp_str body = { bytes, sizes[i] };
        struct setting s;
        struct llmp_drive drive;

        set_up(&s, "http", "127.0.0.1");
        drive = (struct llmp_drive){ .call = { .id = 1,
                                               .origin = &s.origin,
                                               .method = LLMP_STR("POST"),
                                               .path = LLMP_STR("/"),
                                               .body = &body,
                                               .body_parts = 1,
                                               .body_size = body.len } };
        (void)begin(&s, &drive);
        for (int n = 0; n < 20; n++) /* as much as the sockets take */
            (void)turn(&s.driver, s.transport, 5);

        int fd = accept_one(s.listener);

        answer_on(fd, KEPT);
        finish(&s, &drive);
        assert_int_equal(drive.request_sent, i == 0);
        (void)close(fd);
        tear_down(&s);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_connections_are_closed_in_time),
        cmocka_unit_test(a_provider_that_moves_is_found),
        cmocka_unit_test(a_resumed_transfer_reads_what_tls_holds),
        cmocka_unit_test(an_early_answer_says_what_was_not_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
