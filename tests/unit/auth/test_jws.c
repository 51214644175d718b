/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the RFCs' examples verify, and what RFC 8725 warns of does not.
 * Method: RFC 7515 A.1 to A.5 and RFC 8037 A.4 as printed; headers made by
 * hand under a right signature.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "auth/jws.h"
#include "auth_fixture.h"
#include "faulty_heap.h"

#define ALL_ALGORITHMS 0x1FFF
#define CLAIMS                                                               \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm" \
    "NvbS9pc19yb290Ijp0cnVlfQ"

static const char rsa_key[] =
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":"
    "\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
    "4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2j"
    "Z47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WT"
    "BEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-D"
    "WNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}";
static const char rsa_token[] =
    "eyJhbGciOiJSUzI1NiJ9." CLAIMS
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm"
    "4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f"
    "_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOL"
    "n6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUT"
    "I8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
static const char ec_key[] =
    "{\"kty\":\"EC\",\"crv\":\"P-256\","
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
static const char ec_token[] =
    "eyJhbGciOiJFUzI1NiJ9." CLAIMS
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxf"
    "KTUJqPP3-Kg6NU1Q";

static int verify(const char *key, const char *text, uint32_t allowed)
{
    struct llmp_jwks *keys = NULL;
    struct llmp_arena arena;
    struct llmp_jws jws;
    int rc = llmp_jwks_parse(&keys, llmp_str_of(key), ALL_ALGORITHMS, NULL);

    assert_int_equal(rc, LLMP_OK);
    llmp_arena_init(&arena, 1024);
    rc = llmp_jws_open(&jws, llmp_str_of(text), &arena);
    if (rc == LLMP_OK)
        rc = llmp_jws_verify(&jws, keys, allowed);
    llmp_arena_fini(&arena);
    llmp_jwks_unref(keys);
    return rc;
}

static void examples_of_the_rfcs_verify(void **state)
{
    (void)state;
    static const struct {
        const char *key, *token;
        uint32_t allowed;
    } steps[] = {
        { "{\"kty\":\"oct\",\"k\":"
          "\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0i"
          "PS4hcgUuTwjAzZr1Z9CAow\"}",
          "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS
          ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
          LLMP_ALG_HS256 },
        { rsa_key, rsa_token, LLMP_ALG_RS256 },
        { ec_key, ec_token, LLMP_ALG_ES256 },
        { "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":"
          "\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvL"
          "FV1jSfS9tsz4qUxcWceqwQGk\",\"y\":"
          "\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4K"
          "kd0AZMaZmh9ubmf63e3kyMj2\"}",
          "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
          "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwq"
          "T2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJ"
          "jyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
          LLMP_ALG_ES512 },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
          "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
          "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
          "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhV"
          "sPt9g7sVvpAr_MuM0KAg",
          LLMP_ALG_EDDSA },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        print_message("# step %zu\n", i);
        assert_int_equal(verify(steps[i].key, steps[i].token, steps[i].allowed),
                         LLMP_OK);
        assert_int_equal(verify(steps[i].key, steps[i].token,
                                ALL_ALGORITHMS & ~steps[i].allowed),
                         LLMP_AUTH_TOKEN_ALGORITHM);
    }
}

static void none_is_no_algorithm(void **state)
{
    (void)state;
    assert_int_equal(
        verify(ec_key, "eyJhbGciOiJub25lIn0." CLAIMS ".", ALL_ALGORITHMS),
        LLMP_AUTH_TOKEN_ALGORITHM);
}

/* A change of any one character is a change of the token. */
static void every_character_counts(void **state)
{
    char copy[sizeof(ec_token)];

    (void)state;
    memcpy(copy, ec_token, sizeof(copy));
    for (size_t i = 0; i + 1 < sizeof(copy); i++) {
        copy[i] = copy[i] == 'A' ? 'B' : 'A';
        assert_true(verify(ec_key, copy, ALL_ALGORITHMS) > 0);
        copy[i] = '=';
        assert_true(verify(ec_key, copy, ALL_ALGORITHMS) > 0);
        copy[i] = ec_token[i];
    }
    assert_int_equal(verify(ec_key, copy, ALL_ALGORITHMS), LLMP_OK);
}

static void headers_under_a_right_signature(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        int expected;
    } steps[] = {
        { "{\"alg\":\"ES256\",\"kid\":\"k\"}", LLMP_OK },
        { " {\"kid\":\"\\u006b\",\"x5t\":\"a\",\"alg\":\"ES256\"} ", LLMP_OK },
        { "{\"alg\":\"ES256\"}", LLMP_OK },
        { "{\"alg\":\"ES256\",\"kid\":\"K\"}", LLMP_AUTH_TOKEN_KEY_UNKNOWN },
        { "{\"alg\":\"ES256\",\"kid\":\"\"}", LLMP_AUTH_TOKEN_KEY_UNKNOWN },
        { "{\"alg\":\"ES256\",\"kid\":\"../../k\"}",
          LLMP_AUTH_TOKEN_KEY_UNKNOWN },
        { "{\"alg\":\"es256\",\"kid\":\"k\"}", LLMP_AUTH_TOKEN_ALGORITHM },
        { "{\"alg\":\"ES384\",\"kid\":\"k\"}", LLMP_AUTH_TOKEN_ALGORITHM },
        { "{\"alg\":\"RS256\",\"kid\":\"k\"}", LLMP_AUTH_TOKEN_ALGORITHM },
        { "{\"alg\":\"HS256\",\"kid\":\"k\"}", LLMP_AUTH_TOKEN_ALGORITHM },
        { "{\"alg\":\"none\",\"kid\":\"k\"}", LLMP_AUTH_TOKEN_ALGORITHM },
        { "{\"kid\":\"k\"}", LLMP_AUTH_TOKEN_ALGORITHM },
        { "{\"alg\":[\"ES256\"],\"kid\":\"k\"}", LLMP_AUTH_TOKEN_MALFORMED },
        { "{\"alg\":\"ES256\",\"kid\":1}", LLMP_AUTH_TOKEN_MALFORMED },
        { "{\"alg\":\"ES256\",\"alg\":\"ES256\",\"kid\":\"k\"}",
          LLMP_AUTH_TOKEN_MALFORMED },
        { "{\"alg\":\"none\",\"\\u0061lg\":\"ES256\",\"kid\":\"k\"}",
          LLMP_AUTH_TOKEN_MALFORMED },
        { "[\"alg\"]", LLMP_AUTH_TOKEN_MALFORMED },
        { "{\"alg\":\"ES256\"", LLMP_AUTH_TOKEN_MALFORMED },
        { "", LLMP_AUTH_TOKEN_MALFORMED },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"jwk\":{}}",
          LLMP_AUTH_TOKEN_HEADER },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"jk\\u0075\":\"https://x\"}",
          LLMP_AUTH_TOKEN_HEADER },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"x5u\":null}",
          LLMP_AUTH_TOKEN_HEADER },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"x5c\":[]}",
          LLMP_AUTH_TOKEN_HEADER },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"crit\":[\"exp\"]}",
          LLMP_AUTH_TOKEN_HEADER },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"b64\":false}",
          LLMP_AUTH_TOKEN_HEADER },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"cty\":\"JWT\"}",
          LLMP_AUTH_TOKEN_HEADER },
        { "{\"alg\":\"ES256\",\"kid\":\"k\",\"a\":{\"jwk\":1}}", LLMP_OK },
    };
    struct llmp_signer *signer = fixture_signer(LLMP_ALG_ES256, "k", 3);
    char keys[512];

    assert_true(llmp_signer_jwks(signer, keys, sizeof(keys)) > 0);
    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        char *token = fixture_token(signer, steps[i].header, "{}");

        print_message("# step %zu\n", i);
        assert_int_equal(verify(keys, token, ALL_ALGORITHMS),
                         steps[i].expected);
        assert_int_equal(ERR_peek_error(), 0); /* TLS reads that, too */
        free(token);
    }
    llmp_signer_unref(signer);
}

static void signatures_have_their_size(void **state)
{
    char copy[sizeof(ec_token) + 8];

    (void)state;
    /* 64 right bytes and two more: 88 characters. */
    memcpy(copy, ec_token, sizeof(ec_token) - 1);
    memcpy(copy + sizeof(ec_token) - 1, "AA", 3);
    assert_int_equal(verify(ec_key, copy, ALL_ALGORITHMS),
                     LLMP_AUTH_TOKEN_SIGNATURE);
    copy[sizeof(ec_token) - 1 - 86] = '\0'; /* none at all */
    assert_int_equal(verify(ec_key, copy, ALL_ALGORITHMS),
                     LLMP_AUTH_TOKEN_SIGNATURE);
}

/* Who publishes a key for one algorithm must not verify another's. */
static void a_public_key_is_no_secret(void **state)
{
    struct llmp_signer *signer = fixture_signer(LLMP_ALG_ES256, "k", 3);
    char *token =
        fixture_token(signer, "{\"alg\":\"HS256\",\"kid\":\"k\"}", "{}");
    char keys[512];

    (void)state;
    assert_true(llmp_signer_jwks(signer, keys, sizeof(keys)) > 0);
    assert_int_equal(verify(keys, token, ALL_ALGORITHMS),
                     LLMP_AUTH_TOKEN_ALGORITHM);
    free(token);
    llmp_signer_unref(signer);
}

static void survives_every_allocation_failure(void **state)
{
    struct llmp_jwks *keys = NULL;

    (void)state;
    assert_int_equal(llmp_jwks_parse(&keys, llmp_str_of(ec_key), 0, NULL), 0);
    for (int n = 0;; n++) {
        struct llmp_arena arena;
        struct llmp_jws jws;
        int rc;

        faulty_heap_arm(n);
        llmp_arena_init(&arena, 64);
        rc = llmp_jws_open(&jws, llmp_str_of(ec_token), &arena);
        llmp_arena_fini(&arena);
        assert_int_equal(faulty_heap_live(), 0);
        if (rc == LLMP_OK)
            break;
        assert_int_equal(rc, LLMP_E_NOMEM);
    }
    faulty_heap_off();
    llmp_jwks_unref(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_rfcs_verify),
        cmocka_unit_test(none_is_no_algorithm),
        cmocka_unit_test(every_character_counts),
        cmocka_unit_test(headers_under_a_right_signature),
        cmocka_unit_test(signatures_have_their_size),
        cmocka_unit_test(a_public_key_is_no_secret),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
