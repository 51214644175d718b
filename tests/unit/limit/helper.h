/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of limits share: scopes, amounts, chosen times. */
#ifndef TESTS_LIMIT_HELPER_H
#define TESTS_LIMIT_HELPER_H

#include <llmproxy/limit.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h> /* cmocka wants it */

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

/* 2026-11-24T12:00:00Z, a Tuesday */
#define NOON_S UINT64_C(1795521600)

static inline struct llmp_time at_ns(uint64_t ns)
{
    return (struct llmp_time){ .mono_ns = 1000 * S + ns,
                               .wall_ns = NOON_S * S + ns };
}

static inline struct llmp_limit_scope *scope_of(
    struct llmp_limiter *limiter, enum llmp_limit_kind kind, const char *id,
    const struct llmp_limit_rule *rules, size_t count)
{
    struct llmp_limit_scope *scope = NULL;
    struct llmp_error err;

    assert_int_equal(llmp_limiter_scope(&scope, limiter, kind,
                                        (struct llmp_str){ id, strlen(id) },
                                        rules, count, &err),
                     LLMP_OK);
    return scope;
}

/* A reservation with room for all that one request can hold. */
struct booking {
    struct llmp_limit_hold holds[LLMP_LIMIT_HOLDS_MAX];
    struct llmp_reservation r;
};

static inline void booking_init(struct booking *b)
{
    b->r = (struct llmp_reservation){ b->holds, LLMP_LIMIT_HOLDS_MAX, 0 };
}

static inline struct llmp_limit_amounts amounts_of(enum llmp_limit_unit unit,
                                                   uint64_t amount)
{
    struct llmp_limit_amounts a = { { 0 }, { 0 } };

    a.of[unit] = a.sure[unit] = amount;
    return a;
}

#endif
