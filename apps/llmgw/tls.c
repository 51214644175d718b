/* SPDX-License-Identifier: Apache-2.0 */
/* TLS contexts: see tls.h. The ticket keys are in tickets.c. */
#include "tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "mem.h"
#include "tickets.h"

/* TLS 1.2, where it is allowed: forward secrecy and AEAD only. */
#define CIPHERS_1_2                                              \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:" \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

struct gw_tls {
    atomic_uint refs;
    SSL_CTX *ctx;
};

static int fail(struct llmp_error *err, const char *format, ...)
    LLMP_PRINTF(2, 3);

/* The message, and what OpenSSL says is the cause. */
static int fail(struct llmp_error *err, const char *format, ...)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    va_list args;

    *err = (struct llmp_error){ .status = LLMP_E_INVALID };
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    size_t used = strlen(err->message);

    (void)snprintf(err->message + used, sizeof(err->message) - used, ": %s",
                   reason ? reason : "cannot be used");
    ERR_clear_error();
    return LLMP_E_INVALID;
}

/* The protocols we speak, in order of preference, as ALPN writes them. */
struct alpn {
    unsigned len;
    unsigned char names[13];
};
static const struct alpn with_http2 = { 12, "\x02h2\x08http/1.1" };
static const struct alpn without_http2 = { 9, "\x08http/1.1" };

/* A client that offers none of ours is told so. */
static int choose_protocol(SSL *ssl, const unsigned char **out,
                           unsigned char *out_len, const unsigned char *in,
                           unsigned in_len, void *arg)
{
    const struct alpn *ours = arg;
    unsigned char *chosen = NULL;

    (void)ssl;
    if (SSL_select_next_proto(&chosen, out_len, ours->names, ours->len, in,
                              in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static void set_options(SSL_CTX *ctx, const struct llmp_server_config *conf,
                        struct gw_ticket_keys *keys)
{
    (void)SSL_CTX_set_min_proto_version(
        ctx, conf->tls_allow_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    (void)SSL_CTX_set_cipher_list(ctx, CIPHERS_1_2);
    (void)SSL_CTX_set_options(
        ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
                                    SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_alpn_select_cb(
        ctx, choose_protocol,
        (void *)(uintptr_t)(conf->http2 ? &with_http2 : &without_http2));
    /* Resumption is by tickets, which any worker and any successor can open:
     * nothing is kept here. */
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    gw_tickets_use(ctx, keys);
}

static int load_certificate(SSL_CTX *ctx, const struct llmp_server_config *conf,
                            struct llmp_error *err)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, conf->tls_cert_file) != 1)
        return fail(err, "certificate %s", conf->tls_cert_file);
    if (SSL_CTX_use_PrivateKey_file(ctx, conf->tls_key_file,
                                    SSL_FILETYPE_PEM) != 1)
        return fail(err, "private key %s", conf->tls_key_file);
    if (SSL_CTX_check_private_key(ctx) != 1)
        return fail(err, "private key %s does not belong to %s",
                    conf->tls_key_file, conf->tls_cert_file);
    return LLMP_OK;
}

/* SHA-256 over how clients are checked and who vouches for them. */
static bool digest_trust(const struct llmp_server_config *conf,
                         unsigned char out[SHA256_DIGEST_LENGTH])
{
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    BIO *file = conf->tls_client_ca_file
                    ? BIO_new_file(conf->tls_client_ca_file, "r")
                    : NULL;
    unsigned char bytes[4096];
    int mode = (int)conf->tls_client_auth;
    bool fine = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(digest, &mode, sizeof(mode)) == 1;

    while (fine && file) {
        int got = BIO_read(file, bytes, sizeof(bytes));

        if (got <= 0)
            break;
        fine = EVP_DigestUpdate(digest, bytes, (size_t)got) == 1;
    }
    fine = fine && EVP_DigestFinal_ex(digest, out, NULL) == 1;
    BIO_free(file);
    EVP_MD_CTX_free(digest);
    return fine;
}

/* A ticket of one trust must not open a session under another, also not after
 * a reload: the context id says which it was. */
static int set_client_auth(SSL_CTX *ctx, const struct llmp_server_config *conf,
                           struct llmp_error *err)
{
    unsigned char id[SHA256_DIGEST_LENGTH];
    int mode;

    if (!digest_trust(conf, id) ||
        SSL_CTX_set_session_id_context(ctx, id, sizeof(id)) != 1)
        return fail(err, "session context");
    if (conf->tls_client_auth == LLMP_CLIENT_AUTH_NONE)
        return LLMP_OK;
    mode = SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE;
    if (conf->tls_client_auth == LLMP_CLIENT_AUTH_REQUIRED)
        mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    if (!conf->tls_client_ca_file ||
        SSL_CTX_load_verify_file(ctx, conf->tls_client_ca_file) != 1)
        return fail(err, "client CA %s",
                    conf->tls_client_ca_file ? conf->tls_client_ca_file
                                             : "(not set)");
    SSL_CTX_set_client_CA_list(
        ctx, SSL_load_client_CA_file(conf->tls_client_ca_file));
    SSL_CTX_set_verify(ctx, mode, NULL);
    return LLMP_OK;
}

int gw_tls_new(struct gw_tls **out, const struct llmp_server_config *conf,
               struct gw_ticket_keys *keys, struct llmp_error *err)
{
    struct gw_tls *tls;
    int status;

    if (!conf->tls) {
        *out = NULL;
        return LLMP_OK;
    }
    tls = gw_alloc(sizeof(*tls));
    if (tls)
        tls->ctx = SSL_CTX_new(TLS_server_method());
    if (!tls || !tls->ctx) {
        gw_free(tls);
        return fail(err, "TLS context");
    }
    atomic_init(&tls->refs, 1);
    set_options(tls->ctx, conf, keys);
    status = load_certificate(tls->ctx, conf, err);
    if (status == LLMP_OK)
        status = set_client_auth(tls->ctx, conf, err);
    if (status != LLMP_OK) {
        gw_tls_unref(tls);
        return status;
    }
    *out = tls;
    return LLMP_OK;
}

struct gw_tls *gw_tls_ref(struct gw_tls *tls)
{
    if (tls)
        atomic_fetch_add_explicit(&tls->refs, 1, memory_order_relaxed);
    return tls;
}

void gw_tls_unref(struct gw_tls *tls)
{
    if (!tls ||
        atomic_fetch_sub_explicit(&tls->refs, 1, memory_order_acq_rel) > 1)
        return;
    SSL_CTX_free(tls->ctx);
    gw_free(tls);
}

SSL *gw_tls_accept(struct gw_tls *tls, int fd)
{
    SSL *ssl = SSL_new(tls->ctx);

    if (!ssl)
        return NULL;
    if (SSL_set_fd(ssl, fd) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_accept_state(ssl);
    return ssl;
}

bool gw_tls_chose_http2(const SSL *ssl)
{
    const unsigned char *name = NULL;
    unsigned len = 0;

    if (!ssl)
        return false;
    SSL_get0_alpn_selected(ssl, &name, &len);
    return len == 2 && memcmp(name, "h2", 2) == 0;
}
