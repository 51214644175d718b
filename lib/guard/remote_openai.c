/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAI's moderations (API reference, "Create moderation"), and Llama Guard by
 * chat completions (Meta's model cards, "Llama Guard 3", "Llama Guard 4"):
 * "safe", or "unsafe" and on the next line the categories.
 */
#include "base/internal.h"
#include "base/json_out.h"
#include "guard/remote.h"

#define K(text) LLMP_STR(text)

static bool set_path(struct llmp_buf *to,
                     const struct llmp_remote_settings *set,
                     struct llmp_str path)
{
    return llmp_buf_add(to, set->path.len ? set->path : path);
}

/* ---- moderations -------------------------------------------------------- */

static bool moderation_path(struct llmp_buf *to,
                            const struct llmp_remote_settings *set)
{
    return set_path(to, set, K("/moderations"));
}

/* A list of texts has a result for each; a picture comes alone. */
static bool moderation_request(struct llmp_buf *to,
                               const struct llmp_remote_settings *set,
                               const struct llmp_remote_piece *pieces,
                               uint32_t count)
{
    struct llmp_json_out out = { .buf = to };

    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_string(&out, K("model"),
                    set->model.len ? set->model : K("omni-moderation-latest"));
    llmp_out_array(&out, K("input"));
    if (pieces[0].of->is_image) {
        (void)llmp_buf_add(
            to, K("{\"type\":\"image_url\",\"image_url\":{\"url\":"));
        (void)llmp_remote_put_url(to, pieces[0].of);
        (void)llmp_buf_add(to, K("}}"));
    } else {
        for (uint32_t i = 0; i < count; i++)
            llmp_out_string(&out, LLMP_NO_KEY, pieces[i].text);
    }
    llmp_out_end_array(&out);
    llmp_out_end_object(&out);
    return !to->failed;
}

/* "0.937", "1", "9.3e-05" -> 93, 100, 0 */
static uint32_t percent_of(struct llmp_str number)
{
    uint32_t thousandths = 0, place = 100;
    size_t i = 0;

    if (llmp_str_find(number, K("e-")) != SIZE_MAX)
        return 0; /* so small ones are written; hundredths never are */
    for (; i < number.len && number.ptr[i] != '.'; i++)
        if (number.ptr[i] < '0' || number.ptr[i] > '9')
            return 0;
        else if (number.ptr[i] != '0')
            return 100;
    for (i++; i < number.len; i++) {
        if (number.ptr[i] < '0' || number.ptr[i] > '9')
            return 0;
        thousandths += (uint32_t)(number.ptr[i] - '0') * place;
        place /= 10;
    }
    return thousandths / 10;
}

static enum llmp_guard_severity severity_of(struct llmp_str category)
{
    if (llmp_str_eq(category, K("sexual/minors")))
        return LLMP_GUARD_CRITICAL;
    if (llmp_str_eq(category, K("harassment")) ||
        llmp_str_eq(category, K("violence")) ||
        llmp_str_eq(category, K("sexual")))
        return LLMP_GUARD_MEDIUM;
    return LLMP_GUARD_HIGH;
}

/* A category that is flagged; the score says how sure that is. */
static void read_result(const struct llmp_json_value *result,
                        const struct llmp_remote_piece *pieces, uint32_t piece,
                        llmp_remote_found_fn *found, void *to)
{
    const struct llmp_json_value *flags =
        llmp_json_get(result, K("categories"));
    const struct llmp_json_value *scores =
        llmp_json_get(result, K("category_scores"));

    for (const struct llmp_json_value *flag = flags ? flags->first : NULL; flag;
         flag = flag->next) {
        const struct llmp_json_value *score;
        uint32_t sure;

        if (flag->type != LLMP_JSON_TRUE)
            continue;
        score = llmp_json_get(scores, flag->key);
        sure = score ? percent_of(score->text) : 100;
        llmp_remote_say(found, to, pieces, piece, "moderation.", flag->key,
                        severity_of(flag->key), sure < 50 ? 50 : sure);
    }
}

static bool moderation_answer(const struct llmp_json_value *root,
                              const struct llmp_remote_piece *pieces,
                              uint32_t count, llmp_remote_found_fn *found,
                              void *to)
{
    const struct llmp_json_value *results = llmp_json_get(root, K("results"));
    uint32_t i = 0;

    if (!llmp_json_is(results, LLMP_JSON_ARRAY) || results->count != count)
        return false;
    for (const struct llmp_json_value *one = results->first; one;
         one = one->next, i++) {
        if (!llmp_json_is(one, LLMP_JSON_OBJECT) ||
            !llmp_json_is(llmp_json_get(one, K("categories")),
                          LLMP_JSON_OBJECT))
            return false;
        read_result(one, pieces, i, found, to);
    }
    return true;
}

const struct llmp_remote_api llmp_remote_openai_moderation = {
    .name = "openai_moderation",
    .pieces_max = 32,
    .bytes_max = 64 * 1024,
    .images = true,
    .image_urls = true,
    .path = moderation_path,
    .request = moderation_request,
    .answer = moderation_answer,
};

/* ---- Llama Guard -------------------------------------------------------- */

static bool llama_path(struct llmp_buf *to,
                       const struct llmp_remote_settings *set)
{
    return set_path(to, set, K("/chat/completions"));
}

/* Its template judges the last turn, and turns change: an answer stands behind
 * a turn of the user's, which we do not repeat. */
static bool llama_request(struct llmp_buf *to,
                          const struct llmp_remote_settings *set,
                          const struct llmp_remote_piece *pieces,
                          uint32_t count)
{
    struct llmp_json_out out = { .buf = to };
    bool answer = llmp_remote_is_answer(pieces[0].of->part);

    (void)count; /* one */
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_string(&out, K("model"), set->model);
    llmp_out_array(&out, K("messages"));
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_text(&out, K("role"), K("user"));
    llmp_out_string(&out, K("content"), answer ? K("…") : pieces[0].text);
    llmp_out_end_object(&out);
    if (answer) {
        llmp_out_object(&out, LLMP_NO_KEY);
        llmp_out_text(&out, K("role"), K("assistant"));
        llmp_out_string(&out, K("content"), pieces[0].text);
        llmp_out_end_object(&out);
    }
    llmp_out_end_array(&out);
    llmp_out_u64(&out, K("temperature"), 0);
    llmp_out_u64(&out, K("max_tokens"), 32);
    llmp_out_end_object(&out);
    return !to->failed;
}

/* S1 to S14, as the model cards of Llama Guard 3 and 4 number them. */
static const struct {
    const char *name;
    enum llmp_guard_severity severity;
} hazards[] = {
    { "violent_crimes", LLMP_GUARD_HIGH },
    { "non_violent_crimes", LLMP_GUARD_HIGH },
    { "sex_crimes", LLMP_GUARD_HIGH },
    { "child_exploitation", LLMP_GUARD_CRITICAL },
    { "defamation", LLMP_GUARD_MEDIUM },
    { "specialized_advice", LLMP_GUARD_MEDIUM },
    { "privacy", LLMP_GUARD_MEDIUM },
    { "intellectual_property", LLMP_GUARD_MEDIUM },
    { "indiscriminate_weapons", LLMP_GUARD_CRITICAL },
    { "hate", LLMP_GUARD_HIGH },
    { "self_harm", LLMP_GUARD_HIGH },
    { "sexual", LLMP_GUARD_MEDIUM },
    { "elections", LLMP_GUARD_MEDIUM },
    { "code_interpreter_abuse", LLMP_GUARD_HIGH },
};

/* "S1,S10" behind "unsafe"; returns how many it knows. */
static uint32_t read_hazards(struct llmp_str text,
                             const struct llmp_remote_piece *pieces,
                             llmp_remote_found_fn *found, void *to)
{
    uint32_t said = 0;

    for (size_t i = 0; i + 1 < text.len; i++) {
        size_t number = 0, at = i + 1;

        if (text.ptr[i] != 'S')
            continue;
        while (at < text.len && at < i + 3 && text.ptr[at] >= '0' &&
               text.ptr[at] <= '9')
            number = number * 10 + (size_t)(text.ptr[at++] - '0');
        if (number == 0 || number > LLMP_COUNT(hazards))
            continue;
        llmp_remote_say(found, to, pieces, 0, "moderation.",
                        llmp_str_of(hazards[number - 1].name),
                        hazards[number - 1].severity, 100);
        said++;
    }
    return said;
}

static struct llmp_str skip_blanks(struct llmp_str text)
{
    for (;;) {
        text = llmp_str_trim(text);
        if (text.len >= 2 && text.ptr[0] == '\\' && text.ptr[1] == 'n')
            text = (struct llmp_str){ text.ptr + 2, text.len - 2 };
        else
            return text;
    }
}

static bool llama_answer(const struct llmp_json_value *root,
                         const struct llmp_remote_piece *pieces, uint32_t count,
                         llmp_remote_found_fn *found, void *to)
{
    const struct llmp_json_value *choices = llmp_json_get(root, K("choices"));
    const struct llmp_json_value *content;
    struct llmp_str text;

    (void)count;
    if (!llmp_json_is(choices, LLMP_JSON_ARRAY))
        return false;
    content = llmp_json_get(llmp_json_get(choices->first, K("message")),
                            K("content"));
    if (!llmp_json_is(content, LLMP_JSON_STRING))
        return false;
    text = skip_blanks(content->text);
    if (llmp_str_starts(text, K("safe")))
        return true;
    if (!llmp_str_starts(text, K("unsafe")))
        return false; /* it did not understand what it is for */
    text = (struct llmp_str){ text.ptr + 6, text.len - 6 };
    if (!read_hazards(text, pieces, found, to))
        llmp_remote_say(found, to, pieces, 0, "moderation.", K("unsafe"),
                        LLMP_GUARD_HIGH, 100);
    return true;
}

const struct llmp_remote_api llmp_remote_llama_guard = {
    .name = "llama_guard",
    .pieces_max = 1,
    .bytes_max = 16 * 1024,
    .needs_model = true,
    .path = llama_path,
    .request = llama_request,
    .answer = llama_answer,
};
