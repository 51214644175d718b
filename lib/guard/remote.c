/* SPDX-License-Identifier: Apache-2.0 */
/* Who can be asked, how texts are cut into calls, and what they share. */
#include "guard/remote.h"

#include "base/internal.h"

enum {
    OVERLAP = 256, /* bytes that two pieces of a text share: what is harmful
                      seldom is longer than the words around it */
    MATCH_MAX = 1024
};

static const struct llmp_remote_api *const apis[] = {
    &llmp_remote_openai_moderation, &llmp_remote_azure_prompt_shields,
    &llmp_remote_azure_text,        &llmp_remote_azure_image,
    &llmp_remote_bedrock_guardrail, &llmp_remote_llama_guard,
    &llmp_remote_webhook,
};

const char *const llmp_remote_names[] = {
    "openai_moderation", "azure_prompt_shields", "azure_text", "azure_image",
    "bedrock_guardrail", "llama_guard",          "webhook",    NULL
};

const struct llmp_remote_api *llmp_remote_api(size_t index)
{
    return index < LLMP_COUNT(apis) ? apis[index] : NULL;
}

bool llmp_remote_takes(const struct llmp_remote_api *api,
                       const struct llmp_remote_text *text)
{
    if (!text->is_image)
        return api->bytes_max > 0;
    return text->is_url ? api->image_urls : api->images;
}

/* ---- calls -------------------------------------------------------------- */

/* At most `room` bytes from `begin` on, whole characters. */
static size_t piece_size(struct llmp_str text, size_t begin, size_t room)
{
    size_t size = text.len - begin;

    if (size <= room)
        return size;
    size = room;
    while (size > 0 && ((uint8_t)text.ptr[begin + size] & 0xc0) == 0x80)
        size--;
    return size ? size : room; /* no UTF-8 at all */
}

/* Where the piece behind one that ends at `end` begins. */
static size_t step_back(struct llmp_str text, size_t begin, size_t end)
{
    size_t at = end > begin + OVERLAP * 2 ? end - OVERLAP : end;

    while (at < end && ((uint8_t)text.ptr[at] & 0xc0) == 0x80)
        at++;
    return at;
}

uint32_t llmp_remote_next(
    const struct llmp_remote_api *api, const struct llmp_remote_text *texts,
    size_t count, struct llmp_remote_cursor *cursor,
    struct llmp_remote_piece pieces[LLMP_REMOTE_PIECES_MAX])
{
    size_t room = api->bytes_max;
    uint32_t n = 0;

    for (; cursor->text < count && n < api->pieces_max; cursor->text++) {
        const struct llmp_remote_text *of = &texts[cursor->text];
        struct llmp_remote_piece *piece = &pieces[n];
        size_t left = of->text.len - cursor->byte, end;

        if (!llmp_remote_takes(api, of) || of->text.len == 0)
            continue;
        if (of->is_image ? n > 0 : n > 0 && left > room)
            break; /* it is in the next call, and whole if it can be */
        *piece = (struct llmp_remote_piece){ .of = of,
                                             .index = (uint32_t)cursor->text,
                                             .begin = cursor->byte };
        piece->text = of->text;
        n++;
        if (of->is_image) {
            cursor->text++;
            break;
        }
        piece->text.ptr += cursor->byte;
        piece->text.len = piece_size(of->text, cursor->byte, room);
        room -= piece->text.len;
        end = cursor->byte + piece->text.len;
        if (end < of->text.len) {
            cursor->byte = step_back(of->text, cursor->byte, end);
            break;
        }
        cursor->byte = 0;
    }
    return n;
}

/* ---- what they say ------------------------------------------------------ */

static void put_kind(char to[LLMP_REMOTE_KIND_MAX], const char *head,
                     struct llmp_str name)
{
    size_t len = strlen(head);

    memcpy(to, head, len);
    for (size_t i = 0; i < name.len && len < LLMP_REMOTE_KIND_MAX - 1; i++) {
        char c = llmp_lower(name.ptr[i]);
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

        to[len++] = plain ? c : '_';
    }
    to[len] = '\0';
}

/* A picture has no bytes that could be replaced. */
static size_t end_of(const struct llmp_remote_piece *piece)
{
    return piece->of->is_image ? 0 : piece->text.len;
}

void llmp_remote_say(llmp_remote_found_fn *found, void *to,
                     const struct llmp_remote_piece *pieces, uint32_t piece,
                     const char *head, struct llmp_str name,
                     enum llmp_guard_severity severity, uint32_t sure)
{
    char kind[LLMP_REMOTE_KIND_MAX];

    put_kind(kind, head, name);
    found(to, piece,
          &(struct llmp_guard_found){ .kind = kind,
                                      .severity = severity,
                                      .sure = sure > 100 ? 100 : sure,
                                      .end = end_of(&pieces[piece]),
                                      .label = "REMOVED" });
}

/* Every place of `text` in the piece; false: there is none. */
static bool say_places(llmp_remote_found_fn *found, void *to, uint32_t index,
                       const struct llmp_remote_piece *piece,
                       struct llmp_str text,
                       const struct llmp_guard_found *like)
{
    struct llmp_str rest = piece->text;
    bool any = false;

    for (;;) {
        struct llmp_guard_found one = *like;
        size_t at = llmp_str_find(rest, text);

        if (at == SIZE_MAX)
            return any;
        any = true;
        one.begin = (size_t)(rest.ptr - piece->text.ptr) + at;
        one.end = one.begin + text.len;
        found(to, index, &one);
        rest.ptr += at + text.len;
        rest.len -= at + text.len;
    }
}

void llmp_remote_say_match(llmp_remote_found_fn *found, void *to,
                           const struct llmp_remote_piece *pieces,
                           uint32_t count, const char *head,
                           struct llmp_str name,
                           enum llmp_guard_severity severity,
                           const struct llmp_json_value *match)
{
    char kind[LLMP_REMOTE_KIND_MAX], label[LLMP_REMOTE_KIND_MAX];
    char plain[MATCH_MAX];
    struct llmp_str text = { plain, 0 };
    bool any = false;

    put_kind(kind, head, name);
    put_kind(label, "", name);
    for (char *c = label; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 0x20) : *c;
    label[LLMP_GUARD_NAME_MAX] = '\0';

    struct llmp_guard_found one = { .kind = kind,
                                    .severity = severity,
                                    .sure = 100,
                                    .label = label[0] ? label : "REMOVED" };

    if (llmp_json_is(match, LLMP_JSON_STRING) &&
        match->text.len <= sizeof(plain))
        text.len = llmp_json_unescape(plain, match->text);
    for (uint32_t i = 0; text.len && i < count; i++)
        if (!pieces[i].of->is_image)
            any |= say_places(found, to, i, &pieces[i], text, &one);
    for (uint32_t i = 0; !any && i < count; i++) {
        one.end = end_of(&pieces[i]);
        found(to, i, &one);
    }
}

bool llmp_remote_put_url(struct llmp_buf *to,
                         const struct llmp_remote_text *image)
{
    struct llmp_str media =
        image->media.len ? image->media : LLMP_STR("image/png");

    if (image->is_url)
        return llmp_buf_json(to, image->text);
    return llmp_buf_add(to, LLMP_STR("\"data:")) && llmp_buf_add(to, media) &&
           llmp_buf_add(to, LLMP_STR(";base64,")) &&
           llmp_buf_add(to, image->text) && llmp_buf_add(to, LLMP_STR("\""));
}
