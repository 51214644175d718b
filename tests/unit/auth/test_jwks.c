/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a key set gives the keys that may verify, each bound to its
 * algorithms; ambiguous or oversized sets are refused.
 * Method: documents around one good key; Base64url by its edges; memory fails
 * at every request in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "auth/jwk.h"
#include "auth_fixture.h"
#include "faulty_heap.h"

#define X  "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\""
#define Y  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""
#define EC "\"kty\":\"EC\",\"crv\":\"P-256\"," X "," Y
#define ED                                 \
    "\"kty\":\"OKP\",\"crv\":\"Ed25519\"," \
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\""
#define OCT \
    "\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""

static void documents(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        size_t count, skipped;
    } steps[] = {
        { "{\"keys\":[]}", LLMP_OK, 0, 0 },
        { "{\"keys\":[{" EC "}]}", LLMP_OK, 1, 0 },
        { "{" EC "}", LLMP_OK, 1, 0 },
        { "{\"x\":[{\"keys\":1}],\"keys\":[{" EC ",\"x5c\":[\"a\",{\"d\":1}]},"
          "{" ED "}],\"y\":{}}",
          LLMP_OK, 2, 0 },
        { "{\"keys\":[{" EC ",\"use\":\"sig\",\"key_ops\":[\"sign\","
          "\"verify\"],\"k\\u0069d\":\"\\u0061\"}]}",
          LLMP_OK, 1, 0 },
        { "{\"keys\":[{" EC ",\"use\":\"enc\"}]}", LLMP_OK, 0, 1 },
        { "{\"keys\":[{" EC ",\"key_ops\":[\"sign\"]}]}", LLMP_OK, 0, 1 },
        { "{\"keys\":[{" EC ",\"key_ops\":\"verify\"}]}", LLMP_OK, 0, 1 },
        { "{\"keys\":[{" EC ",\"alg\":\"ES256\"}]}", LLMP_OK, 1, 0 },
        { "{\"keys\":[{" EC ",\"alg\":\"ES384\"}]}", LLMP_OK, 0, 1 },
        { "{\"keys\":[{" EC ",\"alg\":\"HS256\"}]}", LLMP_OK, 0, 1 },
        { "{\"keys\":[{" EC ",\"alg\":\"none\"}]}", LLMP_OK, 0, 1 },
        { "{\"keys\":[{" EC ",\"alg\":5}]}", LLMP_OK, 0, 1 },
        { "{\"keys\":[{" EC ",\"d\":\"AA\"}]}", LLMP_OK, 0, 1 },
        { "{\"keys\":[{" EC ",\"kid\":7}]}", LLMP_OK, 0, 1 },
        { "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\"," X "}]}", LLMP_OK, 0,
          1 },
        { "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\"," X "," Y "}]}",
          LLMP_OK, 0, 1 },
        { "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"secp256k1\"," X "," Y "}]}",
          LLMP_OK, 0, 1 },
        { "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
          LLMP_OK, 0, 1 },
        { "{\"keys\":[{" OCT "}]}", LLMP_OK, 0, 1 },
        { "{\"keys\":[{}]}", LLMP_OK, 0, 1 },
        { "{\"keys\":[{" EC ",\"kid\":\"a\"},{" ED ",\"kid\":\"a\"}]}",
          LLMP_E_INVALID, 0, 0 },
        { "{\"keys\":[{" EC ",\"kid\":\"a\"},{" ED ",\"kid\":\"\\u0061\"}]}",
          LLMP_E_INVALID, 0, 0 },
        { "{\"keys\":[{" EC ",\"kid\":\"a\"},{" ED ",\"kid\":\"a\","
          "\"use\":\"enc\"}]}",
          LLMP_OK, 1, 1 },
        { "{\"keys\":[{" EC ",\"kty\":\"EC\"}]}", LLMP_E_SYNTAX, 0, 0 },
        { "{\"keys\":[[]]}", LLMP_E_SYNTAX, 0, 0 },
        { "{\"keys\":{}}", LLMP_E_SYNTAX, 0, 0 },
        { "{\"keys\":[{" EC "}", LLMP_E_SYNTAX, 0, 0 },
        { "{\"keys\":[]}x", LLMP_E_SYNTAX, 0, 0 },
        { "{\"keys\":[],\"keys\":[]}", LLMP_E_SYNTAX, 0, 0 },
        { "{}", LLMP_E_SYNTAX, 0, 0 },
        { "[]", LLMP_E_SYNTAX, 0, 0 },
        { "", LLMP_E_SYNTAX, 0, 0 },
        { "null", LLMP_E_SYNTAX, 0, 0 },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_jwks *keys = NULL;

        print_message("# step %zu\n", i);
        assert_int_equal(
            llmp_jwks_parse(&keys, llmp_str_of(steps[i].text), 0, NULL),
            steps[i].rc);
        assert_int_equal(ERR_peek_error(), 0); /* TLS reads that, too */
        if (steps[i].rc != LLMP_OK) {
            assert_null(keys);
            continue;
        }
        assert_int_equal(llmp_jwks_count(keys), steps[i].count);
        assert_int_equal(llmp_jwks_skipped(keys), steps[i].skipped);
        llmp_jwks_unref(keys);
    }
}

static void secrets_only_by_name_and_alone(void **state)
{
    struct llmp_jwks *keys = NULL;

    (void)state;
    assert_int_equal(llmp_jwks_parse(&keys, S("{\"keys\":[{" OCT "}]}"),
                                     LLMP_ALG_HS256 | LLMP_ALG_HS512, NULL),
                     LLMP_OK);
    assert_int_equal(keys->count, 1);
    assert_int_equal(keys->keys[0].algorithms, LLMP_ALG_HS256);
    llmp_jwks_unref(keys);
    keys = NULL;
    assert_int_equal(llmp_jwks_parse(&keys,
                                     S("{\"keys\":[{" OCT "},{" EC "}]}"),
                                     LLMP_ALG_HS256 | LLMP_ALG_ES256, NULL),
                     LLMP_E_INVALID);
    assert_null(keys);
}

static void sets_are_bounded(void **state)
{
    struct llmp_buf text = { .cap = 0 };
    struct llmp_jwks *keys = NULL;
    char *large = calloc(1, LLMP_JWKS_SIZE_MAX + 1);

    (void)state;
    for (unsigned i = 0; i < 65; i++)
        assert_true(llmp_buf_printf(&text, "%s{" ED ",\"kid\":\"k%u\"}",
                                    i ? "," : "{\"keys\":[", i));
    assert_true(llmp_buf_add(&text, S("]}")));
    assert_int_equal(llmp_jwks_parse(&keys, llmp_buf_str(&text), 0, NULL),
                     LLMP_E_LIMIT);
    assert_int_equal(
        llmp_jwks_parse(
            &keys, (struct llmp_str){ large, LLMP_JWKS_SIZE_MAX + 1 }, 0, NULL),
        LLMP_E_LIMIT);
    llmp_buf_fini(&text);
    free(large);
}

static void base64url_is_canonical(void **state)
{
    (void)state;
    static const char *const bad[] = { "A",   "AB",   "AAB",  "AA=",  "AA==",
                                       "A A", "AA\n", "AA+A", "AA/A", "AAAAA" };
    uint64_t seed = 6;

    for (size_t i = 0; i < LLMP_COUNT(bad); i++) {
        uint8_t out[8];
        size_t size;

        assert_false(llmp_base64url_decode(out, &size, llmp_str_of(bad[i])));
    }
    for (size_t n = 0; n < 200; n++) {
        uint8_t bytes[200], back[LLMP_BASE64URL_BYTES(270)];
        char text[270];
        size_t size, len;

        fixture_fill(bytes, sizeof(bytes), &seed);
        len = (size_t)(llmp_base64url_encode(text, bytes, n) - text);
        assert_int_equal(len, LLMP_BASE64URL_LEN(n));
        assert_true(
            llmp_base64url_decode(back, &size, (struct llmp_str){ text, len }));
        assert_int_equal(size, n);
        assert_memory_equal(back, bytes, n);
    }
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_jwks *keys = NULL;
        struct llmp_error err;
        int rc;

        faulty_heap_arm(n);
        rc = llmp_jwks_parse(&keys,
                             S("{\"keys\":[{" EC ",\"kid\":\"a\"},{" ED
                               ",\"k\\u0069d\":\"\\u0062\",\"a\":1,"
                               "\"b\":1,\"c\":1,\"d1\":1,\"e\":\"\","
                               "\"f\":1,\"g\":1,\"h\":1,\"i\":1,"
                               "\"j\":1,\"l\":1,\"m\":1}]}"),
                             0, &err);
        llmp_jwks_unref(keys);
        assert_int_equal(faulty_heap_live(), 0);
        if (rc == LLMP_OK) {
            assert_true(n > 3);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(err.status, rc);
    }
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents),
        cmocka_unit_test(secrets_only_by_name_and_alone),
        cmocka_unit_test(sets_are_bounded),
        cmocka_unit_test(base64url_is_canonical),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
