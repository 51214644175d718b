/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose certificate it is. A name is taken whole or not at all: one with a NUL
 * or a control character in it would be read differently by somebody else.
 */
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "mem.h"
#include "tls.h"

enum { NAME_LEN_MAX = 256 };

static bool is_plain(const unsigned char *text, int len)
{
    if (len <= 0 || len > NAME_LEN_MAX)
        return false;
    for (int i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return true;
}

static char *copy_plain(const unsigned char *text, int len)
{
    return is_plain(text, len) ? gw_copy_text((const char *)text, (size_t)len)
                               : NULL;
}

/* The first that names somebody; an address does not. */
static const ASN1_STRING *first_name(const GENERAL_NAMES *names)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DNS || name->type == GEN_URI ||
            name->type == GEN_EMAIL)
            return name->d.ia5;
    }
    return NULL;
}

static char *copy_common_name(const X509 *cert)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    unsigned char *text = NULL;
    char *name;

    /* Two would be a riddle. */
    if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
        return NULL;

    int len = ASN1_STRING_to_UTF8(
        &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));

    name = copy_plain(text, len);
    OPENSSL_free(text);
    return name;
}

char *gw_tls_client_name(const SSL *ssl)
{
    X509 *cert = ssl ? SSL_get0_peer_certificate(ssl) : NULL;
    GENERAL_NAMES *names;
    const ASN1_STRING *first;
    char *name;

    if (!cert || SSL_get_verify_result(ssl) != X509_V_OK ||
        !(SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER))
        return NULL;
    names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    first = first_name(names);
    name = first ? copy_plain(ASN1_STRING_get0_data(first),
                              ASN1_STRING_length(first))
                 : copy_common_name(cert);
    GENERAL_NAMES_free(names);
    return name;
}
