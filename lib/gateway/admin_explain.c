/* SPDX-License-Identifier: Apache-2.0 */
/* Who would answer a request now, with the breakers as they stand. */
#include "base/internal.h"
#include "base/json_tree.h"
#include "gateway/admin.h"

enum { HEADERS_MAX = 64, DEPTH_MAX = 64 };

static int wrong(struct llmp_admin *a, const char *field, const char *message)
{
    return llmp_problem_set(&a->problem, 400, "invalid_value", field, "%s",
                            message);
}

static int take_text(struct llmp_admin *a, const struct llmp_json_value *value,
                     const char *field, struct llmp_str *out)
{
    char *plain;

    if (value->type != LLMP_JSON_STRING)
        return wrong(a, field, "this must be a string");
    plain = llmp_arena_take(&a->arena, value->text.len + 1);
    if (!plain)
        return LLMP_E_NOMEM;
    *out = (struct llmp_str){ plain, llmp_json_unescape(plain, value->text) };
    return LLMP_OK;
}

static int take_headers(struct llmp_admin *a,
                        const struct llmp_json_value *headers,
                        struct llmp_explain_options *o)
{
    struct llmp_header *list =
        llmp_arena_take(&a->arena, HEADERS_MAX * sizeof(*list));

    if (!list)
        return LLMP_E_NOMEM;
    if (headers->type != LLMP_JSON_OBJECT || headers->count > HEADERS_MAX)
        return wrong(a, "headers", "names in lower case and their values");
    for (const struct llmp_json_value *h = headers->first; h; h = h->next) {
        struct llmp_header *to = &list[o->header_count++];

        to->name = h->key;
        LLMP_TRY(take_text(a, h, "headers", &to->value));
    }
    o->headers = list;
    return LLMP_OK;
}

static int take_member(struct llmp_admin *a, const struct llmp_json_value *m,
                       struct llmp_explain_options *o)
{
    if (llmp_str_eq(m->key, LLMP_STR("request"))) {
        o->body = m->text;
        return m->type == LLMP_JSON_OBJECT
                   ? LLMP_OK
                   : wrong(a, "request", "this must be an object");
    }
    if (llmp_str_eq(m->key, LLMP_STR("path")))
        return take_text(a, m, "path", &o->path);
    if (llmp_str_eq(m->key, LLMP_STR("key")))
        return take_text(a, m, "key", &o->key);
    if (llmp_str_eq(m->key, LLMP_STR("headers")))
        return take_headers(a, m, o);
    return wrong(a, "", "members are request, path, key and headers");
}

static int read_body(struct llmp_admin *a, struct llmp_explain_options *o)
{
    const struct llmp_json_value *root;
    int rc = llmp_json_tree(&root, a->body, DEPTH_MAX, &a->arena, NULL);

    if (rc == LLMP_E_NOMEM)
        return rc;
    if (rc < 0 || root->type != LLMP_JSON_OBJECT)
        return llmp_problem_set(&a->problem, 400, "invalid_json", "",
                                "the body is not a JSON object");
    for (const struct llmp_json_value *m = root->first; m; m = m->next)
        LLMP_TRY(take_member(a, m, o));
    return o->body.len ? LLMP_OK : wrong(a, "request", "this is missing");
}

/* What a key may do is told to who may see the key. */
static int may_ask_for(struct llmp_admin *a, struct llmp_str id)
{
    struct llmp_principal owner = { .size = sizeof(owner) };
    struct llmp_policy_object object = { .size = sizeof(object), .id = id };
    const struct llmp_key *key;

    LLMP_TRY(llmp_admin_may(a, LLMP_ACTION_PRICE_READ, NULL));
    if (!id.len)
        return LLMP_OK;
    key = llmp_keyring_find(a->access->keyring, id);
    if (!key)
        return llmp_admin_unknown(a);
    llmp_key_principal(key, &owner);
    object.user = owner.user;
    object.team = owner.team;
    object.org = owner.org;
    return llmp_policy_decide(&a->who, LLMP_ACTION_KEY_READ, &object,
                              a->now.wall_ns, NULL) == LLMP_OK
               ? LLMP_OK
               : llmp_admin_unknown(a);
}

static void keep(struct llmp_str text, void *ctx)
{
    struct llmp_admin *a = ctx;

    (void)llmp_buf_add(&a->out, text);
}

int llmp_admin_explain(struct llmp_admin *a)
{
    struct llmp_explain_options options;
    struct llmp_error err = { .status = 0 };
    int rc;

    llmp_explain_options_init(&options);
    options.json = true;
    LLMP_TRY(llmp_admin_check_body(a, true));
    LLMP_TRY(read_body(a, &options));
    LLMP_TRY(may_ask_for(a, options.key));
    rc = llmp_gateway_explain(a->gateway, &options, a->now, keep, a, &err);
    if (rc == LLMP_E_NOT_FOUND) /* it went away meanwhile */
        return llmp_admin_unknown(a);
    if (rc == LLMP_E_INVALID)
        return wrong(a, "request", err.message);
    a->status = 200;
    return rc;
}
