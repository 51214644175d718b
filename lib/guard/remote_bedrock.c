/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amazon Bedrock's ApplyGuardrail (API reference, "ApplyGuardrail"): one text
 * or picture a call, because an assessment does not say which of several it is
 * about. What it only detects (action NONE) is of low severity.
 */
#include "base/internal.h"
#include "base/json_out.h"
#include "guard/remote.h"

#define K(text) LLMP_STR(text)

enum { TEXT_MAX = 24 * 1024 /* 25 units of 1,000 characters */ };

static bool put_path(struct llmp_buf *to,
                     const struct llmp_remote_settings *set)
{
    if (set->path.len)
        return llmp_buf_add(to, set->path);
    return llmp_buf_add(to, K("/guardrail/")) &&
           llmp_buf_percent(to, set->guardrail) &&
           llmp_buf_add(to, K("/version/")) &&
           llmp_buf_percent(to, set->version.len ? set->version : K("DRAFT")) &&
           llmp_buf_add(to, K("/apply"));
}

/* "image/jpeg" -> "jpeg" */
static struct llmp_str format_of(struct llmp_str media)
{
    return llmp_str_eq_nocase(media, K("image/jpeg")) ||
                   llmp_str_eq_nocase(media, K("image/jpg"))
               ? K("jpeg")
               : K("png");
}

static bool put_request(struct llmp_buf *to,
                        const struct llmp_remote_settings *set,
                        const struct llmp_remote_piece *pieces, uint32_t count)
{
    const struct llmp_remote_piece *piece = &pieces[0];
    struct llmp_json_out out = { .buf = to };

    (void)set;
    (void)count; /* one */
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_text(&out, K("source"),
                  llmp_remote_is_answer(piece->of->part) ? K("OUTPUT")
                                                         : K("INPUT"));
    llmp_out_array(&out, K("content"));
    llmp_out_object(&out, LLMP_NO_KEY);
    if (piece->of->is_image) {
        llmp_out_object(&out, K("image"));
        llmp_out_text(&out, K("format"), format_of(piece->of->media));
        llmp_out_object(&out, K("source"));
        llmp_out_string(&out, K("bytes"), piece->text);
        llmp_out_end_object(&out);
    } else {
        llmp_out_object(&out, K("text"));
        llmp_out_string(&out, K("text"), piece->text);
    }
    llmp_out_end_object(&out);
    llmp_out_end_object(&out);
    llmp_out_end_array(&out);
    llmp_out_end_object(&out);
    return !to->failed;
}

/* ---- assessments -------------------------------------------------------- */

struct reading {
    const struct llmp_remote_piece *pieces;
    uint32_t count;
    llmp_remote_found_fn *found;
    void *to;
    uint32_t acted; /* findings that the service acts upon */
};

/* One list of an assessment: its entries become findings. */
struct entries {
    const char *policy, *list;
    const char *name;  /* the member that names an entry; NULL: there is none */
    const char *fixed; /* its name without one */
    const char *head;  /* of the kind */
    bool match;        /* an entry says what it is about */
};

static const struct entries lists[] = {
    { "contentPolicy", "filters", "type", "filter", "moderation.", false },
    { "topicPolicy", "topics", "name", "topic", "topic.", false },
    { "wordPolicy", "customWords", NULL, "custom", "words.", true },
    { "wordPolicy", "managedWordLists", "type", "list", "words.", true },
    { "sensitiveInformationPolicy", "piiEntities", "type", "entity", "pii.",
      true },
    { "sensitiveInformationPolicy", "regexes", "name", "regex", "pii.", true },
    { "contextualGroundingPolicy", "filters", "type", "filter", "grounding.",
      false },
};

static const struct llmp_json_value *member(const struct llmp_json_value *of,
                                            const char *name,
                                            enum llmp_json_type type)
{
    const struct llmp_json_value *value = llmp_json_get(of, llmp_str_of(name));

    return llmp_json_is(value, type) ? value : NULL;
}

static uint32_t sure_of(const struct llmp_json_value *entry)
{
    const struct llmp_json_value *confidence =
        member(entry, "confidence", LLMP_JSON_STRING);

    if (!confidence)
        return 100;
    return llmp_str_eq(confidence->text, K("LOW"))      ? 60
           : llmp_str_eq(confidence->text, K("MEDIUM")) ? 80
                                                        : 95;
}

static void read_entry(struct reading *r, const struct entries *list,
                       const struct llmp_json_value *entry)
{
    const struct llmp_json_value *named =
        list->name ? member(entry, list->name, LLMP_JSON_STRING) : NULL;
    const struct llmp_json_value *action =
        member(entry, "action", LLMP_JSON_STRING);
    struct llmp_str name = named ? named->text : llmp_str_of(list->fixed);
    bool acts = !action || !llmp_str_eq(action->text, K("NONE"));
    enum llmp_guard_severity severity = acts ? LLMP_GUARD_HIGH : LLMP_GUARD_LOW;
    const char *head = list->head;

    if (llmp_str_eq(name, K("PROMPT_ATTACK"))) {
        head = "injection.";
        name = K("prompt");
    }
    r->acted += acts;
    if (list->match)
        llmp_remote_say_match(r->found, r->to, r->pieces, r->count, head, name,
                              severity,
                              member(entry, "match", LLMP_JSON_STRING));
    else
        llmp_remote_say(r->found, r->to, r->pieces, 0, head, name, severity,
                        sure_of(entry));
}

static void read_assessment(struct reading *r,
                            const struct llmp_json_value *assessment)
{
    for (size_t i = 0; i < LLMP_COUNT(lists); i++) {
        const struct llmp_json_value *list =
            member(member(assessment, lists[i].policy, LLMP_JSON_OBJECT),
                   lists[i].list, LLMP_JSON_ARRAY);

        for (const struct llmp_json_value *entry = list ? list->first : NULL;
             entry; entry = entry->next)
            read_entry(r, &lists[i], entry);
    }
}

static bool read_answer(const struct llmp_json_value *root,
                        const struct llmp_remote_piece *pieces, uint32_t count,
                        llmp_remote_found_fn *found, void *to)
{
    struct reading r = { pieces, count, found, to, 0 };
    const struct llmp_json_value *action =
        member(root, "action", LLMP_JSON_STRING);
    const struct llmp_json_value *list =
        member(root, "assessments", LLMP_JSON_ARRAY);
    bool intervened =
        action && llmp_str_eq(action->text, K("GUARDRAIL_INTERVENED"));

    if (!intervened && !(action && llmp_str_eq(action->text, K("NONE"))))
        return false;
    for (const struct llmp_json_value *one = list ? list->first : NULL; one;
         one = one->next)
        read_assessment(&r, one);
    if (intervened && !r.acted) /* for a reason that we do not know */
        llmp_remote_say(found, to, pieces, 0, "bedrock.", K("intervened"),
                        LLMP_GUARD_HIGH, 100);
    return true;
}

const struct llmp_remote_api llmp_remote_bedrock_guardrail = {
    .name = "bedrock_guardrail",
    .pieces_max = 1,
    .bytes_max = TEXT_MAX,
    .images = true,
    .needs_guardrail = true,
    .path = put_path,
    .request = put_request,
    .answer = read_answer,
};
