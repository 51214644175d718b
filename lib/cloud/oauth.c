/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for tokens, and the answers, which differ less than they claim. */
#include "cloud/oauth.h"

#include <sodium.h>

#include "base/internal.h"
#include "cloud/answer.h"

/* What every request needs besides the caller's texts. */
enum { FIXED_SIZE = 512 };

/* -------------------------------------------------------------- requests -- */

/* RFC 6749, 2.3.1: both are encoded as in a form before they are joined. */
static void put_basic(struct llmp_cloud_request *request,
                      const struct llmp_oauth_client *client)
{
    size_t begin = request->text.len, value;

    llmp_cloud_encode(&request->text, client->id);
    (void)llmp_buf_add(&request->text, LLMP_STR(":"));
    llmp_cloud_encode(&request->text, client->secret);
    value = request->text.len;
    (void)llmp_buf_add(&request->text, LLMP_STR("Basic "));
    llmp_cloud_base64(
        &request->text,
        (struct llmp_str){ request->text.ptr + begin, value - begin });
    llmp_cloud_request_header_from(request, LLMP_STR("authorization"), value);
}

/* LLMP_OK when all texts can be sent. */
static int check_client(const struct llmp_oauth_client *client,
                        struct llmp_error *err)
{
    LLMP_ENSURE(client->id.len > 0 && client->id.len <= LLMP_CLOUD_TEXT_MAX,
                err, LLMP_E_INVALID, "a client id has 1 to %d bytes",
                LLMP_CLOUD_TEXT_MAX);
    LLMP_ENSURE(client->secret.len > 0 &&
                    client->secret.len <= LLMP_CLOUD_TEXT_MAX,
                err, LLMP_E_INVALID, "a client secret has 1 to %d bytes",
                LLMP_CLOUD_TEXT_MAX);
    LLMP_ENSURE(client->scope.len <= LLMP_CLOUD_TEXT_MAX, err, LLMP_E_INVALID,
                "a scope has at most %d bytes", LLMP_CLOUD_TEXT_MAX);
    return LLMP_OK;
}

static int request_from(struct llmp_cloud_request *out, struct llmp_str url,
                        const struct llmp_oauth_client *client,
                        struct llmp_error *err)
{
    /* Encoding makes three bytes of one, Base64 four of three. */
    size_t size = FIXED_SIZE + 8 * (client->id.len + client->secret.len) +
                  3 * client->scope.len;
    bool in_body = client->auth == LLMP_OAUTH_BODY;
    size_t begin;

    LLMP_TRY(llmp_cloud_request_begin(out, LLMP_STR("POST"), url, size, err));
    if (!in_body)
        put_basic(out, client);
    begin = out->text.len;
    llmp_cloud_form_add(&out->text, begin, "grant_type",
                        LLMP_STR("client_credentials"));
    if (in_body) {
        llmp_cloud_form_add(&out->text, begin, "client_id", client->id);
        llmp_cloud_form_add(&out->text, begin, "client_secret", client->secret);
    }
    if (client->scope.len)
        llmp_cloud_form_add(&out->text, begin, "scope", client->scope);
    llmp_cloud_request_form(out, begin);
    return llmp_cloud_request_end(out, err);
}

int llmp_oauth_request(struct llmp_cloud_request *out,
                       const struct llmp_oauth_client *client,
                       struct llmp_error *err)
{
    *out = (struct llmp_cloud_request){ .header_count = 0 };
    LLMP_ENSURE(llmp_cloud_is_url(client->token_url, false), err,
                LLMP_E_INVALID, "a token URL begins with https://");
    LLMP_TRY(check_client(client, err));
    return request_from(out, client->token_url, client, err);
}

/* A GUID or a domain: nothing that would lead to another path. */
static bool is_tenant(struct llmp_str tenant)
{
    for (size_t i = 0; i < tenant.len; i++) {
        char c = tenant.ptr[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              (c >= '0' && c <= '9') || c == '-' || (c == '.' && i > 0)))
            return false;
    }
    return tenant.len > 0 && tenant.len <= 253;
}

int llmp_entra_request(struct llmp_cloud_request *out, struct llmp_str tenant,
                       const struct llmp_oauth_client *client,
                       struct llmp_error *err)
{
    char url[512];
    char *end = url;

    *out = (struct llmp_cloud_request){ .header_count = 0 };
    LLMP_ENSURE(is_tenant(tenant), err, LLMP_E_INVALID,
                "a tenant is a GUID or a domain");
    LLMP_TRY(check_client(client, err));
    end = llmp_put_str(end, LLMP_STR("https://login.microsoftonline.com/"));
    end = llmp_put_str(end, tenant);
    end = llmp_put_str(end, LLMP_STR("/oauth2/v2.0/token"));
    return request_from(out, (struct llmp_str){ url, (size_t)(end - url) },
                        client, err);
}

/* A UUID of version 4 (RFC 9562). */
static void put_uuid(char out[36], const uint8_t random[16])
{
    uint8_t bytes[16];

    memcpy(bytes, random, sizeof(bytes));
    bytes[6] = (uint8_t)((bytes[6] & 0x0F) | 0x40);
    bytes[8] = (uint8_t)((bytes[8] & 0x3F) | 0x80);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        out = llmp_put_hex(out, bytes + i, 1);
    }
}

int llmp_gigachat_request(struct llmp_cloud_request *out,
                          const struct llmp_gigachat_client *client,
                          const uint8_t random[16], struct llmp_error *err)
{
    struct llmp_str url = client->token_url, scope = client->scope;
    char id[36];
    size_t begin;

    *out = (struct llmp_cloud_request){ .header_count = 0 };
    if (url.len == 0)
        url = LLMP_STR("https://ngw.devices.sberbank.ru:9443/api/v2/oauth");
    if (scope.len == 0)
        scope = LLMP_STR("GIGACHAT_API_PERS");
    LLMP_ENSURE(llmp_cloud_is_url(url, false), err, LLMP_E_INVALID,
                "a token URL begins with https://");
    LLMP_ENSURE(llmp_cloud_is_visible(client->credentials, LLMP_CLOUD_TEXT_MAX),
                err, LLMP_E_INVALID, "GigaChat's credentials are Base64 text");
    LLMP_ENSURE(scope.len <= LLMP_CLOUD_TEXT_MAX, err, LLMP_E_INVALID,
                "a scope has at most %d bytes", LLMP_CLOUD_TEXT_MAX);
    put_uuid(id, random);
    LLMP_TRY(llmp_cloud_request_begin(
        out, LLMP_STR("POST"), url,
        FIXED_SIZE + client->credentials.len + 3 * scope.len, err));
    begin = out->text.len;
    (void)llmp_buf_add(&out->text, LLMP_STR("Basic "));
    (void)llmp_buf_add(&out->text, client->credentials);
    llmp_cloud_request_header_from(out, LLMP_STR("authorization"), begin);
    llmp_cloud_request_header(out, LLMP_STR("RqUID"),
                              (struct llmp_str){ id, sizeof(id) });
    begin = out->text.len;
    llmp_cloud_form_add(&out->text, begin, "scope", scope);
    llmp_cloud_request_form(out, begin);
    return llmp_cloud_request_end(out, err);
}

/* --------------------------------------------------------------- answers -- */

enum {
    ACCESS_TOKEN,
    TOKEN_TYPE,
    EXPIRES_IN,
    EXPIRES_AT,
    ERROR_CODE,
    ERROR_TEXT,
    MESSAGE,     /* GigaChat's */
    NESTED_CODE, /* Google's general form */
    NESTED_TEXT,
    FIELD_COUNT
};

/* expires_in: seconds; expires_at: ms since 1970, in GigaChat's answers. */
static int read_lifetime(uint64_t *lifetime_ns,
                         const struct llmp_json_field fields[FIELD_COUNT],
                         uint64_t wall_ns, struct llmp_error *err)
{
    const struct llmp_json_field *in = &fields[EXPIRES_IN];
    const struct llmp_json_field *at = &fields[EXPIRES_AT];
    uint64_t number;

    *lifetime_ns = LLMP_CLOUD_LIFETIME_NS;
    if (in->found) {
        LLMP_ENSURE(llmp_cloud_answer_number(in, &number), err, LLMP_E_SYNTAX,
                    "expires_in is not a number of seconds");
        *lifetime_ns = llmp_cloud_lifetime_s(number);
    } else if (at->found) {
        LLMP_ENSURE(llmp_cloud_answer_number(at, &number), err, LLMP_E_SYNTAX,
                    "expires_at is not a number of milliseconds");
        *lifetime_ns = llmp_cloud_lifetime_until(
            llmp_mul_sat(number, LLMP_NS_PER_MS), wall_ns);
    }
    LLMP_ENSURE(*lifetime_ns > 0, err, LLMP_E_SYNTAX,
                "the token is expired already");
    return LLMP_OK;
}

static int read_grant(struct llmp_cloud_grant *out, char *body,
                      struct llmp_str whole,
                      const struct llmp_json_field fields[FIELD_COUNT],
                      uint64_t wall_ns, struct llmp_error *err)
{
    struct llmp_str token =
        llmp_cloud_answer_text(body, whole, &fields[ACCESS_TOKEN]);
    struct llmp_str type =
        llmp_cloud_answer_text(body, whole, &fields[TOKEN_TYPE]);
    uint64_t lifetime_ns;

    LLMP_ENSURE(token.len, err, LLMP_E_SYNTAX,
                "the answer has no access_token");
    LLMP_ENSURE(token.len <= LLMP_CLOUD_TEXT_MAX, err, LLMP_E_LIMIT,
                "an access token of %zu bytes, at most %d are allowed",
                token.len, LLMP_CLOUD_TEXT_MAX);
    LLMP_ENSURE(llmp_cloud_is_visible(token, LLMP_CLOUD_TEXT_MAX), err,
                LLMP_E_SYNTAX, "the access token cannot be sent in a header");
    LLMP_ENSURE(!fields[TOKEN_TYPE].found ||
                    llmp_str_eq_nocase(type, LLMP_STR("bearer")),
                err, LLMP_E_SYNTAX, "the token is not a Bearer token");
    LLMP_TRY(read_lifetime(&lifetime_ns, fields, wall_ns, err));
    *out = (struct llmp_cloud_grant){
        .access = token,
        .lifetime_ns = lifetime_ns,
    };
    return LLMP_OK;
}

static int refused(int http_status, char *body, struct llmp_str whole,
                   const struct llmp_json_field fields[FIELD_COUNT],
                   struct llmp_error *err)
{
    struct llmp_str code =
        llmp_cloud_answer_text(body, whole, &fields[ERROR_CODE]);
    static const uint8_t texts[] = { ERROR_TEXT, NESTED_TEXT, MESSAGE };
    struct llmp_str text = { NULL, 0 };

    if (code.len == 0)
        code = llmp_cloud_answer_text(body, whole, &fields[NESTED_CODE]);
    for (size_t i = 0; i < LLMP_COUNT(texts) && text.len == 0; i++)
        text = llmp_cloud_answer_text(body, whole, &fields[texts[i]]);
    return llmp_cloud_answer_refused(http_status, code, text, err);
}

int llmp_oauth_answer(struct llmp_cloud_grant *out, int http_status, char *body,
                      size_t body_size, uint64_t wall_ns,
                      struct llmp_error *err)
{
    struct llmp_json_field fields[FIELD_COUNT] = {
        [ACCESS_TOKEN] = { .path = "access_token" },
        [TOKEN_TYPE] = { .path = "token_type" },
        [EXPIRES_IN] = { .path = "expires_in" },
        [EXPIRES_AT] = { .path = "expires_at" },
        [ERROR_CODE] = { .path = "error" },
        [ERROR_TEXT] = { .path = "error_description" },
        [MESSAGE] = { .path = "message" },
        [NESTED_CODE] = { .path = "error.status" },
        [NESTED_TEXT] = { .path = "error.message" },
    };
    struct llmp_str whole = { body, body_size };
    int rc = llmp_cloud_answer_read(whole, fields, FIELD_COUNT, err);

    /* A proxy's page of HTML is a refusal, too. */
    if (rc != LLMP_OK && http_status != 200)
        return llmp_cloud_answer_refused(http_status, LLMP_STR(""),
                                         LLMP_STR(""), err);
    LLMP_TRY(rc);
    if (http_status != 200 || fields[ERROR_CODE].found)
        return refused(http_status, body, whole, fields, err);
    return read_grant(out, body, whole, fields, wall_ns, err);
}
