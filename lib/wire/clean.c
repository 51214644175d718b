/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors in OpenAI's dialect, ours and a provider's. What a provider says can
 * carry its view of our account (key fragments, organisation ids), so it is
 * never passed on as it came.
 */
#include "base/internal.h"
#include "wire/dialect.h"
#include "wire/passing.h"

static bool add_nullable(struct llmp_buf *out, const char *name,
                         const char *value)
{
    if (!llmp_buf_printf(out, ",\"%s\":", name))
        return false;
    if (!value)
        return llmp_buf_add(out, LLMP_STR("null"));
    return llmp_buf_json(out, llmp_str_of(value));
}

static bool add_members(struct llmp_buf *out,
                        const struct llmp_openai_error *error)
{
    return llmp_buf_add(out, LLMP_STR("\"message\":")) &&
           llmp_buf_json(out, error->message) &&
           add_nullable(out, "type", error->type) &&
           add_nullable(out, "param", error->param) &&
           add_nullable(out, "code", error->code);
}

bool llmp_openai_error_write(struct llmp_buf *out,
                             const struct llmp_openai_error *error)
{
    return llmp_buf_add(out, LLMP_STR("{\"error\":{")) &&
           add_members(out, error) && llmp_buf_add(out, LLMP_STR("}}"));
}

bool llmp_openai_error_event(struct llmp_buf *out, enum llmp_shape shape,
                             const struct llmp_openai_error *error)
{
    /* Responses streams name their events; "error" is one of its types. */
    if (shape == LLMP_SHAPE_RESPONSES)
        return llmp_buf_add(out, LLMP_STR("event: error\ndata: "
                                          "{\"type\":\"error\",")) &&
               llmp_buf_add(out, LLMP_STR("\"message\":")) &&
               llmp_buf_json(out, error->message) &&
               add_nullable(out, "param", error->param) &&
               add_nullable(out, "code", error->code) &&
               llmp_buf_add(out, LLMP_STR("}\n\n"));
    return llmp_buf_add(out, LLMP_STR("data: ")) &&
           llmp_openai_error_write(out, error) &&
           llmp_buf_add(out, LLMP_STR("\n\n"));
}

const char *llmp_openai_error_type(uint16_t status)
{
    switch (status) {
    case 401:
    case 407:
        return "authentication_error";
    case 402:
        return "insufficient_quota";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 429:
        return "rate_limit_error";
    default:
        return status >= 400 && status < 500 ? "invalid_request_error"
                                             : "server_error";
    }
}

enum {
    SECRET_MIN = 4,   /* a shorter one would mask ordinary words */
    KEY_BODY_MIN = 6, /* behind a prefix */
    KEY_MIN = 9       /* with the shortest prefix */
};

/* Prefixes after which an identifier or key follows. */
static const struct llmp_str key_prefixes[] = {
    { "sk-", 3 },    { "org-", 4 },    { "proj_", 5 }, { "gsk_", 4 },
    { "AIza", 4 },   { "Bearer ", 7 }, { "key-", 4 },  { "xai-", 4 },
    { "llmgw_", 6 }, { "hf_", 3 },
};

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '*' ||
           c == '.';
}

/* How many bytes at the front of `text` are one of ours; 0: none. */
static size_t secret_length(struct llmp_str text,
                            const struct llmp_str *secrets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (secrets[i].len >= SECRET_MIN && text.ptr[0] == secrets[i].ptr[0] &&
            llmp_str_starts(text, secrets[i]))
            return secrets[i].len;
    return 0;
}

/* How many bytes at the front of `text` look like a key; 0: none. */
static size_t key_length(struct llmp_str text)
{
    for (size_t i = 0; i < LLMP_COUNT(key_prefixes); i++) {
        if (!llmp_str_starts(text, key_prefixes[i]))
            continue;

        size_t len = key_prefixes[i].len;

        while (len < text.len && is_key_char(text.ptr[len]))
            len++;
        if (len >= key_prefixes[i].len + KEY_BODY_MIN)
            return len;
    }
    return 0;
}

/* How many bytes at `at` must not be shown; 0: none. */
static size_t masked_length(struct llmp_str text, size_t at,
                            const struct llmp_str *secrets, size_t count)
{
    struct llmp_str rest = { text.ptr + at, text.len - at };
    size_t len = secret_length(rest, secrets, count);

    /* Key shapes begin a word: "task-…" is not "sk-…". */
    if (len == 0 && (at == 0 || !is_key_char(text.ptr[at - 1])))
        len = key_length(rest);
    return len;
}

/* First letters of the prefixes. */
static const bool begins_key[256] = {
    ['s'] = true, ['o'] = true, ['p'] = true, ['g'] = true, ['A'] = true,
    ['B'] = true, ['k'] = true, ['x'] = true, ['l'] = true, ['h'] = true,
};

/* Asked for every field that passes, so the shortest way to "no". */
bool llmp_wire_has_secret(struct llmp_str text, const struct llmp_str *secrets,
                          size_t count)
{
    bool in_word = false;

    for (size_t i = 0; i < count; i++)
        if (secrets[i].len >= SECRET_MIN && secrets[i].len <= text.len &&
            llmp_str_find(text, secrets[i]) != SIZE_MAX)
            return true;
    for (size_t at = 0; at + KEY_MIN <= text.len; at++) {
        char c = text.ptr[at];

        if (!in_word && begins_key[(uint8_t)c] &&
            key_length((struct llmp_str){ text.ptr + at, text.len - at }))
            return true;
        in_word = is_key_char(c);
    }
    return false;
}

/* The copy is never longer. */
bool llmp_wire_mask(struct llmp_buf *out, struct llmp_str text,
                    const struct llmp_str *secrets, size_t count)
{
    size_t at = 0, plain = 0;

    while (at < text.len) {
        size_t len = masked_length(text, at, secrets, count);

        if (len == 0) {
            at++;
            continue;
        }
        if (!llmp_buf_add(out,
                          (struct llmp_str){ text.ptr + plain, at - plain }) ||
            !llmp_buf_add(out, LLMP_STR("***")))
            return false;
        at += len;
        plain = at;
    }
    return llmp_buf_add(out, (struct llmp_str){ text.ptr + plain, at - plain });
}

/* A short identifier made safe: [a-z0-9_.[]-] and no secret, else NULL. */
static const char *plain_word(struct llmp_str text, char *room, size_t size,
                              const struct llmp_str *secrets, size_t count)
{
    if (text.len == 0 || text.len >= size)
        return NULL;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if ((!is_key_char(c) && c != '[' && c != ']') ||
            masked_length(text, i, secrets, count))
            return NULL;
        room[i] = c;
    }
    room[text.len] = '\0';
    return room;
}

static struct llmp_str plain_sentence(uint16_t status)
{
    switch (status) {
    case 401:
    case 403:
    case 407:
        return LLMP_STR("The provider refused the gateway's credentials.");
    case 429:
        return LLMP_STR("The provider's rate limit is exhausted.");
    default:
        return status >= 400 && status < 500
                   ? LLMP_STR("The provider refused the request.")
                   : LLMP_STR("The provider failed to answer the request.");
    }
}

bool llmp_wire_error_clean(struct llmp_buf *out,
                           const struct llmp_dialect *client, uint16_t status,
                           const struct llmp_provider_error *from,
                           struct llmp_str request_id,
                           const struct llmp_str *secrets, size_t count)
{
    char type[64], code[64], param[128];
    struct llmp_wire_error error = {
        .status = status,
        .fault = from->fault,
        .type = llmp_openai_error_type(status),
        .code = "upstream_error",
        .message = plain_sentence(status),
        .request_id = request_id,
    };
    /* About our account, or where it wants us to go: not the client's. */
    bool ours = status == 401 || status == 403 || status == 407 ||
                (status >= 300 && status < 400);
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf raw = { 0 };
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf message = { 0 };

    if (ours || !from->message.len)
        return client->write_error(out, &error);
    if (!llmp_buf_reserve(&raw, from->message.len))
        return false;
    raw.len = llmp_json_unescape(raw.ptr, from->message);
    if (!llmp_wire_mask(&message, llmp_buf_str(&raw), secrets, count))
        return false;
    error.message = llmp_buf_str(&message);
    error.code = plain_word(from->code, code, sizeof(code), secrets, count);
    error.param = plain_word(from->param, param, sizeof(param), secrets, count);
    if (plain_word(from->type, type, sizeof(type), secrets, count))
        error.type = type;
    return client->write_error(out, &error);
}
