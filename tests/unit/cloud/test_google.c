/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a key file gives an account, and that an assertion which the public
 * key verifies; what is no usable key file is refused, clearly.
 * Method: a key is made, its file written as Google writes it; the signature
 * is verified by OpenSSL here, and by PyJWT in check_cloud.py; memory fails at
 * every request in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "base/internal.h"
#include "cloud/google.h"
#include "faulty_heap.h"

#define WALL_NS   (UINT64_C(1700000000) * LLMP_NS_PER_S)
#define EMAIL     "robot@project-1.iam.gserviceaccount.com"
#define TOKEN_URI "https://oauth2.googleapis.com/token"
#define CLOUD     "https://www.googleapis.com/auth/cloud-platform"
#define PREFIX                                                              \
    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&asse" \
    "rtion="

struct fixture {
    EVP_PKEY *key;
    struct llmp_buf pem, file;
};

static void write_pem(struct llmp_buf *to, EVP_PKEY *key,
                      const EVP_CIPHER *cipher)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long size;

    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, cipher,
                                              (const unsigned char *)"secret",
                                              6, NULL, NULL),
                     1);
    size = BIO_get_mem_data(bio, &text);
    llmp_buf_add(to, (struct llmp_str){ text, (size_t)size });
    BIO_free(bio);
}

static void write_file(struct llmp_buf *to, struct llmp_str pem,
                       const char *type, const char *uri)
{
    to->len = 0;
    llmp_buf_printf(to,
                    "{\"type\":\"%s\",\"project_id\":\"project-1\","
                    "\"private_key_id\":\"key\\u002d1\",\"private_key\":",
                    type);
    llmp_buf_json(to, pem);
    llmp_buf_printf(to,
                    ",\"client_email\":\"" EMAIL "\",\"client_id\":\"1\","
                    "\"token_uri\":\"%s\",\"universe_domain\":"
                    "\"googleapis.com\"}",
                    uri);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->key = EVP_RSA_gen(2048);
    write_pem(&fixture->pem, fixture->key, NULL);
    write_file(&fixture->file, llmp_buf_str(&fixture->pem), "service_account",
               TOKEN_URI);
    *state = fixture;
    return fixture->key ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    EVP_PKEY_free(fixture->key);
    llmp_buf_fini(&fixture->pem);
    llmp_buf_fini(&fixture->file);
    free(fixture);
    return 0;
}

static struct llmp_str decode(char *out, size_t size, const char *at,
                              size_t len)
{
    size_t decoded = 0;

    assert_int_equal(
        sodium_base642bin((unsigned char *)out, size, at, len, NULL, &decoded,
                          NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
        0);
    return (struct llmp_str){ out, decoded };
}

/* Takes the assertion of `body` apart, and has OpenSSL verify it. */
static void check_assertion(EVP_PKEY *key, struct llmp_str body,
                            const char *claims)
{
    struct llmp_str prefix = LLMP_STR(PREFIX);
    char text[1024];
    const char *jwt = body.ptr + prefix.len;
    size_t len = body.len - prefix.len;

    assert_true(llmp_str_starts(body, prefix));

    const char *first = memchr(jwt, '.', len);
    const char *second =
        memchr(first + 1, '.', len - (size_t)(first + 1 - jwt));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    assert_true(llmp_str_eq(
        decode(text, sizeof(text), jwt, (size_t)(first - jwt)),
        LLMP_STR("{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"key-1\"}")));
    assert_true(llmp_str_eq(
        decode(text, sizeof(text), first + 1, (size_t)(second - first - 1)),
        llmp_str_of(claims)));

    struct llmp_str signature = decode(text, sizeof(text), second + 1,
                                       len - (size_t)(second + 1 - jwt));

    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key),
                     1);
    assert_int_equal(EVP_DigestVerify(ctx, (const uint8_t *)signature.ptr,
                                      signature.len, (const uint8_t *)jwt,
                                      (size_t)(second - jwt)),
                     1);
    EVP_MD_CTX_free(ctx);
}

static void an_assertion_verifies(void **state)
{
    struct fixture *fixture = *state;
    struct llmp_google_account *account = NULL;
    struct llmp_cloud_request request;

    assert_int_equal(
        llmp_google_account_new(&account, llmp_buf_str(&fixture->file), NULL),
        LLMP_OK);
    assert_int_equal(
        llmp_google_request(&request, account, LLMP_STR(""), WALL_NS, NULL),
        LLMP_OK);
    assert_true(llmp_str_eq(request.method, LLMP_STR("POST")));
    assert_true(llmp_str_eq(request.url, LLMP_STR(TOKEN_URI)));
    assert_int_equal(request.header_count, 2);
    assert_true(llmp_str_eq(request.headers[0].value,
                            LLMP_STR("application/x-www-form-urlencoded")));
    check_assertion(fixture->key, request.body,
                    "{\"iss\":\"" EMAIL "\",\"scope\":\"" CLOUD
                    "\",\"aud\":\"" TOKEN_URI
                    "\",\"iat\":1700000000,\"exp\":1700003600}");
    llmp_cloud_request_fini(&request);
    assert_int_equal(llmp_google_request(&request, account, LLMP_STR("a \"b\""),
                                         WALL_NS, NULL),
                     LLMP_OK);
    check_assertion(fixture->key, request.body,
                    "{\"iss\":\"" EMAIL "\",\"scope\":\"a \\\"b\\\"\",\"aud\":"
                    "\"" TOKEN_URI "\",\"iat\":1700000000,\"exp\":1700003600}");
    llmp_cloud_request_fini(&request);
    llmp_google_account_free(account);
    llmp_google_account_free(NULL);
}

/* The largest scope that is allowed still fits, however it is escaped. */
static void a_scope_has_an_end(void **state)
{
    struct fixture *fixture = *state;
    struct llmp_google_account *account = NULL;
    struct llmp_cloud_request request;
    char scope[4097];

    memset(scope, 1, sizeof(scope));
    assert_int_equal(
        llmp_google_account_new(&account, llmp_buf_str(&fixture->file), NULL),
        LLMP_OK);
    assert_int_equal(llmp_google_request(&request, account,
                                         (struct llmp_str){ scope, 4096 },
                                         WALL_NS, NULL),
                     LLMP_OK);
    llmp_cloud_request_fini(&request);
    assert_int_equal(llmp_google_request(&request, account,
                                         (struct llmp_str){ scope, 4097 },
                                         WALL_NS, NULL),
                     LLMP_E_INVALID);
    assert_null(request.text.ptr);
    llmp_google_account_free(account);
}

static void check_refused(struct llmp_str file, int status, const char *part)
{
    struct llmp_google_account *account = NULL;
    struct llmp_error err;

    assert_int_equal(llmp_google_account_new(&account, file, &err), status);
    assert_null(account);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" is not in \"%s\"", part, err.message);
}

static void other_files_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct llmp_str pem = llmp_buf_str(&fixture->pem);
    struct llmp_buf file = { 0 }, other = { 0 };
    EVP_PKEY *small = EVP_RSA_gen(1024), *curve = EVP_EC_gen("P-256");

    check_refused(LLMP_STR("no"), LLMP_E_SYNTAX, "");
    check_refused(LLMP_STR("{}"), LLMP_E_SYNTAX, "\"type\"");
    check_refused(LLMP_STR("{\"type\":\"service_account\",\"client_email\":"
                           "\"a\",\"private_key\":7}"),
                  LLMP_E_SYNTAX, "\"private_key\"");
    check_refused((struct llmp_str){ pem.ptr, 32769 }, LLMP_E_LIMIT, "32768");
    write_file(&file, pem, "authorized_user", TOKEN_URI);
    check_refused(llmp_buf_str(&file), LLMP_E_INVALID, "service account");
    write_file(&file, pem, "service_account", "http://a/");
    check_refused(llmp_buf_str(&file), LLMP_E_INVALID, "token_uri");
    write_file(&file, LLMP_STR("secret"), "service_account", TOKEN_URI);
    check_refused(llmp_buf_str(&file), LLMP_E_INVALID, "PEM");
    write_pem(&other, small, NULL);
    write_file(&file, llmp_buf_str(&other), "service_account", TOKEN_URI);
    check_refused(llmp_buf_str(&file), LLMP_E_INVALID, "2048");
    other.len = 0;
    write_pem(&other, curve, NULL);
    write_file(&file, llmp_buf_str(&other), "service_account", TOKEN_URI);
    check_refused(llmp_buf_str(&file), LLMP_E_INVALID, "RSA");
    other.len = 0;
    write_pem(&other, fixture->key, EVP_aes_128_cbc()); /* asks nobody */
    write_file(&file, llmp_buf_str(&other), "service_account", TOKEN_URI);
    check_refused(llmp_buf_str(&file), LLMP_E_INVALID, "PEM");
    llmp_buf_fini(&file);
    llmp_buf_fini(&other);
    EVP_PKEY_free(small);
    EVP_PKEY_free(curve);
}

static void survives_every_allocation_failure(void **state)
{
    struct fixture *fixture = *state;
    struct llmp_str file = llmp_buf_str(&fixture->file);

    for (int n = 0;; n++) {
        struct llmp_google_account *account = NULL;
        struct llmp_cloud_request request = { .header_count = 0 };
        struct llmp_error err;

        faulty_heap_arm(n);

        int rc = llmp_google_account_new(&account, file, &err);

        if (rc == LLMP_OK)
            rc = llmp_google_request(&request, account, LLMP_STR(""), WALL_NS,
                                     &err);
        if (rc != LLMP_OK)
            assert_null(request.text.ptr);
        llmp_cloud_request_fini(&request);
        llmp_google_account_free(account);
        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
        if (rc == LLMP_OK) {
            assert_true(n >= 5);
            return;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(err.status, rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_assertion_verifies),
        cmocka_unit_test(a_scope_has_an_end),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
