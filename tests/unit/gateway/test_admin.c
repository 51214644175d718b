/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: each handler does what the policy lets its caller do and nothing else;
 * what it changed is in force when it answers; short memory gives 503, leaves
 * nothing behind, and never half a change. Method: a store in memory, whose
 * thread is this one; requests of every role; memory fails at 0, 1, 2, ….
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "gateway/admin.h"
#include "gateway/moment.h"

#define WALL_NS (UINT64_C(1800000000) * LLMP_NS_PER_S)

static const char yaml[] =
    "providers: [{ name: p, base_url: 'http://127.0.0.1:9/v1' }]\n"
    "auth: { pepper: a pepper of sixteen bytes or more }\n"
    "store: { path: unused }\n"
    "teams: [{ name: in-file, limits: { requests: 7 } }]\n"
    "keys: [{ name: file-key, role: developer, user: eve, models: [m],\n"
    "         limits: { requests: 7, budget: { day: '2', soft: 70 } },\n"
    "         hash: '0000000000000000000000000000000000000000000000000000000000"
    "000001' }]\n";

static void fill_random(void *bytes, size_t size, void *ctx)
{
    static uint64_t seed = 88172645463325252u;
    uint8_t *to = bytes;

    (void)ctx;
    for (size_t i = 0; i < size; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        to[i] = (uint8_t)(seed >> 24);
    }
}

struct setting {
    struct llmp_config *config;
    struct llmp_gateway *gateway;
    struct llmp_store_writer *writer;
    bool over;
    unsigned status;
    char body[8192];
};

static void loaded(int status, void *ctx)
{
    struct setting *s = ctx;

    s->over = true;
    s->status = (unsigned)-status;
}

static void pump(struct setting *s)
{
    while (!s->over)
        (void)llmp_store_writer_pump(s->writer, 1);
}

static int set_up(void **state)
{
    static struct setting s;
    const struct llmp_config_source source = { .size = sizeof(source) };
    const struct llmp_random random = { .fill = fill_random };
    struct llmp_store *store;
    struct llmp_error err;

    s = (struct setting){ 0 };
    faulty_heap_arm(-1);
    if (llmp_config_parse(&s.config, llmp_str_of(yaml), &source, &err) < 0)
        fail_msg("configuration: %s", err.message);
    assert_int_equal(llmp_gateway_new(&s.gateway, s.config, &random, &err), 0);
    assert_int_equal(llmp_store_open_memory(&store, &err), 0);
    assert_int_equal(llmp_store_writer_new(&s.writer, store, NULL, &err), 0);
    llmp_gateway_set_store(s.gateway, s.writer, loaded, &s);
    pump(&s);
    assert_int_equal(s.status, 0);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct setting *s = *state;

    llmp_gateway_set_store(s->gateway, NULL, NULL, NULL);
    llmp_store_writer_free(s->writer);
    llmp_gateway_free(s->gateway);
    llmp_config_unref(s->config);
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
    return 0;
}

static void answered(const struct llmp_admin_answer *answer, void *ctx)
{
    struct setting *s = ctx;
    size_t len = answer->body.len < sizeof(s->body) - 1 ? answer->body.len
                                                        : sizeof(s->body) - 1;

    s->status = answer->status;
    memcpy(s->body, answer->body.ptr ? answer->body.ptr : "", len);
    s->body[len] = '\0';
    s->over = true;
}

#define LOCAL                                                                \
    {                                                                        \
        .size = sizeof(struct llmp_principal), .kind = LLMP_PRINCIPAL_LOCAL, \
        .role = LLMP_ROLE_ADMIN                                              \
    }
static const struct llmp_principal local = LOCAL;

static unsigned ask(struct setting *s, const struct llmp_principal *who,
                    const char *method, const char *target, const char *body)
{
    const struct llmp_admin_request request = {
        .size = sizeof(request),
        .principal = *who,
        .method = llmp_str_of(method),
        .target = llmp_str_of(target),
        .content_type = LLMP_STR("application/json"),
        .body = llmp_str_of(body),
    };
    int rc;

    s->over = false;
    s->body[0] = '\0';
    rc = llmp_admin_begin(s->gateway, &request,
                          (struct llmp_time){ 1, WALL_NS }, answered, s, NULL);
    if (rc != LLMP_OK) {
        assert_int_equal(rc, LLMP_E_NOMEM);
        return 503;
    }
    pump(s);
    return s->status;
}

static unsigned make(struct setting *s, const char *names, const char *body)
{
    char target[64];

    (void)snprintf(target, sizeof(target), "/admin/v1/%s", names);
    return ask(s, &local, "POST", target, body);
}

/* "id" of the last answer. */
static void copy_id(const struct setting *s, char out[64])
{
    const char *at = strstr(s->body, "\"id\":\"");

    assert_non_null(at);
    assert_int_equal(sscanf(at + 6, "%63[^\"]", out), 1);
}

static bool is_in_force(struct setting *s, const char *id)
{
    struct llmp_access *access = llmp_gateway_access(s->gateway);
    const struct llmp_key *key =
        llmp_keyring_find(access->keyring, llmp_str_of(id));
    bool counts = key && llmp_key_state(key, WALL_NS) == LLMP_OK;

    llmp_access_unref(access);
    return counts;
}

/* ---- who may do what ----------------------------------------------------- */

/* One line a route, one column a caller: local, an organisation's admin,
 * auditor, developer, user, service; all of organisation acme but the first.
 * {key}: a key of the developer; {other}: one of somebody else's elsewhere. */
static void each_handler_asks_the_policy(void **state)
{
    static const struct llmp_principal who[] = {
        LOCAL,
        { .size = sizeof(local),
          .kind = LLMP_PRINCIPAL_KEY,
          .id = { "1", 1 },
          .role = LLMP_ROLE_ADMIN,
          .org = { "acme", 4 } },
        { .size = sizeof(local),
          .kind = LLMP_PRINCIPAL_KEY,
          .id = { "2", 1 },
          .role = LLMP_ROLE_AUDITOR,
          .org = { "acme", 4 } },
        { .size = sizeof(local),
          .kind = LLMP_PRINCIPAL_KEY,
          .id = { "3", 1 },
          .role = LLMP_ROLE_DEVELOPER,
          .user = { "dev", 3 },
          .org = { "acme", 4 } },
        { .size = sizeof(local),
          .kind = LLMP_PRINCIPAL_KEY,
          .id = { "4", 1 },
          .role = LLMP_ROLE_USER,
          .user = { "usr", 3 },
          .org = { "acme", 4 } },
        { .size = sizeof(local),
          .kind = LLMP_PRINCIPAL_KEY,
          .id = { "5", 1 },
          .role = LLMP_ROLE_SERVICE,
          .user = { "svc", 3 },
          .org = { "acme", 4 } },
    };
    static const struct {
        const char *method, *target, *body;
        unsigned expect[LLMP_COUNT(who)];
    } lines[] = {
        { "GET", "keys", NULL, { 200, 200, 200, 200, 200, 403 } },
        { "GET", "keys/{key}", NULL, { 200, 200, 200, 200, 404, 404 } },
        { "GET", "keys/{other}", NULL, { 200, 404, 404, 404, 404, 404 } },
        { "POST",
          "keys",
          "{\"name\":\"n\"}",
          { 201, 201, 403, 201, 403, 403 } },
        { "PATCH",
          "keys/{key}",
          "{\"name\":\"n\"}",
          { 200, 200, 403, 200, 404, 404 } },
        { "PATCH",
          "keys/{key}",
          "{\"team\":\"t\"}",
          { 200, 200, 403, 403, 404, 404 } },
        { "PATCH",
          "keys/{key}",
          "{\"team\":null}",
          { 200, 200, 403, 404, 404, 404 } },
        { "PATCH",
          "keys/{other}",
          "{\"name\":\"n\"}",
          { 200, 404, 404, 404, 404, 404 } },
        { "POST", "keys/{key}/rotate", NULL, { 200, 200, 403, 200, 404, 404 } },
        { "GET", "users", NULL, { 200, 200, 200, 403, 403, 403 } },
        { "GET", "users/dev", NULL, { 200, 200, 200, 200, 404, 404 } },
        { "PATCH",
          "users/dev",
          "{\"email\":\"a@b\"}",
          { 200, 200, 403, 200, 404, 404 } },
        { "PATCH",
          "users/dev",
          "{\"role\":\"developer\"}",
          { 200, 200, 403, 403, 404, 404 } },
        { "PATCH",
          "users/dev",
          "{\"organisation\":\"acme\"}",
          { 200, 403, 403, 403, 404, 404 } },
        { "POST",
          "users",
          "{\"id\":\"dev\"}",
          { 409, 409, 403, 403, 403, 403 } },
        { "GET", "teams", NULL, { 200, 200, 200, 403, 403, 403 } },
        { "POST",
          "teams",
          "{\"id\":\"x\",\"organisation\":\"other\"}",
          { 201, 403, 403, 403, 403, 403 } },
        { "GET", "organisations/acme", NULL, { 200, 200, 200, 200, 404, 404 } },
        { "PATCH",
          "organisations/acme",
          "{\"name\":\"n\"}",
          { 200, 403, 403, 403, 404, 404 } },
        { "GET", "usage", NULL, { 200, 200, 200, 200, 200, 403 } },
        { "GET",
          "usage?organisation=other",
          NULL,
          { 200, 403, 403, 403, 403, 403 } },
        { "GET", "budgets", NULL, { 200, 200, 200, 200, 200, 403 } },
        { "GET", "events", NULL, { 200, 200, 200, 403, 403, 403 } },
        { "GET", "keys/file-key", NULL, { 200, 404, 404, 404, 404, 404 } },
        { "PATCH",
          "keys/file-key",
          "{\"name\":\"n\"}",
          { 409, 404, 404, 404, 404, 404 } },
        { "POST",
          "keys/file-key/rotate",
          NULL,
          { 409, 404, 404, 404, 404, 404 } },
        { "DELETE", "keys/file-key", NULL, { 409, 404, 404, 404, 404, 404 } },
        { "GET", "prices", NULL, { 200, 200, 200, 200, 403, 403 } },
        { "POST",
          "reprice?from=2027-01-01",
          NULL,
          { 200, 403, 403, 403, 403, 403 } },
        { "DELETE", "keys/{other}", NULL, { 200, 404, 404, 404, 404, 404 } },
        { "DELETE", "keys/{key}", NULL, { 200, 200, 403, 200, 404, 404 } },
    };
    struct setting *s = *state;
    char key[64], other[64];

    assert_int_equal(make(s, "keys",
                          "{\"name\":\"k\",\"user\":\"dev\","
                          "\"organisation\":\"acme\"}"),
                     201);
    copy_id(s, key);
    assert_int_equal(make(s, "keys",
                          "{\"name\":\"k\",\"user\":\"x\","
                          "\"organisation\":\"other\"}"),
                     201);
    copy_id(s, other);
    assert_int_equal(
        make(s, "users", "{\"id\":\"dev\",\"organisation\":\"acme\"}"), 201);
    assert_int_equal(make(s, "organisations", "{\"id\":\"acme\"}"), 201);
    for (size_t i = 0; i < LLMP_COUNT(lines); i++)
        for (size_t w = LLMP_COUNT(who); w-- > 0;) {
            char target[160];
            const char *mark = strchr(lines[i].target, '{');
            const char *end = mark ? strchr(mark, '}') : NULL;

            (void)snprintf(target, sizeof(target), "/admin/v1/%.*s%s%s",
                           mark ? (int)(mark - lines[i].target) : 100,
                           lines[i].target,
                           !mark            ? ""
                           : mark[1] == 'k' ? key
                                            : other,
                           end ? end + 1 : "");
            if (ask(s, &who[w], lines[i].method, target, lines[i].body) !=
                lines[i].expect[w])
                fail_msg("%s %s by %zu: %u %s", lines[i].method, target, w,
                         s->status, s->body);
        }
}

/* ---- what is in force ---------------------------------------------------- */

static void a_change_is_in_force_when_it_is_answered(void **state)
{
    struct setting *s = *state;
    char id[64], target[96];

    assert_int_equal(make(s, "keys", "{\"name\":\"k\",\"user\":\"u\"}"), 201);
    copy_id(s, id);
    assert_true(is_in_force(s, id));
    (void)snprintf(target, sizeof(target), "/admin/v1/keys/%s", id);
    assert_int_equal(ask(s, &local, "PATCH", target, "{\"disabled\":true}"),
                     200);
    assert_false(is_in_force(s, id));
    assert_int_equal(ask(s, &local, "PATCH", target, "{\"disabled\":null}"),
                     200);
    assert_true(is_in_force(s, id));
    assert_int_equal(make(s, "users", "{\"id\":\"u\",\"disabled\":true}"), 201);
    assert_false(is_in_force(s, id));
    assert_int_equal(
        ask(s, &local, "PATCH", "/admin/v1/users/u", "{\"disabled\":false}"),
        200);
    assert_true(is_in_force(s, id));

    struct llmp_error err; /* a reload keeps them */

    assert_int_equal(llmp_gateway_reload(s->gateway, s->config, &err), 0);
    assert_true(is_in_force(s, id));
    assert_int_equal(ask(s, &local, "DELETE", target, NULL), 200);
    assert_false(is_in_force(s, id));
    assert_true(is_in_force(s, "file-key"));
}

static void a_key_of_the_file_is_a_grantor(void **state)
{
    const struct llmp_str models[] = { LLMP_STR("m") };
    const struct llmp_grant grant = { .size = sizeof(grant),
                                      .role = LLMP_ROLE_DEVELOPER,
                                      .models = models,
                                      .model_count = 1 };
    const struct llmp_principal who = { .size = sizeof(who),
                                        .kind = LLMP_PRINCIPAL_KEY,
                                        .role = LLMP_ROLE_DEVELOPER,
                                        .id = LLMP_STR("file-key"),
                                        .user = LLMP_STR("eve"),
                                        .grant = &grant };
    struct setting *s = *state;
    struct llmp_access *access;
    const struct llmp_key *key;
    char id[64];

    assert_int_equal(ask(s, &who, "POST", "/admin/v1/keys",
                         "{\"name\":\"k\",\"models\":[\"n\"],"
                         "\"limits\":{\"requests\":9}}"),
                     403);
    assert_int_equal(ask(s, &who, "POST", "/admin/v1/keys",
                         "{\"name\":\"k\",\"models\":[\"m\"],"
                         "\"limits\":{\"requests\":9}}"),
                     201);
    copy_id(s, id);
    access = llmp_gateway_access(s->gateway);
    key = llmp_keyring_find(access->keyring, llmp_str_of(id));
    assert_non_null(key);
    assert_non_null(llmp_key_grant(key)->grantor);
    assert_false(llmp_grant_has_model(llmp_key_grant(key), LLMP_STR("n")));
    llmp_access_unref(access);
}

/* Each key makes the next, until the chain is as long as it may be. */
static void hands_come_to_an_end(void **state)
{
    struct setting *s = *state;
    struct llmp_principal who = { .size = sizeof(who),
                                  .kind = LLMP_PRINCIPAL_KEY,
                                  .role = LLMP_ROLE_DEVELOPER,
                                  .user = LLMP_STR("eve") };
    char id[64];
    unsigned made = 0;

    assert_int_equal(make(s, "keys",
                          "{\"name\":\"k\",\"role\":\"developer\","
                          "\"user\":\"eve\"}"),
                     201);
    for (;; made++) {
        copy_id(s, id);
        who.id = llmp_str_of(id);
        assert_true(is_in_force(s, id));
        if (ask(s, &who, "POST", "/admin/v1/keys",
                "{\"name\":\"k\",\"role\":\"developer\"}") != 201)
            break;
    }
    assert_int_equal(s->status, 403);
    assert_non_null(strstr(s->body, "grant_too_deep"));
    assert_int_equal(made, LLMP_GRANT_DEPTH_MAX);
}

static void pages_show_each_once(void **state)
{
    struct setting *s = *state;
    char target[128] = "/admin/v1/teams?limit=2", next[64];
    unsigned shown = 0;

    for (int i = 0; i < 5; i++) {
        char body[32];

        (void)snprintf(body, sizeof(body), "{\"id\":\"t%d\"}", i);
        assert_int_equal(make(s, "teams", body), 201);
    }
    for (int page = 0; page < 3; page++) {
        const char *at;

        assert_int_equal(ask(s, &local, "GET", target, NULL), 200);
        for (at = s->body; (at = strstr(at, "\"id\":")); at++)
            shown++;
        at = strstr(s->body, "\"next\":\"");
        assert_true((at != NULL) == (page < 2));
        if (at && sscanf(at + 8, "%63[^\"]", next) == 1)
            (void)snprintf(target, sizeof(target),
                           "/admin/v1/teams?limit=2&after=%s", next);
    }
    assert_int_equal(shown, 5);
}

/* Those of the file first; no hash, whoever asks. */
static void keys_of_the_file_are_shown(void **state)
{
    struct setting *s = *state;
    char target[128] = "/admin/v1/keys?limit=1", next[64];
    unsigned file = 0, store = 0;
    bool more = true;

    for (int i = 0; i < 2; i++)
        assert_int_equal(make(s, "keys", "{\"name\":\"k\"}"), 201);
    while (more) {
        const char *at;

        assert_int_equal(ask(s, &local, "GET", target, NULL), 200);
        assert_null(strstr(s->body, "000000"));
        file += strstr(s->body, "\"source\":\"file\"") != NULL;
        store += strstr(s->body, "\"source\":\"store\"") != NULL;
        at = strstr(s->body, "\"next\":\"");
        more = at && sscanf(at + 8, "%63[^\"]", next) == 1;
        (void)snprintf(target, sizeof(target),
                       "/admin/v1/keys?limit=1&after=%s", next);
    }
    assert_int_equal(file, 1);
    assert_int_equal(store, 2);
    assert_int_equal(ask(s, &local, "GET", "/admin/v1/keys?user=eve", NULL),
                     200);
    assert_non_null(strstr(s->body, "\"id\":\"file-key\""));
    assert_non_null(strstr(s->body, "\"models\":[\"m\"]"));
    assert_non_null(strstr(s->body, "\"limits\":{\"requests\":7,\"budget\":"
                                    "{\"day\":\"2\",\"soft\":70}}"));
    assert_int_equal(ask(s, &local, "GET", "/admin/v1/keys?user=x", NULL), 200);
    assert_null(strstr(s->body, "file-key"));
}

/* ---- short memory -------------------------------------------------------- */

/* One that asks without end leaves room for others, and gets its own back. */
static void nobody_takes_all_of_it(void **state)
{
    struct setting *s = *state;
    struct llmp_admin_request request = {
        .size = sizeof(request),
        .principal = { .size = sizeof(local),
                       .kind = LLMP_PRINCIPAL_KEY,
                       .id = { "busy", 4 },
                       .role = LLMP_ROLE_USER,
                       .user = { "u", 1 } },
        .method = LLMP_STR("GET"),
        .target = LLMP_STR("/admin/v1/keys"),
    };
    const struct llmp_time now = { 1, WALL_NS };

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < LLMP_ADMIN_SHARE_MAX; i++)
            assert_int_equal(
                llmp_admin_begin(s->gateway, &request, now, answered, s, NULL),
                LLMP_OK);
        assert_int_equal(
            llmp_admin_begin(s->gateway, &request, now, answered, s, NULL),
            LLMP_LIMITED);
        assert_int_equal(ask(s, &local, "GET", "/admin/v1/keys", ""), 200);
    }
}

static void a_request_is_explained_to_who_may_see_the_key(void **state)
{
    static const struct llmp_principal other = {
        .size = sizeof(other),
        .kind = LLMP_PRINCIPAL_KEY,
        .role = LLMP_ROLE_DEVELOPER,
        .id = LLMP_STR("x"),
        .user = LLMP_STR("x"),
    };
    static const struct {
        const struct llmp_principal *who;
        const char *body;
        unsigned status;
        const char *says;
    } rows[] = {
        { &local, "{\"request\":{\"model\":\"m\",\"messages\":[]}}", 200,
          "\"chosen\":\"p/*\"" },
        { &local,
          "{\"request\":{\"model\":\"n\",\"messages\":[]},"
          "\"key\":\"file-key\"}",
          200, "\"code\":\"model_denied\"" },
        { &other, "{\"request\":{\"model\":\"m\",\"messages\":[]}}", 200,
          "\"deployments\":[{" },
        { &other,
          "{\"request\":{\"model\":\"m\",\"messages\":[]},"
          "\"key\":\"file-key\"}",
          404, "" },
        { &local,
          "{\"request\":{\"model\":\"m\",\"messages\":[]},\"key\":\"no\"}", 404,
          "" },
        { &local, "{\"request\":{\"messages\":[]}}", 400, "model" },
        { &local, "{\"request\":[]}", 400, "request" },
        { &local, "{\"key\":\"file-key\"}", 400, "request" },
        { &local, "{\"request\":{},\"headers\":{\"a\":1}}", 400, "headers" },
        { &local, "{\"request\":{},\"other\":1}", 400, "members are" },
        { &local, "[]", 400, "not a JSON object" },
        { &local, NULL, 400, "needed as body" },
    };

    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        struct setting *s = *state;

        print_message("# %s\n", rows[i].body ? rows[i].body : "");
        assert_int_equal(
            ask(s, rows[i].who, "POST", "/admin/v1/explain", rows[i].body),
            rows[i].status);
        if (!strstr(s->body, rows[i].says))
            fail_msg("no %s in %s", rows[i].says, s->body);
    }
}

/* Either all of a change or nothing of it, and then an answer that says so. */
static void survives_every_allocation_failure(void **state)
{
    static const struct {
        const char *method, *target, *body;
        unsigned expect;
    } lines[] = {
        { "POST", "/admin/v1/keys",
          "{\"name\":\"k\",\"user\":\"u\",\"models\":[\"a\"],\"limits\":"
          "{\"requests\":1,\"budget\":{\"day\":\"1\"}}}",
          201 },
        { "PATCH", "/admin/v1/users/u", "{\"models\":[\"a\",\"b\"]}", 200 },
        { "GET", "/admin/v1/keys?limit=1&user=u", NULL, 200 },
        { "GET", "/admin/v1/keys/file-key", NULL, 200 },
        { "GET", "/admin/v1/events", NULL, 200 },
        { "GET", "/admin/v1/budgets", NULL, 200 },
        { "GET", "/admin/v1/prices", NULL, 200 },
        { "POST", "/admin/v1/explain",
          "{\"request\":{\"model\":\"m\",\"messages\":[]},\"key\":\"file-key\","
          "\"headers\":{\"a\":\"b\"}}",
          200 },
        { "GET", "/openapi.json", NULL, 200 },
        { "GET", "/admin/v1/nothing", NULL, 404 },
    };
    struct setting *s = *state;

    assert_int_equal(make(s, "users", "{\"id\":\"u\"}"), 201);
    for (size_t i = 0; i < LLMP_COUNT(lines); i++) {
        unsigned status = 0;
        int n = 0;

        for (; status != lines[i].expect && n < 2000; n++) {
            faulty_heap_fail_from(n);
            status =
                ask(s, &local, lines[i].method, lines[i].target, lines[i].body);
            faulty_heap_fail_from(-1);
            if (status != lines[i].expect && status != 503)
                fail_msg("%s at %d: %u %s", lines[i].target, n, status,
                         s->body);
        }
        assert_int_equal(status, lines[i].expect);
    }
    /* What could not be brought into force then is with the next request. */
    assert_int_equal(ask(s, &local, "GET", "/admin/v1/keys?limit=1", NULL),
                     200);

    struct llmp_access *access = llmp_gateway_access(s->gateway);

    assert_int_equal(llmp_keyring_count(access->keyring),
                     s->gateway->stored.directory.kinds[LLMP_RECORD_KEY].count +
                         1);
    llmp_access_unref(access);
}

/* ---- moments ------------------------------------------------------------- */

static void moments_are_read_as_they_are_written(void **state)
{
    static const struct {
        const char *text;
        uint64_t s; /* 0: it is none */
    } lines[] = {
        { "1970-01-02T00:00:00Z", 86400 },
        { "2000-02-29T23:59:59Z", 951868799 },
        { "2100-03-01T00:00:00Z", 4107542400 },
        { "2027-01-31T12:00:00Z", 1801396800 },
        { "2100-02-29T00:00:00Z", 0 },
        { "2027-13-01T00:00:00Z", 0 },
        { "2027-01-31T24:00:00Z", 0 },
        { "2027-01-31 12:00:00Z", 0 },
        { "9999-01-31T12:00:00Z", 0 },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(lines); i++) {
        uint64_t ns = 0;
        char text[LLMP_MOMENT_SIZE];
        bool ok = llmp_moment_parse(llmp_str_of(lines[i].text), &ns);

        assert_int_equal(ok, lines[i].s != 0);
        if (!ok)
            continue;
        assert_int_equal(ns, lines[i].s * LLMP_NS_PER_S);
        (void)llmp_moment_write(text, ns);
        assert_string_equal(text, lines[i].text);
    }
}

int main(void)
{
#define WITH_STORE(test) \
    cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STORE(each_handler_asks_the_policy),
        WITH_STORE(a_change_is_in_force_when_it_is_answered),
        WITH_STORE(a_key_of_the_file_is_a_grantor),
        WITH_STORE(hands_come_to_an_end),
        WITH_STORE(pages_show_each_once),
        WITH_STORE(keys_of_the_file_are_shown),
        WITH_STORE(nobody_takes_all_of_it),
        WITH_STORE(a_request_is_explained_to_who_may_see_the_key),
        WITH_STORE(survives_every_allocation_failure),
        cmocka_unit_test(moments_are_read_as_they_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
