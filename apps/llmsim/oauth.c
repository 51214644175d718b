/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where other clouds give tokens: POST /token as Google does for a service
 * account's signed assertion, and POST [/TENANT]/oauth2/v2.0/token as Entra
 * does for a client's credentials. Any face takes such a token as a Bearer.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>

#include "face.h"
#include "media.h"
#include "token.h"

#define JWT_BEARER "urn:ietf:params:oauth:grant-type:jwt-bearer"

static void add_token(struct sim_conn *conn, bool entra)
{
    const struct sim_options *opts = conn->worker->shared->opts;
    struct sim_buf *out = &conn->worker->body;

    sim_buf_printf(out, "{\"token_type\":\"Bearer\",\"expires_in\":%llu,",
                   (unsigned long long)opts->token_seconds);
    if (entra)
        sim_buf_printf(out, "\"ext_expires_in\":%llu,",
                       (unsigned long long)opts->token_seconds);
    sim_buf_text(out, "\"access_token\":\"");
    (void)sim_token_add(opts, conn->reply.ordinal, out);
    sim_buf_text(out, "\"}");
    sim_face_say(conn);
}

/* A parameter of the form, decoded into worker->ask.bytes. */
static struct llmp_str form_get(struct sim_conn *conn, const char *name)
{
    struct sim_buf *out = &conn->worker->ask.bytes;

    out->len = 0;
    sim_form_decode(out, sim_query_get(sim_request_body(&conn->request), name));
    return out->len ? sim_buf_str(out) : (struct llmp_str){ "", 0 };
}

/* --- Entra --- */

static bool is_client(struct sim_conn *conn)
{
    const char *pair = conn->worker->shared->opts->entra_credentials;
    struct sim_buf given = { 0 };
    bool right;

    if (!pair)
        return true;
    sim_buf_add(&given, form_get(conn, "client_id"));
    sim_buf_text(&given, ":");
    sim_buf_add(&given, form_get(conn, "client_secret"));
    right = sim_str_is(sim_buf_str(&given), pair);
    sim_buf_fini(&given);
    return right;
}

static void answer_entra(struct sim_conn *conn)
{
    static const char *const required[] = { "client_id", "client_secret",
                                            "scope" };
    char message[120];

    if (!sim_str_is(form_get(conn, "grant_type"), "client_credentials")) {
        sim_answer_error(conn, 400, "unsupported_grant_type",
                         "AADSTS70003: The app requested an unsupported grant "
                         "type.");
        return;
    }
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++)
        if (form_get(conn, required[i]).len == 0) {
            (void)snprintf(message, sizeof(message),
                           "AADSTS900144: The request body must contain the "
                           "following parameter: '%s'.",
                           required[i]);
            sim_answer_error(conn, 400, "invalid_request", message);
            return;
        }
    if (is_client(conn))
        add_token(conn, true);
    else
        sim_answer_error(conn, 401, "invalid_client",
                         "AADSTS7000215: Invalid client secret provided.");
}

/* --- Google --- */

static EVP_PKEY *read_key(const char *path)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = NULL;

    if (file) {
        key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
        (void)fclose(file);
    }
    return key;
}

static bool verify(const char *path, struct llmp_str text,
                   struct llmp_str signature)
{
    EVP_PKEY *key = read_key(path);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool right =
        key && ctx &&
        EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
        EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr,
                         signature.len, (const unsigned char *)text.ptr,
                         text.len) == 1;

    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return right;
}

/* Decodes a part of the assertion and reads it as a tree. */
static const struct sim_node *read_part(struct sim_tree *tree,
                                        struct sim_buf *text,
                                        struct llmp_str part)
{
    text->len = 0;
    if (!sim_base64_decode(text, part) ||
        sim_tree_read(tree, sim_buf_str(text), NULL) != LLMP_END)
        return NULL;
    return tree->root;
}

static const char *check_claims(const struct sim_node *claims)
{
    uint64_t from = sim_u64(sim_get(claims, "iat"), 0);
    uint64_t to = sim_u64(sim_get(claims, "exp"), 0);

    if (!sim_get(claims, "iss") || !sim_get(claims, "aud"))
        return "Invalid JWT: iss and aud are required.";
    if (!sim_get(claims, "scope") && !sim_get(claims, "target_audience"))
        return "Missing required parameter: scope";
    if (from == 0 || to <= from || to - from > 3600)
        return "Invalid JWT: Token must be a short-lived token (60 minutes) "
               "and in a reasonable timeframe.";
    return NULL;
}

static const char *check_assertion(struct sim_conn *conn, struct llmp_str jwt)
{
    const char *key = conn->worker->shared->opts->google_key;
    const char *first = jwt.len ? memchr(jwt.ptr, '.', jwt.len) : NULL;
    const char *end = jwt.ptr + jwt.len;
    const char *second =
        first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    struct sim_tree *tree = &conn->worker->tree;
    struct sim_buf text = { 0 };
    const char *why = "Invalid JWT.";

    if (second &&
        sim_text_is(sim_get(read_part(tree, &text,
                                      (struct llmp_str){
                                          jwt.ptr, (size_t)(first - jwt.ptr) }),
                            "alg"),
                    "RS256"))
        why = check_claims(read_part(
            tree, &text,
            (struct llmp_str){ first + 1, (size_t)(second - first - 1) }));
    text.len = 0;
    if (!why && key &&
        (!sim_base64_decode(
             &text,
             (struct llmp_str){ second + 1, (size_t)(end - second - 1) }) ||
         !verify(key, (struct llmp_str){ jwt.ptr, (size_t)(second - jwt.ptr) },
                 sim_buf_str(&text))))
        why = "Invalid JWT Signature.";
    sim_buf_fini(&text);
    return why;
}

static void answer_google(struct sim_conn *conn)
{
    const char *why;

    if (!sim_str_is(form_get(conn, "grant_type"), JWT_BEARER)) {
        sim_answer_error(conn, 400, "unsupported_grant_type",
                         "Invalid grant_type");
        return;
    }
    why = check_assertion(conn, form_get(conn, "assertion"));
    if (why)
        sim_answer_error(conn, 400, "invalid_grant", why);
    else
        add_token(conn, false);
}

/* --- both --- */

static bool is_entra(struct llmp_str path)
{
    static const char tail[] = "/oauth2/v2.0/token";
    size_t len = strlen(tail);

    return path.len >= len && memcmp(path.ptr + path.len - len, tail, len) == 0;
}

static void answer(struct sim_conn *conn, struct llmp_str path)
{
    if (!sim_face_read_head(conn) || !sim_face_goes_on(conn))
        return;
    if (is_entra(path))
        answer_entra(conn);
    else
        answer_google(conn);
}

static bool owns(struct sim_conn *conn, struct llmp_str path)
{
    return sim_method_is(conn, "POST") &&
           (sim_str_is(path, "/token") || is_entra(path));
}

static bool allows(struct sim_conn *conn)
{
    (void)conn;
    return true;
}

static void error(struct sim_conn *conn, unsigned status, const char *code,
                  const char *message)
{
    struct sim_buf *out = &conn->worker->body;

    out->len = 0;
    sim_buf_printf(out, "{\"error\":\"%s\",\"error_description\":",
                   code ? code : "temporarily_unavailable");
    sim_buf_quote(out, (struct llmp_str){ message, strlen(message) });
    sim_buf_text(out, "}");
    sim_conn_say_json(conn, status);
}

const struct sim_face sim_oauth = {
    .id_field = "x-ms-request-id",
    .owns = owns,
    .allows = allows,
    .answer = answer,
    .error = error,
};
