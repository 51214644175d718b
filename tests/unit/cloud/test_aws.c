/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the requests are those of AWS's documentation, and go by plain http
 * only to the machine's own endpoints; answers of both services give
 * credentials and their life or say clearly why not.
 * Method: requests are shown as text and compared; answers are a table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "cloud/aws.h"
#include "show_request.h"

#define WALL_NS \
    (UINT64_C(1700000000) * LLMP_NS_PER_S) /* 2023-11-14T22:13:20Z */

static void check_request(struct llmp_cloud_request *request,
                          const char *expected)
{
    char text[1024];

    show_request(text, sizeof(text), request);
    assert_string_equal(text, expected);
    llmp_cloud_request_fini(request);
}

static void container_requests(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        int rc;
    } steps[] = {
        { "http://169.254.170.2/v2/credentials/x", LLMP_OK },
        { "http://169.254.170.23:80/v1/credentials", LLMP_OK },
        { "http://[fd00:ec2::23]/v1/credentials", LLMP_OK },
        { "http://[::1]:81/", LLMP_OK },
        { "http://localhost", LLMP_OK },
        { "https://example.com/x", LLMP_OK },
        { "http://example.com/x", LLMP_E_INVALID },
        { "http://localhost.example.com/x", LLMP_E_INVALID },
        { "http://localhost@example.com/x", LLMP_E_INVALID },
        { "http://localhost:80@example.com/x", LLMP_E_INVALID },
        { "http://localhost\\@example.com/x", LLMP_E_INVALID },
        { "http://localhost/@x", LLMP_OK },
        { "http://:80/x", LLMP_E_INVALID },
        { "http://127.0.0.1.example.com/x", LLMP_E_INVALID },
        { "http://169.254.170.2@example.com/x", LLMP_E_INVALID },
        { "http://[::1", LLMP_E_INVALID },
        { "ftp://localhost/", LLMP_E_INVALID },
        { "/v2/credentials", LLMP_E_INVALID },
    };
    struct llmp_cloud_request request;

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        print_message("# step %zu\n", i);
        assert_int_equal(llmp_ecs_request(&request, llmp_str_of(steps[i].url),
                                          LLMP_STR(""), NULL),
                         steps[i].rc);
        llmp_cloud_request_fini(&request);
    }
    assert_int_equal(llmp_ecs_request(&request,
                                      LLMP_STR("http://169.254.170.23/v1"),
                                      LLMP_STR("token"), NULL),
                     LLMP_OK);
    check_request(&request, "GET http://169.254.170.23/v1\n"
                            "accept: application/json\n"
                            "authorization: token\n\n");
    assert_int_equal(llmp_ecs_request(&request, LLMP_STR("http://localhost"),
                                      LLMP_STR("a\nb"), NULL),
                     LLMP_E_INVALID);
}

static void metadata_requests(void **state)
{
    (void)state;
    static const char *const bad[] = { "..", ".", "a/b", "a?b", "a b", "a%2F" };
    struct llmp_cloud_request request;

    assert_int_equal(llmp_imds_session_request(&request, LLMP_STR(""), NULL),
                     LLMP_OK);
    check_request(&request, "PUT http://169.254.169.254/latest/api/token\n"
                            "x-aws-ec2-metadata-token-ttl-seconds: 21600\n\n");
    assert_int_equal(llmp_imds_request(&request, LLMP_STR("http://[fd00::1]"),
                                       LLMP_STR("tok=="), LLMP_STR(""), NULL),
                     LLMP_OK);
    check_request(&request, "GET http://[fd00::1]/latest/meta-data/iam/"
                            "security-credentials/\n"
                            "x-aws-ec2-metadata-token: tok==\n\n");
    assert_int_equal(llmp_imds_request(&request, LLMP_STR(""), LLMP_STR("t"),
                                       LLMP_STR("my-role_1@x"), NULL),
                     LLMP_OK);
    check_request(&request, "GET http://169.254.169.254/latest/meta-data/iam/"
                            "security-credentials/my-role_1@x\n"
                            "x-aws-ec2-metadata-token: t\n\n");
    for (size_t i = 0; i < LLMP_COUNT(bad); i++)
        assert_int_equal(llmp_imds_request(&request, LLMP_STR(""),
                                           LLMP_STR("t"), llmp_str_of(bad[i]),
                                           NULL),
                         LLMP_E_INVALID);
    assert_int_equal(llmp_imds_request(&request, LLMP_STR(""), LLMP_STR("a\r"),
                                       LLMP_STR("r"), NULL),
                     LLMP_E_INVALID);
    assert_int_equal(
        llmp_imds_session_request(&request, LLMP_STR("http://h/"), NULL),
        LLMP_E_INVALID);
}

static void metadata_lines(void **state)
{
    (void)state;
    static const struct {
        int http_status;
        const char *body;
        int rc;
        const char *line;
    } steps[] = {
        { 200, "role", LLMP_OK, "role" },
        { 200, "role\nother\n", LLMP_OK, "role" },
        { 200, "AQAEAL==\r\n", LLMP_OK, "AQAEAL==" },
        { 200, "", LLMP_E_SYNTAX, "" },
        { 200, "\nrole", LLMP_E_SYNTAX, "" },
        { 200, "a role", LLMP_E_SYNTAX, "" },
        { 404, "<html>", LLMP_E_INVALID, "" },
        { 503, "", LLMP_E_IO, "" },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_str line = { NULL, 0 };

        print_message("# step %zu\n", i);
        assert_int_equal(llmp_imds_line(&line, steps[i].http_status,
                                        llmp_str_of(steps[i].body), NULL),
                         steps[i].rc);
        assert_true(llmp_str_eq(line, llmp_str_of(steps[i].line)));
    }
}

#define KEYS                                                           \
    "\"AccessKeyId\":\"ASIAEXAMPLE\",\"SecretAccessKey\":\"s\\/e+c\"," \
    "\"Token\":\"IQoJ==\""

struct answer_case {
    int http_status;
    const char *body;
    int rc;
    const char *text; /* a part of the message */
};

static const struct answer_case answers[] = {
    { 200,
      "{\"RoleArn\":\"arn:aws:iam::1:role/x\"," KEYS
      ",\"Expiration\":\"2023-11-14T23:13:20Z\"}",
      LLMP_OK, "" },
    { 200,
      "{\"Code\":\"Success\",\"LastUpdated\":\"2023-11-14T22:00:00Z\","
      "\"Type\":\"AWS-HMAC\"," KEYS ",\"Expiration\":\"2023-11-14T23:13:20Z\"}",
      LLMP_OK, "" },
    { 200, "{" KEYS ",\"Expiration\":\"2023-11-14T22:13:20Z\"}", LLMP_E_SYNTAX,
      "expired" },
    { 200, "{" KEYS ",\"Expiration\":\"tomorrow\"}", LLMP_E_SYNTAX,
      "Expiration" },
    { 200, "{" KEYS "}", LLMP_E_SYNTAX, "Expiration" },
    { 200,
      "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Expiration\":"
      "\"2023-11-14T23:13:20Z\"}",
      LLMP_E_SYNTAX, "Token" },
    { 200,
      "{\"AccessKeyId\":\"A B\",\"SecretAccessKey\":\"s\",\"Token\":\"t\","
      "\"Expiration\":\"2023-11-14T23:13:20Z\"}",
      LLMP_E_SYNTAX, "AccessKeyId" },
    { 200,
      "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot\"}",
      LLMP_E_INVALID, "AssumeRoleUnauthorizedAccess: EC2 cannot" },
    { 400, "{\"code\":\"NoIdInRequest\",\"message\":\"no id\"}", LLMP_E_INVALID,
      "status 400 NoIdInRequest: no id" },
    { 500, "", LLMP_E_IO, "status 500" },
    { 200, "[]", LLMP_E_SYNTAX, "AccessKeyId" },
    { 200, "no", LLMP_E_SYNTAX, "" },
};

static void reads_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(answers); i++) {
        const struct answer_case *one = &answers[i];
        struct llmp_cloud_grant grant = { .lifetime_ns = 7 };
        struct llmp_error err = { .status = 0 };
        size_t len = strlen(one->body);
        char *body = malloc(len ? len : 1);

        print_message("# step %zu\n", i);
        memcpy(body, one->body, len);
        assert_int_equal(
            llmp_aws_answer(&grant, one->http_status, body, len, WALL_NS, &err),
            one->rc);
        if (one->rc == LLMP_OK) {
            struct llmp_aws_credentials keys = llmp_aws_of(&grant);

            assert_true(llmp_str_eq(keys.access, LLMP_STR("ASIAEXAMPLE")));
            assert_true(llmp_str_eq(keys.secret, LLMP_STR("s/e+c")));
            assert_true(llmp_str_eq(keys.session, LLMP_STR("IQoJ==")));
            assert_int_equal(grant.lifetime_ns, 3600 * LLMP_NS_PER_S);
        } else {
            assert_int_equal(grant.lifetime_ns, 7);
            assert_int_equal(err.retryable, one->rc == LLMP_E_IO);
            if (!strstr(err.message, one->text))
                fail_msg("\"%s\" is not in \"%s\"", one->text, err.message);
        }
        free(body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(container_requests),
        cmocka_unit_test(metadata_requests),
        cmocka_unit_test(metadata_lines),
        cmocka_unit_test(reads_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
