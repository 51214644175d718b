/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a login satisfies what a route demands, or is told what is missing;
 * names of answers, roles and factors agree with their tables.
 * Method: tables of logins and demands; challenges as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth_fixture.h"

static const struct llmp_str gold[] = { { "gold", 4 }, { "urn:x \"y", 8 } };

static void logins_and_demands(void **state)
{
    (void)state;
    static const struct {
        size_t acr_count;
        bool multi_factor;
        uint64_t max_age_s;
        const char *acr;
        uint32_t amr;
        uint64_t auth_time_s;
        bool satisfied;
    } steps[] = {
        { 0, false, 0, NULL, 0, 0, true },
        { 1, false, 0, "gold", 0, 0, true },
        { 1, false, 0, "Gold", 0, 0, false },
        { 1, false, 0, NULL, LLMP_AMR_MFA, 0, false },
        { 0, true, 0, NULL, LLMP_AMR_MFA, 0, true },
        { 0, true, 0, NULL, LLMP_AMR_PWD | LLMP_AMR_OTP, 0, true },
        { 0, true, 0, NULL, LLMP_AMR_HWK | LLMP_AMR_FPT, 0, true },
        { 0, true, 0, NULL, LLMP_AMR_PWD | LLMP_AMR_PIN, 0, false },
        { 0, true, 0, NULL, LLMP_AMR_OTP | LLMP_AMR_SMS, 0, false },
        { 0, true, 0, NULL, LLMP_AMR_PWD | LLMP_AMR_GEO, 0, false },
        { 0, true, 0, "gold", LLMP_AMR_PWD, 0, false },
        { 1, true, 0, "gold", LLMP_AMR_PWD, 0, true },
        { 1, true, 0, "iron", LLMP_AMR_PWD | LLMP_AMR_OTP, 0, true },
        { 0, false, 60, NULL, 0, WALL_S - 60, true },
        { 0, false, 60, NULL, 0, WALL_S - 61, false },
        { 0, false, 60, NULL, 0, 0, false },
        { 0, false, 60, NULL, 0, WALL_S + 300, true },
        { 0, false, 60, NULL, 0, WALL_S + 301, false },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_step_up required = { .size = sizeof(required),
                                         .acr = gold,
                                         .acr_count = steps[i].acr_count,
                                         .multi_factor = steps[i].multi_factor,
                                         .max_age_s = steps[i].max_age_s };
        struct llmp_principal p = { .size = sizeof(p),
                                    .acr = llmp_str_of(steps[i].acr),
                                    .amr = steps[i].amr,
                                    .auth_time_s = steps[i].auth_time_s };

        print_message("# step %zu\n", i);
        assert_int_equal(llmp_step_up_check(&required, &p, WALL_NS),
                         steps[i].satisfied ? LLMP_OK : LLMP_AUTH_STEP_UP);
    }
}

static void challenges(void **state)
{
    struct llmp_step_up required = {
        .size = sizeof(required), .acr = gold, .acr_count = 2, .max_age_s = 300
    };
    char out[256];
    size_t len = llmp_step_up_challenge(out, sizeof(out), &required);

    (void)state;
    assert_int_equal(len, strlen(out));
    assert_string_equal(
        out,
        "Bearer error=\"insufficient_user_authentication\", "
        "error_description=\"a stronger or more recent login is required\", "
        "acr_values=\"gold urn:x y\", max_age=300");
    for (size_t size = 0; size <= strlen(out); size++) {
        char *small = malloc(size + 1);

        assert_int_equal(llmp_step_up_challenge(small, size, &required), 0);
        free(small);
    }
    assert_int_equal(llmp_auth_challenge(out, sizeof(out), LLMP_OK), 6);
    assert_string_equal(out, "Bearer");
    assert_true(llmp_auth_challenge(out, sizeof(out), LLMP_AUTH_TOKEN_EXPIRED) >
                0);
    assert_string_equal(out, "Bearer error=\"invalid_token\", "
                             "error_description=\"the token has expired\"");
}

static void names_agree_with_tables(void **state)
{
    char out[192];

    (void)state;
#define CHECK_ANSWER(name, value, http, text)                           \
    assert_string_equal(llmp_auth_answer_name(value), #name);           \
    assert_string_equal(llmp_auth_answer_text(LLMP_AUTH_##name), text); \
    assert_int_equal(llmp_auth_answer_http(value), http);               \
    assert_true(llmp_auth_challenge(out, sizeof(out), value) > 0);
    LLMP_AUTH_ANSWER_TABLE(CHECK_ANSWER)
#define CHECK_ROLE(name, value, text)                            \
    assert_string_equal(llmp_role_name(LLMP_ROLE_##name), text); \
    assert_int_equal(llmp_role_find(S(text)), value);
    LLMP_ROLE_TABLE(CHECK_ROLE)
#define CHECK_AMR(name, bit, text, class) \
    assert_int_equal(llmp_amr_find(S(text)), LLMP_AMR_##name);
    LLMP_AMR_TABLE(CHECK_AMR)
#define CHECK_ALG(name, bit, text) \
    assert_int_equal(llmp_alg_find(S(text)), 1 << bit);
    LLMP_ALG_TABLE(CHECK_ALG)
    assert_int_equal(llmp_auth_answer_http(1), 500);
    assert_string_equal(llmp_auth_answer_name(1), "UNKNOWN");
    assert_int_equal(llmp_role_find(S("Admin")), LLMP_ROLE_NONE);
    assert_int_equal(llmp_amr_find(S("password")), 0);
    assert_int_equal(llmp_alg_find(S("none")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logins_and_demands),
        cmocka_unit_test(challenges),
        cmocka_unit_test(names_agree_with_tables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
