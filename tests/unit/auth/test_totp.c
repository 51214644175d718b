/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: codes are RFC 6238's, count once, and cannot be guessed.
 * Method: the RFC's table; oathtool as another implementation (skipped where
 * it is missing); chosen times.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth_fixture.h"

#define SECRET_20 "12345678901234567890"
#define SECRET_32 "12345678901234567890123456789012"
#define SECRET_64 SECRET_20 SECRET_20 SECRET_20 "1234"

static const struct llmp_totp sha1_6 = { .size = sizeof(sha1_6),
                                         .secret = { SECRET_20, 20 } };

static const struct llmp_totp by_hash[] = {
    { .size = sizeof(struct llmp_totp),
      .secret = { SECRET_20, 20 },
      .hash = LLMP_TOTP_SHA1,
      .digits = 8 },
    { .size = sizeof(struct llmp_totp),
      .secret = { SECRET_32, 32 },
      .hash = LLMP_TOTP_SHA256,
      .digits = 8 },
    { .size = sizeof(struct llmp_totp),
      .secret = { SECRET_64, 64 },
      .hash = LLMP_TOTP_SHA512,
      .digits = 8 },
};

static void table_of_rfc_6238(void **state)
{
    (void)state;
    static const struct {
        uint64_t s;
        const char *codes[3];
    } steps[] = {
        { 59, { "94287082", "46119246", "90693936" } },
        { 1111111109, { "07081804", "68084774", "25091201" } },
        { 1111111111, { "14050471", "67062674", "99943326" } },
        { 1234567890, { "89005924", "91819424", "93441116" } },
        { 2000000000, { "69279037", "90698825", "38618901" } },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++)
        for (unsigned j = 0; j < 3; j++) {
            char code[9];

            assert_int_equal(
                llmp_totp_code(&by_hash[j], steps[i].s * LLMP_NS_PER_S, code),
                8);
            assert_string_equal(code, steps[i].codes[j]);
        }
}

/* What oathtool says; empty without it. */
static void oathtool(char out[16], const struct llmp_totp *totp, uint64_t s)
{
    static const char *const names[] = { "sha1", "sha256", "sha512" };
    char command[512];
    size_t len = (size_t)snprintf(
        command, sizeof(command),
        "oathtool --totp=%s --digits=%u --time-step-size=%us "
        "--now='@%llu' ",
        names[totp->hash], totp->digits, totp->period_s, (unsigned long long)s);
    FILE *pipe;

    for (size_t i = 0; i < totp->secret.len; i++)
        len += (size_t)snprintf(command + len, sizeof(command) - len, "%02x",
                                (uint8_t)totp->secret.ptr[i]);
    (void)snprintf(command + len, sizeof(command) - len, " 2>/dev/null");
    out[0] = '\0';
    pipe = popen(command, "r");
    if (pipe && !fgets(out, 16, pipe))
        out[0] = '\0';
    if (pipe)
        pclose(pipe);
    out[strcspn(out, "\n")] = '\0';
}

static void oathtool_agrees(void **state)
{
    uint64_t seed = 8;
    char theirs[16], ours[9];

    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        uint8_t secret[64];
        uint32_t s;
        struct llmp_totp totp = { .size = sizeof(totp),
                                  .hash = (enum llmp_totp_hash)(i % 3),
                                  .digits = 6 + i % 3,
                                  .period_s = 30 + i % 2 * 30 };

        fixture_fill(secret, sizeof(secret), &seed);
        fixture_fill(&s, sizeof(s), &seed);
        totp.secret = (struct llmp_str){ (char *)secret, 16 + i % 49 };
        oathtool(theirs, &totp, s);
        if (i == 0 && !theirs[0]) {
            print_message("# no oathtool\n");
            skip();
        }
        assert_true(llmp_totp_code(&totp, s * LLMP_NS_PER_S, ours) > 0);
        assert_string_equal(ours, theirs);
    }
}

static int check_at(struct llmp_totp_state *state, uint64_t code_s,
                    uint64_t now_s)
{
    char code[9];

    assert_int_equal(llmp_totp_code(&sha1_6, code_s * LLMP_NS_PER_S, code), 6);
    return llmp_totp_check(&sha1_6, state, llmp_str_of(code),
                           now_s * LLMP_NS_PER_S, NULL);
}

static void the_window_is_one_period(void **state)
{
    (void)state;
    for (int offset = -4; offset <= 4; offset++) {
        struct llmp_totp_state s = { 0 };
        uint64_t now = 3000015;

        assert_int_equal(
            check_at(&s, (uint64_t)((int64_t)now + offset * 30), now),
            offset >= -1 && offset <= 1 ? LLMP_OK : LLMP_AUTH_CODE_WRONG);
    }
}

static void a_code_counts_once(void **state)
{
    struct llmp_totp_state s = { 0 };

    (void)state;
    assert_int_equal(check_at(&s, 3000000, 3000000), LLMP_OK);
    assert_int_equal(check_at(&s, 3000000, 3000000), LLMP_AUTH_CODE_REPLAYED);
    assert_int_equal(check_at(&s, 3000000, 3000030), LLMP_AUTH_CODE_REPLAYED);
    /* One that is older than what was used is not fresh either. */
    assert_int_equal(check_at(&s, 2999970, 3000000), LLMP_AUTH_CODE_REPLAYED);
    assert_int_equal(check_at(&s, 3000030, 3000030), LLMP_OK);
}

static void guessing_closes_the_door(void **state)
{
    struct llmp_totp_state s = { 0 };
    uint64_t retry_s = 0;

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(llmp_totp_check(&sha1_6, &s, S("000000"),
                                         (5000 + i) * LLMP_NS_PER_S, NULL),
                         LLMP_AUTH_CODE_WRONG);
    assert_int_equal(llmp_totp_check(&sha1_6, &s, S("000000"),
                                     5004 * LLMP_NS_PER_S, &retry_s),
                     LLMP_AUTH_CODE_LOCKED);
    assert_int_equal(retry_s, 596);
    /* The right one neither, until the first is ten minutes old. */
    assert_int_equal(check_at(&s, 5599, 5599), LLMP_AUTH_CODE_LOCKED);
    assert_int_equal(check_at(&s, 5600, 5600), LLMP_OK);
    /* And a success forgets the wrong ones. */
    assert_int_equal(
        llmp_totp_check(&sha1_6, &s, S("000000"), 5601 * LLMP_NS_PER_S, NULL),
        LLMP_AUTH_CODE_WRONG);
    assert_int_equal(check_at(&s, 5640, 5640), LLMP_OK);
}

static void odd_codes_and_secrets(void **state)
{
    struct llmp_totp_state s = { 0 };
    struct llmp_totp totp = sha1_6;

    (void)state;
    assert_int_equal(llmp_totp_check(&sha1_6, &s, S(""), 0, NULL),
                     LLMP_AUTH_CODE_WRONG);
    assert_int_equal(llmp_totp_check(&sha1_6, &s, S("1234567"), 0, NULL),
                     LLMP_AUTH_CODE_WRONG);
    totp.secret.len = 15;
    assert_int_equal(llmp_totp_check(&totp, &s, S("123456"), 0, NULL),
                     LLMP_E_INVALID);
    totp = sha1_6;
    totp.digits = 9;
    assert_int_equal(llmp_totp_check(&totp, &s, S("123456"), 0, NULL),
                     LLMP_E_INVALID);
}

static void uri_for_enrolment(void **state)
{
    char out[256];

    (void)state;
    assert_true(
        llmp_totp_uri(&sha1_6, out, sizeof(out), S("My gw"), S("ann@x")) > 0);
    assert_string_equal(
        out, "otpauth://totp/My%20gw:ann%40x?secret="
             "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=My%20gw&algorithm=SHA1"
             "&digits=6&period=30");
    assert_int_equal(llmp_totp_uri(&sha1_6, out, 60, S("a"), S("b")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_rfc_6238),
        cmocka_unit_test(oathtool_agrees),
        cmocka_unit_test(the_window_is_one_period),
        cmocka_unit_test(a_code_counts_once),
        cmocka_unit_test(guessing_closes_the_door),
        cmocka_unit_test(odd_codes_and_secrets),
        cmocka_unit_test(uri_for_enrolment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
