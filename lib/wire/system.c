/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/system.h"

#include "base/internal.h"

#define K(text) LLMP_STR(text)

/* What is put where: `front`, the text as JSON, `back`; `gone` bytes make
 * room. */
struct splice {
    size_t at, gone;
    const char *front, *back;
    bool inside; /* a string: its end stays, and a paragraph begins */
};

static size_t offset_of(struct llmp_str document, const char *at)
{
    return (size_t)(at - document.ptr);
}

/* Behind what a string says. */
static struct splice behind_text(struct llmp_str document,
                                 const struct llmp_json_value *text)
{
    const char *end = text->text.ptr + text->text.len;

    return (struct splice){ .at = offset_of(document, end),
                            .front = text->text.len ? "\\n\\n" : "",
                            .back = "",
                            .inside = true };
}

/* As the last element of a list. */
static struct splice behind_elements(struct llmp_str document,
                                     const struct llmp_json_value *list,
                                     const char *front, const char *front_next,
                                     const char *back)
{
    const char *end = list->text.ptr + list->text.len - 1;

    return (struct splice){ .at = offset_of(document, end),
                            .front = list->count ? front_next : front,
                            .back = back };
}

/* As the first member of an object, or element of a list. */
static struct splice before_all(struct llmp_str document,
                                const struct llmp_json_value *of,
                                const char *front, const char *back,
                                const char *back_last)
{
    return (struct splice){ .at = offset_of(document, of->text.ptr + 1),
                            .front = front,
                            .back = of->count ? back : back_last };
}

/* Text, or a list of blocks. False: it is neither. */
static bool behind_content(struct splice *splice, struct llmp_str document,
                           const struct llmp_json_value *content)
{
    if (llmp_json_is(content, LLMP_JSON_STRING)) {
        *splice = behind_text(document, content);
        return true;
    }
    if (!llmp_json_is(content, LLMP_JSON_ARRAY))
        return false;
    *splice = behind_elements(document, content, "{\"type\":\"text\",\"text\":",
                              ",{\"type\":\"text\",\"text\":", "}");
    return true;
}

/* A member of the request that is the system prompt. */
static bool in_member(struct splice *splice, struct llmp_str document,
                      const struct llmp_json_value *root, struct llmp_str key,
                      const char *front)
{
    const struct llmp_json_value *value = llmp_json_member(root, key);

    if (!value) {
        *splice = before_all(document, root, front, ",", "");
        return true;
    }
    if (value->type == LLMP_JSON_NULL) {
        *splice = (struct splice){ .at = offset_of(document, value->text.ptr),
                                   .gone = value->text.len,
                                   .front = "",
                                   .back = "" };
        return true;
    }
    return behind_content(splice, document, value);
}

static bool is_system(const struct llmp_json_value *message)
{
    const struct llmp_json_value *role = llmp_json_get(message, K("role"));

    return (llmp_json_text_is(role, K("system")) ||
            llmp_json_text_is(role, K("developer")));
}

static bool in_messages(struct splice *splice, struct llmp_str document,
                        const struct llmp_json_value *root)
{
    const struct llmp_json_value *messages = llmp_json_get(root, K("messages"));

    if (!llmp_json_is(messages, LLMP_JSON_ARRAY))
        return false;
    for (const struct llmp_json_value *m = messages->first; m; m = m->next)
        if (is_system(m) &&
            behind_content(splice, document, llmp_json_get(m, K("content"))))
            return true;
    *splice = before_all(document, messages,
                         "{\"role\":\"system\",\"content\":", "},", "}");
    return true;
}

/* Google's is a content, with parts; its JSON may be in snake case. */
static bool in_instruction(struct splice *splice, struct llmp_str document,
                           const struct llmp_json_value *root)
{
    const struct llmp_json_value *value =
        llmp_json_get(root, K("systemInstruction"));
    const struct llmp_json_value *parts = NULL;

    if (!value)
        value = llmp_json_get(root, K("system_instruction"));
    if (!value) {
        *splice = before_all(
            document, root,
            "\"systemInstruction\":{\"parts\":[{\"text\":", "}]},", "}]}");
        return true;
    }
    if (llmp_json_is(value, LLMP_JSON_STRING)) {
        *splice = behind_text(document, value);
        return true;
    }
    if (llmp_json_is(value, LLMP_JSON_OBJECT))
        parts = llmp_json_get(value, K("parts"));
    if (llmp_json_is(parts, LLMP_JSON_ARRAY))
        *splice =
            behind_elements(document, parts, "{\"text\":", ",{\"text\":", "}");
    return llmp_json_is(parts, LLMP_JSON_ARRAY);
}

static bool find(struct splice *splice, enum llmp_shape shape,
                 struct llmp_str document, const struct llmp_json_value *root)
{
    switch (shape) {
    case LLMP_SHAPE_CHAT:
        return in_messages(splice, document, root);
    case LLMP_SHAPE_MESSAGES:
    case LLMP_SHAPE_COUNT:
        return in_member(splice, document, root, K("system"), "\"system\":");
    case LLMP_SHAPE_RESPONSES:
        return in_member(splice, document, root, K("instructions"),
                         "\"instructions\":");
    case LLMP_SHAPE_GEMINI:
        return in_instruction(splice, document, root);
    default:
        return false;
    }
}

bool llmp_wire_has_system(enum llmp_shape shape)
{
    return shape == LLMP_SHAPE_CHAT || shape == LLMP_SHAPE_MESSAGES ||
           shape == LLMP_SHAPE_COUNT || shape == LLMP_SHAPE_RESPONSES ||
           shape == LLMP_SHAPE_GEMINI;
}

int llmp_wire_add_system(struct llmp_buf *out, enum llmp_shape shape,
                         struct llmp_str document,
                         const struct llmp_json_value *root,
                         struct llmp_str plain)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf json = { 0 };
    struct splice s;
    struct llmp_str text, rest;

    if (!llmp_json_is(root, LLMP_JSON_OBJECT) ||
        !find(&s, shape, document, root))
        return LLMP_MISS;
    if (!llmp_buf_json(&json, plain))
        return LLMP_E_NOMEM;
    text = llmp_buf_str(&json);
    if (s.inside) /* between the quotes of another */
        text = (struct llmp_str){ text.ptr + 1, text.len - 2 };
    rest = (struct llmp_str){ document.ptr + s.at + s.gone,
                              document.len - s.at - s.gone };
    (void)llmp_buf_add(out, (struct llmp_str){ document.ptr, s.at });
    (void)llmp_buf_add(out, llmp_str_of(s.front));
    (void)llmp_buf_add(out, text);
    (void)llmp_buf_add(out, llmp_str_of(s.back));
    (void)llmp_buf_add(out, rest);
    return out->failed ? LLMP_E_NOMEM : LLMP_OK;
}
