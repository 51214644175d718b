/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was given, and that nobody gives more than they have. A grant is a
 * chain up to whoever gave it; every question is asked of all of it, so that
 * narrowing one end narrows everything below at once.
 */
#include "base/internal.h"
#include "base/str.h"

#include <llmproxy/auth.h>

const char *llmp_grant_limit_name(unsigned index)
{
    switch (index) {
#define LIMIT_NAME(name, value, text) \
    case value:                       \
        return text;
        LLMP_GRANT_LIMIT_TABLE(LIMIT_NAME)
#undef LIMIT_NAME
    default:
        return NULL;
    }
}

static bool is_pattern(struct llmp_str text)
{
    return text.len && text.ptr[text.len - 1] == '*';
}

/* Whether everything that `narrow` matches is matched by `wide`. */
static bool pattern_covers(struct llmp_str wide, struct llmp_str narrow)
{
    if (!is_pattern(wide))
        return llmp_str_eq(wide, narrow);
    wide.len--;
    if (is_pattern(narrow))
        narrow.len--;
    return llmp_str_starts(narrow, wide);
}

static bool list_covers(const struct llmp_str *list, size_t count,
                        struct llmp_str text)
{
    for (size_t i = 0; i < count; i++)
        if (pattern_covers(list[i], text))
            return true;
    return count == 0;
}

/* An empty list is everything, which only everything covers. */
static bool list_within(const struct llmp_str *narrow, size_t narrow_count,
                        const struct llmp_str *wide, size_t wide_count)
{
    if (narrow_count == 0)
        return list_covers(wide, wide_count, LLMP_STR("*"));
    for (size_t i = 0; i < narrow_count; i++)
        if (!list_covers(wide, wide_count, narrow[i]))
            return false;
    return true;
}

/* 0 is "no end", which is more than any number. */
static bool number_within(uint64_t narrow, uint64_t wide)
{
    return wide == 0 || (narrow != 0 && narrow <= wide);
}

/* The first field in which `wanted` is wider than this one link. */
static const char *wider_field(const struct llmp_grant *wanted,
                               const struct llmp_grant *link)
{
    if (!llmp_role_is_within(wanted->role, link->role))
        return "role";
    if (!list_within(wanted->models, wanted->model_count, link->models,
                     link->model_count))
        return "models";
    if (!list_within(wanted->routes, wanted->route_count, link->routes,
                     link->route_count))
        return "routes";
    for (unsigned i = 0; i < LLMP_GRANT_LIMIT_COUNT; i++)
        if (!number_within(wanted->limits[i], link->limits[i]))
            return llmp_grant_limit_name(i) ? llmp_grant_limit_name(i)
                                            : "limits";
    return number_within(wanted->expires_ns, link->expires_ns) ? NULL
                                                               : "expires";
}

/* One that is too long, or a circle, gives nothing. */
static bool chain_ends(const struct llmp_grant *grant)
{
    unsigned depth = 0;

    for (; grant && depth <= LLMP_GRANT_DEPTH_MAX; depth++)
        grant = grant->grantor;
    return !grant;
}

int llmp_grant_check(const struct llmp_grant *wanted,
                     const struct llmp_grant *grantor, const char **field)
{
    if (!chain_ends(grantor))
        return LLMP_E_LIMIT;
    for (; grantor; grantor = grantor->grantor) {
        const char *wider = wider_field(wanted, grantor);

        if (wider) {
            if (field)
                *field = wider;
            return LLMP_AUTH_GRANT_WIDER;
        }
    }
    return LLMP_OK;
}

bool llmp_grant_has_model(const struct llmp_grant *grant, struct llmp_str model)
{
    if (!chain_ends(grant))
        return false;
    for (; grant; grant = grant->grantor)
        if (!list_covers(grant->models, grant->model_count, model))
            return false;
    return true;
}

bool llmp_grant_has_route(const struct llmp_grant *grant, struct llmp_str route)
{
    if (!chain_ends(grant))
        return false;
    for (; grant; grant = grant->grantor)
        if (!list_covers(grant->routes, grant->route_count, route))
            return false;
    return true;
}

static uint64_t smaller_end(uint64_t a, uint64_t b)
{
    return number_within(a, b) ? a : b;
}

uint64_t llmp_grant_limit(const struct llmp_grant *grant, unsigned index)
{
    uint64_t limit = 0;

    if (index >= LLMP_GRANT_LIMIT_COUNT)
        return 0;
    if (!chain_ends(grant))
        return 1;
    for (; grant; grant = grant->grantor)
        limit = smaller_end(limit, grant->limits[index]);
    return limit;
}

uint64_t llmp_grant_expires_ns(const struct llmp_grant *grant)
{
    uint64_t expires_ns = 0;

    if (!chain_ends(grant))
        return 1;
    for (; grant; grant = grant->grantor)
        expires_ns = smaller_end(expires_ns, grant->expires_ns);
    return expires_ns;
}
