/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-time codes by time (RFC 6238). The caller stores the state; a code
 * counts once, and five wrong ones in ten minutes close the door.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>

#include "auth/text.h"
#include "base/internal.h"

#include <llmproxy/auth.h>

enum { DIGITS = 6, DIGITS_MAX = 8, PERIOD_S = 30, WINDOW = 1 };

/* The authenticator with its defaults filled in. */
struct totp {
    struct llmp_str secret;
    const EVP_MD *hash;
    unsigned digits;
    uint64_t period_s;
};

static const struct {
    const char *name;
    const EVP_MD *(*hash)(void);
} hashes[] = {
    [LLMP_TOTP_SHA1] = { "SHA1", EVP_sha1 },
    [LLMP_TOTP_SHA256] = { "SHA256", EVP_sha256 },
    [LLMP_TOTP_SHA512] = { "SHA512", EVP_sha512 },
};

static bool totp_read(struct totp *out, const struct llmp_totp *from)
{
    if (!from || from->size < sizeof(*from) ||
        (unsigned)from->hash >= LLMP_COUNT(hashes))
        return false;
    *out = (struct totp){
        .secret = from->secret,
        .hash = hashes[from->hash].hash(),
        .digits = from->digits ? from->digits : DIGITS,
        .period_s = from->period_s ? from->period_s : PERIOD_S,
    };
    return out->secret.len >= LLMP_TOTP_SECRET_SIZE_MIN &&
           out->secret.len <= LLMP_TOTP_SECRET_SIZE_MAX &&
           out->digits >= DIGITS && out->digits <= DIGITS_MAX &&
           out->period_s >= 15 && out->period_s <= 120;
}

/* RFC 4226, 5.3. */
static bool code_at(const struct totp *totp, uint64_t counter, char out[9])
{
    uint8_t message[8], mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    uint32_t value;

    for (unsigned i = 0; i < 8; i++)
        message[i] = (uint8_t)(counter >> (56 - 8 * i));
    if (!HMAC(totp->hash, totp->secret.ptr, (int)totp->secret.len, message,
              sizeof(message), mac, &size))
        return false;

    const uint8_t *at = mac + (mac[size - 1] & 15);

    value = ((uint32_t)at[0] & 0x7F) << 24 | (uint32_t)at[1] << 16 |
            (uint32_t)at[2] << 8 | at[3];
    out[totp->digits] = '\0';
    for (unsigned i = totp->digits; i > 0; i--, value /= 10)
        out[i - 1] = (char)('0' + value % 10);
    sodium_memzero(mac, sizeof(mac));
    return true;
}

size_t llmp_totp_code(const struct llmp_totp *totp, uint64_t wall_ns,
                      char out[9])
{
    struct totp t;

    if (!totp_read(&t, totp) ||
        !code_at(&t, wall_ns / LLMP_NS_PER_S / t.period_s, out))
        return 0;
    return t.digits;
}

/* -------------------------------------------------------------- checking -- */

/* How long the door stays closed; 0: it is open. */
static uint64_t locked_s(const struct llmp_totp_state *state, uint64_t wall_s)
{
    uint64_t oldest = state->failed_s[0];
    uint64_t until = llmp_add_sat(oldest, LLMP_TOTP_ATTEMPTS_S);

    return oldest && until > wall_s ? until - wall_s : 0;
}

static int note_failure(struct llmp_totp_state *state, uint64_t wall_s,
                        int answer)
{
    memmove(state->failed_s, state->failed_s + 1,
            sizeof(state->failed_s) - sizeof(state->failed_s[0]));
    state->failed_s[LLMP_TOTP_ATTEMPTS - 1] = wall_s ? wall_s : 1;
    return answer;
}

/* The counter whose code it is, or UINT64_MAX. All are compared, in constant
 * time, whichever it is. */
static uint64_t counter_of(const struct totp *totp, struct llmp_str code,
                           uint64_t counter)
{
    uint64_t first = counter > WINDOW ? counter - WINDOW : 0;
    uint64_t found = UINT64_MAX;

    for (uint64_t i = first; i <= counter + WINDOW; i++) {
        char expected[9];

        if (code_at(totp, i, expected) &&
            sodium_memcmp(expected, code.ptr, totp->digits) == 0)
            found = i;
        sodium_memzero(expected, sizeof(expected));
    }
    return found;
}

int llmp_totp_check(const struct llmp_totp *totp, struct llmp_totp_state *state,
                    struct llmp_str code, uint64_t wall_ns, uint64_t *retry_s)
{
    uint64_t wall_s = wall_ns / LLMP_NS_PER_S;
    uint64_t wait_s = locked_s(state, wall_s), counter;
    struct totp t;

    if (!totp_read(&t, totp))
        return LLMP_E_INVALID;
    if (retry_s)
        *retry_s = wait_s;
    if (wait_s)
        return LLMP_AUTH_CODE_LOCKED;
    if (code.len != t.digits)
        return note_failure(state, wall_s, LLMP_AUTH_CODE_WRONG);
    counter = counter_of(&t, code, wall_s / t.period_s);
    if (counter == UINT64_MAX)
        return note_failure(state, wall_s, LLMP_AUTH_CODE_WRONG);
    /* Also what was before the last one: whoever saw it may be late. */
    if (counter < state->counter_used)
        return note_failure(state, wall_s, LLMP_AUTH_CODE_REPLAYED);
    *state = (struct llmp_totp_state){ .counter_used = counter + 1 };
    return LLMP_OK;
}

/* ------------------------------------------------------------- enrolment -- */

static void add_base32(struct llmp_text_out *to, struct llmp_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | (uint8_t)bytes.ptr[i];
        for (have += 8; have >= 5; have -= 5)
            llmp_text_add(
                to, (struct llmp_str){ &digits[bits >> (have - 5) & 31], 1 });
    }
    if (have)
        llmp_text_add(to,
                      (struct llmp_str){ &digits[bits << (5 - have) & 31], 1 });
}

static void add_escaped(struct llmp_text_out *to, struct llmp_str text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        char escape[3] = { '%', hex[(uint8_t)c >> 4], hex[c & 15] };
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                     (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
                     c == '_' || c == '~';

        llmp_text_add(to, plain ? (struct llmp_str){ text.ptr + i, 1 }
                                : (struct llmp_str){ escape, 3 });
    }
}

size_t llmp_totp_uri(const struct llmp_totp *totp, char *out, size_t size,
                     struct llmp_str issuer, struct llmp_str account)
{
    struct llmp_text_out to = llmp_text_out(out, size);
    struct totp t;

    if (!totp_read(&t, totp))
        return 0;
    llmp_text_add(&to, LLMP_STR("otpauth://totp/"));
    add_escaped(&to, issuer);
    llmp_text_add(&to, LLMP_STR(":"));
    add_escaped(&to, account);
    llmp_text_add(&to, LLMP_STR("?secret="));
    add_base32(&to, t.secret);
    llmp_text_add(&to, LLMP_STR("&issuer="));
    add_escaped(&to, issuer);
    llmp_text_add(&to, LLMP_STR("&algorithm="));
    llmp_text_add(&to, llmp_str_of(hashes[totp->hash].name));
    llmp_text_add(&to, LLMP_STR("&digits="));
    llmp_text_add_u64(&to, t.digits);
    llmp_text_add(&to, LLMP_STR("&period="));
    llmp_text_add_u64(&to, t.period_s);
    return llmp_text_end(&to, out);
}
