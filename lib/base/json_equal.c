/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers are compared by their digits: no double has all of them. */
#include "base/json_value.h"

#include "base/internal.h"
#include "base/str.h"

enum { EXPONENT_MAX = 1000000 };

/* 0.d1d2d3… times ten to the power of `point`; no digits: zero. */
struct decimal {
    bool negative;
    struct llmp_str digits; /* with a '.' among them perhaps */
    size_t count;           /* without it, without zeros at either end */
    int64_t point;
};

static int64_t exponent_of(struct llmp_str text)
{
    bool negative = text.len && text.ptr[0] == '-';
    int64_t value = 0;

    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9' && value < EXPONENT_MAX)
            value = value * 10 + (text.ptr[i] - '0');
    return negative ? -value : value;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct decimal read_decimal(struct llmp_str text)
{
    struct decimal d = { .negative = text.len && text.ptr[0] == '-' };
    size_t begin = d.negative, end = begin, point;

    while (end < text.len && (is_digit(text.ptr[end]) || text.ptr[end] == '.'))
        end++;
    for (point = begin; point < end && text.ptr[point] != '.';)
        point++;
    if (end < text.len)
        d.point = exponent_of(
            (struct llmp_str){ text.ptr + end + 1, text.len - end - 1 });
    while (begin < end && (text.ptr[begin] == '0' || text.ptr[begin] == '.'))
        begin++;
    while (end > begin &&
           (text.ptr[end - 1] == '0' || text.ptr[end - 1] == '.'))
        end--;
    if (begin == end)
        return (struct decimal){ .point = 0 };
    d.digits = (struct llmp_str){ text.ptr + begin, end - begin };
    d.point += point >= begin ? (int64_t)(point - begin)
                              : -(int64_t)(begin - point - 1);
    for (size_t i = 0; i < d.digits.len; i++)
        d.count += d.digits.ptr[i] != '.';
    return d;
}

static int compare_digits(struct llmp_str a, struct llmp_str b)
{
    size_t i = 0, k = 0;

    for (;; i++, k++) {
        i += i < a.len && a.ptr[i] == '.';
        k += k < b.len && b.ptr[k] == '.';
        if (i == a.len || k == b.len)
            return (k == b.len) - (i == a.len);
        if (a.ptr[i] != b.ptr[k])
            return a.ptr[i] < b.ptr[k] ? -1 : 1;
    }
}

int llmp_json_compare(struct llmp_str a, struct llmp_str b)
{
    struct decimal x = read_decimal(a), y = read_decimal(b);
    int order;

    if (!x.count || !y.count)
        return !x.count && !y.count ? 0
               : x.count            ? (x.negative ? -1 : 1)
                                    : (y.negative ? 1 : -1);
    if (x.negative != y.negative)
        return x.negative ? -1 : 1;
    order = x.point != y.point ? (x.point < y.point ? -1 : 1)
                               : compare_digits(x.digits, y.digits);
    return x.negative ? -order : order;
}

bool llmp_json_is_integer(struct llmp_str number)
{
    struct decimal d = read_decimal(number);

    return d.point >= (int64_t)d.count;
}

/* The digits as an integer, with so many zeros behind; false: too many. */
static bool scaled(const struct decimal *d, int64_t zeros, uint64_t *out)
{
    *out = 0;
    if (zeros < 0 || zeros + (int64_t)d->count > 18)
        return false;
    for (size_t i = 0; i < d->digits.len; i++)
        if (d->digits.ptr[i] != '.')
            *out = *out * 10 + (uint64_t)(d->digits.ptr[i] - '0');
    for (int64_t i = 0; i < zeros; i++)
        *out *= 10;
    return true;
}

bool llmp_json_is_multiple(struct llmp_str a, struct llmp_str b)
{
    struct decimal x = read_decimal(a), y = read_decimal(b);
    int64_t last_x = x.point - (int64_t)x.count;
    int64_t last_y = y.point - (int64_t)y.count;
    int64_t last = last_x < last_y ? last_x : last_y;
    uint64_t of, by;

    if (!x.count || !y.count)
        return true;
    if (!scaled(&y, last_y - last, &by) || !scaled(&x, last_x - last, &of))
        return true;
    return of % by == 0;
}

/* ---- values ------------------------------------------------------------- */

static bool spend(uint32_t *left, size_t n)
{
    *left = *left > n ? *left - (uint32_t)n : 0;
    return *left > 0;
}

static bool same_text(const struct llmp_json_value *a,
                      const struct llmp_json_value *b, uint32_t *left)
{
    char *plain;
    bool same;

    if (!spend(left, b->text.len / 64))
        return false;
    if (!b->escaped)
        return llmp_json_text_is(a, b->text);
    plain = llmp_alloc(b->text.len + 1);
    if (!plain) {
        *left = 0;
        return false;
    }
    same = llmp_json_text_is(
        a, (struct llmp_str){ plain, llmp_json_unescape(plain, b->text) });
    llmp_free(plain);
    return same;
}

static bool same_elements(const struct llmp_json_value *a,
                          const struct llmp_json_value *b, uint32_t *left)
{
    const struct llmp_json_value *y = b->first;

    for (const struct llmp_json_value *x = a->first; x;
         x = x->next, y = y->next)
        if (!llmp_json_equal(x, y, left))
            return false;
    return true;
}

static bool same_members(const struct llmp_json_value *a,
                         const struct llmp_json_value *b, uint32_t *left)
{
    for (const struct llmp_json_value *x = a->first; x; x = x->next) {
        const struct llmp_json_value *y = b->first;

        while (y && spend(left, 1) && !llmp_str_eq(x->key, y->key))
            y = y->next;
        if (!y || !llmp_json_equal(x, y, left))
            return false;
    }
    return true;
}

bool llmp_json_equal(const struct llmp_json_value *a,
                     const struct llmp_json_value *b, uint32_t *left)
{
    if (!spend(left, 1) || a->type != b->type)
        return false;
    switch (a->type) {
    case LLMP_JSON_NUMBER:
        return spend(left, (a->text.len + b->text.len) / 64) &&
               llmp_json_compare(a->text, b->text) == 0;
    case LLMP_JSON_STRING:
        return same_text(a, b, left);
    case LLMP_JSON_ARRAY:
        return a->count == b->count && same_elements(a, b, left);
    case LLMP_JSON_OBJECT:
        return a->count == b->count && same_members(a, b, left);
    default:
        return true;
    }
}
