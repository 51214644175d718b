/* SPDX-License-Identifier: Apache-2.0 */
#include "sigv4.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "media.h"

#define ALGORITHM     "AWS4-HMAC-SHA256"
#define QUERY_MAX     32
#define SIGNATURE_LEN 64

/* The Authorization field in its parts. */
struct claim {
    struct llmp_str credential, signed_fields, signature;
    struct llmp_str access, date, region, service;
};

static struct llmp_str part_of(struct llmp_str text, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i + len < text.len; i++) {
        if (memcmp(text.ptr + i, name, len) != 0)
            continue;

        size_t from = i + len, to = from;

        while (to < text.len && text.ptr[to] != ',' && text.ptr[to] != ' ')
            to++;
        return (struct llmp_str){ text.ptr + from, to - from };
    }
    return (struct llmp_str){ "", 0 };
}

static struct llmp_str cut(struct llmp_str *text, char at)
{
    const char *end = text->len ? memchr(text->ptr, at, text->len) : NULL;
    size_t len = end ? (size_t)(end - text->ptr) : text->len;
    struct llmp_str head = { text->ptr, len };

    text->ptr += len + (end != NULL);
    text->len -= len + (end != NULL);
    return head;
}

static bool read_claim(struct claim *claim, struct llmp_str field)
{
    struct llmp_str scope;

    if (!sim_str_starts(field, ALGORITHM " "))
        return false;
    claim->credential = part_of(field, "Credential=");
    claim->signed_fields = part_of(field, "SignedHeaders=");
    claim->signature = part_of(field, "Signature=");
    scope = claim->credential;
    claim->access = cut(&scope, '/');
    claim->date = cut(&scope, '/');
    claim->region = cut(&scope, '/');
    claim->service = cut(&scope, '/');
    return sim_str_is(scope, "aws4_request") &&
           claim->signature.len == SIGNATURE_LEN;
}

/* The path as it was sent, escaped once more, as for all services but S3. */
static void add_path(struct sim_buf *out, struct llmp_str path)
{
    static const char plain[] = "-_.~/";

    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c >= '0' && c <= '9');

        if (letter || (c && strchr(plain, c)))
            sim_buf_add(out, (struct llmp_str){ path.ptr + i, 1 });
        else
            sim_buf_printf(out, "%%%02X", c);
    }
}

static int compare(struct llmp_str a, struct llmp_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int rc = len ? memcmp(a.ptr, b.ptr, len) : 0;

    return rc ? rc : (a.len > b.len) - (a.len < b.len);
}

static void add_query(struct sim_buf *out, struct llmp_str query)
{
    struct llmp_str items[QUERY_MAX];
    size_t count = 0;

    while (query.len && count < QUERY_MAX) {
        struct llmp_str item = cut(&query, '&');
        size_t at = count++;

        for (; at > 0 && compare(item, items[at - 1]) < 0; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
    for (size_t i = 0; i < count; i++) {
        sim_buf_text(out, i ? "&" : "");
        sim_buf_add(out, items[i]);
        if (!memchr(items[i].ptr, '=', items[i].len))
            sim_buf_text(out, "=");
    }
}

/* Without blanks at the ends, and never two in a row. */
static void add_value(struct sim_buf *out, struct llmp_str value)
{
    bool blank = true;
    size_t began = out->len;

    for (size_t i = 0; i < value.len; i++) {
        bool now = value.ptr[i] == ' ';

        if (!now || !blank)
            sim_buf_add(out, (struct llmp_str){ value.ptr + i, 1 });
        blank = now;
    }
    if (out->len > began && out->ptr[out->len - 1] == ' ')
        out->len--;
}

static void add_fields(struct sim_buf *out, const struct sim_request *request,
                       struct llmp_str names)
{
    while (names.len) {
        struct llmp_str name = cut(&names, ';');
        struct sim_buf text = { 0 };

        sim_buf_add(&text, name);
        sim_buf_add(&text, (struct llmp_str){ "", 1 });
        sim_buf_add(out, name);
        sim_buf_text(out, ":");
        add_value(out, sim_request_field(request, text.ptr));
        sim_buf_text(out, "\n");
        sim_buf_fini(&text);
    }
}

static void add_request(struct sim_buf *out, const struct sim_request *request,
                        const struct claim *claim, const char *payload)
{
    struct llmp_str query = sim_request_target(request);
    struct llmp_str path = cut(&query, '?');

    sim_buf_text(out, sim_request_method(request));
    sim_buf_text(out, "\n");
    add_path(out, path);
    sim_buf_text(out, "\n");
    add_query(out, query);
    sim_buf_text(out, "\n");
    add_fields(out, request, claim->signed_fields);
    sim_buf_text(out, "\n");
    sim_buf_add(out, claim->signed_fields);
    sim_buf_text(out, "\n");
    sim_buf_text(out, payload);
}

static void add_to_sign(struct sim_buf *out, struct llmp_str date,
                        const struct claim *claim, struct llmp_str canonical)
{
    struct llmp_str scope = claim->credential;
    char hex[SIM_HEX_SIZE];

    (void)cut(&scope, '/');
    sim_sha256_hex(hex, canonical);
    sim_buf_text(out, ALGORITHM "\n");
    sim_buf_add(out, date);
    sim_buf_text(out, "\n");
    sim_buf_add(out, scope);
    sim_buf_text(out, "\n");
    sim_buf_text(out, hex);
}

struct mac {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len;
};

static void chain(struct mac *mac, struct llmp_str text)
{
    struct mac key = *mac;

    (void)HMAC(EVP_sha256(), key.bytes, (int)key.len,
               (const unsigned char *)text.ptr, text.len, mac->bytes,
               &mac->len);
}

static void sign(char hex[SIM_HEX_SIZE], const char *secret,
                 const struct claim *claim, struct llmp_str to_sign)
{
    struct sim_buf key = { 0 };
    struct mac mac;

    sim_buf_text(&key, "AWS4");
    sim_buf_text(&key, secret);
    (void)HMAC(EVP_sha256(), key.ptr, (int)key.len,
               (const unsigned char *)claim->date.ptr, claim->date.len,
               mac.bytes, &mac.len);
    sim_buf_fini(&key);
    chain(&mac, claim->region);
    chain(&mac, claim->service);
    chain(&mac, LLMP_STR("aws4_request"));
    chain(&mac, to_sign);
    sim_hex(hex, mac.bytes, 32);
}

static bool is_right(const struct sim_request *request, const char *secret,
                     const struct claim *claim, const char *payload)
{
    struct sim_buf canonical = { 0 }, to_sign = { 0 };
    char hex[SIM_HEX_SIZE];

    add_request(&canonical, request, claim, payload);
    add_to_sign(&to_sign, sim_request_field(request, "x-amz-date"), claim,
                sim_buf_str(&canonical));
    sign(hex, secret, claim, sim_buf_str(&to_sign));
    sim_buf_fini(&canonical);
    sim_buf_fini(&to_sign);
    return CRYPTO_memcmp(hex, claim->signature.ptr, SIGNATURE_LEN) == 0;
}

const char *sim_sigv4_check(const struct sim_request *request, const char *pair)
{
    struct llmp_str given = sim_request_field(request, "x-amz-content-sha256");
    const char *secret = strchr(pair, ':');
    struct claim claim;
    char payload[SIM_HEX_SIZE];

    if (!read_claim(&claim, sim_request_field(request, "authorization")))
        return "Missing Authentication Token";
    if (!secret || claim.access.len != (size_t)(secret - pair) ||
        memcmp(claim.access.ptr, pair, claim.access.len) != 0)
        return "The security token included in the request is invalid.";
    sim_sha256_hex(payload, sim_request_body(request));
    if (given.len && !sim_str_is(given, payload))
        return "The provided 'x-amz-content-sha256' header does not match "
               "what was computed.";
    if (!is_right(request, secret + 1, &claim, payload))
        return "The request signature we calculated does not match the "
               "signature you provided. Check your AWS Secret Access Key and "
               "signing method.";
    return NULL;
}
