/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pepper: the one secret of a gateway that its store does not have. Hashes
 * of keys are made with it, other secrets are derived from it, and what the
 * store must keep secret is sealed under it.
 */
#include <sodium.h>

#include "base/internal.h"

#include <llmproxy/auth.h>

#define NONCE_SIZE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_SIZE   crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(LLMP_SEAL_OVERHEAD == NONCE_SIZE + TAG_SIZE, "the seal's size");

int llmp_pepper_make(struct llmp_pepper *out, struct llmp_str text)
{
    if (text.len < LLMP_PEPPER_TEXT_MIN)
        return LLMP_E_LIMIT;
    (void)crypto_generichash(out->bytes, LLMP_PEPPER_SIZE,
                             (const unsigned char *)text.ptr, text.len, NULL,
                             0);
    return LLMP_OK;
}

void llmp_pepper_derive(uint8_t out[32], const struct llmp_pepper *pepper,
                        struct llmp_str purpose)
{
    (void)crypto_generichash(out, 32, (const unsigned char *)purpose.ptr,
                             purpose.len, pepper->bytes, LLMP_PEPPER_SIZE);
}

static void seal_key(uint8_t out[32], const struct llmp_pepper *pepper)
{
    llmp_pepper_derive(out, pepper, LLMP_STR("llmproxy seal"));
}

void llmp_pepper_seal(uint8_t *out, const struct llmp_pepper *pepper,
                      struct llmp_str context, struct llmp_str bytes,
                      const struct llmp_random *random)
{
    uint8_t key[32];

    seal_key(key, pepper);
    random->fill(out, NONCE_SIZE, random->ctx);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        out + NONCE_SIZE, NULL, (const unsigned char *)bytes.ptr, bytes.len,
        (const unsigned char *)context.ptr, context.len, NULL, out, key);
    sodium_memzero(key, sizeof(key));
}

int llmp_pepper_open(uint8_t *out, const struct llmp_pepper *pepper,
                     struct llmp_str context, struct llmp_str sealed)
{
    const unsigned char *at = (const unsigned char *)sealed.ptr;
    uint8_t key[32];
    int rc;

    if (sealed.len < LLMP_SEAL_OVERHEAD)
        return LLMP_E_INVALID;
    seal_key(key, pepper);
    rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
        out, NULL, NULL, at + NONCE_SIZE, sealed.len - NONCE_SIZE,
        (const unsigned char *)context.ptr, context.len, at, key);
    sodium_memzero(key, sizeof(key));
    return rc == 0 ? LLMP_OK : LLMP_E_INVALID;
}
