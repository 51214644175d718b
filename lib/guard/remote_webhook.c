/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service of the user's own; docs/guardrails.md has its contract.
 *
 *   {"version":1,"texts":[{"part":"user","text":"…"}, …]}
 *   {"findings":[{"text":0,"kind":"acme.secret","severity":"high","sure":90,
 *                 "begin":3,"end":9,"label":"SECRET"}]}
 */
#include "base/internal.h"
#include "base/json_out.h"
#include "guard/remote.h"

#define K(text) LLMP_STR(text)

static bool put_path(struct llmp_buf *to,
                     const struct llmp_remote_settings *set)
{
    return llmp_buf_add(to, set->path);
}

static bool put_request(struct llmp_buf *to,
                        const struct llmp_remote_settings *set,
                        const struct llmp_remote_piece *pieces, uint32_t count)
{
    struct llmp_json_out out = { .buf = to };

    (void)set;
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_u64(&out, K("version"), 1);
    llmp_out_array(&out, K("texts"));
    for (uint32_t i = 0; i < count; i++) {
        const struct llmp_remote_text *of = pieces[i].of;

        llmp_out_object(&out, LLMP_NO_KEY);
        llmp_out_string(&out, K("part"),
                        llmp_str_of(llmp_guard_part_name(of->part)));
        if (!of->is_image) {
            llmp_out_string(&out, K("text"), pieces[i].text);
        } else if (of->is_url) {
            llmp_out_string(&out, K("url"), pieces[i].text);
        } else {
            llmp_out_string(&out, K("media_type"), of->media);
            llmp_out_string(&out, K("data"), pieces[i].text);
        }
        llmp_out_end_object(&out);
    }
    llmp_out_end_array(&out);
    llmp_out_end_object(&out);
    return !to->failed;
}

/* A number that may be left out; false: it is none, or above `max`. */
static bool take_number(const struct llmp_json_value *entry,
                        struct llmp_str key, uint64_t max, uint64_t *number)
{
    const struct llmp_json_value *value = llmp_json_get(entry, key);

    return !value || (llmp_json_is(value, LLMP_JSON_NUMBER) &&
                      llmp_str_to_u64(value->text, number) && *number <= max);
}

/* A name that may be left out, as a C string. */
static bool take_name(const struct llmp_json_value *entry, struct llmp_str key,
                      char to[LLMP_GUARD_NAME_MAX + 1])
{
    const struct llmp_json_value *value = llmp_json_get(entry, key);

    to[0] = '\0';
    if (!value)
        return true;
    if (!llmp_json_is(value, LLMP_JSON_STRING) || value->text.len == 0 ||
        value->text.len > LLMP_GUARD_NAME_MAX)
        return false;
    for (size_t i = 0; i < value->text.len; i++) {
        char c = value->text.ptr[i], low = llmp_lower(c);

        if (!((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') ||
              memchr("._-", c, 3)))
            return false;
        to[i] = c;
    }
    to[value->text.len] = '\0';
    return true;
}

static bool take_severity(const struct llmp_json_value *entry,
                          enum llmp_guard_severity *severity)
{
    const struct llmp_json_value *value = llmp_json_get(entry, K("severity"));

    *severity = LLMP_GUARD_HIGH;
    if (!value)
        return true;
    for (int i = 0; i < LLMP_GUARD_SEVERITIES; i++)
        if (llmp_json_text_is(value, llmp_str_of(llmp_guard_severity_name(
                                         (enum llmp_guard_severity)i)))) {
            *severity = (enum llmp_guard_severity)i;
            return true;
        }
    return false;
}

static bool read_finding(const struct llmp_json_value *entry,
                         const struct llmp_remote_piece *pieces, uint32_t count,
                         llmp_remote_found_fn *found, void *to)
{
    char kind[LLMP_GUARD_NAME_MAX + 1], label[LLMP_GUARD_NAME_MAX + 1];
    struct llmp_guard_found one = { .kind = kind };
    uint64_t text = 0, sure = 100, begin = 0, end;
    size_t size;

    if (!llmp_json_is(entry, LLMP_JSON_OBJECT) ||
        !take_number(entry, K("text"), count - 1, &text) ||
        !take_number(entry, K("sure"), 100, &sure) ||
        !take_name(entry, K("kind"), kind) ||
        !take_name(entry, K("label"), label) ||
        !take_severity(entry, &one.severity) || !kind[0])
        return false;
    size = pieces[text].of->is_image ? 0 : pieces[text].text.len;
    end = size;
    if (!take_number(entry, K("begin"), size, &begin) ||
        !take_number(entry, K("end"), size, &end) || begin > end)
        return false;
    one.sure = (uint32_t)sure;
    one.begin = (size_t)begin;
    one.end = (size_t)end;
    one.label = label[0] ? label : "REDACTED";
    found(to, (uint32_t)text, &one);
    return true;
}

static bool read_answer(const struct llmp_json_value *root,
                        const struct llmp_remote_piece *pieces, uint32_t count,
                        llmp_remote_found_fn *found, void *to)
{
    const struct llmp_json_value *list = llmp_json_get(root, K("findings"));

    if (!llmp_json_is(list, LLMP_JSON_ARRAY))
        return false;
    for (const struct llmp_json_value *one = list->first; one; one = one->next)
        if (!read_finding(one, pieces, count, found, to))
            return false;
    return true;
}

const struct llmp_remote_api llmp_remote_webhook = {
    .name = "webhook",
    .pieces_max = LLMP_REMOTE_PIECES_MAX,
    .bytes_max = 256 * 1024,
    .images = true,
    .image_urls = true,
    .path = put_path,
    .request = put_request,
    .answer = read_answer,
};
