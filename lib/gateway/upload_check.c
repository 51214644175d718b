/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two readers that keep going: the JSON reader, which also refuses a second
 * "model", and a scanner of multipart/form-data (RFC 7578) for parts of that
 * name. Both take pieces of any size and keep a bounded rest.
 */
#include "gateway/upload_check.h"

#include <llmproxy/json.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "base/json_text.h"
#include "gateway/multipart.h"

enum { PART_HEAD_MAX = 4096, VALUE_MAX = 256 };

/* Where in a form the next byte is. */
enum place {
    MARK_LINE, /* behind a boundary, to the end of its line */
    HEAD,      /* a part's fields */
    BODY,
    END /* behind the last boundary: nobody reads that */
};

struct form {
    char mark[LLMP_BOUNDARY_MAX + 4]; /* CR LF "--" boundary */
    size_t mark_len, matched;         /* how much of it was just read */
    enum place place;
    bool is_model;
    size_t len;               /* of `text` */
    char text[PART_HEAD_MAX]; /* a mark's line, a head, or a model's value */
};

struct llmp_upload_check {
    struct llmp_str model;
    bool is_form;
    union {
        struct form form;
        struct {
            struct llmp_json reader;
            struct llmp_json_pick pick;
            struct llmp_json_field field;
            bool checked;
        } json;
    } as;
};

static int refuse_other(struct llmp_error *err)
{
    return llmp_fail(err, LLMP_E_TYPE,
                     "the body names another model than the one that was "
                     "asked for; 'model' can be renamed within the first 64 "
                     "KiB only");
}

/* ---- JSON ---- */

static int check_json_model(struct llmp_upload_check *check,
                            struct llmp_error *err)
{
    const struct llmp_json_field *field = &check->as.json.field;

    if (!field->found || check->as.json.checked)
        return LLMP_OK;
    check->as.json.checked = true;
    if (field->type == LLMP_JSON_NULL)
        return LLMP_OK;
    if (field->type != LLMP_JSON_STRING || field->cut ||
        !llmp_json_unescaped_eq(field->text, check->model))
        return refuse_other(err);
    return LLMP_OK;
}

static int feed_json(struct llmp_upload_check *check, struct llmp_str bytes,
                     bool last, struct llmp_error *err)
{
    struct llmp_json_token token;
    int rc;

    llmp_json_feed(&check->as.json.reader, bytes, last);
    while ((rc = llmp_json_next(&check->as.json.reader, &token, err)) ==
           LLMP_OK) {
        llmp_json_pick_token(&check->as.json.pick, &token);
        LLMP_TRY(check_json_model(check, err));
    }
    return rc < 0 ? rc : LLMP_OK;
}

/* ---- forms ---- */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static struct llmp_str skip(struct llmp_str text, const char *chars)
{
    while (text.len && text.ptr[0] && strchr(chars, text.ptr[0]))
        text = (struct llmp_str){ text.ptr + 1, text.len - 1 };
    return text;
}

/* `text` follows the word "name": does it give a parameter the value "model"?
 * A name in another character set (RFC 8187) or with escapes could be any. */
static bool says_model(struct llmp_str text)
{
    static const struct llmp_str model = LLMP_STR("model");

    text = skip(text, " \t");
    if (text.len && text.ptr[0] == '*')
        return true;
    if (text.len == 0 || text.ptr[0] != '=')
        return false;
    text = skip(text, "= \t\"");
    for (size_t i = 0; i < text.len && !strchr("\";\r", text.ptr[i]); i++)
        if (text.ptr[i] == '\\')
            return true;
    return llmp_str_starts(text, model) &&
           (text.len == model.len || !is_name_char(text.ptr[model.len]));
}

static bool names_model(struct llmp_str head)
{
    static const struct llmp_str name = LLMP_STR("name");

    /* A folded line could hide it. */
    if (llmp_str_find(head, LLMP_STR("\r\n ")) != SIZE_MAX ||
        llmp_str_find(head, LLMP_STR("\r\n\t")) != SIZE_MAX)
        return true;

    for (size_t at = 0; at + name.len < head.len; at++)
        if (llmp_str_eq_nocase((struct llmp_str){ head.ptr + at, name.len },
                               name) &&
            (at == 0 || !is_name_char(head.ptr[at - 1])) &&
            says_model((struct llmp_str){ head.ptr + at + name.len,
                                          head.len - at - name.len }))
            return true;
    return false;
}

/* Adds one byte to what is kept; false: more than it may be. */
static bool keep(struct form *form, char byte, size_t max)
{
    if (form->len == max)
        return false;
    form->text[form->len++] = byte;
    return true;
}

static bool ends_with(const struct form *form, struct llmp_str end)
{
    return form->len >= end.len &&
           memcmp(form->text + form->len - end.len, end.ptr, end.len) == 0;
}

static void enter(struct form *form, enum place place)
{
    form->place = place;
    form->len = 0;
    form->matched = 0;
}

/* "--" ends the form; else only blanks may stand before the line's end. */
static int read_mark_line(struct form *form, char byte, struct llmp_error *err)
{
    LLMP_ENSURE(keep(form, byte, LLMP_BOUNDARY_MAX), err, LLMP_E_SYNTAX,
                "a form's boundary line is malformed");
    if (form->len == 2 && ends_with(form, LLMP_STR("--"))) {
        enter(form, END);
        return LLMP_OK;
    }
    if (!ends_with(form, LLMP_STR("\r\n"))) {
        LLMP_ENSURE(strchr(" \t\r-", byte), err, LLMP_E_SYNTAX,
                    "a form's boundary line is malformed");
        return LLMP_OK;
    }
    enter(form, HEAD);
    return LLMP_OK;
}

static int read_head(struct form *form, char byte, struct llmp_error *err)
{
    LLMP_ENSURE(keep(form, byte, PART_HEAD_MAX), err, LLMP_E_LIMIT,
                "the fields of a form's part are larger than %d bytes",
                PART_HEAD_MAX);
    if (!ends_with(form, LLMP_STR("\r\n\r\n")) &&
        !(form->len == 2 && ends_with(form, LLMP_STR("\r\n"))))
        return LLMP_OK;
    form->is_model = names_model((struct llmp_str){ form->text, form->len });
    enter(form, BODY);
    return LLMP_OK;
}

static int end_part(struct llmp_upload_check *check, struct llmp_error *err)
{
    struct form *form = &check->as.form;
    struct llmp_str value = { form->text, form->len };

    if (form->is_model && !llmp_str_eq(value, check->model))
        return refuse_other(err);
    enter(form, MARK_LINE);
    return LLMP_OK;
}

/* What looked like a mark was text: the mark's first byte is in it only once,
 * so whatever follows is looked at afresh. */
static int mark_was_text(struct form *form, struct llmp_error *err)
{
    for (size_t i = 0; form->is_model && i < form->matched; i++)
        if (!keep(form, form->mark[i], VALUE_MAX))
            return refuse_other(err);
    form->matched = 0;
    return LLMP_OK;
}

static int read_body_byte(struct llmp_upload_check *check, char byte,
                          struct llmp_error *err)
{
    struct form *form = &check->as.form;

    if (form->matched && byte != form->mark[form->matched])
        LLMP_TRY(mark_was_text(form, err));
    if (byte == form->mark[form->matched]) {
        if (++form->matched == form->mark_len)
            return end_part(check, err);
        return LLMP_OK;
    }
    if (form->is_model && !keep(form, byte, VALUE_MAX))
        return refuse_other(err);
    return LLMP_OK;
}

/* A file's bytes without a CR cannot begin a mark. */
static size_t skip_plain(const struct form *form, struct llmp_str bytes,
                         size_t at)
{
    const char *cr;

    if (form->place == END)
        return bytes.len;
    if (form->place != BODY || form->is_model || form->matched)
        return at;
    cr = memchr(bytes.ptr + at, '\r', bytes.len - at);
    return cr ? (size_t)(cr - bytes.ptr) : bytes.len;
}

static int feed_form(struct llmp_upload_check *check, struct llmp_str bytes,
                     bool last, struct llmp_error *err)
{
    struct form *form = &check->as.form;

    for (size_t at = 0; at < bytes.len; at++) {
        at = skip_plain(form, bytes, at);
        if (at == bytes.len)
            break;
        if (form->place == BODY)
            LLMP_TRY(read_body_byte(check, bytes.ptr[at], err));
        else if (form->place == HEAD)
            LLMP_TRY(read_head(form, bytes.ptr[at], err));
        else
            LLMP_TRY(read_mark_line(form, bytes.ptr[at], err));
    }
    /* A lenient reader may take what is there for a value. */
    if (last && form->is_model && form->place == BODY)
        return refuse_other(err);
    return LLMP_OK;
}

/* ---- either ---- */

int llmp_upload_check_new(struct llmp_upload_check **out,
                          struct llmp_str content_type, struct llmp_str model,
                          uint32_t depth_max)
{
    struct llmp_str boundary = llmp_multipart_boundary(content_type);
    bool is_json =
        llmp_is_media_type(content_type, LLMP_STR("application/json"));
    struct llmp_upload_check *check;

    *out = NULL;
    if (boundary.len == 0 && !is_json)
        return LLMP_OK;
    check = llmp_alloc(sizeof(*check));
    if (!check)
        return LLMP_E_NOMEM;
    check->model = model;
    check->is_form = !is_json;
    if (is_json) {
        check->as.json.field.path = "model";
        llmp_json_init(&check->as.json.reader, depth_max);
        llmp_json_pick_init(&check->as.json.pick, &check->as.json.field, 1);
    } else {
        struct form *form = &check->as.form;

        memcpy(form->mark, "\r\n--", 4);
        memcpy(form->mark + 4, boundary.ptr, boundary.len);
        form->mark_len = boundary.len + 4;
        enter(form, BODY); /* as if a part without a name ended here */
        form->matched = 2;
    }
    *out = check;
    return LLMP_OK;
}

void llmp_upload_check_free(struct llmp_upload_check *check)
{
    if (check && !check->is_form)
        llmp_json_fini(&check->as.json.reader);
    llmp_free(check);
}

int llmp_upload_check_feed(struct llmp_upload_check *check,
                           struct llmp_str bytes, bool last,
                           struct llmp_error *err)
{
    if (!check)
        return LLMP_OK;
    return check->is_form ? feed_form(check, bytes, last, err)
                          : feed_json(check, bytes, last, err);
}
