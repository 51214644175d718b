/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request is hashed while it is put together: one of its headers is the
 * session token, which so is never copied. Only what must be sorted or
 * normalised, the path, the query and the headers' names, goes into the arena.
 */
#include "cloud/sigv4_canonical.h"

#include <sodium.h>

#include "base/internal.h"
#include "base/str.h"

static void put(crypto_hash_sha256_state *hash, struct llmp_str text)
{
    (void)crypto_hash_sha256_update(hash, (const uint8_t *)text.ptr, text.len);
}

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

static char *put_encoded(char *to, char c)
{
    static const char digits[] = "0123456789ABCDEF";

    if (is_unreserved(c)) {
        *to++ = c;
        return to;
    }
    *to++ = '%';
    *to++ = digits[(uint8_t)c >> 4];
    *to++ = digits[(uint8_t)c & 15];
    return to;
}

/* ------------------------------------------------------------------ path -- */

/* Cuts off what is before the next `mark`, and the mark. */
static struct llmp_str cut(struct llmp_str *rest, char mark)
{
    const char *at = rest->len ? memchr(rest->ptr, mark, rest->len) : NULL;
    size_t len = at ? (size_t)(at - rest->ptr) : rest->len;
    struct llmp_str piece = { rest->ptr, len };

    rest->ptr += len + (at != NULL);
    rest->len -= len + (at != NULL);
    return piece;
}

/* Without empty segments, "." and ".."; what is left has a '/' before it. */
static size_t normalise(char *out, struct llmp_str path)
{
    bool slash = path.len && path.ptr[path.len - 1] == '/';
    size_t len = 0;

    while (path.len) {
        struct llmp_str segment = cut(&path, '/');

        if (llmp_str_eq(segment, LLMP_STR(".."))) {
            while (len && out[--len] != '/')
                ;
        } else if (segment.len && !llmp_str_eq(segment, LLMP_STR("."))) {
            out[len++] = '/';
            len = (size_t)(llmp_put_str(out + len, segment) - out);
        }
    }
    if (slash || len == 0)
        out[len++] = '/';
    return len;
}

static int put_path(crypto_hash_sha256_state *hash, struct llmp_str path,
                    struct llmp_arena *arena)
{
    char *plain = llmp_arena_take(arena, path.len + 2);

    if (!plain)
        return LLMP_E_NOMEM;

    size_t len = normalise(plain, path);

    for (size_t i = 0; i < len; i++) {
        char out[3], *end = out;

        if (plain[i] == '/')
            *end++ = '/';
        else
            end = put_encoded(end, plain[i]);
        put(hash, (struct llmp_str){ out, (size_t)(end - out) });
    }
    return LLMP_OK;
}

/* ----------------------------------------------------------------- query -- */

/* Decodes what is encoded and encodes all that must be, so that one parameter
 * has one form. `out` has room for three times the text. */
static struct llmp_str recode(char *out, struct llmp_str text)
{
    char *end = out;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte;

        if (text.ptr[i] == '%' && i + 2 < text.len &&
            llmp_read_hex(&byte, 1, (struct llmp_str){ text.ptr + i + 1, 2 })) {
            end = put_encoded(end, (char)byte);
            i += 2;
        } else {
            end = put_encoded(end, text.ptr[i]);
        }
    }
    return (struct llmp_str){ out, (size_t)(end - out) };
}

static int compare(struct llmp_str a, struct llmp_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Sorts by name, and by value when `by_value`; else equal names keep their
 * order. There are few. */
static void sort(struct llmp_sigv4_header *pairs, size_t count, bool by_value)
{
    for (size_t i = 1; i < count; i++) {
        struct llmp_sigv4_header pair = pairs[i];
        size_t at = i;

        for (; at > 0; at--) {
            int order = compare(pairs[at - 1].name, pair.name);

            if (order == 0 && by_value)
                order = compare(pairs[at - 1].value, pair.value);
            if (order <= 0)
                break;
            pairs[at] = pairs[at - 1];
        }
        pairs[at] = pair;
    }
}

static int put_query(crypto_hash_sha256_state *hash, struct llmp_str query,
                     struct llmp_arena *arena, struct llmp_error *err)
{
    struct llmp_sigv4_header pairs[LLMP_SIGV4_PARAMETERS_MAX];
    size_t count = 0;

    LLMP_ENSURE(query.len < SIZE_MAX / 4, err, LLMP_E_LIMIT,
                "the query is too long");

    char *out = llmp_arena_take(arena, query.len * 3 + 1);

    LLMP_ENSURE(out, err, LLMP_E_NOMEM, "no memory for the query");
    while (query.len) {
        struct llmp_str value = cut(&query, '&'), name = cut(&value, '=');

        LLMP_ENSURE(name.len, err, LLMP_E_INVALID,
                    "a parameter of the query has no name");
        LLMP_ENSURE(count < LLMP_SIGV4_PARAMETERS_MAX, err, LLMP_E_LIMIT,
                    "more than %d parameters in the query",
                    LLMP_SIGV4_PARAMETERS_MAX);
        pairs[count].name = recode(out, name);
        out += pairs[count].name.len;
        pairs[count].value = recode(out, value);
        out += pairs[count].value.len;
        count++;
    }
    sort(pairs, count, true);
    for (size_t i = 0; i < count; i++) {
        put(hash, i ? LLMP_STR("&") : LLMP_STR(""));
        put(hash, pairs[i].name);
        put(hash, LLMP_STR("="));
        put(hash, pairs[i].value);
    }
    return LLMP_OK;
}

/* --------------------------------------------------------------- headers -- */

static bool is_name(struct llmp_str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!is_unreserved(name.ptr[i]) &&
            (name.ptr[i] == '\0' || !strchr("!#$%&'*+^`|", name.ptr[i])))
            return false;
    return name.len > 0;
}

static bool is_value(struct llmp_str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (((uint8_t)value.ptr[i] < ' ' && value.ptr[i] != '\t') ||
            value.ptr[i] == 0x7F)
            return false;
    return true;
}

static struct llmp_str lower(struct llmp_str name, struct llmp_arena *arena)
{
    char *out = llmp_arena_take(arena, name.len);

    for (size_t i = 0; out && i < name.len; i++)
        out[i] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z'
                     ? (char)(name.ptr[i] + 32)
                     : name.ptr[i];
    return (struct llmp_str){ out, name.len };
}

static int prepare(struct llmp_sigv4_canonical *canonical,
                   struct llmp_arena *arena, struct llmp_error *err)
{
    for (size_t i = 0; i < canonical->header_count; i++) {
        struct llmp_sigv4_header *header = &canonical->headers[i];

        LLMP_ENSURE(is_name(header->name), err, LLMP_E_INVALID,
                    "the name of header %zu is not a token", i);
        LLMP_ENSURE(is_value(header->value), err, LLMP_E_INVALID,
                    "the value of the header %.*s has control characters",
                    (int)(header->name.len > 64 ? 64 : header->name.len),
                    header->name.ptr);
        header->name = lower(header->name, arena);
        LLMP_ENSURE(header->name.ptr, err, LLMP_E_NOMEM,
                    "no memory for a header's name");
    }
    sort(canonical->headers, canonical->header_count, false);
    return LLMP_OK;
}

/* Without blanks around it; several inside become one. */
static void put_value(crypto_hash_sha256_state *hash, struct llmp_str value)
{
    value = llmp_str_trim(value);
    while (value.len) {
        size_t len = 0, blanks = 0;

        while (len < value.len && value.ptr[len] != ' ' &&
               value.ptr[len] != '\t')
            len++;
        while (len + blanks < value.len && (value.ptr[len + blanks] == ' ' ||
                                            value.ptr[len + blanks] == '\t'))
            blanks++;
        put(hash, (struct llmp_str){ value.ptr, len });
        put(hash, blanks ? LLMP_STR(" ") : LLMP_STR(""));
        value.ptr += len + blanks;
        value.len -= len + blanks;
    }
}

/* Headers of one name are one line. Notes the names in `at`. */
static char *put_headers(crypto_hash_sha256_state *hash, char *at,
                         const struct llmp_sigv4_canonical *canonical)
{
    for (size_t i = 0; i < canonical->header_count; i++) {
        const struct llmp_sigv4_header *header = &canonical->headers[i];
        bool again = i && llmp_str_eq(header[-1].name, header->name);

        if (again) {
            put(hash, LLMP_STR(","));
        } else {
            put(hash, i ? LLMP_STR("\n") : LLMP_STR(""));
            put(hash, header->name);
            put(hash, LLMP_STR(":"));
            at = llmp_put_str(at, i ? LLMP_STR(";") : LLMP_STR(""));
            at = llmp_put_str(at, header->name);
        }
        put_value(hash, header->value);
    }
    put(hash, LLMP_STR("\n"));
    return at;
}

static int put_request(crypto_hash_sha256_state *hash, struct llmp_str *names,
                       struct llmp_sigv4_canonical *canonical,
                       struct llmp_arena *arena, struct llmp_error *err)
{
    size_t size = 1;

    LLMP_TRY(prepare(canonical, arena, err));
    for (size_t i = 0; i < canonical->header_count; i++)
        size += canonical->headers[i].name.len + 1;

    char *list = llmp_arena_take(arena, size);

    LLMP_ENSURE(list, err, LLMP_E_NOMEM, "no memory for the headers' names");
    put(hash, canonical->method);
    put(hash, LLMP_STR("\n"));
    LLMP_ENSURE(put_path(hash, canonical->path, arena) == LLMP_OK, err,
                LLMP_E_NOMEM, "no memory for the path");
    put(hash, LLMP_STR("\n"));
    LLMP_TRY(put_query(hash, canonical->query, arena, err));
    put(hash, LLMP_STR("\n"));

    char *end = put_headers(hash, list, canonical);

    *names = (struct llmp_str){ list, (size_t)(end - list) };
    put(hash, LLMP_STR("\n"));
    put(hash, *names);
    put(hash, LLMP_STR("\n"));
    put(hash, canonical->body_hash);
    return LLMP_OK;
}

int llmp_sigv4_canonical_hash(uint8_t hash[32], struct llmp_str *names,
                              struct llmp_sigv4_canonical *canonical,
                              struct llmp_arena *arena, struct llmp_error *err)
{
    crypto_hash_sha256_state state;

    (void)crypto_hash_sha256_init(&state);

    int rc = put_request(&state, names, canonical, arena, err);

    (void)crypto_hash_sha256_final(&state, hash);
    sodium_memzero(&state, sizeof(state));
    return rc;
}
