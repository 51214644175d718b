/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/prompt.h"

#include "base/internal.h"
#include "base/json_tree.h"
#include "base/str.h"

enum {
    TURNS = 4, /* of the user, the last ones */
    TEXTS_MAX = 64,
    TEXT_BYTES_MAX = 64 * 1024 /* of all texts together, with their escapes */
};

struct look {
    struct llmp_route_features features;
    struct llmp_str texts[TEXTS_MAX];
    size_t text_count;
    size_t bytes_left;
    struct llmp_arena *arena;
};

/* At a blank, which is inside no escape; else there is no text here. */
static struct llmp_str cut(struct llmp_str text, size_t max)
{
    if (text.len <= max)
        return text;
    text.len = max;
    while (text.len && text.ptr[text.len - 1] != ' ')
        text.len--;
    return text;
}

static int add_text(struct look *look, const struct llmp_json_value *value)
{
    struct llmp_str text = cut(value->text, look->bytes_left);

    if (!llmp_json_is(value, LLMP_JSON_STRING) || !text.len ||
        look->text_count == TEXTS_MAX)
        return LLMP_OK;
    look->bytes_left -= text.len;
    if (value->escaped) {
        char *plain = llmp_arena_take(look->arena, text.len);

        if (!plain)
            return LLMP_E_NOMEM;
        text = (struct llmp_str){ plain, llmp_json_unescape(plain, text) };
    }
    llmp_route_features_add(&look->features, text);
    look->texts[look->text_count++] = text;
    return LLMP_OK;
}

/* A text alone, or a list of parts. */
static int add_content(struct look *look, const struct llmp_json_value *content)
{
    if (llmp_json_is(content, LLMP_JSON_STRING))
        return add_text(look, content);
    if (!llmp_json_is(content, LLMP_JSON_ARRAY))
        return LLMP_OK;
    for (const struct llmp_json_value *part = content->first; part;
         part = part->next) {
        const struct llmp_json_value *text =
            llmp_json_get(part, LLMP_STR("text"));

        if (text)
            LLMP_TRY(add_text(look, text));
    }
    return LLMP_OK;
}

/* Pictures, sounds, files: what has a name here, in either dialect. */
static bool is_media(const struct llmp_json_value *part)
{
    static const struct llmp_str types[] = {
        LLMP_STR("image_url"),   LLMP_STR("input_audio"), LLMP_STR("file"),
        LLMP_STR("video_url"),   LLMP_STR("image"),       LLMP_STR("document"),
        LLMP_STR("input_image"), LLMP_STR("input_file"),
    };
    const struct llmp_json_value *type = llmp_json_get(part, LLMP_STR("type"));

    for (size_t i = 0; type && i < LLMP_COUNT(types); i++)
        if (llmp_json_text_is(type, types[i]))
            return true;
    return false;
}

static uint64_t count_media(const struct llmp_json_value *content)
{
    uint64_t count = 0;

    if (!llmp_json_is(content, LLMP_JSON_ARRAY))
        return 0;
    for (const struct llmp_json_value *part = content->first; part;
         part = part->next)
        count += llmp_json_is(part, LLMP_JSON_OBJECT) && is_media(part);
    return count;
}

/* Results of tools come as the user's, too, in one dialect. */
static bool has_text(const struct llmp_json_value *content)
{
    if (!llmp_json_is(content, LLMP_JSON_ARRAY))
        return llmp_json_is(content, LLMP_JSON_STRING);
    for (const struct llmp_json_value *part = content->first; part;
         part = part->next)
        if (llmp_json_get(part, LLMP_STR("text")))
            return true;
    return false;
}

/* Media of all messages; the user's texts of the last ones. */
static int add_messages(struct look *look, const struct llmp_json_value *list)
{
    const struct llmp_json_value *last[TURNS] = { NULL };
    size_t users = 0;

    look->features.of[LLMP_FEATURE_TURNS] = list->count;
    for (const struct llmp_json_value *m = list->first; m; m = m->next) {
        if (!llmp_json_is(m, LLMP_JSON_OBJECT))
            continue;

        const struct llmp_json_value *content =
            llmp_json_get(m, LLMP_STR("content"));

        look->features.of[LLMP_FEATURE_MEDIA] += count_media(content);
        if (llmp_json_text_is(llmp_json_get(m, LLMP_STR("role")),
                              LLMP_STR("user")) &&
            has_text(content))
            last[users++ % TURNS] = content;
    }
    /* The newest first: it is what has to be answered. */
    for (size_t i = 0; i < TURNS && i < users; i++)
        LLMP_TRY(add_content(look, last[(users - 1 - i) % TURNS]));
    return LLMP_OK;
}

/* Chat and Messages have `messages`, Responses `input`, Completions `prompt`.
 */
static int read_body(struct look *look, const struct llmp_json_value *root)
{
    const struct llmp_json_value *tools, *prompt;

    if (!llmp_json_is(root, LLMP_JSON_OBJECT))
        return LLMP_OK;
    tools = llmp_json_get(root, LLMP_STR("tools"));
    prompt = llmp_json_get(root, LLMP_STR("messages"));
    if (!prompt)
        prompt = llmp_json_get(root, LLMP_STR("input"));
    if (!prompt)
        prompt = llmp_json_get(root, LLMP_STR("prompt"));
    if (llmp_json_is(tools, LLMP_JSON_ARRAY))
        look->features.of[LLMP_FEATURE_TOOLS] = tools->count;
    if (llmp_json_is(prompt, LLMP_JSON_ARRAY))
        return add_messages(look, prompt);
    return prompt ? add_content(look, prompt) : LLMP_OK;
}

int llmp_prompt_score(struct llmp_route_score *out,
                      const struct llmp_complexity_config *complexity,
                      const struct llmp_prompt *prompt,
                      struct llmp_arena *arena)
{
    struct look look = { .bytes_left = TEXT_BYTES_MAX, .arena = arena };
    const struct llmp_json_value *root;
    int rc =
        llmp_json_tree(&root, prompt->body, prompt->depth_max, arena, NULL);

    if (rc == LLMP_OK)
        rc = read_body(&look, root);
    if (rc == LLMP_E_NOMEM)
        return rc;
    look.features.of[LLMP_FEATURE_TOKENS] = prompt->input_tokens;
    look.features.of[LLMP_FEATURE_OUTPUT_TOKENS] = prompt->output_tokens;
    return llmp_route_complexity(out, complexity->rules, complexity->rule_count,
                                 &look.features, look.texts, look.text_count,
                                 complexity->thresholds,
                                 complexity->threshold_count);
}

uint64_t llmp_prompt_affinity(struct llmp_str body, struct llmp_str user)
{
    enum { FRONT = 4096 };

    if (body.len > FRONT)
        body.len = FRONT;
    return llmp_str_hash(body, llmp_str_hash(user, 0));
}
