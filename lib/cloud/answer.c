/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud/answer.h"

#include "base/internal.h"
#include "base/str.h"
#include "cloud/request.h"

int llmp_cloud_answer_read(struct llmp_str body, struct llmp_json_field *fields,
                           uint32_t count, struct llmp_error *err)
{
    LLMP_ENSURE(body.len <= LLMP_CLOUD_ANSWER_MAX, err, LLMP_E_LIMIT,
                "an answer with credentials of %zu bytes, at most %d are "
                "allowed",
                body.len, LLMP_CLOUD_ANSWER_MAX);
    return llmp_json_pick_all(body, fields, count, err);
}

struct llmp_str llmp_cloud_answer_text(char *body, struct llmp_str whole,
                                       const struct llmp_json_field *field)
{
    if (!field->found || field->cut || field->type != LLMP_JSON_STRING)
        return (struct llmp_str){ NULL, 0 };
    if (!field->escaped)
        return field->text;
    assert(field->text.ptr >= whole.ptr &&
           field->text.ptr + field->text.len <= whole.ptr + whole.len);

    char *at = body + (field->text.ptr - whole.ptr);

    return (struct llmp_str){ at, llmp_json_unescape(at, field->text) };
}

bool llmp_cloud_answer_number(const struct llmp_json_field *field,
                              uint64_t *out)
{
    if (!field->found || field->cut)
        return false;
    if (field->type == LLMP_JSON_STRING)
        return llmp_str_to_u64(field->text, out);
    return field->type == LLMP_JSON_NUMBER &&
           llmp_json_u64(field->text, out) == LLMP_OK;
}

/* At most `size` - 1 characters, anything but visible ASCII as a blank. */
static void put_clean(char *out, size_t size, struct llmp_str text)
{
    size_t len = text.len < size - 1 ? text.len : size - 1;

    for (size_t i = 0; i < len; i++)
        out[i] = text.ptr[i] > ' ' && text.ptr[i] <= '~' ? text.ptr[i] : ' ';
    out[len] = '\0';
}

int llmp_cloud_answer_refused(int http_status, struct llmp_str code,
                              struct llmp_str text, struct llmp_error *err)
{
    bool later = http_status == 408 || http_status == 429 || http_status >= 500;
    char shown_code[48], shown_text[112];

    put_clean(shown_code, sizeof(shown_code), code);
    put_clean(shown_text, sizeof(shown_text), text);
    return llmp_fail(err, later ? LLMP_E_IO : LLMP_E_INVALID,
                     "credentials were refused with status %d%s%s%s%s",
                     http_status, code.len ? " " : "", shown_code,
                     text.len ? ": " : "", shown_text);
}

uint64_t llmp_cloud_lifetime_until(uint64_t expires_ns, uint64_t wall_ns)
{
    if (expires_ns <= wall_ns)
        return 0;
    expires_ns -= wall_ns;
    return expires_ns < LLMP_CLOUD_LIFETIME_MAX_NS ? expires_ns
                                                   : LLMP_CLOUD_LIFETIME_MAX_NS;
}

uint64_t llmp_cloud_lifetime_s(uint64_t seconds)
{
    return llmp_cloud_lifetime_until(llmp_mul_sat(seconds, LLMP_NS_PER_S), 0);
}
