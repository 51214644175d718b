/* SPDX-License-Identifier: Apache-2.0 */
/* Names of roles and factors, and when two factors are two. */
#include "base/internal.h"
#include "base/str.h"

#include <llmproxy/auth.h>

const char *llmp_role_name(enum llmp_role role)
{
    switch (role) {
#define ROLE_NAME(name, value, text) \
    case LLMP_ROLE_##name:           \
        return text;
        LLMP_ROLE_TABLE(ROLE_NAME)
#undef ROLE_NAME
    default:
        return "none";
    }
}

enum llmp_role llmp_role_find(struct llmp_str name)
{
#define ROLE_FIND(role, value, text)       \
    if (llmp_str_eq(name, LLMP_STR(text))) \
        return LLMP_ROLE_##role;
    LLMP_ROLE_TABLE(ROLE_FIND)
#undef ROLE_FIND
    return LLMP_ROLE_NONE;
}

static const struct {
    struct llmp_str text;
    uint32_t bit, factor; /* knows 1, has 2, is 4 */
} methods[] = {
#define METHOD_ROW(name, bit, text, class) \
    { { text, sizeof(text) - 1 }, UINT32_C(1) << (bit), class },
    LLMP_AMR_TABLE(METHOD_ROW)
#undef METHOD_ROW
};

uint32_t llmp_amr_find(struct llmp_str text)
{
    for (size_t i = 0; i < LLMP_COUNT(methods); i++)
        if (llmp_str_eq(methods[i].text, text))
            return methods[i].bit;
    return 0;
}

bool llmp_amr_is_multi_factor(uint32_t amr)
{
    uint32_t factors = 0;

    for (size_t i = 0; i < LLMP_COUNT(methods); i++)
        if (amr & methods[i].bit)
            factors |= methods[i].factor;
    return (amr & LLMP_AMR_MFA) || (factors & (factors - 1));
}
