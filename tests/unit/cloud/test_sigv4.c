/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: signatures are those that AWS computes; what cannot be signed clearly
 * is refused; secrets do not stay.
 * Method: the cases of AWS's published suite (aws-c-auth, aws-signing-test-
 * suite/v4) that concern services other than S3, by their signatures; memory
 * fails at every request in turn. Random requests: check_cloud.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "cloud/sigv4.h"
#include "faulty_heap.h"

#define S(literal)                   \
    {                                \
        literal, sizeof(literal) - 1 \
    }
#define WALL_NS (UINT64_C(1440938160) * LLMP_NS_PER_S)
#define CREDENTIAL \
    "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
#define UNRESERVED                                                   \
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv" \
    "wxyz"
#define STS_TOKEN                                                              \
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKW" \
    "HGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4" \
    "IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE" \
    "8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yj" \
    "c8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

static const struct llmp_aws_credentials example = {
    .access = S("AKIDEXAMPLE"),
    .secret = S("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
    .session = { NULL, 0 },
};

struct published {
    const char *name, *method, *path, *query;
    struct llmp_sigv4_header headers[4];
    const char *body; /* NULL: none, and its hash is not sent */
    const char *session;
    const char *names, *signature;
};

static const struct published cases[] = {
    { "get-vanilla", "GET", "/", "", .names = "host;x-amz-date",
      .signature =
          "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-vanilla without a path", "GET", "", "", .names = "host;x-amz-date",
      .signature =
          "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-header-key-duplicate", "GET", "/", "",
      .headers = { { S("My-Header1"), S("value2") },
                   { S("My-Header1"), S("value2") },
                   { S("My-Header1"), S("value1") } },
      .names = "host;my-header1;x-amz-date",
      .signature =
          "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea" },
    { "get-header-value-order", "GET", "/", "",
      .headers = { { S("My-Header1"), S("value4") },
                   { S("My-Header1"), S("value1") },
                   { S("My-Header1"), S("value3") },
                   { S("My-Header1"), S("value2") } },
      .names = "host;my-header1;x-amz-date",
      .signature =
          "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01" },
    { "get-header-value-trim", "GET", "/", "",
      .headers = { { S("My-Header1"), S(" value1") },
                   { S("My-Header2"), S(" \"a   b   c\"") } },
      .names = "host;my-header1;my-header2;x-amz-date",
      .signature =
          "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736" },
    { "get-relative-normalized", "GET", "/example/..", "",
      .names = "host;x-amz-date",
      .signature =
          "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-relative-relative-normalized", "GET", "/example1/example2/../..", "",
      .names = "host;x-amz-date",
      .signature =
          "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-slash-dot-slash-normalized", "GET", "/./", "",
      .names = "host;x-amz-date",
      .signature =
          "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-slash-normalized", "GET", "//", "", .names = "host;x-amz-date",
      .signature =
          "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31" },
    { "get-slash-pointless-dot-normalized", "GET", "/./example", "",
      .names = "host;x-amz-date",
      .signature =
          "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5" },
    { "get-slashes-normalized", "GET", "//example//", "",
      .names = "host;x-amz-date",
      .signature =
          "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84" },
    { "get-space-normalized", "GET", "/example space/", "",
      .names = "host;x-amz-date",
      .signature =
          "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741" },
    { "get-unreserved", "GET", "/" UNRESERVED, "", .names = "host;x-amz-date",
      .signature =
          "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f" },
    { "get-utf8", "GET", "/\xE1\x88\xB4", "", .names = "host;x-amz-date",
      .signature =
          "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85" },
    { "get-vanilla-empty-query-key", "GET", "/", "Param1=value1",
      .names = "host;x-amz-date",
      .signature =
          "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb" },
    { "get-vanilla-query-order-encoded", "GET", "/",
      "Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
      .names = "host;x-amz-date",
      .signature =
          "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac" },
    { "get-vanilla-query-order-key-case", "GET", "/",
      "Param2=value2&Param1=value1", .names = "host;x-amz-date",
      .signature =
          "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500" },
    { "get-vanilla-query-unreserved", "GET", "/", UNRESERVED "=" UNRESERVED,
      .names = "host;x-amz-date",
      .signature =
          "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197" },
    { "get-vanilla-utf8-query", "GET", "/", "\xE1\x88\xB4=bar",
      .names = "host;x-amz-date",
      .signature =
          "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04" },
    { "get-vanilla-with-session-token", "GET", "/", "",
      .session = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf19"
                 "4267",
      .names = "host;x-amz-date;x-amz-security-token",
      .signature =
          "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8" },
    { "post-vanilla", "POST", "/", "", .names = "host;x-amz-date",
      .signature =
          "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b" },
    { "post-vanilla-query", "POST", "/", "Param1=value1",
      .names = "host;x-amz-date",
      .signature =
          "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11" },
    { "post-header-key-sort", "POST", "/", "",
      .headers = { { S("My-Header1"), S("value1") } },
      .names = "host;my-header1;x-amz-date",
      .signature =
          "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c" },
    { "post-header-value-case", "POST", "/", "",
      .headers = { { S("My-Header1"), S("VALUE1") } },
      .names = "host;my-header1;x-amz-date",
      .signature =
          "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d" },
    { "post-sts-header-before", "POST", "/", "", .session = STS_TOKEN,
      .names = "host;x-amz-date;x-amz-security-token",
      .signature =
          "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead" },
    { "post-x-www-form-urlencoded", "POST", "/", "",
      .headers = { { S("Content-Type"),
                     S("application/x-www-form-urlencoded") },
                   { S("Content-Length"), S("13") } },
      .body = "Param1=value1",
      .names = "content-length;content-type;host;x-amz-content-sha256;x-amz-"
               "date",
      .signature =
          "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b" },
    { "post-x-www-form-urlencoded-parameters", "POST", "/", "",
      .headers = { { S("Content-Type"),
                     S("application/x-www-form-urlencoded; charset=utf-8") },
                   { S("Content-Length"), S("13") } },
      .body = "Param1=value1",
      .names = "content-length;content-type;host;x-amz-content-sha256;x-amz-"
               "date",
      .signature =
          "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422" },
};

static void make_key(struct llmp_sigv4_key *key)
{
    assert_int_equal(llmp_sigv4_key_make(key, &example, LLMP_STR("us-east-1"),
                                         LLMP_STR("service"), WALL_NS, NULL),
                     LLMP_OK);
}

static void check_case(const struct published *one,
                       const struct llmp_sigv4_key *key)
{
    struct llmp_str parts[3] = { { NULL, 0 } };
    struct llmp_sigv4_request request = {
        .method = llmp_str_of(one->method),
        .host = LLMP_STR("example.amazonaws.com"),
        .path = llmp_str_of(one->path),
        .query = llmp_str_of(one->query),
        .headers = one->headers,
        .body = parts,
        .body_count = 3,
        .send_body_hash = one->body != NULL,
    };
    struct llmp_sigv4_headers out;
    struct llmp_arena arena;
    char expected[512];

    if (one->body) { /* in parts, one of them empty */
        parts[0] = (struct llmp_str){ one->body, 5 };
        parts[2] = llmp_str_of(one->body + 5);
    }
    while (request.header_count < 4 &&
           one->headers[request.header_count].name.len)
        request.header_count++;
    llmp_arena_init(&arena, 1024);
    assert_int_equal(llmp_sigv4_sign(&out, &request, key,
                                     llmp_str_of(one->session), WALL_NS, &arena,
                                     NULL),
                     LLMP_OK);
    (void)snprintf(expected, sizeof(expected),
                   "AWS4-HMAC-SHA256 " CREDENTIAL
                   ", SignedHeaders=%s, Signature=%s",
                   one->names, one->signature);
    if (!llmp_str_eq(out.authorization, llmp_str_of(expected)))
        fail_msg("%s:\n%.*s\n%s", one->name, (int)out.authorization.len,
                 out.authorization.ptr, expected);
    assert_true(llmp_str_eq(out.date, LLMP_STR("20150830T123600Z")));
    assert_true(llmp_str_eq(out.security_token, llmp_str_of(one->session)));
    assert_true(llmp_str_eq(
        out.content_sha256,
        one->body ? LLMP_STR("9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106"
                             "275f4c7b24d0b6e")
                  : LLMP_STR("")));
    llmp_arena_fini(&arena);
}

static void signs_as_published(void **state)
{
    (void)state;
    struct llmp_sigv4_key key;

    make_key(&key);
    for (size_t i = 0; i < LLMP_COUNT(cases); i++)
        check_case(&cases[i], &key);
}

static void a_key_is_for_one_scope(void **state)
{
    (void)state;
    const struct llmp_str a = example.access, r = LLMP_STR("us-east-1"),
                          s = LLMP_STR("service");
    const uint64_t day_ns = 86400 * LLMP_NS_PER_S;
    struct llmp_sigv4_key key, none = { .key = { 0 } };
    char large[200] = "";

    make_key(&key);
    assert_true(llmp_sigv4_key_fits(&key, a, r, s, WALL_NS));
    assert_true(llmp_sigv4_key_fits(&key, a, r, s,
                                    WALL_NS / day_ns * day_ns + day_ns - 1));
    assert_false(llmp_sigv4_key_fits(&key, a, r, s, WALL_NS + day_ns));
    assert_false(
        llmp_sigv4_key_fits(&key, a, LLMP_STR("eu-west-1"), s, WALL_NS));
    assert_false(llmp_sigv4_key_fits(&key, a, r, LLMP_STR("s3"), WALL_NS));
    assert_false(
        llmp_sigv4_key_fits(&key, LLMP_STR("AKIDOTHER"), r, s, WALL_NS));
    assert_false(llmp_sigv4_key_fits(
        &key, (struct llmp_str){ large, sizeof(large) }, r, s, WALL_NS));
    assert_false(llmp_sigv4_key_fits(&none, a, r, s, WALL_NS));
    llmp_sigv4_key_wipe(&key);
    for (size_t i = 0; i < sizeof(key); i++)
        assert_int_equal(((const uint8_t *)&key)[i], 0);
    llmp_sigv4_key_wipe(NULL);
}

static void refuses_keys_that_are_none(void **state)
{
    (void)state;
    char large[300];
    const struct {
        struct llmp_str access, secret, region, service;
        const char *word;
    } steps[] = {
        { S(""), S("s"), S("r"), S("s"), "access key" },
        { S("a/b"), S("s"), S("r"), S("s"), "access key" },
        { { large, 129 }, S("s"), S("r"), S("s"), "access key" },
        { S("a"), S(""), S("r"), S("s"), "secret key" },
        { S("a"), { large, 257 }, S("r"), S("s"), "secret key" },
        { S("a"), S("s"), S("r\n"), S("s"), "region" },
        { S("a"), S("s"), { large, 65 }, S("s"), "region" },
        { S("a"), S("s"), S("r"), S("s s"), "service" },
        { S("a"), S("s"), S("r"), S(""), "service" },
    };
    struct llmp_sigv4_key key;
    struct llmp_error err;

    memset(large, 'x', sizeof(large));
    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_aws_credentials credentials = { .access = steps[i].access,
                                                    .secret = steps[i].secret };

        assert_int_equal(llmp_sigv4_key_make(&key, &credentials,
                                             steps[i].region, steps[i].service,
                                             WALL_NS, &err),
                         LLMP_E_INVALID);
        assert_non_null(strstr(err.message, steps[i].word));
        assert_null(strstr(err.message, "xxx"));
    }
    assert_int_equal(
        llmp_sigv4_key_make(
            &key,
            &(struct llmp_aws_credentials){ .access = { large, 128 },
                                            .secret = { large, 256 } },
            (struct llmp_str){ large, 64 }, (struct llmp_str){ large, 64 },
            WALL_NS, NULL),
        LLMP_OK);
    assert_true(key.credential_len <= sizeof(key.credential));
}

static void refuses_requests_it_cannot_sign(void **state)
{
    (void)state;
    struct llmp_sigv4_header headers[61];
    char many[LLMP_SIGV4_PARAMETERS_MAX * 4 + 4];
    const struct {
        struct llmp_sigv4_header header;
        const char *query;
        uint64_t wall_ns;
        int rc;
    } steps[] = {
        { { S("a"), S("b") }, "", WALL_NS, LLMP_OK },
        { { S("Host"), S("b") }, "", WALL_NS, LLMP_E_INVALID },
        { { S("X-Amz-Date"), S("b") }, "", WALL_NS, LLMP_E_INVALID },
        { { S("authorization"), S("b") }, "", WALL_NS, LLMP_E_INVALID },
        { { S(""), S("b") }, "", WALL_NS, LLMP_E_INVALID },
        { { S("a b"), S("b") }, "", WALL_NS, LLMP_E_INVALID },
        { { S("a:"), S("b") }, "", WALL_NS, LLMP_E_INVALID },
        { { S("a\0"), S("b") }, "", WALL_NS, LLMP_E_INVALID },
        { { S("a"), S("b\nc: d") }, "", WALL_NS, LLMP_E_INVALID },
        { { S("a"), S("b\rc") }, "", WALL_NS, LLMP_E_INVALID },
        { { S("a"), S("b") }, "a=1&&b=2", WALL_NS, LLMP_E_INVALID },
        { { S("a"), S("b") }, "=1", WALL_NS, LLMP_E_INVALID },
        { { S("a"), S("b") }, many, WALL_NS, LLMP_E_LIMIT },
        { { S("a"), S("b") }, many + 4, WALL_NS, LLMP_OK },
        { { S("a"), S("b") },
          "",
          WALL_NS + 86400 * LLMP_NS_PER_S,
          LLMP_E_STATE },
    };
    struct llmp_sigv4_key key;
    struct llmp_error err;

    for (size_t i = 0; i < sizeof(many); i++)
        many[i] = "p=1&"[i % 4];
    many[sizeof(many) - 1] = '\0';
    make_key(&key);
    for (size_t i = 0; i < LLMP_COUNT(steps) + 1; i++) {
        bool last = i == LLMP_COUNT(steps);
        struct llmp_sigv4_request request = {
            .method = LLMP_STR("GET"),
            .host = LLMP_STR("h"),
            .path = LLMP_STR("/"),
            .query = llmp_str_of(last ? "" : steps[i].query),
            .headers = headers,
            .header_count = last ? 61 : 1,
        };
        struct llmp_sigv4_headers out = { .date = LLMP_STR("untouched") };
        struct llmp_arena arena;
        int rc = last ? LLMP_E_LIMIT : steps[i].rc;

        print_message("# step %zu\n", i);
        for (size_t k = 0; k < LLMP_COUNT(headers); k++)
            headers[k] = steps[last ? 0 : i].header;
        llmp_arena_init(&arena, 1024);
        assert_int_equal(llmp_sigv4_sign(&out, &request, &key, LLMP_STR(""),
                                         last ? WALL_NS : steps[i].wall_ns,
                                         &arena, &err),
                         rc);
        if (rc != LLMP_OK) {
            assert_int_equal(err.status, rc);
            assert_true(llmp_str_eq(out.date, LLMP_STR("untouched")));
        }
        llmp_arena_fini(&arena);
    }
}

/* The arena gives its memory back unwiped: nothing secret may be in it. */
static void no_secret_is_copied(void **state)
{
    (void)state;
    static const char session[] = "SESSIONTOKENSESSIONTOKEN";
    struct llmp_sigv4_request request = {
        .method = LLMP_STR("POST"),
        .host = LLMP_STR("h"),
        .path = LLMP_STR("/model/x%3A0/invoke"),
    };
    struct llmp_sigv4_headers out;
    struct llmp_sigv4_key key;
    struct llmp_arena arena;

    make_key(&key);
    llmp_arena_init(&arena, 64 * 1024);

    /* The gaps between texts are searched, too. */
    char *begin = llmp_arena_take(&arena, 60 * 1024);

    memset(begin, 0, 60 * 1024);
    llmp_arena_reset(&arena);
    begin = llmp_arena_take(&arena, 16);

    assert_int_equal(llmp_sigv4_sign(&out, &request, &key, llmp_str_of(session),
                                     WALL_NS, &arena, NULL),
                     LLMP_OK);
    assert_ptr_equal(out.security_token.ptr, session);

    char *end = llmp_arena_take(&arena, 16);

    assert_true(end > begin);
    assert_int_equal(
        llmp_str_find(
            (struct llmp_str){ begin + 16, (size_t)(end - begin) - 16 },
            llmp_str_of(session)),
        SIZE_MAX);
    llmp_arena_fini(&arena);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    struct llmp_sigv4_key key;
    struct llmp_sigv4_request request = {
        .method = LLMP_STR("POST"),
        .host = LLMP_STR("h"),
        .path = LLMP_STR("/a"),
        .query = LLMP_STR("b=c"),
        .send_body_hash = true,
    };

    make_key(&key);
    for (int n = 0;; n++) {
        struct llmp_sigv4_headers out;
        struct llmp_arena arena;
        struct llmp_error err;

        faulty_heap_arm(n);
        llmp_arena_init(&arena, 16); /* nearly each text takes a block */

        int rc = llmp_sigv4_sign(&out, &request, &key, LLMP_STR("s"), WALL_NS,
                                 &arena, &err);

        llmp_arena_fini(&arena);
        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
        if (rc == LLMP_OK) {
            assert_true(n > 4);
            return;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(err.status, rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_as_published),
        cmocka_unit_test(a_key_is_for_one_scope),
        cmocka_unit_test(refuses_keys_that_are_none),
        cmocka_unit_test(refuses_requests_it_cannot_sign),
        cmocka_unit_test(no_secret_is_copied),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
