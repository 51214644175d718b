/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/aws.h"

#include "base/internal.h"
#include "cloud/answer.h"
#include "cloud/civil.h"

enum { FIXED_SIZE = 512 };

/* -------------------------------------------------------------- requests -- */

/* Of "http://host:port/…" the host. */
static struct llmp_str host_of(struct llmp_str url)
{
    size_t begin = LLMP_STR("http://").len, end = begin;
    bool bracket = begin < url.len && url.ptr[begin] == '[';

    while (end < url.len && !strchr("/?#", url.ptr[end]) &&
           (bracket || url.ptr[end] != ':')) {
        bracket = bracket && url.ptr[end] != ']';
        end++;
    }
    return (struct llmp_str){ url.ptr + begin, end - begin };
}

/* Where AWS's own libraries send these without TLS. */
static bool is_own_endpoint(struct llmp_str url)
{
    static const struct llmp_str hosts[] = {
        { "169.254.170.2", 13 },  /* ECS */
        { "169.254.170.23", 14 }, /* EKS */
        { "[fd00:ec2::23]", 14 }, /* EKS */
        { "127.0.0.1", 9 },       { "[::1]", 5 }, { "localhost", 9 },
    };

    for (size_t i = 0; i < LLMP_COUNT(hosts); i++)
        if (llmp_str_eq_nocase(host_of(url), hosts[i]))
            return true;
    return false;
}

int llmp_ecs_request(struct llmp_cloud_request *out, struct llmp_str url,
                     struct llmp_str authorization, struct llmp_error *err)
{
    *out = (struct llmp_cloud_request){ .header_count = 0 };
    LLMP_ENSURE(llmp_cloud_is_url(url, true), err, LLMP_E_INVALID,
                "the address of container credentials is not a URL");
    LLMP_ENSURE(llmp_cloud_is_url(url, false) || is_own_endpoint(url), err,
                LLMP_E_INVALID,
                "container credentials come by https, or from this machine");
    LLMP_ENSURE(authorization.len == 0 ||
                    llmp_cloud_is_visible(authorization, LLMP_CLOUD_TEXT_MAX),
                err, LLMP_E_INVALID,
                "the container's authorization token cannot be sent");
    LLMP_TRY(llmp_cloud_request_begin(out, LLMP_STR("GET"), url,
                                      FIXED_SIZE + authorization.len, err));
    llmp_cloud_request_header(out, LLMP_STR("accept"),
                              LLMP_STR("application/json"));
    if (authorization.len)
        llmp_cloud_request_header(out, LLMP_STR("authorization"),
                                  authorization);
    return llmp_cloud_request_end(out, err);
}

static int imds_begin(struct llmp_cloud_request *out, struct llmp_str method,
                      struct llmp_str base, const struct llmp_str path[2],
                      size_t more, struct llmp_error *err)
{
    char url[LLMP_CLOUD_URL_MAX];
    char *end = url;

    *out = (struct llmp_cloud_request){ .header_count = 0 };
    if (base.len == 0)
        base = LLMP_STR(LLMP_IMDS_BASE);
    LLMP_ENSURE(llmp_cloud_is_url(base, true) && base.len <= 256 &&
                    base.ptr[base.len - 1] != '/',
                err, LLMP_E_INVALID,
                "the metadata service's address is http://host, at most 256 "
                "bytes");
    end = llmp_put_str(end, base);
    end = llmp_put_str(end, path[0]);
    end = llmp_put_str(end, path[1]);
    return llmp_cloud_request_begin(
        out, method, (struct llmp_str){ url, (size_t)(end - url) },
        FIXED_SIZE + more, err);
}

int llmp_imds_session_request(struct llmp_cloud_request *out,
                              struct llmp_str base, struct llmp_error *err)
{
    const struct llmp_str path[2] = { LLMP_STR("/latest/api/token"),
                                      { NULL, 0 } };
    char seconds[20];
    char *end = llmp_put_u64(seconds, LLMP_IMDS_SESSION_S);

    LLMP_TRY(imds_begin(out, LLMP_STR("PUT"), base, path, 0, err));
    llmp_cloud_request_header(
        out, LLMP_STR("x-aws-ec2-metadata-token-ttl-seconds"),
        (struct llmp_str){ seconds, (size_t)(end - seconds) });
    return llmp_cloud_request_end(out, err);
}

/* IAM's characters of a role's name. */
static bool is_role(struct llmp_str role)
{
    for (size_t i = 0; i < role.len; i++) {
        char c = role.ptr[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              (c >= '0' && c <= '9') || (c && strchr("+=,.@_-", c))))
            return false;
    }
    return role.len <= LLMP_IMDS_ROLE_MAX &&
           !llmp_str_eq(role, LLMP_STR(".")) &&
           !llmp_str_eq(role, LLMP_STR(".."));
}

int llmp_imds_request(struct llmp_cloud_request *out, struct llmp_str base,
                      struct llmp_str session, struct llmp_str role,
                      struct llmp_error *err)
{
    const struct llmp_str path[2] = {
        LLMP_STR("/latest/meta-data/iam/security-credentials/"), role
    };

    *out = (struct llmp_cloud_request){ .header_count = 0 };
    LLMP_ENSURE(llmp_cloud_is_visible(session, LLMP_CLOUD_TEXT_MAX), err,
                LLMP_E_INVALID, "the metadata service's token is not one");
    LLMP_ENSURE(is_role(role), err, LLMP_E_INVALID,
                "the role has a name that IAM does not allow");
    LLMP_TRY(imds_begin(out, LLMP_STR("GET"), base, path, session.len, err));
    llmp_cloud_request_header(out, LLMP_STR("x-aws-ec2-metadata-token"),
                              session);
    return llmp_cloud_request_end(out, err);
}

/* --------------------------------------------------------------- answers -- */

int llmp_imds_line(struct llmp_str *out, int http_status, struct llmp_str body,
                   struct llmp_error *err)
{
    const char *end = body.len ? memchr(body.ptr, '\n', body.len) : NULL;
    struct llmp_str line = { body.ptr,
                             end ? (size_t)(end - body.ptr) : body.len };

    if (http_status != 200)
        return llmp_cloud_answer_refused(http_status, LLMP_STR(""),
                                         LLMP_STR(""), err);
    if (line.len && line.ptr[line.len - 1] == '\r')
        line.len--;
    LLMP_ENSURE(llmp_cloud_is_visible(line, LLMP_CLOUD_TEXT_MAX), err,
                LLMP_E_SYNTAX,
                "the metadata service's answer is not a line of text");
    *out = line;
    return LLMP_OK;
}

enum {
    ACCESS,
    SECRET,
    SESSION,
    EXPIRATION,
    CODE,
    LOWER_CODE,
    MESSAGE,
    LOWER_MESSAGE,
    FIELD_COUNT
};

static int read_credentials(struct llmp_cloud_grant *out, char *body,
                            struct llmp_str whole,
                            const struct llmp_json_field fields[FIELD_COUNT],
                            uint64_t wall_ns, struct llmp_error *err)
{
    struct llmp_str texts[4];
    uint64_t expires_ns, lifetime_ns;

    for (size_t i = ACCESS; i <= EXPIRATION; i++) {
        texts[i] = llmp_cloud_answer_text(body, whole, &fields[i]);
        LLMP_ENSURE(texts[i].len, err, LLMP_E_SYNTAX,
                    "the answer has no text \"%s\"", fields[i].path);
        LLMP_ENSURE(llmp_cloud_is_visible(texts[i], LLMP_CLOUD_TEXT_MAX), err,
                    LLMP_E_SYNTAX, "\"%s\" is too long or not plain text",
                    fields[i].path);
    }
    LLMP_ENSURE(texts[ACCESS].len <= LLMP_AWS_ACCESS_MAX &&
                    texts[SECRET].len <= LLMP_AWS_SECRET_MAX,
                err, LLMP_E_LIMIT, "the keys of the answer are too long");
    LLMP_ENSURE(llmp_civil_parse(texts[EXPIRATION], &expires_ns), err,
                LLMP_E_SYNTAX, "\"Expiration\" is not a moment in UTC");
    lifetime_ns = llmp_cloud_lifetime_until(expires_ns, wall_ns);
    LLMP_ENSURE(lifetime_ns > 0, err, LLMP_E_SYNTAX,
                "the credentials are expired already");
    *out = (struct llmp_cloud_grant){
        .access = texts[ACCESS],
        .secret = texts[SECRET],
        .session = texts[SESSION],
        .lifetime_ns = lifetime_ns,
    };
    return LLMP_OK;
}

int llmp_aws_answer(struct llmp_cloud_grant *out, int http_status, char *body,
                    size_t body_size, uint64_t wall_ns, struct llmp_error *err)
{
    struct llmp_json_field fields[FIELD_COUNT] = {
        [ACCESS] = { .path = "AccessKeyId" },
        [SECRET] = { .path = "SecretAccessKey" },
        [SESSION] = { .path = "Token" },
        [EXPIRATION] = { .path = "Expiration" },
        [CODE] = { .path = "Code" }, /* the metadata service's; "Success" */
        [LOWER_CODE] = { .path = "code" }, /* the container endpoint's */
        [MESSAGE] = { .path = "Message" },
        [LOWER_MESSAGE] = { .path = "message" },
    };
    struct llmp_str whole = { body, body_size }, code, text;
    int rc = llmp_cloud_answer_read(whole, fields, FIELD_COUNT, err);

    if (rc != LLMP_OK && http_status != 200)
        return llmp_cloud_answer_refused(http_status, LLMP_STR(""),
                                         LLMP_STR(""), err);
    LLMP_TRY(rc);
    code = llmp_cloud_answer_text(body, whole, &fields[CODE]);
    if (code.len == 0)
        code = llmp_cloud_answer_text(body, whole, &fields[LOWER_CODE]);
    text = llmp_cloud_answer_text(body, whole, &fields[MESSAGE]);
    if (text.len == 0)
        text = llmp_cloud_answer_text(body, whole, &fields[LOWER_MESSAGE]);
    if (http_status != 200 ||
        (code.len && !llmp_str_eq(code, LLMP_STR("Success"))))
        return llmp_cloud_answer_refused(http_status, code, text, err);
    return read_credentials(out, body, whole, fields, wall_ns, err);
}
