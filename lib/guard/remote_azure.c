/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure AI Content Safety, API version 2024-09-01 (azure-rest-api-specs,
 * cognitiveservices/ContentSafety): Prompt Shields, text, pictures. It counts
 * characters; we count bytes, which are never fewer.
 */
#include "base/internal.h"
#include "base/json_out.h"
#include "guard/remote.h"

#define K(text) LLMP_STR(text)

enum { TEXT_MAX = 10000, DOCUMENTS_MAX = 5 };

static bool put_path(struct llmp_buf *to,
                     const struct llmp_remote_settings *set, const char *call)
{
    struct llmp_str version = set->version.len ? set->version : K("2024-09-01");

    if (set->path.len)
        return llmp_buf_add(to, set->path);
    return llmp_buf_printf(to, "/contentsafety/%s?api-version=%.*s", call,
                           (int)version.len, version.ptr);
}

/* ---- Prompt Shields ------------------------------------------------------ */

static bool shields_path(struct llmp_buf *to,
                         const struct llmp_remote_settings *set)
{
    return put_path(to, set, "text:shieldPrompt");
}

/* What somebody says to a model; anything else is a document to it. */
static bool is_prompt(const struct llmp_remote_piece *piece)
{
    return piece->of->part == LLMP_GUARD_USER ||
           piece->of->part == LLMP_GUARD_SYSTEM ||
           piece->of->part == LLMP_GUARD_ASSISTANT;
}

static bool shields_request(struct llmp_buf *to,
                            const struct llmp_remote_settings *set,
                            const struct llmp_remote_piece *pieces,
                            uint32_t count)
{
    struct llmp_json_out out = { .buf = to };
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf prompt = { 0 };

    (void)set;
    for (uint32_t i = 0; i < count; i++)
        if (is_prompt(&pieces[i])) {
            if (prompt.len)
                (void)llmp_buf_add(&prompt, K("\n"));
            (void)llmp_buf_add(&prompt, pieces[i].text);
        }
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_string(&out, K("userPrompt"), llmp_buf_str(&prompt));
    llmp_out_array(&out, K("documents"));
    for (uint32_t i = 0; i < count; i++)
        if (!is_prompt(&pieces[i]))
            llmp_out_string(&out, LLMP_NO_KEY, pieces[i].text);
    llmp_out_end_array(&out);
    llmp_out_end_object(&out);
    return !to->failed && !prompt.failed;
}

/* 1: an attack, 0: none, -1: it does not say. */
static int attack_of(const struct llmp_json_value *analysis)
{
    const struct llmp_json_value *detected =
        llmp_json_get(analysis, K("attackDetected"));

    if (!detected)
        return -1;
    return detected->type == LLMP_JSON_TRUE    ? 1
           : detected->type == LLMP_JSON_FALSE ? 0
                                               : -1;
}

static bool read_prompt(const struct llmp_json_value *root,
                        const struct llmp_remote_piece *pieces, uint32_t count,
                        llmp_remote_found_fn *found, void *to)
{
    int attack = attack_of(llmp_json_get(root, K("userPromptAnalysis")));
    bool asked = false;

    for (uint32_t i = 0; i < count; i++) {
        if (!is_prompt(&pieces[i]))
            continue;
        asked = true;
        if (attack > 0)
            llmp_remote_say(found, to, pieces, i, "injection.", K("prompt"),
                            LLMP_GUARD_HIGH, 100);
    }
    return attack >= 0 || !asked;
}

static bool shields_answer(const struct llmp_json_value *root,
                           const struct llmp_remote_piece *pieces,
                           uint32_t count, llmp_remote_found_fn *found,
                           void *to)
{
    const struct llmp_json_value *analyses =
        llmp_json_get(root, K("documentsAnalysis"));
    const struct llmp_json_value *one =
        llmp_json_is(analyses, LLMP_JSON_ARRAY) ? analyses->first : NULL;

    if (!read_prompt(root, pieces, count, found, to))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        int attack;

        if (is_prompt(&pieces[i]))
            continue;
        attack = attack_of(one);
        if (attack < 0)
            return false;
        if (attack > 0)
            llmp_remote_say(found, to, pieces, i, "injection.", K("indirect"),
                            LLMP_GUARD_HIGH, 100);
        one = one->next;
    }
    return true;
}

const struct llmp_remote_api llmp_remote_azure_prompt_shields = {
    .name = "azure_prompt_shields",
    .key_field = "ocp-apim-subscription-key",
    .pieces_max = DOCUMENTS_MAX,
    .bytes_max = TEXT_MAX - DOCUMENTS_MAX, /* line ends between prompts */
    .path = shields_path,
    .request = shields_request,
    .answer = shields_answer,
};

/* ---- text, pictures ------------------------------------------------------ */

static bool text_path(struct llmp_buf *to,
                      const struct llmp_remote_settings *set)
{
    return put_path(to, set, "text:analyze");
}

static bool image_path(struct llmp_buf *to,
                       const struct llmp_remote_settings *set)
{
    return put_path(to, set, "image:analyze");
}

static bool text_request(struct llmp_buf *to,
                         const struct llmp_remote_settings *set,
                         const struct llmp_remote_piece *pieces, uint32_t count)
{
    struct llmp_json_out out = { .buf = to };

    (void)set;
    (void)count; /* one */
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_string(&out, K("text"), pieces[0].text);
    llmp_out_text(&out, K("outputType"), K("EightSeverityLevels"));
    llmp_out_end_object(&out);
    return !to->failed;
}

static bool image_request(struct llmp_buf *to,
                          const struct llmp_remote_settings *set,
                          const struct llmp_remote_piece *pieces,
                          uint32_t count)
{
    struct llmp_json_out out = { .buf = to };

    (void)set;
    (void)count;
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_object(&out, K("image"));
    llmp_out_string(&out, K("content"), pieces[0].text);
    llmp_out_end_object(&out);
    llmp_out_end_object(&out);
    return !to->failed;
}

/* 1 or 2 of 7 is low, 3 or 4 medium, 5 or 6 high. */
static enum llmp_guard_severity severity_of(uint64_t level)
{
    return level <= 2   ? LLMP_GUARD_LOW
           : level <= 4 ? LLMP_GUARD_MEDIUM
           : level <= 6 ? LLMP_GUARD_HIGH
                        : LLMP_GUARD_CRITICAL;
}

static bool read_category(const struct llmp_json_value *one,
                          const struct llmp_remote_piece *pieces,
                          llmp_remote_found_fn *found, void *to)
{
    struct llmp_str name = llmp_json_text(llmp_json_get(one, K("category")));
    const struct llmp_json_value *severity = llmp_json_get(one, K("severity"));
    uint64_t level;

    if (!severity) /* it may be null: not looked at */
        return true;
    if (!name.len || !llmp_str_to_u64(severity->text, &level))
        return false;
    if (llmp_str_eq(name, K("SelfHarm")))
        name = K("self_harm");
    if (level)
        llmp_remote_say(found, to, pieces, 0, "moderation.", name,
                        severity_of(level), 100);
    return true;
}

static bool analysis_answer(const struct llmp_json_value *root,
                            const struct llmp_remote_piece *pieces,
                            uint32_t count, llmp_remote_found_fn *found,
                            void *to)
{
    const struct llmp_json_value *list =
        llmp_json_get(root, K("categoriesAnalysis"));

    if (!llmp_json_is(list, LLMP_JSON_ARRAY))
        return false;
    for (const struct llmp_json_value *one = list->first; one; one = one->next)
        if (!llmp_json_is(one, LLMP_JSON_OBJECT) ||
            !read_category(one, pieces, found, to))
            return false;
    list = llmp_json_get(root, K("blocklistsMatch"));
    for (const struct llmp_json_value *one = list ? list->first : NULL; one;
         one = one->next)
        llmp_remote_say_match(found, to, pieces, count, "moderation.",
                              K("blocklist"), LLMP_GUARD_HIGH,
                              llmp_json_get(one, K("blocklistItemText")));
    return true;
}

const struct llmp_remote_api llmp_remote_azure_text = {
    .name = "azure_text",
    .key_field = "ocp-apim-subscription-key",
    .pieces_max = 1,
    .bytes_max = TEXT_MAX,
    .path = text_path,
    .request = text_request,
    .answer = analysis_answer,
};

const struct llmp_remote_api llmp_remote_azure_image = {
    .name = "azure_image",
    .key_field = "ocp-apim-subscription-key",
    .pieces_max = 1,
    .images = true,
    .path = image_path,
    .request = image_request,
    .answer = analysis_answer,
};
