/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialect of the tree: the two control-flow macros, scope clean-up, and
 * recording an error where it is found. Everything in lib/ may include this.
 */
#ifndef LLMP_BASE_INTERNAL_H
#define LLMP_BASE_INTERNAL_H

#include <assert.h>
#include <llmproxy/base.h>

/* Records `status` and a message in `err` (which may be NULL); returns it. */
int llmp_fail(struct llmp_error *err, int status, const char *format, ...)
    LLMP_PRINTF(3, 4);

/* Returns from the enclosing function when `expr` is a failure (negative).
 * The only control-flow macro in the tree besides LLMP_ENSURE. */
#define LLMP_TRY(expr)            \
    do {                          \
        int try_status_ = (expr); \
        if (try_status_ < 0)      \
            return try_status_;   \
    } while (0)

/* Checks what the *caller* of the public API controls. Our own mistakes are
 * caught with assert(). */
#define LLMP_ENSURE(cond, err, status, ...)                \
    do {                                                   \
        if (!(cond))                                       \
            return llmp_fail((err), (status), __VA_ARGS__); \
    } while (0)

/* Releases a local by scope: LLMP_AUTO(buf_fini) struct llmp_buf b. */
#define LLMP_AUTO(release) __attribute__((cleanup(release)))

/* Hands a scoped pointer over: returns it and leaves NULL behind. */
#define llmp_steal(p)                 \
    __extension__({                   \
        __typeof__(*(p)) steal_ = *(p); \
        *(p) = NULL;                  \
        steal_;                       \
    })

#define LLMP_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define LLMP_NS_PER_MS UINT64_C(1000000)
#define LLMP_NS_PER_S UINT64_C(1000000000)

/* Reads caller's options into `dst`, which holds the defaults. Older callers
 * leave newer members alone; newer ones must not use what we do not have. */
int llmp_options_read(void *dst, size_t dst_size, size_t v1_size,
                      const void *src, size_t src_size, struct llmp_error *err);

/* Arithmetic on numbers from outside: stops at the end of the range. */
static inline uint64_t llmp_add_sat(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t llmp_mul_sat(uint64_t a, uint64_t b)
{
    return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

#endif
