/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64url without padding (RFC 7515, 2). Canonical: no other characters, and
 * the bits that the last one does not need are zero, so that bytes have one
 * text only.
 */
#ifndef LLMP_AUTH_BASE64URL_H
#define LLMP_AUTH_BASE64URL_H

#include <llmproxy/base.h>

#define LLMP_BASE64URL_BYTES(text_len) ((text_len) / 4 * 3 + 2)
#define LLMP_BASE64URL_LEN(size)       (((size)*4 + 2) / 3)

/* `out` has room for LLMP_BASE64URL_BYTES(text.len). False: not canonical. */
bool llmp_base64url_decode(uint8_t *out, size_t *size, struct llmp_str text);

/* Writes LLMP_BASE64URL_LEN(size) characters; returns the end. */
char *llmp_base64url_encode(char *out, const void *bytes, size_t size);

#endif
