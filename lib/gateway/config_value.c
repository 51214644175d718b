/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers with units. Pure: no memory, no positions. */
#include "gateway/config_value.h"

#include <stdio.h>

#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_schema.h"

struct unit {
    struct llmp_str name;
    uint64_t factor;
};

#define UNIT(name, factor)                 \
    {                                      \
        { name, sizeof(name) - 1 }, factor \
    }

static const struct unit size_units[] = {
    UNIT("", 1),
    UNIT("B", 1),
    UNIT("KiB", UINT64_C(1) << 10),
    UNIT("MiB", UINT64_C(1) << 20),
    UNIT("GiB", UINT64_C(1) << 30),
};

static const struct unit duration_units[] = {
    UNIT("ms", 1),      UNIT("s", 1000),     UNIT("m", 60000),
    UNIT("h", 3600000), UNIT("d", 86400000),
};

static size_t digits_of(struct llmp_str text)
{
    size_t n = 0;

    while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9')
        n++;
    return n;
}

static int with_unit(struct llmp_str text, const struct unit *units,
                     size_t count, uint64_t *out)
{
    size_t digits = digits_of(text);
    const struct llmp_str unit = { text.ptr + digits, text.len - digits };
    uint64_t number;

    if (digits == 0)
        return LLMP_E_SYNTAX;
    for (size_t i = 0; i < count; i++) {
        if (!llmp_str_eq(unit, units[i].name))
            continue;
        if (!llmp_str_to_u64((struct llmp_str){ text.ptr, digits }, &number) ||
            number > UINT64_MAX / units[i].factor)
            return LLMP_E_LIMIT;
        *out = number * units[i].factor;
        return LLMP_OK;
    }
    return LLMP_E_SYNTAX;
}

int llmp_value_count(struct llmp_str text, uint64_t *out)
{
    if (text.len > 1 && text.ptr[0] == '-' &&
        digits_of((struct llmp_str){ text.ptr + 1, text.len - 1 }) ==
            text.len - 1)
        return LLMP_E_LIMIT;
    return with_unit(text, size_units, 1, out);
}

int llmp_value_integer(struct llmp_str text, uint64_t *out)
{
    bool negative = text.len && text.ptr[0] == '-';
    uint64_t n;

    text.ptr += negative;
    text.len -= negative;
    LLMP_TRY(llmp_value_count(text, &n));
    if (n > LLMP_KEY_INTEGER_MAX)
        return LLMP_E_LIMIT;
    *out = negative ? -n : n;
    return LLMP_OK;
}

int llmp_value_size(struct llmp_str text, uint64_t *bytes)
{
    return with_unit(text, size_units, LLMP_COUNT(size_units), bytes);
}

int llmp_value_duration(struct llmp_str text, uint64_t *ms)
{
    return with_unit(text, duration_units, LLMP_COUNT(duration_units), ms);
}

/* The largest unit that leaves no remainder; units go from small to large. */
static void write_with_unit(char out[24], uint64_t number,
                            const struct unit *units, size_t count)
{
    size_t best = 0;

    for (size_t i = 0; i < count; i++)
        if (number >= units[i].factor && number % units[i].factor == 0)
            best = i;
    (void)snprintf(out, 24, "%llu%s",
                   (unsigned long long)(number / units[best].factor),
                   units[best].name.ptr);
}

void llmp_value_write_size(char out[24], uint64_t bytes)
{
    write_with_unit(out, bytes, size_units, LLMP_COUNT(size_units));
}

void llmp_value_write_duration(char out[24], uint64_t ms)
{
    write_with_unit(out, ms, duration_units, LLMP_COUNT(duration_units));
}

bool llmp_value_bool(struct llmp_str text, uint64_t *out)
{
    static const char *const names[2][3] = { { "false", "False", "FALSE" },
                                             { "true", "True", "TRUE" } };

    for (size_t i = 0; i < 6; i++)
        if (llmp_str_eq(text, llmp_str_of(names[i / 3][i % 3]))) {
            *out = i / 3;
            return true;
        }
    return false;
}

/* YAML 1.2 core schema: integers, 0o and 0x, floats, .inf, .nan. */
bool llmp_value_is_number(struct llmp_str text)
{
    static const char *const specials[] = { ".inf", ".Inf", ".INF",
                                            ".nan", ".NaN", ".NAN" };
    size_t at = 0, digits;

    if (text.len && (text.ptr[0] == '-' || text.ptr[0] == '+'))
        at = 1;

    struct llmp_str rest = { text.ptr + at, text.len - at };

    for (size_t i = 0; i < LLMP_COUNT(specials); i++)
        if (llmp_str_eq(rest, llmp_str_of(specials[i])))
            return true;
    if (rest.len > 2 && rest.ptr[0] == '0' &&
        (rest.ptr[1] == 'x' || rest.ptr[1] == 'o')) {
        size_t hex = 2;

        while (hex < rest.len &&
               memchr("0123456789abcdefABCDEF", rest.ptr[hex], 22))
            hex++;
        return at == 0 && hex == rest.len;
    }
    digits = digits_of(rest);
    rest = (struct llmp_str){ rest.ptr + digits, rest.len - digits };
    if (rest.len && rest.ptr[0] == '.') {
        size_t more =
            digits_of((struct llmp_str){ rest.ptr + 1, rest.len - 1 });

        digits += more;
        rest = (struct llmp_str){ rest.ptr + 1 + more, rest.len - 1 - more };
    }
    if (digits == 0)
        return false;
    if (rest.len == 0)
        return true;
    if (rest.ptr[0] != 'e' && rest.ptr[0] != 'E')
        return false;
    rest = (struct llmp_str){ rest.ptr + 1, rest.len - 1 };
    if (rest.len && (rest.ptr[0] == '-' || rest.ptr[0] == '+'))
        rest = (struct llmp_str){ rest.ptr + 1, rest.len - 1 };
    return rest.len && digits_of(rest) == rest.len;
}
