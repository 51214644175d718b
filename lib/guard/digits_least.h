/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many digits a match of a pattern has at least: what has fewer need not
 * be asked whether it matches. Reads the pattern's text; what it does not know
 * for certain counts as no digit.
 */
#ifndef LLMP_GUARD_DIGITS_LEAST_H
#define LLMP_GUARD_DIGITS_LEAST_H

/* `pattern` is one that PCRE2 took. At most 255. */
unsigned llmp_digits_least(const char *pattern);

#endif
