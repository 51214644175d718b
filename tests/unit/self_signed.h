/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate that nobody trusts, for a TLS server within a test. */
#ifndef SELF_SIGNED_H
#define SELF_SIGNED_H

#include <openssl/ssl.h>
#include <openssl/x509.h>

/* Gives `ctx` a new key and a certificate for it. Returns whether it did. */
static inline int self_signed_use(SSL_CTX *ctx)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    int used = key && cert && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);

    if (used) {
        (void)X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
        (void)X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
        used = X509_set_pubkey(cert, key) && X509_sign(cert, key, EVP_sha256());
    }
    used = used && SSL_CTX_use_certificate(ctx, cert) == 1 &&
           SSL_CTX_use_PrivateKey(ctx, key) == 1;
    X509_free(cert);
    EVP_PKEY_free(key);
    return used;
}

#endif
