/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk: where a member leads is in the table of text_places.c; what holds
 * for an object and all in it is decided here when the object is entered.
 *
 * It recurses, as deep as the reader lets a document be (LLMP_JSON_DEPTH_MAX).
 */
#include "wire/texts.h"

#include <stdio.h>

#include "base/internal.h"
#include "base/str.h"
#include "wire/dialect.h"
#include "wire/text_looks.h"
#include "wire/text_walk.h"

#define K(text) LLMP_STR(text)

/* ---- giving ------------------------------------------------------------- */

static struct llmp_wire_text text_at(const struct llmp_text_walk *walk,
                                     const struct llmp_text_at *at)
{
    bool event = walk->document == LLMP_TEXT_OF_EVENT;

    return (struct llmp_wire_text){ .part = at->part,
                                    .message = at->message,
                                    .name = at->name,
                                    .media = at->media,
                                    .choice = at->choice,
                                    .block = event ? llmp_text_block(at) : 0,
                                    .place = &at->path };
}

int llmp_text_end(const struct llmp_text_walk *walk,
                  const struct llmp_text_at *at, enum llmp_text_end end)
{
    struct llmp_wire_text text = text_at(walk, at);

    text.ends = end;
    return walk->sink->take(&text, walk->sink->ctx);
}

static void describe_media(struct llmp_wire_text *text,
                           const struct llmp_text_at *at)
{
    struct llmp_str media = at->media, data = { NULL, 0 };

    if (llmp_text_is_data_url(text->json, &media, &data))
        text->opaque = llmp_text_is_base64(data);
    else if (at->place == LLMP_PLACE_DATA && !at->is_plain)
        text->opaque = llmp_text_is_base64(text->json);
    text->media = at->media.len ? at->media : media;
    text->part = at->is_image || llmp_str_starts(text->media, K("image/"))
                     ? LLMP_TEXT_IMAGE
                     : LLMP_TEXT_DOCUMENT;
}

/* What the place says about a string that stands there. Where it does not look
 * like what it should be, it is a text like any other. */
static void describe(struct llmp_wire_text *text, const struct llmp_text_at *at)
{
    switch (at->place) {
    case LLMP_PLACE_TOKEN:
        text->part = LLMP_TEXT_OTHER;
        text->structural = llmp_text_is_token(text->json);
        break;
    case LLMP_PLACE_NAME:
        text->structural = llmp_text_is_token(text->json);
        break;
    case LLMP_PLACE_SEALED:
        text->part = LLMP_TEXT_OTHER;
        text->opaque = llmp_text_is_base64(text->json);
        text->structural = text->opaque;
        break;
    case LLMP_PLACE_LOGPROB:
        text->structural = true;
        text->is_logprob = true;
        break;
    case LLMP_PLACE_MEDIA:
    case LLMP_PLACE_DATA:
        describe_media(text, at);
        break;
    default:
        text->piece = at->piece && at->piece_here;
        text->is_json =
            at->place == LLMP_PLACE_JSON || (at->is_json && text->piece);
        break;
    }
}

static int give_string(const struct llmp_text_walk *walk,
                       const struct llmp_text_at *at,
                       const struct llmp_json_value *value)
{
    struct llmp_wire_text text = text_at(walk, at);

    text.json = value->text;
    text.escaped = value->escaped;
    describe(&text, at);
    text.is_call_name = walk->document != LLMP_TEXT_OF_REQUEST &&
                        text.part != LLMP_TEXT_TOOL_RESULT && at->name.len &&
                        at->name.ptr == text.json.ptr;
    return walk->sink->take(&text, walk->sink->ctx);
}

static int give_key(const struct llmp_text_walk *walk,
                    const struct llmp_text_at *at, struct llmp_str key)
{
    struct llmp_wire_text text = text_at(walk, at);

    text.json = key;
    text.is_key = true;
    return walk->sink->take(&text, walk->sink->ctx);
}

/* ---- entering an object ------------------------------------------------- */

/* Only an assistant thinks and calls tools. Elsewhere what says so is still the
 * words of who said it: nobody escapes a look by a name. */
static enum llmp_text_part settle(enum llmp_text_part now,
                                  enum llmp_text_part wanted)
{
    bool assistant = now == LLMP_TEXT_ASSISTANT || now == LLMP_TEXT_OUTPUT ||
                     now == LLMP_TEXT_REASONING ||
                     now == LLMP_TEXT_TOOL_ARGUMENTS || now == LLMP_TEXT_OTHER;

    if (!assistant &&
        (wanted == LLMP_TEXT_ASSISTANT || wanted == LLMP_TEXT_REASONING ||
         wanted == LLMP_TEXT_TOOL_ARGUMENTS))
        return now;
    return wanted;
}

static const struct llmp_json_value *find(const struct llmp_json_value *object,
                                          struct llmp_str name)
{
    for (const struct llmp_json_value *v = object->first; v; v = v->next)
        if (llmp_place_name_is(name, v->key))
            return v->type == LLMP_JSON_NULL ? NULL : v;
    return NULL;
}

static struct llmp_str text_of(const struct llmp_json_value *object,
                               struct llmp_str name)
{
    const struct llmp_json_value *value = find(object, name);

    return llmp_json_is(value, LLMP_JSON_STRING) ? value->text
                                                 : (struct llmp_str){ NULL, 0 };
}

/* The first of several names that is there. */
static struct llmp_str first_text_of(const struct llmp_json_value *object,
                                     const struct llmp_str *names, size_t count)
{
    struct llmp_str text = { NULL, 0 };

    for (size_t i = 0; i < count && !text.len; i++)
        text = text_of(object, names[i]);
    return text;
}

static void enter_block(const struct llmp_text_walk *walk,
                        struct llmp_text_at *at,
                        const struct llmp_json_value *object)
{
    struct llmp_str type = llmp_wire_text_at(object, K("type"));
    enum llmp_text_part part = llmp_place_part_of_type(type, at->part);

    if (walk->document != LLMP_TEXT_OF_REQUEST && part == LLMP_TEXT_ASSISTANT)
        part = LLMP_TEXT_OUTPUT;
    if (llmp_json_is(llmp_json_get(object, K("thought")), LLMP_JSON_TRUE))
        part = LLMP_TEXT_REASONING;
    at->part = settle(at->part, part);
    if (llmp_str_eq(type, K("image")) || llmp_str_eq(type, K("input_image")) ||
        llmp_str_eq(type, K("image_url")))
        at->is_image = true;
}

static void enter_media(struct llmp_text_at *at,
                        const struct llmp_json_value *object)
{
    static const struct llmp_str types[] = { LLMP_STR("media_type"),
                                             LLMP_STR("mime_type"),
                                             LLMP_STR("format") };

    at->media = first_text_of(object, types, LLMP_COUNT(types));
    at->is_plain =
        llmp_json_text_is(llmp_json_get(object, K("type")), K("text"));
}

static uint32_t number_at(const struct llmp_json_value *object,
                          struct llmp_str key, uint32_t otherwise)
{
    return (uint32_t)llmp_wire_u64(llmp_json_text(llmp_json_get(object, key)),
                                   otherwise);
}

/* ---- whose result it is ------------------------------------------------- */

/* The name of the call with that id in a list of calls or blocks. */
static struct llmp_str name_in(const struct llmp_json_value *list,
                               struct llmp_str id, uint32_t *steps)
{
    const struct llmp_json_value *v;

    if (!llmp_json_is(list, LLMP_JSON_ARRAY))
        return K("");
    for (v = list->first; v && *steps; v = v->next, --*steps)
        if (llmp_str_eq(llmp_wire_text_at(v, K("id")), id)) {
            const struct llmp_json_value *of = llmp_json_get(v, K("function"));

            if (!of)
                of = llmp_json_get(v, K("custom"));
            return llmp_wire_text_at(of ? of : v, K("name"));
        }
    return K("");
}

static struct llmp_str name_of_call(const struct llmp_text_walk *walk,
                                    struct llmp_str id)
{
    uint32_t steps = LLMP_CALLS_SEARCHED;
    struct llmp_str name = { NULL, 0 };

    if (!id.len)
        return name;
    for (const struct llmp_json_value *v = walk->asked; v && steps && !name.len;
         v = v->next, steps -= steps > 0) {
        if (llmp_str_eq(llmp_wire_text_at(v, K("call_id")), id))
            name = llmp_wire_text_at(v, K("name"));
        if (!name.len)
            name = name_in(llmp_json_get(v, K("tool_calls")), id, &steps);
        if (!name.len)
            name = name_in(llmp_json_get(v, K("content")), id, &steps);
    }
    return name;
}

static void enter_named(const struct llmp_text_walk *walk,
                        struct llmp_text_at *at,
                        const struct llmp_json_value *object)
{
    static const struct llmp_str ids[] = { LLMP_STR("tool_call_id"),
                                           LLMP_STR("tool_use_id"),
                                           LLMP_STR("call_id") };
    struct llmp_str name = llmp_wire_text_at(object, K("name"));

    if (!name.len && at->part == LLMP_TEXT_TOOL_RESULT)
        name = name_of_call(walk, first_text_of(object, ids, LLMP_COUNT(ids)));
    if (!name.len && at->place == LLMP_PLACE_CALL)
        name =
            llmp_wire_text_at(llmp_json_get(object, K("function")), K("name"));
    if (name.len)
        at->name = name;
}

/* ---- entering, continued ------------------------------------------------ */

/* A role counts in a message only: a block of a user's that says "system" is
 * the user's. */
static void enter_message(struct llmp_text_walk *walk, struct llmp_text_at *at,
                          const struct llmp_json_value *object)
{
    const struct llmp_json_value *role = llmp_json_get(object, K("role"));
    bool request = walk->document == LLMP_TEXT_OF_REQUEST;
    bool assistant;

    if (request && role)
        at->part = llmp_place_part_of_role(role);
    else if (request && at->part == LLMP_TEXT_USER)
        /* An item that is the model's: settle() would take it for a user's. */
        at->part = llmp_place_part_of_type(llmp_wire_text_at(object, K("type")),
                                           at->part);
    enter_block(walk, at, object);

    assistant = at->part == LLMP_TEXT_ASSISTANT;
    if (assistant && !walk->assistant_spoke)
        walk->asked = object;
    if (at->part != LLMP_TEXT_REASONING)
        walk->assistant_spoke = assistant;
}

static void enter(struct llmp_text_walk *walk, struct llmp_text_at *at,
                  const struct llmp_json_value *object)
{
    switch (at->place) {
    case LLMP_PLACE_MESSAGE:
        enter_message(walk, at, object);
        /* Elsewhere it is the name of who speaks. */
        if (at->part == LLMP_TEXT_TOOL_RESULT ||
            llmp_json_get(object, K("call_id")))
            enter_named(walk, at, object);
        break;
    case LLMP_PLACE_BLOCK:
        enter_block(walk, at, object);
        enter_named(walk, at, object);
        break;
    case LLMP_PLACE_CALL:
        enter_named(walk, at, object);
        at->index = number_at(object, K("index"), at->index);
        break;
    case LLMP_PLACE_MEDIA:
    case LLMP_PLACE_DATA:
        enter_media(at, object);
        break;
    case LLMP_PLACE_CHOICE:
        at->choice = number_at(object, K("index"), at->choice);
        break;
    default:
        break;
    }
}

/* ---- the walk ----------------------------------------------------------- */

static bool is_free(enum llmp_place place)
{
    return place == LLMP_PLACE_FREE || place == LLMP_PLACE_JSON;
}

/* A number or the like under a name that says nothing to anybody: an option
 * like "top_p". What an API knows of them is not listed. */
static bool is_silent(enum llmp_place place,
                      const struct llmp_json_value *member)
{
    return !is_free(place) && place != LLMP_PLACE_DEFINITION &&
           member->type < LLMP_JSON_STRING && llmp_text_is_word(member->key);
}

/* A member that nobody knows: its key is given. */
static int walk_unknown(struct llmp_text_walk *walk,
                        const struct llmp_text_at *outer,
                        struct llmp_text_at *at,
                        const struct llmp_json_value *value)
{
    bool stays = outer->place == LLMP_PLACE_COUNTS ||
                 outer->place == LLMP_PLACE_DEFINITION;

    at->piece_here = false;
    if (!stays && !is_free(outer->place))
        at->part = LLMP_TEXT_OTHER;
    if (!stays)
        at->place = LLMP_PLACE_FREE;
    if (outer->place != LLMP_PLACE_COUNTS || value->type == LLMP_JSON_STRING ||
        !llmp_text_is_word(value->key))
        LLMP_TRY(give_key(walk, at, value->key));
    return llmp_text_walk(walk, at, value);
}

static int walk_member(struct llmp_text_walk *walk,
                       const struct llmp_text_at *outer,
                       const struct llmp_json_value *value)
{
    const struct llmp_place_member *member = NULL;
    struct llmp_text_at at;

    if (is_silent(outer->place, value))
        return LLMP_OK;
    if (!is_free(outer->place))
        member = llmp_place_find(outer->place, value->key);
    at = *outer;
    at.path = (struct llmp_wire_place){ .up = &outer->path, .key = value->key };
    if (!member)
        return walk_unknown(walk, outer, &at, value);
    at.place = (enum llmp_place)member->to;
    if (member->part != LLMP_TEXT_PARTS)
        at.part = settle(at.part, (enum llmp_text_part)member->part);
    if (member->part == LLMP_TEXT_IMAGE)
        at.is_image = true;
    if (member->lane)
        at.lane = member->lane;
    at.piece_here = member->flags & LLMP_PLACE_PIECE;
    at.piece &= !(member->flags & LLMP_PLACE_WHOLE);
    return llmp_text_walk(walk, &at, value);
}

static int walk_object(struct llmp_text_walk *walk,
                       const struct llmp_text_at *outer,
                       const struct llmp_json_value *object)
{
    struct llmp_text_at at = *outer;

    enter(walk, &at, object);
    for (const struct llmp_json_value *v = object->first; v; v = v->next)
        LLMP_TRY(walk_member(walk, &at, v));
    return LLMP_OK;
}

static int walk_array(struct llmp_text_walk *walk,
                      const struct llmp_text_at *outer,
                      const struct llmp_json_value *array)
{
    struct llmp_text_at at = *outer;

    at.path =
        (struct llmp_wire_place){ .up = &outer->path, .is_element = true };
    for (const struct llmp_json_value *v = array->first; v; v = v->next) {
        if (at.place == LLMP_PLACE_MESSAGE)
            at.message = at.path.index;
        if (at.place == LLMP_PLACE_CHOICE)
            at.choice = at.path.index;
        if (at.place == LLMP_PLACE_CALL)
            at.index = at.path.index;
        LLMP_TRY(llmp_text_walk(walk, &at, v));
        at.path.index++;
    }
    return LLMP_OK;
}

int llmp_text_walk(struct llmp_text_walk *walk, const struct llmp_text_at *at,
                   const struct llmp_json_value *value)
{
    switch (value->type) {
    case LLMP_JSON_STRING:
        return give_string(walk, at, value);
    case LLMP_JSON_ARRAY:
        return walk_array(walk, at, value);
    case LLMP_JSON_OBJECT:
        return walk_object(walk, at, value);
    default:
        return LLMP_OK;
    }
}

/* ---- whole documents ---------------------------------------------------- */

static int walk_document(enum llmp_text_document document,
                         enum llmp_place place,
                         const struct llmp_json_value *root,
                         const struct llmp_wire_text_sink *sink)
{
    struct llmp_text_walk walk = { .document = document, .sink = sink };
    struct llmp_text_at at = { .place = place, .part = LLMP_TEXT_OTHER };

    return llmp_text_walk(&walk, &at, root);
}

int llmp_wire_request_texts(enum llmp_shape shape,
                            const struct llmp_json_value *root,
                            const struct llmp_wire_text_sink *sink)
{
    (void)shape; /* one table for all */
    return walk_document(LLMP_TEXT_OF_REQUEST, LLMP_PLACE_REQUEST, root, sink);
}

int llmp_wire_answer_texts(enum llmp_shape shape,
                           const struct llmp_json_value *root,
                           const struct llmp_wire_text_sink *sink)
{
    (void)shape;
    return walk_document(LLMP_TEXT_OF_ANSWER, LLMP_PLACE_ANSWER, root, sink);
}

int llmp_wire_inner_texts(const struct llmp_wire_text *outer,
                          const struct llmp_json_value *root,
                          const struct llmp_wire_text_sink *sink)
{
    struct llmp_text_walk walk = { .sink = sink };
    struct llmp_text_at at = {
        .place = LLMP_PLACE_FREE,
        .part = outer->part,
        .message = outer->message,
        .choice = outer->choice,
        .name = outer->name,
    };

    if (outer->place)
        at.path = *outer->place;
    return llmp_text_walk(&walk, &at, root);
}

/* ---- for people --------------------------------------------------------- */

static size_t add_step(const struct llmp_wire_place *place, char *path,
                       size_t size, size_t len)
{
    int add;

    if (place->is_element)
        add = snprintf(path + len, size - len, "[%u]", place->index);
    else
        add = snprintf(path + len, size - len, "%s%.*s", len ? "." : "",
                       (int)(place->key.len < 64 ? place->key.len : 64),
                       place->key.ptr ? place->key.ptr : "");
    return add > 0 && (size_t)add < size - len ? len + (size_t)add : size - 1;
}

void llmp_wire_text_path(const struct llmp_wire_text *text, char *path,
                         size_t size)
{
    const struct llmp_wire_place *steps[LLMP_JSON_DEPTH_MAX * 2];
    size_t count = 0, len = 0;

    assert(size > 0);
    path[0] = '\0';
    for (const struct llmp_wire_place *p = text->place; p && p->up; p = p->up)
        if (count < LLMP_COUNT(steps))
            steps[count++] = p;
    while (count)
        len = add_step(steps[--count], path, size, len);
}
