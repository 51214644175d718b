/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of session tickets. One set for the process, so that a client can
 * resume with any worker; handed to a successor, so that it can resume with
 * that, too. The newest key seals; the two before it still open, and what they
 * open is sealed anew. A key seals for 6 hours and opens for 18, so a stolen
 * memory image says nothing about sessions of the day before.
 */
#include "tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "mem.h"

#define KEY_SEALS_S   (6 * 3600)
#define TICKET_LIFE_S (12 * 3600)

struct gw_ticket_keys {
    struct {
        pthread_mutex_t lock;
        struct gw_ticket_key keys[GW_TICKET_KEY_COUNT]; /* newest first */
    } synced;
};

/* OpenSSL's callback gets nothing but the connection: the keys hang on its
 * context, under the index that applications may use freely. */
static struct gw_ticket_keys *keys_of(SSL *ssl)
{
    return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

static uint64_t wall_s(void)
{
    return (uint64_t)time(NULL);
}

/* Under the lock. */
static bool rotate(struct gw_ticket_keys *keys)
{
    struct gw_ticket_key fresh = { .made_wall_s = wall_s() };
    uint64_t made_s = keys->synced.keys[0].made_wall_s;

    if (made_s > 0 && fresh.made_wall_s < made_s + KEY_SEALS_S)
        return true;
    if (RAND_bytes(fresh.name, sizeof(fresh.name)) != 1 ||
        RAND_bytes(fresh.cipher, sizeof(fresh.cipher)) != 1 ||
        RAND_bytes(fresh.mac, sizeof(fresh.mac)) != 1)
        return made_s > 0;
    memmove(&keys->synced.keys[1], &keys->synced.keys[0],
            sizeof(fresh) * (GW_TICKET_KEY_COUNT - 1));
    keys->synced.keys[0] = fresh;
    OPENSSL_cleanse(&fresh, sizeof(fresh));
    return true;
}

static bool current_key(struct gw_ticket_keys *keys, struct gw_ticket_key *out)
{
    bool there;

    (void)pthread_mutex_lock(&keys->synced.lock);
    there = rotate(keys);
    *out = keys->synced.keys[0];
    (void)pthread_mutex_unlock(&keys->synced.lock);
    return there;
}

/* The index of the key called `name`, or -1. */
static int find_key(struct gw_ticket_keys *keys, const unsigned char *name,
                    struct gw_ticket_key *out)
{
    int index = -1;

    (void)pthread_mutex_lock(&keys->synced.lock);
    for (int i = 0; i < GW_TICKET_KEY_COUNT; i++) {
        const struct gw_ticket_key *key = &keys->synced.keys[i];

        if (key->made_wall_s == 0 ||
            CRYPTO_memcmp(key->name, name, sizeof(key->name)) != 0)
            continue;
        *out = *key;
        index = i;
    }
    (void)pthread_mutex_unlock(&keys->synced.lock);
    return index;
}

static bool use_mac(EVP_MAC_CTX *mac, struct gw_ticket_key *key)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac,
                                          sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* 0: no ticket; 1: go on; 2: go on and seal a new one. */
static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char *iv,
                     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
    struct gw_ticket_keys *keys = keys_of(ssl);
    struct gw_ticket_key key;
    int answer = 0;

    if (sealing) {
        if (!current_key(keys, &key) || RAND_bytes(iv, 16) != 1)
            return 0;
        memcpy(name, key.name, sizeof(key.name));
        if (EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher,
                               iv) == 1 &&
            use_mac(mac, &key))
            answer = 1;
    } else {
        int index = find_key(keys, name, &key);

        if (index < 0)
            return 0;
        if (use_mac(mac, &key) && EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(),
                                                     NULL, key.cipher, iv) == 1)
            answer = index == 0 ? 1 : 2;
    }
    OPENSSL_cleanse(&key, sizeof(key));
    return answer;
}

void gw_tickets_use(SSL_CTX *ctx, struct gw_ticket_keys *keys)
{
    (void)SSL_CTX_set_app_data(ctx, keys);
    (void)SSL_CTX_set_timeout(ctx, TICKET_LIFE_S);
    (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}

struct gw_ticket_keys *gw_ticket_keys_new(void)
{
    struct gw_ticket_keys *keys = gw_alloc(sizeof(*keys));

    if (keys)
        (void)pthread_mutex_init(&keys->synced.lock, NULL);
    return keys;
}

void gw_ticket_keys_free(struct gw_ticket_keys *keys)
{
    if (!keys)
        return;
    (void)pthread_mutex_destroy(&keys->synced.lock);
    OPENSSL_cleanse(keys, sizeof(*keys));
    gw_free(keys);
}

void gw_ticket_keys_export(struct gw_ticket_keys *keys,
                           struct gw_ticket_key out[GW_TICKET_KEY_COUNT])
{
    (void)pthread_mutex_lock(&keys->synced.lock);
    (void)rotate(keys);
    memcpy(out, keys->synced.keys, sizeof(keys->synced.keys));
    (void)pthread_mutex_unlock(&keys->synced.lock);
}

void gw_ticket_keys_import(struct gw_ticket_keys *keys,
                           const struct gw_ticket_key in[GW_TICKET_KEY_COUNT])
{
    (void)pthread_mutex_lock(&keys->synced.lock);
    memcpy(keys->synced.keys, in, sizeof(keys->synced.keys));
    (void)pthread_mutex_unlock(&keys->synced.lock);
}
