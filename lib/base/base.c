/* SPDX-License-Identifier: Apache-2.0 */
/* Status names and texts, recording errors, reading sized options. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/internal.h"

const char *llmp_status_name(int status)
{
    switch (status) {
#define STATUS_NAME(name, value, text) \
    case value:                        \
        return "LLMP_" #name;
        LLMP_STATUS_TABLE(STATUS_NAME)
#undef STATUS_NAME
    default:
        return "unknown status";
    }
}

const char *llmp_status_text(int status)
{
    switch (status) {
#define STATUS_TEXT(name, value, text) \
    case value:                        \
        return text;
        LLMP_STATUS_TABLE(STATUS_TEXT)
#undef STATUS_TEXT
    default:
        return "unknown status";
    }
}

const char *llmp_version(void)
{
    return LLMP_VERSION;
}

int llmp_fail(struct llmp_error *err, int status, const char *format, ...)
{
    va_list args;

    if (!err)
        return status;
    *err = (struct llmp_error){
        .status = status,
        .retryable = status == LLMP_E_NOMEM || status == LLMP_E_IO,
    };
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return status;
}

int llmp_options_read(void *dst, size_t dst_size, size_t v1_size,
                      const void *src, size_t src_size, struct llmp_error *err)
{
    const unsigned char *bytes = src;

    assert(v1_size <= dst_size);
    LLMP_ENSURE(src && src_size >= v1_size && src_size <= 4096, err, LLMP_E_ABI,
                "options size %zu is not usable", src_size);
    for (size_t i = dst_size; i < src_size; i++)
        LLMP_ENSURE(bytes[i] == 0, err, LLMP_E_ABI,
                    "option at offset %zu needs a newer library", i);
    memcpy(dst, src, src_size < dst_size ? src_size : dst_size);
    return LLMP_OK;
}
