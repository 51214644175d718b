/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key file is read once; of it stay OpenSSL's key and three short texts.
 * The private key's text is in a buffer of ours for the time of reading only.
 */
#include "cloud/google.h"

#include <llmproxy/json.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "base/alloc.h"
#include "base/internal.h"

enum {
    FILE_MAX = 32768,
    NAME_MAX_LEN = 512, /* of an account, of a key's id */
    ASSERTION_S = 3600,
    SIGNATURE_MAX = 1024, /* RSA of 8192 bits */
};

struct llmp_google_account {
    EVP_PKEY *key;
    struct llmp_str email, key_id, token_uri; /* in `text` */
    char *text;
};

void llmp_google_account_free(struct llmp_google_account *account)
{
    if (!account)
        return;
    EVP_PKEY_free(account->key);
    llmp_free(account->text);
    llmp_free(account);
}

static void account_freep(struct llmp_google_account **account)
{
    llmp_google_account_free(*account);
}

/* --------------------------------------------------------------- reading -- */

enum { TYPE, EMAIL, KEY, KEY_ID, TOKEN_URI, FIELD_COUNT };

/* Nobody is asked for a password: not by a library. */
static int no_password(char *out, int size, int writing, void *ctx)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

static int read_key(EVP_PKEY **out, struct llmp_str pem, struct llmp_error *err)
{
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);

    LLMP_ENSURE(bio, err, LLMP_E_NOMEM, "no memory for the private key");
    *out = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    ERR_clear_error();
    LLMP_ENSURE(*out, err, LLMP_E_INVALID,
                "the private_key is not one in PEM form");
    LLMP_ENSURE(EVP_PKEY_get_base_id(*out) == EVP_PKEY_RSA &&
                    EVP_PKEY_get_bits(*out) >= 2048 &&
                    EVP_PKEY_get_size(*out) <= SIGNATURE_MAX,
                err, LLMP_E_INVALID,
                "the private_key is not RSA of 2048 to 8192 bits");
    return LLMP_OK;
}

/* In JSON the key's line ends are escaped. */
static int read_escaped_key(EVP_PKEY **out, struct llmp_str raw,
                            struct llmp_error *err)
{
    char *pem = llmp_alloc(raw.len);

    LLMP_ENSURE(pem, err, LLMP_E_NOMEM, "no memory for the private key");

    struct llmp_str text = { pem, llmp_json_unescape(pem, raw) };
    int rc = read_key(out, text, err);

    sodium_memzero(pem, raw.len);
    llmp_free(pem);
    return rc;
}

static int check_fields(const struct llmp_json_field fields[FIELD_COUNT],
                        struct llmp_error *err)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        LLMP_ENSURE(fields[i].found && fields[i].type == LLMP_JSON_STRING &&
                        !fields[i].cut,
                    err, LLMP_E_SYNTAX,
                    "the service account's key file has no text \"%s\"",
                    fields[i].path);
    for (size_t i = 0; i < FIELD_COUNT; i++)
        LLMP_ENSURE(i == KEY || fields[i].text.len <= NAME_MAX_LEN, err,
                    LLMP_E_LIMIT, "\"%s\" has more than %d bytes",
                    fields[i].path, NAME_MAX_LEN);
    LLMP_ENSURE(llmp_str_eq(fields[TYPE].text, LLMP_STR("service_account")),
                err, LLMP_E_INVALID,
                "the key file is not of a service account");
    return LLMP_OK;
}

static struct llmp_str unescape(char **at, const struct llmp_json_field *field)
{
    struct llmp_str text = { *at, llmp_json_unescape(*at, field->text) };

    *at += text.len;
    return text;
}

int llmp_google_account_new(struct llmp_google_account **out,
                            struct llmp_str json, struct llmp_error *err)
{
    LLMP_AUTO(account_freep) struct llmp_google_account *account = NULL;
    struct llmp_json_field fields[FIELD_COUNT] = {
        [TYPE] = { .path = "type" },
        [EMAIL] = { .path = "client_email" },
        [KEY] = { .path = "private_key" },
        [KEY_ID] = { .path = "private_key_id" },
        [TOKEN_URI] = { .path = "token_uri" },
    };
    char *at;

    LLMP_ENSURE(json.len <= FILE_MAX, err, LLMP_E_LIMIT,
                "a service account's key file has at most %d bytes", FILE_MAX);
    LLMP_TRY(llmp_json_pick_all(json, fields, FIELD_COUNT, err));
    LLMP_TRY(check_fields(fields, err));
    account = llmp_alloc(sizeof(*account));
    LLMP_ENSURE(account, err, LLMP_E_NOMEM, "no memory for the account");
    account->text =
        llmp_alloc(fields[EMAIL].text.len + fields[KEY_ID].text.len +
                   fields[TOKEN_URI].text.len);
    LLMP_ENSURE(account->text, err, LLMP_E_NOMEM, "no memory for the account");
    at = account->text;
    account->email = unescape(&at, &fields[EMAIL]);
    account->key_id = unescape(&at, &fields[KEY_ID]);
    account->token_uri = unescape(&at, &fields[TOKEN_URI]);
    LLMP_ENSURE(llmp_cloud_is_url(account->token_uri, false), err,
                LLMP_E_INVALID, "the token_uri does not begin with https://");
    LLMP_TRY(read_escaped_key(&account->key, fields[KEY].text, err));
    *out = llmp_steal(&account);
    return LLMP_OK;
}

/* --------------------------------------------------------------- signing -- */

static void put_base64url(struct llmp_buf *to, const void *bytes, size_t size)
{
    const int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
    size_t room = sodium_base64_encoded_len(size, variant);

    if (!llmp_buf_reserve(to, room))
        return;
    (void)sodium_bin2base64(to->ptr + to->len, room, bytes, size, variant);
    to->len += room - 1; /* without the NUL */
}

/* Adds header and claims, each in Base64url. */
static bool put_claims(struct llmp_buf *to,
                       const struct llmp_google_account *account,
                       struct llmp_str scope, uint64_t wall_ns)
{
    struct llmp_buf json = { .limit = 8 * LLMP_CLOUD_TEXT_MAX };
    uint64_t now_s = wall_ns / LLMP_NS_PER_S;
    bool ok;

    (void)llmp_buf_add(&json,
                       LLMP_STR("{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":"));
    (void)llmp_buf_json(&json, account->key_id);
    (void)llmp_buf_add(&json, LLMP_STR("}"));
    put_base64url(to, json.ptr, json.failed ? 0 : json.len);
    json.len = 0;
    (void)llmp_buf_add(&json, LLMP_STR("{\"iss\":"));
    (void)llmp_buf_json(&json, account->email);
    (void)llmp_buf_add(&json, LLMP_STR(",\"scope\":"));
    (void)llmp_buf_json(&json, scope);
    (void)llmp_buf_add(&json, LLMP_STR(",\"aud\":"));
    (void)llmp_buf_json(&json, account->token_uri);
    (void)llmp_buf_printf(&json, ",\"iat\":%llu,\"exp\":%llu}",
                          (unsigned long long)now_s,
                          (unsigned long long)now_s + ASSERTION_S);
    (void)llmp_buf_add(to, LLMP_STR("."));
    put_base64url(to, json.ptr, json.failed ? 0 : json.len);
    ok = !json.failed;
    llmp_buf_fini(&json);
    return ok;
}

static bool sign(uint8_t *out, size_t *size, EVP_PKEY *key,
                 struct llmp_str text)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok =
        ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestSign(ctx, out, size, (const uint8_t *)text.ptr, text.len) ==
            1;

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    return ok;
}

static int put_assertion(struct llmp_buf *to,
                         const struct llmp_google_account *account,
                         struct llmp_str scope, uint64_t wall_ns,
                         struct llmp_error *err)
{
    size_t begin = to->len, size = SIGNATURE_MAX;
    uint8_t signature[SIGNATURE_MAX];

    LLMP_ENSURE(put_claims(to, account, scope, wall_ns), err, LLMP_E_NOMEM,
                "no memory for an assertion");
    LLMP_ENSURE(sign(signature, &size, account->key,
                     (struct llmp_str){ to->ptr + begin, to->len - begin }),
                err, LLMP_E_NOMEM, "an assertion could not be signed");
    (void)llmp_buf_add(to, LLMP_STR("."));
    put_base64url(to, signature, size);
    return LLMP_OK;
}

int llmp_google_request(struct llmp_cloud_request *out,
                        const struct llmp_google_account *account,
                        struct llmp_str scope, uint64_t wall_ns,
                        struct llmp_error *err)
{
    /* As JSON a byte can take six, and Base64 makes four of three. */
    size_t begin, names = 2048 + 8 * (account->email.len + account->key_id.len +
                                      account->token_uri.len);
    int rc;

    *out = (struct llmp_cloud_request){ .header_count = 0 };
    if (scope.len == 0)
        scope = LLMP_STR("https://www.googleapis.com/auth/cloud-platform");
    LLMP_ENSURE(scope.len <= 4096, err, LLMP_E_INVALID,
                "a scope has at most 4096 bytes");
    LLMP_TRY(llmp_cloud_request_begin(out, LLMP_STR("POST"), account->token_uri,
                                      names + 8 * scope.len, err));
    begin = out->text.len;
    llmp_cloud_form_add(
        &out->text, begin, "grant_type",
        LLMP_STR("urn:ietf:params:oauth:grant-type:jwt-bearer"));
    (void)llmp_buf_add(&out->text, LLMP_STR("&assertion="));
    rc = put_assertion(&out->text, account, scope, wall_ns, err);
    if (rc < 0) {
        llmp_cloud_request_fini(out);
        return rc;
    }
    llmp_cloud_request_form(out, begin);
    return llmp_cloud_request_end(out, err);
}
