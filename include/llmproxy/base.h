/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmproxy/base.h
 * What every other header shares: export marks, status codes, errors, text.
 */
#ifndef LLMPROXY_BASE_H
#define LLMPROXY_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LLMP_API               __attribute__((visibility("default")))
#define LLMP_MUST_USE          __attribute__((warn_unused_result))
#define LLMP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define LLMP_API
#define LLMP_MUST_USE
#define LLMP_PRINTF(fmt, args)
#endif

#define LLMP_VERSION        "0.1.0"
#define LLMP_VERSION_NUMBER 0x000100

/**
 * Every status a call can return: name, value, text. Negative: the call
 * failed. Zero: done. Positive: an answer that is not a failure. A released
 * value never changes its meaning.
 */
#define LLMP_STATUS_TABLE(X)                                     \
    X(OK, 0, "done")                                             \
    X(AGAIN, 1, "more input is needed")                          \
    X(END, 2, "there is nothing more")                           \
    X(MISS, 3, "no such entry")                                  \
    X(LIMITED, 4, "a limit is reached")                          \
    X(CONFLICT, 5, "somebody else changed it first")             \
    X(FULL, 6, "there is no room now")                           \
    X(E_INVALID, -1, "an argument is not acceptable")            \
    X(E_NOMEM, -2, "out of memory")                              \
    X(E_ABI, -3, "options of an unknown size or version")        \
    X(E_LIMIT, -4, "a declared limit is exceeded")               \
    X(E_SYNTAX, -5, "the text is not well formed")               \
    X(E_TYPE, -6, "a value has the wrong type")                  \
    X(E_NOT_FOUND, -7, "something referred to does not exist")   \
    X(E_IO, -8, "the operating system refused")                  \
    X(E_STATE, -9, "the object is not in a state for this call") \
    X(E_FORKED, -10, "the handle belongs to the parent process") \
    X(E_UNSUPPORTED, -11, "not available in this build")         \
    X(E_CORRUPT, -12, "what was stored is damaged")

enum llmp_status {
#define LLMP_STATUS_ENUM(name, value, text) LLMP_##name = value,
    LLMP_STATUS_TABLE(LLMP_STATUS_ENUM)
#undef LLMP_STATUS_ENUM
};

/** "LLMP_E_NOMEM" for LLMP_E_NOMEM; "unknown status" for anything else. */
LLMP_API const char *llmp_status_name(int status);

/** A short English sentence for `status`. */
LLMP_API const char *llmp_status_text(int status);

/** The version of the library that is running, e.g. "0.1.0". */
LLMP_API const char *llmp_version(void);

/**
 * Details of a failure. Owned by the caller, may live on the stack, needs no
 * initialisation. A call that succeeds leaves it alone.
 */
struct llmp_error {
    int status;        /**< what the call returned */
    bool retryable;    /**< the same call may succeed later */
    bool object_dead;  /**< the object can only be freed now */
    uint32_t line;     /**< of a text input, from 1; 0: does not apply */
    uint32_t column;   /**< in bytes, from 1; 0: does not apply */
    char message[244]; /**< one English sentence, NUL-terminated */
};

/** Bytes somewhere else: not NUL-terminated, not owned, may contain NUL. */
struct llmp_str {
    const char *ptr; /**< may be NULL when `len` is 0 */
    size_t len;
};

/** Makes a string of a literal at compile time. */
#ifdef __cplusplus
#define LLMP_STR(literal) (llmp_str{ "" literal, sizeof(literal) - 1 })
#else
#define LLMP_STR(literal) ((struct llmp_str){ "" literal, sizeof(literal) - 1 })
#endif

/** What a count of tokens or a cost rests on. */
enum llmp_usage_basis {
    LLMP_USAGE_NONE,      /**< nothing reached a provider */
    LLMP_USAGE_REPORTED,  /**< by the provider */
    LLMP_USAGE_ESTIMATED, /**< counted here: a stream that broke */
    LLMP_USAGE_UNKNOWN    /**< it may have cost something; nobody said what */
};

/** One moment on both clocks. Read once a turn and handed down. */
struct llmp_time {
    uint64_t mono_ns; /**< monotonic; only differences mean anything */
    uint64_t wall_ns; /**< since 1970-01-01T00:00:00Z */
};

/** Where the library's randomness comes from. */
struct llmp_random {
    /** Fills `size` bytes with unpredictable data; cannot fail. Required. */
    void (*fill)(void *bytes, size_t size, void *ctx);
    void *ctx;
};

/**
 * Replaces the allocator for the whole process; for tests and for hosts with
 * their own. Call it before any other function. NULL restores the C library's.
 *
 * @param resize  like realloc(); `size` 0 frees and returns NULL
 */
LLMP_API void llmp_set_allocator(void *(*resize)(void *memory, size_t size));

#ifdef __cplusplus
}
#endif
#endif
