/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: token requests are, byte for byte, what the services document; answers
 * give a token and its life or say clearly why not.
 * Method: requests are shown as text and compared; answers are a table; memory
 * fails at every request in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "cloud/oauth.h"
#include "faulty_heap.h"
#include "show_request.h"

#define S(literal)                   \
    {                                \
        literal, sizeof(literal) - 1 \
    }
#define FORM                                            \
    "content-type: application/x-www-form-urlencoded\n" \
    "accept: application/json\n\n"
#define WALL_NS (UINT64_C(1700000000) * LLMP_NS_PER_S)

static const uint8_t random_bytes[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55,
                                          0xF6, 0x77, 0x08, 0x99, 0xAA, 0xBB,
                                          0xCC, 0xDD, 0xEE, 0xFF };

static void check_request(struct llmp_cloud_request *request,
                          const char *expected)
{
    char text[2048];

    show_request(text, sizeof(text), request);
    assert_string_equal(text, expected);
    llmp_cloud_request_fini(request);
    assert_null(request->url.ptr);
}

static void client_credentials(void **state)
{
    (void)state;
    struct llmp_oauth_client client = {
        .token_url = LLMP_STR("https://id.example/token"),
        .id = LLMP_STR("me & you"),
        .secret = LLMP_STR("p+s:\xC3\xA9"),
        .scope = LLMP_STR("a b"),
    };
    struct llmp_cloud_request request;

    assert_int_equal(llmp_oauth_request(&request, &client, NULL), LLMP_OK);
    check_request(&request,
                  "POST https://id.example/token\n" FORM
                  "grant_type=client_credentials&client_id=me%20%26%20you&"
                  "client_secret=p%2Bs%3A%C3%A9&scope=a%20b");
    client.auth = LLMP_OAUTH_BASIC;
    client.scope = LLMP_STR("");
    assert_int_equal(llmp_oauth_request(&request, &client, NULL), LLMP_OK);
    /* Base64 of "me%20%26%20you:p%2Bs%3A%C3%A9" */
    check_request(&request,
                  "POST https://id.example/token\n"
                  "authorization: Basic bWUlMjAlMjYlMjB5b3U6cCUyQnMl"
                  "M0ElQzMlQTk=\n" FORM "grant_type=client_credentials");
}

static void entra(void **state)
{
    (void)state;
    const struct llmp_oauth_client client = {
        .id = LLMP_STR("535fb089-9ff3-47b6-9bfb-4f1264799865"),
        .secret = LLMP_STR("sampleCredentia1s"),
        .scope = LLMP_STR("https://cognitiveservices.azure.com/.default"),
    };
    static const char *const bad[] = { "", "a/b", "..", ".a", "a?b", "a b" };
    struct llmp_cloud_request request;

    assert_int_equal(
        llmp_entra_request(&request,
                           LLMP_STR("4d3d1b0e-0e5a-4b2c-8f3a-000000000001"),
                           &client, NULL),
        LLMP_OK);
    check_request(
        &request,
        "POST https://login.microsoftonline.com/4d3d1b0e-0e5a-4b2c-8f3a-"
        "000000000001/oauth2/v2.0/token\n" FORM
        "grant_type=client_credentials&client_id=535fb089-9ff3-47b6-9bfb-"
        "4f1264799865&client_secret=sampleCredentia1s&scope=https%3A%2F%2F"
        "cognitiveservices.azure.com%2F.default");
    for (size_t i = 0; i < LLMP_COUNT(bad); i++)
        assert_int_equal(
            llmp_entra_request(&request, llmp_str_of(bad[i]), &client, NULL),
            LLMP_E_INVALID);
    assert_null(request.text.ptr);
}

static void gigachat(void **state)
{
    (void)state;
    struct llmp_gigachat_client client = { .credentials =
                                               LLMP_STR("aWQ6c2VjcmV0") };
    struct llmp_cloud_request request;

    assert_int_equal(
        llmp_gigachat_request(&request, &client, random_bytes, NULL), LLMP_OK);
    check_request(&request,
                  "POST https://ngw.devices.sberbank.ru:9443/api/v2/oauth\n"
                  "authorization: Basic aWQ6c2VjcmV0\n"
                  "RqUID: 00112233-4455-4677-8899-aabbccddeeff\n" FORM
                  "scope=GIGACHAT_API_PERS");
    client.token_url = LLMP_STR("https://localhost:1/x");
    client.scope = LLMP_STR("GIGACHAT_API_CORP");
    assert_int_equal(
        llmp_gigachat_request(&request, &client, random_bytes, NULL), LLMP_OK);
    check_request(&request, "POST https://localhost:1/x\n"
                            "authorization: Basic aWQ6c2VjcmV0\n"
                            "RqUID: 00112233-4455-4677-8899-aabbccddeeff\n" FORM
                            "scope=GIGACHAT_API_CORP");
    client.credentials = LLMP_STR("a\r\nb");
    assert_int_equal(
        llmp_gigachat_request(&request, &client, random_bytes, NULL),
        LLMP_E_INVALID);
}

static void refuses_what_cannot_be_sent(void **state)
{
    (void)state;
    char large[LLMP_CLOUD_TEXT_MAX + 1];
    const struct {
        struct llmp_str url, id, secret, scope;
        int rc;
    } steps[] = {
        { S("https://a"), S("i"), S("s"), S(""), LLMP_OK },
        { S("http://a"), S("i"), S("s"), S(""), LLMP_E_INVALID },
        { S("https://"), S("i"), S("s"), S(""), LLMP_E_INVALID },
        { S("https:///a"), S("i"), S("s"), S(""), LLMP_E_INVALID },
        { S("https://a b"), S("i"), S("s"), S(""), LLMP_E_INVALID },
        { S("https://a\n"), S("i"), S("s"), S(""), LLMP_E_INVALID },
        { S("https://a"), S(""), S("s"), S(""), LLMP_E_INVALID },
        { S("https://a"), S("i"), S(""), S(""), LLMP_E_INVALID },
        { S("https://a"),
          { large, sizeof(large) },
          S("s"),
          S(""),
          LLMP_E_INVALID },
        { S("https://a"),
          S("i"),
          { large, sizeof(large) },
          S(""),
          LLMP_E_INVALID },
        { S("https://a"),
          S("i"),
          S("s"),
          { large, sizeof(large) },
          LLMP_E_INVALID },
        { S("https://a"),
          { large, LLMP_CLOUD_TEXT_MAX },
          { large, LLMP_CLOUD_TEXT_MAX },
          { large, LLMP_CLOUD_TEXT_MAX },
          LLMP_OK },
    };

    memset(large, '%', sizeof(large));
    for (size_t i = 0; i < LLMP_COUNT(steps); i++)
        for (int auth = LLMP_OAUTH_BODY; auth <= LLMP_OAUTH_BASIC; auth++) {
            const struct llmp_oauth_client client = {
                .token_url = steps[i].url,
                .id = steps[i].id,
                .secret = steps[i].secret,
                .scope = steps[i].scope,
                .auth = (enum llmp_oauth_auth)auth,
            };
            struct llmp_cloud_request request;

            print_message("# step %zu\n", i);
            assert_int_equal(llmp_oauth_request(&request, &client, NULL),
                             steps[i].rc);
            assert_true((request.text.ptr != NULL) == (steps[i].rc == LLMP_OK));
            llmp_cloud_request_fini(&request);
        }
    llmp_cloud_request_fini(NULL);
}

struct answer_case {
    int http_status;
    const char *body;
    int rc;
    bool retryable;
    uint64_t lifetime_s;
    const char *text; /* the token, or a part of the message */
};

static const struct answer_case answers[] = {
    { 200,
      "{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":"
      "\"eyJ.a-b_c.d\"}",
      LLMP_OK, false, 3599, "eyJ.a-b_c.d" },
    { 200, "{\"expires_in\":\"86399\",\"access_token\":\"t\\/\\u0041\"}",
      LLMP_OK, false, 86399, "t/A" },
    { 200,
      "{\"access_token\":\"t\",\"token_type\":\"bearer\",\"x\":{\"y\":[]}}",
      LLMP_OK, false, 300, "t" },
    { 200, "{\"access_token\":\"t\",\"expires_at\":1700001800500}", LLMP_OK,
      false, 1800, "t" },
    { 200, "{\"access_token\":\"t\",\"expires_in\":99999999999999}", LLMP_OK,
      false, 86400, "t" },
    { 200, "{\"access_token\":\"t\",\"expires_at\":1699999999999}",
      LLMP_E_SYNTAX, false, 0, "expired" },
    { 200, "{\"access_token\":\"t\",\"expires_in\":0}", LLMP_E_SYNTAX, false, 0,
      "expired" },
    { 200, "{\"access_token\":\"t\",\"expires_in\":-1}", LLMP_E_SYNTAX, false,
      0, "expires_in" },
    { 200, "{\"access_token\":\"t\",\"expires_in\":\"soon\"}", LLMP_E_SYNTAX,
      false, 0, "expires_in" },
    { 200, "{\"access_token\":\"t\",\"expires_at\":\"soon\"}", LLMP_E_SYNTAX,
      false, 0, "expires_at" },
    { 200, "{\"access_token\":\"t\",\"token_type\":\"DPoP\"}", LLMP_E_SYNTAX,
      false, 0, "Bearer" },
    { 200, "{\"access_token\":\"t\",\"token_type\":7}", LLMP_E_SYNTAX, false, 0,
      "Bearer" },
    { 200, "{\"access_token\":\"\"}", LLMP_E_SYNTAX, false, 0,
      "no access_token" },
    { 200, "{\"access_token\":null}", LLMP_E_SYNTAX, false, 0,
      "no access_token" },
    { 200, "{}", LLMP_E_SYNTAX, false, 0, "no access_token" },
    { 200, "{\"access_token\":\"a\\r\\nx: y\"}", LLMP_E_SYNTAX, false, 0,
      "header" },
    { 200, "{\"access_token\":\"a\",\"access_token\":\"b\"}", LLMP_E_SYNTAX,
      false, 0, "" },
    { 200, "<html>", LLMP_E_SYNTAX, false, 0, "" },
    { 200, "", LLMP_E_SYNTAX, false, 0, "" },
    { 401,
      "{\"error\":\"invalid_client\",\"error_description\":"
      "\"AADSTS7000215: Invalid\\u001b[31m secret\"}",
      LLMP_E_INVALID, false, 0,
      "status 401 invalid_client: AADSTS7000215: Invalid [31m secret" },
    { 200, "{\"error\":\"invalid_scope\"}", LLMP_E_INVALID, false, 0,
      "invalid_scope" },
    { 400, "{\"code\":7,\"message\":\"scope is empty\"}", LLMP_E_INVALID, false,
      0, "status 400: scope is empty" },
    { 403,
      "{\"error\":{\"code\":403,\"status\":\"PERMISSION_DENIED\",\"message\":"
      "\"no\"}}",
      LLMP_E_INVALID, false, 0, "status 403 PERMISSION_DENIED: no" },
    { 429, "{\"message\":\"Too many requests\"}", LLMP_E_IO, true, 0,
      "status 429" },
    { 503, "<html>", LLMP_E_IO, true, 0, "status 503" },
    { 404, "", LLMP_E_INVALID, false, 0, "status 404" },
    { 302, "{\"access_token\":\"t\"}", LLMP_E_INVALID, false, 0, "status 302" },
};

static void reads_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(answers); i++) {
        const struct answer_case *one = &answers[i];
        struct llmp_str text = llmp_str_of(one->text);
        struct llmp_cloud_grant grant = { .lifetime_ns = 7 };
        struct llmp_error err = { .status = 0 };
        size_t len = strlen(one->body);
        char *body = malloc(len + 1); /* of the right size, for sanitizers */

        print_message("# step %zu\n", i);
        memcpy(body, one->body, len);
        body = realloc(body, len ? len : 1);
        assert_int_equal(llmp_oauth_answer(&grant, one->http_status, body, len,
                                           WALL_NS, &err),
                         one->rc);
        if (one->rc == LLMP_OK) {
            assert_true(llmp_str_eq(grant.access, text));
            assert_int_equal(grant.secret.len + grant.session.len, 0);
            assert_int_equal(grant.lifetime_ns / LLMP_NS_PER_S,
                             one->lifetime_s);
        } else {
            assert_int_equal(grant.lifetime_ns, 7);
            assert_int_equal(err.status, one->rc);
            assert_int_equal(err.retryable, one->retryable);
            if (!strstr(err.message, one->text))
                fail_msg("\"%s\" is not in \"%s\"", one->text, err.message);
        }
        free(body);
    }
}

static void answers_have_an_end(void **state)
{
    (void)state;
    static const char head[] = "{\"access_token\":\"";
    size_t len = LLMP_CLOUD_ANSWER_MAX + 1;
    char *body = malloc(len);
    struct llmp_cloud_grant grant;

    for (size_t size = LLMP_CLOUD_TEXT_MAX; size <= LLMP_CLOUD_TEXT_MAX + 1;
         size++) {
        memset(body, 'x', len);
        memcpy(body, head, sizeof(head) - 1);
        memcpy(body + sizeof(head) - 1 + size, "\"}", 2);
        assert_int_equal(llmp_oauth_answer(&grant, 200, body,
                                           sizeof(head) - 1 + size + 2, WALL_NS,
                                           NULL),
                         size > LLMP_CLOUD_TEXT_MAX ? LLMP_E_LIMIT : LLMP_OK);
    }
    assert_int_equal(llmp_oauth_answer(&grant, 200, body, len, WALL_NS, NULL),
                     LLMP_E_LIMIT);
    free(body);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    const struct llmp_oauth_client client = {
        .token_url = LLMP_STR("https://id.example/token"),
        .id = LLMP_STR("id"),
        .secret = LLMP_STR("secret"),
        .auth = LLMP_OAUTH_BASIC,
    };

    for (int n = 0;; n++) {
        struct llmp_cloud_request request;
        struct llmp_error err;

        faulty_heap_arm(n);

        int rc = llmp_oauth_request(&request, &client, &err);

        if (rc != LLMP_OK) {
            assert_null(request.text.ptr);
            assert_int_equal(faulty_heap_live(), 0);
        }
        llmp_cloud_request_fini(&request);
        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
        if (rc == LLMP_OK) {
            assert_int_equal(n, 1); /* one block, which never moved */
            return;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(err.status, rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_credentials),
        cmocka_unit_test(entra),
        cmocka_unit_test(gigachat),
        cmocka_unit_test(refuses_what_cannot_be_sent),
        cmocka_unit_test(reads_answers),
        cmocka_unit_test(answers_have_an_end),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
