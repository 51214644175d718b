/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every text of a request is appended to one buffer of a size that is known
 * beforehand: it never moves, so spans into it stay right, and no freed copy
 * with secrets in it stays behind.
 */
#include "cloud/request.h"

#include <sodium.h>

#include "base/internal.h"

void llmp_cloud_request_fini(struct llmp_cloud_request *request)
{
    if (!request)
        return;
    if (request->text.ptr)
        sodium_memzero(request->text.ptr, request->text.cap);
    llmp_buf_fini(&request->text);
    *request = (struct llmp_cloud_request){ .header_count = 0 };
}

int llmp_cloud_request_begin(struct llmp_cloud_request *request,
                             struct llmp_str method, struct llmp_str url,
                             size_t size, struct llmp_error *err)
{
    *request = (struct llmp_cloud_request){ .method = method };
    LLMP_ENSURE(llmp_buf_reserve(&request->text, url.len + size), err,
                LLMP_E_NOMEM, "no memory for a request for credentials");
    request->text.limit = request->text.cap;
    request->url = (struct llmp_str){ request->text.ptr, url.len };
    (void)llmp_buf_add(&request->text, url);
    return LLMP_OK;
}

void llmp_cloud_request_header_from(struct llmp_cloud_request *request,
                                    struct llmp_str name, size_t begin)
{
    assert(request->header_count < LLMP_CLOUD_HEADERS_MAX);
    request->headers[request->header_count++] = (struct llmp_cloud_header){
        .name = name,
        .value = { request->text.ptr + begin, request->text.len - begin },
    };
}

void llmp_cloud_request_header(struct llmp_cloud_request *request,
                               struct llmp_str name, struct llmp_str value)
{
    size_t begin = request->text.len;

    (void)llmp_buf_add(&request->text, value);
    llmp_cloud_request_header_from(request, name, begin);
}

void llmp_cloud_encode(struct llmp_buf *to, struct llmp_str text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        const char out[3] = { '%', digits[(uint8_t)c >> 4],
                              digits[(uint8_t)c & 15] };
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                     c == '_' || c == '~';

        (void)llmp_buf_add(to, plain ? (struct llmp_str){ &c, 1 }
                                     : (struct llmp_str){ out, 3 });
    }
}

void llmp_cloud_form_add(struct llmp_buf *form, size_t begin, const char *name,
                         struct llmp_str value)
{
    if (form->len > begin)
        (void)llmp_buf_add(form, LLMP_STR("&"));
    (void)llmp_buf_add(form, llmp_str_of(name));
    (void)llmp_buf_add(form, LLMP_STR("="));
    llmp_cloud_encode(form, value);
}

void llmp_cloud_base64(struct llmp_buf *to, struct llmp_str bytes)
{
    const int variant = sodium_base64_VARIANT_ORIGINAL;
    size_t size = sodium_base64_encoded_len(bytes.len, variant);

    if (!llmp_buf_reserve(to, size))
        return;
    (void)sodium_bin2base64(to->ptr + to->len, size,
                            (const unsigned char *)bytes.ptr, bytes.len,
                            variant);
    to->len += size - 1; /* without the NUL */
}

void llmp_cloud_request_form(struct llmp_cloud_request *request, size_t begin)
{
    request->body = (struct llmp_str){ request->text.ptr + begin,
                                       request->text.len - begin };
    llmp_cloud_request_header(request, LLMP_STR("content-type"),
                              LLMP_STR("application/x-www-form-urlencoded"));
    llmp_cloud_request_header(request, LLMP_STR("accept"),
                              LLMP_STR("application/json"));
}

int llmp_cloud_request_end(struct llmp_cloud_request *request,
                           struct llmp_error *err)
{
    if (!request->text.failed)
        return LLMP_OK;
    llmp_cloud_request_fini(request);
    return llmp_fail(err, LLMP_E_LIMIT,
                     "a request for credentials is too long");
}

bool llmp_cloud_is_visible(struct llmp_str text, size_t max)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
            return false;
    return text.len > 0 && text.len <= max;
}

/* No user before the host, nor what some take for a '/': readers of URLs must
 * not differ about whom they talk to. */
static bool is_host(struct llmp_str text)
{
    size_t len = 0;

    while (len < text.len && !strchr("/?#", text.ptr[len])) {
        if (text.ptr[len] == '@' || text.ptr[len] == '\\')
            return false;
        len++;
    }
    return len > 0;
}

bool llmp_cloud_is_url(struct llmp_str url, bool plain_allowed)
{
    struct llmp_str scheme = LLMP_STR("https://");

    if (!llmp_cloud_is_visible(url, LLMP_CLOUD_URL_MAX))
        return false;
    if (!llmp_str_starts(url, scheme) && plain_allowed)
        scheme = LLMP_STR("http://");
    return llmp_str_starts(url, scheme) &&
           is_host(
               (struct llmp_str){ url.ptr + scheme.len, url.len - scheme.len });
}
