/* SPDX-License-Identifier: Apache-2.0 */
#include "media.h"

#include <openssl/evp.h>

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

bool sim_base64_decode(struct sim_buf *out, struct llmp_str text)
{
    uint32_t bits = 0, count = 0;

    for (int i = 0; i < 2 && text.len && text.ptr[text.len - 1] == '='; i++)
        text.len--;
    if (text.len % 4 == 1)
        return false;
    sim_buf_reserve(out, text.len / 4 * 3 + 3);
    for (size_t i = 0; i < text.len; i++) {
        int digit = digit_of(text.ptr[i]);

        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out->ptr[out->len++] = (char)(bits >> count & 0xFF);
        }
    }
    return true;
}

void sim_hex(char *hex, const unsigned char *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * count] = '\0';
}

void sim_sha256_hex(char hex[SIM_HEX_SIZE], struct llmp_str bytes)
{
    unsigned char hash[EVP_MAX_MD_SIZE] = { 0 };

    (void)EVP_Digest(bytes.len ? bytes.ptr : "", bytes.len, hash, NULL,
                     EVP_sha256(), NULL);
    sim_hex(hex, hash, 32);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode(struct sim_buf *out, struct llmp_str text, char plus)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%' && i + 2 < text.len && hex_digit(text.ptr[i + 1]) >= 0 &&
            hex_digit(text.ptr[i + 2]) >= 0) {
            c = (char)(hex_digit(text.ptr[i + 1]) * 16 +
                       hex_digit(text.ptr[i + 2]));
            i += 2;
        } else if (c == '+') {
            c = plus;
        }
        sim_buf_add(out, (struct llmp_str){ &c, 1 });
    }
}

void sim_percent_decode(struct sim_buf *out, struct llmp_str text)
{
    decode(out, text, '+');
}

void sim_form_decode(struct sim_buf *out, struct llmp_str text)
{
    decode(out, text, ' ');
}

bool sim_data_url(struct llmp_str url, struct llmp_str *type,
                  struct llmp_str *base64)
{
    static const char mark[] = ";base64,";
    size_t skip = strlen("data:"), len = strlen(mark);

    if (!sim_str_starts(url, "data:"))
        return false;
    for (size_t i = skip; i + len <= url.len; i++)
        if (memcmp(url.ptr + i, mark, len) == 0) {
            *type = (struct llmp_str){ url.ptr + skip, i - skip };
            *base64 = (struct llmp_str){ url.ptr + i + len, url.len - i - len };
            return true;
        }
    return false;
}

struct llmp_str sim_query_get(struct llmp_str query, const char *name)
{
    size_t len = strlen(name);

    while (query.len) {
        const char *end = memchr(query.ptr, '&', query.len);
        struct llmp_str item = { query.ptr,
                                 end ? (size_t)(end - query.ptr) : query.len };

        if (item.len > len && memcmp(item.ptr, name, len) == 0 &&
            item.ptr[len] == '=')
            return (struct llmp_str){ item.ptr + len + 1, item.len - len - 1 };
        query.ptr += item.len + (end != NULL);
        query.len -= item.len + (end != NULL);
    }
    return (struct llmp_str){ "", 0 };
}
