/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a provider answers: the native transport reports a head at most
 * once and first, then the body, then one end or failure; the same for bytes
 * that come at once and in pieces; no field can end a line; a body of a known
 * size has that size. An exchange that pauses, or cancels in the middle of a
 * report, leaves nothing behind.
 *
 * The transport is real, on one end of a socket pair; this file stands in for
 * the driver. The input's first byte chooses what the exchange does.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/internal.h"
#include "fuzz.h"
#include "runtime/native.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

/* What the exchange does with what it is told. */
enum manner { LISTENS, CANCELS, PAUSES };

struct llmp_drive {
    enum manner manner;
    uint64_t seed;
    struct llmp_buf head, body;
    uint64_t body_size;
    bool has_head, ended, failed;
    enum llmp_call_failure failure;
};

struct llmp_driver {
    bool turn_end;
};

/* ---- the driver, as the transport sees it ------------------------------- */

int llmp_driver_watch(struct llmp_driver *driver, struct llmp_watch *watch,
                      int fd, unsigned events)
{
    (void)fd;
    (void)events;
    watch->handle = driver;
    return LLMP_OK;
}

void llmp_driver_watch_set(struct llmp_driver *driver, struct llmp_watch *watch,
                           unsigned events)
{
    (void)driver;
    (void)watch;
    (void)events;
}

void llmp_driver_unwatch(struct llmp_driver *driver, struct llmp_watch *watch)
{
    (void)driver;
    watch->handle = NULL;
}

void llmp_driver_want_turn_end(struct llmp_driver *driver)
{
    driver->turn_end = true;
}

int llmp_driver_timer_set(struct llmp_driver *driver, struct llmp_timer *timer,
                          uint64_t at_ns)
{
    (void)driver;
    timer->at_ns = at_ns;
    timer->place = 1;
    return LLMP_OK;
}

void llmp_driver_timer_clear(struct llmp_driver *driver,
                             struct llmp_timer *timer)
{
    (void)driver;
    timer->place = 0;
}

/* A question that is never answered: the connection is put in by hand. */
int llmp_driver_offload(struct llmp_driver *driver, struct llmp_job *job)
{
    (void)driver;
    (void)job;
    return LLMP_OK;
}

/* ---- reports ------------------------------------------------------------ */

static bool by_chance(struct llmp_drive *drive)
{
    return (fuzz_piece(&drive->seed, 1000) & 3) == 0;
}

static void react(struct llmp_transfer *transfer)
{
    struct llmp_drive *drive = transfer->drive;

    if (drive->manner == LISTENS || !by_chance(drive))
        return;
    if (drive->manner == PAUSES) {
        transfer->transport->ops->pause(transfer, true);
        return;
    }
    transfer->drive = NULL;
    transfer->transport->ops->cancel(transfer);
}

static void check_field(const struct llmp_header *field)
{
    CHECK(field->name.len > 0);
    for (size_t i = 0; i < field->name.len; i++) {
        char c = field->name.ptr[i];

        CHECK(c > ' ' && c < 0x7f && c != ':' && !(c >= 'A' && c <= 'Z'));
    }
    for (size_t i = 0; i < field->value.len; i++)
        CHECK(!memchr("\r\n\0", field->value.ptr[i], 3));
}

void llmp_transfer_head(struct llmp_transfer *transfer,
                        const struct llmp_response_head *head)
{
    struct llmp_drive *drive = transfer->drive;

    CHECK(drive && !drive->has_head && !drive->ended && !drive->failed);
    CHECK(head->status >= 200 && head->status <= 999);
    CHECK(head->header_count <= NATIVE_FIELDS_MAX);
    drive->has_head = true;
    drive->body_size = head->body_size;
    llmp_buf_printf(&drive->head, "%u %llu\n", head->status,
                    (unsigned long long)head->body_size);
    for (size_t i = 0; i < head->header_count; i++) {
        check_field(&head->headers[i]);
        llmp_buf_add(&drive->head, head->headers[i].name);
        llmp_buf_add(&drive->head, LLMP_STR(": "));
        llmp_buf_add(&drive->head, head->headers[i].value);
        llmp_buf_add(&drive->head, LLMP_STR("\n"));
    }
    react(transfer);
}

void llmp_transfer_body(struct llmp_transfer *transfer, struct llmp_str bytes)
{
    struct llmp_drive *drive = transfer->drive;

    CHECK(drive && drive->has_head && !drive->ended && !drive->failed);
    CHECK(bytes.len > 0);
    CHECK(llmp_buf_add(&drive->body, bytes));
    CHECK(drive->body_size == LLMP_BODY_UNKNOWN ||
          drive->body.len <= drive->body_size);
    react(transfer);
}

void llmp_transfer_end(struct llmp_transfer *transfer)
{
    struct llmp_drive *drive = transfer->drive;

    CHECK(drive && drive->has_head && !drive->ended && !drive->failed);
    CHECK(drive->body_size == LLMP_BODY_UNKNOWN ||
          drive->body.len == drive->body_size);
    drive->ended = true;
    transfer->drive = NULL;
}

void llmp_transfer_fail(struct llmp_transfer *transfer,
                        enum llmp_call_failure failure, bool sent)
{
    struct llmp_drive *drive = transfer->drive;

    (void)sent;
    CHECK(drive && !drive->ended && !drive->failed);
    drive->failed = true;
    drive->failure = failure;
    transfer->drive = NULL;
}

void llmp_transfer_writable(struct llmp_transfer *transfer)
{
    (void)transfer;
    abort(); /* nothing was full */
}

/* ---- one answer --------------------------------------------------------- */

struct setting {
    struct llmp_driver driver;
    struct llmp_transport *transport;
    struct llmp_transfer *transfer;
    struct native_conn *conn;
    int provider; /* the pair's other end */
};

static const struct llmp_origin origin = { .id = "o",
                                           .scheme = "http",
                                           .host = "a.name",
                                           .port = 1,
                                           .authority = "a.name" };
static const struct llmp_call call = {
    .id = 1, .origin = &origin, .method = { "GET", 3 }, .path = { "/", 1 }
};

/* Starts the call, which waits for an address, and gives it a connection. */
static void set_up(struct setting *s, struct llmp_drive *drive)
{
    struct native_conn *conn = llmp_alloc(sizeof(*conn));
    struct native_transfer *t;
    int pair[2];

    CHECK(conn &&
          socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    CHECK(llmp_native_new(&s->transport, &s->driver) == LLMP_OK);
    CHECK(s->transport->ops->start(s->transport, &s->transfer, &call) ==
          LLMP_OK);
    s->transfer->drive = drive;
    s->transfer->transport = s->transport;
    s->provider = pair[1];
    s->conn = conn;

    t = (struct native_transfer *)s->transfer;
    CHECK(t->origin->waiting == t);
    t->origin->waiting = NULL;
    t->origin->open++;
    t->listed = false;
    t->conn = conn;
    conn->transfer = t;
    conn->origin = t->origin;
    conn->fd = pair[0];
    llmp_native_connected(conn);
    CHECK(t->sent);
}

/* The connection lives as long as its transfer is told of. */
static bool lives(const struct llmp_drive *drive,
                  const struct llmp_transfer *transfer)
{
    return !drive->ended && !drive->failed && transfer->drive;
}

static void read_turn(struct setting *s, struct llmp_drive *drive)
{
    struct native_transfer *t = (struct native_transfer *)s->transfer;

    if (!t->paused)
        llmp_native_conn_read(s->conn);
    else if (by_chance(drive))
        s->transport->ops->pause(s->transfer, false);
    if (s->driver.turn_end) {
        s->driver.turn_end = false;
        s->transport->ops->turn_end(s->transport);
    }
}

static void provide(struct setting *s, struct llmp_drive *drive,
                    struct llmp_str bytes, uint64_t seed)
{
    for (size_t at = 0; at < bytes.len && lives(drive, s->transfer);) {
        size_t n = fuzz_piece(&seed, bytes.len - at);

        if (n && write(s->provider, bytes.ptr + at, n) != (ssize_t)n) {
            CHECK(errno == EAGAIN); /* paused for long */
            n = 0;
        }
        at += n;
        if (n || drive->manner == PAUSES)
            read_turn(s, drive);
    }
    (void)shutdown(s->provider, SHUT_WR);
    for (int i = 0; i < 1000 && lives(drive, s->transfer); i++)
        read_turn(s, drive);
}

static void run(struct llmp_drive *drive, struct llmp_str bytes, uint64_t seed)
{
    struct setting s = { .provider = -1 };

    set_up(&s, drive);
    provide(&s, drive, bytes, seed);
    if (lives(drive, s.transfer)) {
        CHECK(drive->manner == PAUSES); /* by chance for very long */
        s.transfer->drive = NULL;
        s.transport->ops->cancel(s.transfer);
    }
    s.transport->ops->free(s.transport);
    (void)close(s.provider);
}

static void drive_fini(struct llmp_drive *drive)
{
    llmp_buf_fini(&drive->head);
    llmp_buf_fini(&drive->body);
}

static void check_same(const struct llmp_drive *a, const struct llmp_drive *b)
{
    CHECK(a->has_head == b->has_head && a->ended == b->ended);
    CHECK(a->failed == b->failed && a->failure == b->failure);
    CHECK(llmp_str_eq(llmp_buf_str(&a->head), llmp_buf_str(&b->head)));
    CHECK(llmp_str_eq(llmp_buf_str(&a->body), llmp_buf_str(&b->body)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t seed = fuzz_seed(data, size);
    struct llmp_drive whole = { 0 }, pieces = { 0 };
    struct llmp_drive other = { .seed = seed };

    if (size == 0 || size > NATIVE_READ_SIZE / 2)
        return 0;

    struct llmp_str answer = { (const char *)data + 1, size - 1 };

    other.manner = data[0] & 1 ? CANCELS : PAUSES;
    run(&whole, answer, 0);
    run(&pieces, answer, seed);
    check_same(&whole, &pieces);
    run(&other, answer, seed);
    if (other.ended)
        check_same(&other, &whole);
    drive_fini(&whole);
    drive_fini(&pieces);
    drive_fini(&other);
    return 0;
}
