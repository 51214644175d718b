/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/expected.h"

#include "base/internal.h"
#include "base/str.h"

#define K(text) LLMP_STR(text)

/* { "type": "json_schema", …, "schema": {…} }, { "type": "json_object" } */
static struct llmp_str of_format(const struct llmp_json_value *format,
                                 const struct llmp_json_value *schema)
{
    const struct llmp_json_value *type = llmp_json_get(format, K("type"));

    if (!llmp_json_is(type, LLMP_JSON_STRING))
        return K("");
    if (llmp_json_text_is(type, K("json_object")))
        return K("{\"type\":\"object\"}");
    return llmp_json_text_is(type, K("json_schema")) ? llmp_json_text(schema)
                                                     : K("");
}

/* Google's: a schema in either of two dialects, or JSON of any kind. */
static struct llmp_str of_generation(const struct llmp_json_value *config)
{
    static const struct llmp_str names[] = { LLMP_STR("responseJsonSchema"),
                                             LLMP_STR("response_json_schema"),
                                             LLMP_STR("_responseJsonSchema"),
                                             LLMP_STR("responseSchema"),
                                             LLMP_STR("response_schema") };
    const struct llmp_json_value *type =
        llmp_json_get(config, K("responseMimeType"));

    for (size_t i = 0; i < LLMP_COUNT(names); i++)
        if (llmp_json_get(config, names[i]))
            return llmp_json_text(llmp_json_get(config, names[i]));
    if (!type)
        type = llmp_json_get(config, K("response_mime_type"));
    return llmp_json_is(type, LLMP_JSON_STRING) &&
                   llmp_json_text_is(type, K("application/json"))
               ? K("true")
               : K("");
}

struct llmp_str llmp_wire_expected(enum llmp_shape shape,
                                   const struct llmp_json_value *root)
{
    const struct llmp_json_value *format, *config;

    switch (shape) {
    case LLMP_SHAPE_CHAT:
        format = llmp_json_get(root, K("response_format"));
        return of_format(format,
                         llmp_json_get(llmp_json_get(format, K("json_schema")),
                                       K("schema")));
    case LLMP_SHAPE_RESPONSES:
        format = llmp_json_get(llmp_json_get(root, K("text")), K("format"));
        return of_format(format, llmp_json_get(format, K("schema")));
    case LLMP_SHAPE_MESSAGES:
        format =
            llmp_json_get(llmp_json_get(root, K("output_config")), K("format"));
        if (!format)
            format = llmp_json_get(root, K("output_format"));
        return of_format(format, llmp_json_get(format, K("schema")));
    case LLMP_SHAPE_GEMINI:
        config = llmp_json_get(root, K("generationConfig"));
        if (!config)
            config = llmp_json_get(root, K("generation_config"));
        return of_generation(config);
    default:
        return K("");
    }
}
