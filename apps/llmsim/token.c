/* SPDX-License-Identifier: Apache-2.0 */
#include "token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <time.h>

#include "media.h"

/* "sim-token.END_MS.NUMBER.MAC" */
#define HEAD    "sim-token."
#define MAC_LEN 64

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void make_mac(char hex[SIM_HEX_SIZE], const struct sim_options *opts,
                     struct llmp_str text)
{
    unsigned char mac[EVP_MAX_MD_SIZE];

    (void)HMAC(EVP_sha256(), &opts->seed, sizeof(opts->seed),
               (const unsigned char *)text.ptr, text.len, mac, NULL);
    sim_hex(hex, mac, 32);
}

uint64_t sim_token_add(const struct sim_options *opts, uint64_t number,
                       struct sim_buf *out)
{
    uint64_t end_ms = now_ms() + opts->token_seconds * 1000;
    size_t from = out->len;
    char mac[SIM_HEX_SIZE];

    sim_buf_printf(out, HEAD "%llu.%llu", (unsigned long long)end_ms,
                   (unsigned long long)number);
    make_mac(mac, opts, (struct llmp_str){ out->ptr + from, out->len - from });
    sim_buf_printf(out, ".%s", mac);
    return end_ms;
}

bool sim_token_is_good(const struct sim_options *opts, struct llmp_str token)
{
    size_t signed_len = token.len - MAC_LEN - 1;
    char mac[SIM_HEX_SIZE];
    uint64_t end_ms = 0;

    if (!sim_str_starts(token, HEAD) || token.len < strlen(HEAD) + MAC_LEN + 2)
        return false;
    make_mac(mac, opts, (struct llmp_str){ token.ptr, signed_len });
    for (size_t i = strlen(HEAD); i < signed_len && token.ptr[i] != '.'; i++)
        end_ms = end_ms * 10 + (uint64_t)(token.ptr[i] - '0');
    return CRYPTO_memcmp(mac, token.ptr + signed_len + 1, MAC_LEN) == 0 &&
           now_ms() < end_ms;
}
