/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A walk through a pattern that adds up what is surely a digit: of alternatives
 * the one with fewest, of a repetition its least count. Without PCRE2_UCP "\d"
 * is ASCII's. What changes how the rest is read (extended mode, quoting,
 * conditions, recursion) ends the walk: then nothing is certain.
 */
#include "guard/digits_least.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 255, DEPTH_MAX = 32 };

struct walk {
    const char *at;
    int depth;
    bool lost; /* something that is not understood */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static unsigned add(unsigned a, unsigned b)
{
    return a + b < MOST ? a + b : MOST;
}

/* Behind "\p", "\x" and the like: "{…}". */
static void skip_braces(struct walk *w)
{
    const char *end = *w->at == '{' ? strchr(w->at, '}') : NULL;

    w->at = end ? end + 1 : w->at;
}

/* Behind a backslash; 1: it is a digit's. Any reading of digits behind "\x" and
 * "\1" as characters of their own would count too many. */
static unsigned escape(struct walk *w)
{
    char c = *w->at;

    w->at += c ? 1 : 0;
    if (c == 'x')
        while (is_hex(*w->at))
            w->at++;
    if (is_digit(c))
        while (is_digit(*w->at))
            w->at++;
    if (c == 'c' && *w->at)
        w->at++;
    w->lost |= c == 0 || strchr("QEKgk", c) != NULL;
    if (c && strchr("xpPoN", c))
        skip_braces(w);
    return c == 'd';
}

/* Behind "[". */
static unsigned class(struct walk *w)
{
    bool only = *w->at != '^';

    w->at += *w->at == '^';
    for (bool first = true; *w->at && (first || *w->at != ']'); first = false) {
        char c = *w->at++;

        w->lost |= c == '[' && *w->at == ':'; /* "[:alpha:]" */
        if (c == '\\')
            only &= escape(w) == 1;
        else if (c == '-') /* a range: both ends are looked at */
            only &= !first && is_digit(*w->at) && is_digit(w->at[-2]);
        else
            only &= is_digit(c);
    }
    w->lost |= *w->at == 0;
    w->at += *w->at == ']';
    return only;
}

/* The least count of the quantifier that stands there; 1: none. */
static unsigned times(struct walk *w)
{
    unsigned long least = 1;
    char *end;

    switch (*w->at) {
    case '*':
    case '?':
        least = 0;
        /* fall through */
    case '+':
        w->at++;
        break;
    case '{':
        if (w->at[1] == ',' || w->at[1] == ' ') {
            w->lost = true; /* "{,3}": of PCRE2 10.43 on a quantifier */
            return 0;
        }
        if (!is_digit(w->at[1]))
            return 1;
        least = strtoul(w->at + 1, &end, 10);
        if (!strchr(end, '}')) {
            w->lost = true;
            return 0;
        }
        skip_braces(w);
        break;
    default:
        return 1;
    }
    w->at += *w->at == '?' || *w->at == '+';
    return least < MOST ? (unsigned)least : MOST;
}

static unsigned alternatives(struct walk *w);

/* What stands behind "(?" up to the group's own text; true: it is looked at
 * only, and nothing of the match. */
static bool group_head(struct walk *w)
{
    bool looks = strncmp(w->at, "<=", 2) == 0 || strncmp(w->at, "<!", 2) == 0;

    if (*w->at == '=' || *w->at == '!' || looks) {
        w->at += looks ? 2 : 1;
        return true;
    }
    while (strchr("imsnU-", *w->at) && *w->at)
        w->at++;
    w->lost |= *w->at != ':' && *w->at != '>';
    w->at += *w->at != 0;
    return false;
}

/* Behind "(". */
static unsigned group(struct walk *w)
{
    bool looks = false;
    unsigned least;

    w->lost |= *w->at == '*' || ++w->depth > DEPTH_MAX;
    if (*w->at == '?') {
        w->at++;
        looks = group_head(w);
    }
    least = w->lost ? 0 : alternatives(w);
    w->lost |= *w->at != ')';
    w->at += *w->at == ')';
    w->depth--;
    return looks ? 0 : least;
}

static unsigned atom(struct walk *w)
{
    char c = *w->at++;

    switch (c) {
    case '\\':
        return escape(w);
    case '[':
        return class(w);
    case '(':
        return group(w);
    default:
        return is_digit(c);
    }
}

static unsigned sequence(struct walk *w)
{
    unsigned sum = 0;

    while (!w->lost && *w->at && *w->at != '|' && *w->at != ')') {
        unsigned one = atom(w), count = times(w);

        sum = add(sum, one * count < MOST ? one * count : MOST);
    }
    return sum;
}

static unsigned alternatives(struct walk *w)
{
    unsigned least = sequence(w);

    while (!w->lost && *w->at == '|') {
        unsigned one;

        w->at++;
        one = sequence(w);
        least = one < least ? one : least;
    }
    return least;
}

unsigned llmp_digits_least(const char *pattern)
{
    struct walk w = { .at = pattern };
    unsigned least = alternatives(&w);

    return w.lost || *w.at ? 0 : least;
}
