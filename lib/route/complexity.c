/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How complex a prompt is: counts of what can be seen in its text, and declared
 * rules that give points for them. No model, so that everybody can compute by
 * hand why a prompt went where it did.
 */
#include <llmproxy/route.h>

#include "base/internal.h"
#include "base/str.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '_' || (unsigned char)c >= 0x80;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* ---- counting ------------------------------------------------------------ */

/* "- x", "* x", "12. x", "3) x" at the begin of a line. */
static bool is_step(const char *at, const char *end)
{
    const char *p = at;

    while (p < end && is_blank(*p))
        p++;
    if (p < end && (*p == '-' || *p == '*')) {
        p++;
    } else {
        const char *digits = p;

        while (p < end && p - digits < 3 && is_digit(*p))
            p++;
        if (p == digits || p >= end || (*p != '.' && *p != ')'))
            return false;
        p++;
    }
    return p < end && is_blank(*p);
}

static bool is_fence(const char *at, const char *end)
{
    return end - at >= 3 && memcmp(at, "```", 3) == 0;
}

void llmp_route_features_add(struct llmp_route_features *features,
                             struct llmp_str text)
{
    const char *end = text.ptr + text.len;
    uint64_t *of = features->of;

    of[LLMP_FEATURE_BYTES] = llmp_add_sat(of[LLMP_FEATURE_BYTES], text.len);
    for (const char *p = text.ptr; p < end; p++) {
        bool begins = p == text.ptr || p[-1] == '\n';

        of[LLMP_FEATURE_CODE] += begins && is_fence(p, end);
        of[LLMP_FEATURE_STEPS] += begins && is_step(p, end);
        of[LLMP_FEATURE_QUESTIONS] += *p == '?';
        of[LLMP_FEATURE_MATHS] += *p && strchr("=<>+^%|~\\", *p) != NULL;
    }
}

/* ---- terms --------------------------------------------------------------- */

static bool is_at(const char *at, const char *end, struct llmp_str term)
{
    if ((size_t)(end - at) < term.len)
        return false;
    for (size_t i = 0; i < term.len; i++)
        if (lower(at[i]) != lower(term.ptr[i]))
            return false;
    return true;
}

/* As a word: neither end of it goes on. */
static uint64_t count_term(struct llmp_str text, struct llmp_str term)
{
    const char *end = text.ptr + text.len;
    uint64_t count = 0;

    for (const char *p = text.ptr; p < end; p++)
        count += is_at(p, end, term) && (p == text.ptr || !is_word(p[-1])) &&
                 (p + term.len == end || !is_word(p[term.len]));
    return count;
}

/* ---- the score ----------------------------------------------------------- */

static int check_rule(const struct llmp_route_rule *rule)
{
    bool has_term = rule->term.len > 0;

    if ((unsigned)rule->feature > LLMP_FEATURE_TERM ||
        has_term != (rule->feature == LLMP_FEATURE_TERM))
        return LLMP_E_INVALID;
    return LLMP_OK;
}

static bool holds(const struct llmp_route_rule *rule,
                  const struct llmp_route_features *features,
                  const struct llmp_str *texts, size_t text_count)
{
    uint64_t n = 0;

    if (rule->feature != LLMP_FEATURE_TERM)
        n = features->of[rule->feature];
    for (size_t i = 0; i < text_count && rule->feature == LLMP_FEATURE_TERM;
         i++)
        n += count_term(texts[i], rule->term);
    return n >= (rule->at_least ? rule->at_least : 1);
}

static int32_t to_i32(int64_t n)
{
    return n > INT32_MAX ? INT32_MAX : n < INT32_MIN ? INT32_MIN : (int32_t)n;
}

int llmp_route_complexity(struct llmp_route_score *out,
                          const struct llmp_route_rule *rules,
                          size_t rule_count,
                          const struct llmp_route_features *features,
                          const struct llmp_str *texts, size_t text_count,
                          const int32_t *thresholds, size_t threshold_count)
{
    struct llmp_route_score score = { .score = 0 };
    int64_t sum = 0;

    if (!out || !features || rule_count > LLMP_ROUTE_RULES_MAX)
        return LLMP_E_INVALID;
    for (size_t i = 0; i < rule_count; i++) {
        LLMP_TRY(check_rule(&rules[i]));
        if (!holds(&rules[i], features, texts, text_count))
            continue;
        score.rules |= UINT64_C(1) << i;
        sum += rules[i].points;
    }
    score.score = to_i32(sum);
    while (score.level < threshold_count &&
           score.score >= thresholds[score.level])
        score.level++;
    *out = score;
    return LLMP_OK;
}
