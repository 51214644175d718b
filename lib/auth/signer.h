/* SPDX-License-Identifier: Apache-2.0 */
/* A private key of our own, and signing with it in JWS's form. */
#ifndef LLMP_AUTH_SIGNER_H
#define LLMP_AUTH_SIGNER_H

#include <llmproxy/auth.h>
#include <openssl/evp.h>
#include <stdatomic.h>

enum { LLMP_SIGNATURE_SIZE = 64, LLMP_SIGNER_KID_MAX = 64 };

struct llmp_signer {
    atomic_uint refs;
    enum llmp_alg alg;
    EVP_PKEY *key;
    uint8_t x[32], y[32]; /* the public half; y of P-256 only */
    char kid[LLMP_SIGNER_KID_MAX + 1];
};

/* Both algorithms give 64 bytes. False: OpenSSL has no memory. */
bool llmp_signer_sign(const struct llmp_signer *signer, struct llmp_str text,
                      uint8_t out[LLMP_SIGNATURE_SIZE]);

#endif
