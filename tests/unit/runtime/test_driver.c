/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a driver and what it drives are made whole or not at all, and every
 * request that was begun ends once, with its answer or without.
 * Method: a loop that only notes what it is asked for, a client that notes
 * what it gets; memory fails at 0, 1, 2, ….
 */
#include <llmproxy/gateway.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "faulty_heap.h"

static const char yaml[] = "providers:\n"
                           "  - name: p\n"
                           "    base_url: http://127.0.0.1:9/v1\n"
                           "    api_key: sk-very-secret-key\n"
                           "models: [{ name: m, provider: p }]\n";

/* ---- the host's loop ----------------------------------------------------- */

struct loop {
    int watches;
    int turn_ends;
};

static void *watch_new(int fd, unsigned events, void *token, void *loop)
{
    (void)fd;
    (void)events;
    ((struct loop *)loop)->watches++;
    return token;
}

static void watch_set(void *watch, unsigned events, void *loop)
{
    (void)watch;
    (void)events;
    (void)loop;
}

static void watch_free(void *watch, void *loop)
{
    (void)watch;
    ((struct loop *)loop)->watches--;
}

static void timer(uint64_t at_ns, void *loop)
{
    (void)at_ns;
    (void)loop;
}

static void turn_end(void *loop)
{
    ((struct loop *)loop)->turn_ends++;
}

static void wake(void *loop)
{
    (void)loop;
}

static const struct llmp_loop_ops loop_ops = {
    .size = sizeof(loop_ops),
    .watch_new = watch_new,
    .watch_set = watch_set,
    .watch_free = watch_free,
    .timer = timer,
    .turn_end = turn_end,
    .wake = wake,
};

/* ---- the client ---------------------------------------------------------- */

struct client {
    int responses, ends;
    uint16_t status;
    char body[256];
    size_t body_len;
    bool complete;
};

static void respond(const struct llmp_response_head *head, void *ctx)
{
    struct client *client = ctx;

    assert_int_equal(client->ends, 0);
    client->responses++;
    client->status = head->status;
}

static void take_body(struct llmp_str bytes, void *ctx)
{
    struct client *client = ctx;

    assert_int_equal(client->responses, 1);
    assert_true(client->body_len + bytes.len < sizeof(client->body));
    memcpy(client->body + client->body_len, bytes.ptr, bytes.len);
    client->body_len += bytes.len;
}

static void done(const struct llmp_summary *summary, void *ctx)
{
    struct client *client = ctx;

    client->ends++;
    client->complete = summary->complete;
    assert_int_equal(summary->status, client->status);
}

static void pause(bool paused, void *ctx)
{
    (void)paused;
    (void)ctx;
    fail(); /* nothing is uploaded */
}

static const struct llmp_client_ops client_ops = {
    .size = sizeof(client_ops),
    .respond = respond,
    .write = take_body,
    .done = done,
    .pause = pause,
};

/* ---- the setting --------------------------------------------------------- */

static void fill_random(void *bytes, size_t size, void *ctx)
{
    (void)ctx;
    memset(bytes, 7, size);
}

static struct llmp_gateway *new_gateway(void)
{
    const struct llmp_config_source source = { .size = sizeof(source) };
    const struct llmp_random random = { .fill = fill_random };
    struct llmp_config *config = NULL;
    struct llmp_gateway *gateway = NULL;
    struct llmp_error err;

    if (llmp_config_parse(&config, llmp_str_of(yaml), &source, &err) < 0)
        fail_msg("configuration: %s", err.message);
    assert_int_equal(llmp_gateway_new(&gateway, config, &random, &err), 0);
    llmp_config_unref(config);
    return gateway;
}

/* One request by GET. Returns false if it could not even be opened. */
static bool ask(struct llmp_driver *driver, const char *target,
                struct client *client)
{
    const struct llmp_request_head head = { .method = LLMP_STR("GET"),
                                            .target = llmp_str_of(target),
                                            .http_major = 1,
                                            .http_minor = 1 };
    struct llmp_drive *drive = NULL;

    *client = (struct client){ .status = 0 };
    if (llmp_drive_open(&drive, driver, &client_ops, client) < 0) {
        assert_int_equal(client->ends, 0);
        return false;
    }
    llmp_drive_head(drive, &head);
    if (!client->ends)
        llmp_drive_end(drive);
    assert_int_equal(client->ends, 1);
    return true;
}

/* ---- tests --------------------------------------------------------------- */

static void requests_are_answered_here(void **state)
{
    static const struct {
        const char *target;
        uint16_t status;
        const char *body;
    } cases[] = {
        { "/health/live", 200, "{\"status\":\"live\"}" },
        { "/health/ready", 200, "{\"status\":\"ready\"}" },
        { "/v1/models/m", 200, "\"id\":\"m\"" },
        { "/v1/models/none", 404, "\"model_not_found\"" },
        { "/nothing/here", 404, "\"error\"" },
    };
    struct llmp_gateway *gateway = new_gateway();
    struct llmp_driver *driver = NULL;
    struct loop loop = { 0 };

    (void)state;
    assert_int_equal(
        llmp_driver_new(&driver, gateway, &loop_ops, &loop, NULL, NULL), 0);
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct client client;

        print_message("# %s\n", cases[i].target);
        assert_true(ask(driver, cases[i].target, &client));
        assert_int_equal(client.status, cases[i].status);
        assert_true(client.complete);
        assert_non_null(strstr(client.body, cases[i].body));
    }
    llmp_driver_free(driver);
    llmp_gateway_free(gateway);
    assert_int_equal(loop.watches, 0);
}

static void a_loop_with_a_missing_hook_is_refused(void **state)
{
    struct llmp_loop_ops broken[] = { loop_ops, loop_ops, loop_ops, loop_ops,
                                      loop_ops, loop_ops, loop_ops };
    struct llmp_gateway *gateway = new_gateway();
    struct llmp_driver *driver = NULL;

    (void)state;
    broken[0].size--;
    broken[1].watch_new = NULL;
    broken[2].watch_set = NULL;
    broken[3].watch_free = NULL;
    broken[4].timer = NULL;
    broken[5].turn_end = NULL;
    broken[6].wake = NULL;
    for (size_t i = 0; i < LLMP_COUNT(broken); i++) {
        print_message("# case %zu\n", i);
        assert_int_equal(
            llmp_driver_new(&driver, gateway, &broken[i], NULL, NULL, NULL),
            LLMP_E_INVALID);
        assert_null(driver);
    }
    llmp_gateway_free(gateway);
}

static void a_driver_without_memory_leaves_nothing_behind(void **state)
{
    struct llmp_gateway *gateway = new_gateway();
    int nth = 0, rc = LLMP_E_NOMEM;

    (void)state;
    for (; rc != LLMP_OK; nth++) {
        struct llmp_driver *driver = NULL;
        struct llmp_error err = { .status = LLMP_OK };
        struct loop loop = { 0 };

        assert_true(nth < 100);
        faulty_heap_arm(nth);
        rc = llmp_driver_new(&driver, gateway, &loop_ops, &loop, NULL, &err);
        if (rc != LLMP_OK) {
            assert_int_equal(rc, LLMP_E_NOMEM);
            assert_int_equal(err.status, LLMP_E_NOMEM);
            assert_null(driver);
        }
        llmp_driver_free(driver);
        assert_int_equal(faulty_heap_live(), 0);
        assert_int_equal(loop.watches, 0);
    }
    faulty_heap_off();
    assert_true(nth > 4); /* driver, worker, pool, transports */
    llmp_gateway_free(gateway);
}

/* The second request finds what the first one left for reuse. */
static bool ask_twice(struct llmp_driver *driver, const char *target)
{
    bool good = true;

    for (int i = 0; i < 2; i++) {
        struct client client;

        if (!ask(driver, target, &client)) {
            good = false;
            continue;
        }
        assert_true(client.responses == 1 || !client.complete);
        assert_true(client.status == 404 || client.status == 200 ||
                    client.status == 503 || !client.complete);
        good &= client.complete && client.status != 503;
    }
    return good;
}

static void a_request_without_memory_ends_once(void **state)
{
    static const char *const targets[] = { "/health/live", "/v1/models",
                                           "/nothing/here" };
    struct llmp_gateway *gateway = new_gateway();

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(targets); i++) {
        int nth = 0;

        print_message("# %s\n", targets[i]);
        for (bool good = false; !good; nth++) {
            struct llmp_driver *driver = NULL;
            struct loop loop = { 0 };

            assert_true(nth < 100);
            faulty_heap_arm(nth);
            faulty_heap_pause(1); /* the driver itself is made */
            assert_int_equal(
                llmp_driver_new(&driver, gateway, &loop_ops, &loop, NULL, NULL),
                LLMP_OK);
            faulty_heap_pause(0);
            good = ask_twice(driver, targets[i]);
            llmp_driver_free(driver);
            assert_int_equal(faulty_heap_live(), 0);
            assert_int_equal(loop.watches, 0);
        }
        faulty_heap_off();
        assert_true(nth > 2); /* drive, exchange, arena, … */
    }
    llmp_gateway_free(gateway);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_here),
        cmocka_unit_test(a_loop_with_a_missing_hook_is_refused),
        cmocka_unit_test(a_driver_without_memory_leaves_nothing_behind),
        cmocka_unit_test(a_request_without_memory_ends_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
