/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the bytes are: a request is understood in the same way whole and
 * in pieces, and what is edited in it is still JSON, says what was asked for
 * and nothing else; usage is read in the same way whole and in pieces, and as
 * the full reader has it; an event and an error text of any shape give a
 * proper answer; and no error that a client sees holds a key.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "fuzz.h"
#include "wire/dialect.h"
#include "wire/passing.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

#define CANARY "canary7f3a"
#define MODEL  "q\"\\\xC3\xA4\n/x"

/* What a request is understood to be, as text. */
static void show_request(struct llmp_buf *out,
                         const struct llmp_request_reader *request, int rc,
                         struct llmp_str body, const struct llmp_error *feed)
{
    struct llmp_error err = { .message = "" };
    const char *param = NULL;
    struct llmp_arena arena;

    llmp_buf_printf(out, "%d %s\n", rc, rc < 0 ? feed->message : "");
    if (rc != LLMP_END)
        return;
    llmp_arena_init(&arena, 256);
    rc = llmp_request_check(request, &param, &err);

    struct llmp_str model = llmp_request_model(request, body, &arena);

    llmp_buf_printf(out, "%d %s %s %d %d %d ", rc, param ? param : "",
                    rc < 0 ? err.message : "", llmp_request_has_model(request),
                    llmp_request_stream(request),
                    llmp_request_wants_usage(request));
    llmp_buf_add(out, model);
    llmp_arena_fini(&arena);
}

/* Pieces are in memory of their own. Returns the last status. */
static int feed_request(struct llmp_request_reader *request,
                        struct llmp_str body, uint64_t seed,
                        struct llmp_error *err)
{
    size_t at = 0;
    int rc = LLMP_AGAIN;

    while (rc == LLMP_AGAIN) {
        size_t n = fuzz_piece(&seed, body.len - at);
        char *piece = malloc(n + 1);

        memcpy(piece, body.ptr + at, n);
        at += n;
        rc = llmp_request_feed(request, (struct llmp_str){ piece, n },
                               at == body.len, err);
        free(piece);
        CHECK(rc != LLMP_AGAIN || at < body.len || n == 0);
    }
    return rc;
}

/* The part of a document between two fields that were not to be edited. */
static void check_rest(struct llmp_str before, struct llmp_str after,
                       const char *path)
{
    struct llmp_json_field was = { .path = path }, is = { .path = path };

    CHECK(llmp_json_pick_all(before, &was, 1, NULL) == LLMP_OK);
    CHECK(llmp_json_pick_all(after, &is, 1, NULL) == LLMP_OK);
    CHECK(was.found == is.found);
    if (!was.found)
        return;
    CHECK(was.size == is.size);
    CHECK(memcmp(before.ptr + was.offset, after.ptr + is.offset,
                 (size_t)was.size) == 0);
}

static void check_edited(enum llmp_shape shape, struct llmp_str before,
                         struct llmp_str after, struct llmp_str model,
                         bool usage)
{
    struct llmp_request_reader request;
    struct llmp_error err;
    struct llmp_arena arena;
    const char *param;

    llmp_arena_init(&arena, 256);
    llmp_request_init(&request, shape, 0);

    int rc = llmp_request_feed(&request, after, true, &err);

    /* One more level or member may be one too many. */
    CHECK(rc == LLMP_END || (usage && rc == LLMP_E_LIMIT));
    if (rc == LLMP_END) {
        CHECK(llmp_request_check(&request, &param, &err) == LLMP_OK);
        if (model.len)
            CHECK(llmp_str_eq(llmp_request_model(&request, after, &arena),
                              model));
        if (usage)
            CHECK(llmp_request_wants_usage(&request));
        check_rest(before, after, "messages");
        check_rest(before, after, "input");
        check_rest(before, after, "stream");
        check_rest(before, after, "stream_options.x");
        if (!model.len)
            check_rest(before, after, "model");
    }
    llmp_request_fini(&request);
    llmp_arena_fini(&arena);
}

static void check_edits(const struct llmp_request_reader *request,
                        struct llmp_str body)
{
    for (int which = 0; which < 4; which++) {
        struct llmp_str parts[LLMP_REQUEST_PARTS_MAX];
        struct llmp_str model = { MODEL, which & 1 ? sizeof(MODEL) - 1 : 0 };
        bool usage = which & 2;
        struct llmp_arena arena;
        struct llmp_buf out = { 0 };

        if ((usage && request->shape == LLMP_SHAPE_ANY) ||
            (model.len && !llmp_request_has_model(request)))
            continue;
        llmp_arena_init(&arena, 256);

        struct llmp_request_plan plan;

        llmp_request_plan(request, body, &plan);

        size_t count =
            llmp_request_edit(&plan, body, model, usage, &arena, parts);

        CHECK(count > 0 && count <= LLMP_REQUEST_PARTS_MAX);
        for (size_t i = 0; i < count; i++) {
            CHECK(parts[i].len > 0);
            CHECK(llmp_buf_add(&out, parts[i]));
        }
        if (which == 0)
            CHECK(llmp_str_eq(llmp_buf_str(&out), body));
        check_edited(request->shape, body, llmp_buf_str(&out), model, usage);
        llmp_buf_fini(&out);
        llmp_arena_fini(&arena);
    }
}

static void check_request(enum llmp_shape shape, struct llmp_str body,
                          uint64_t seed)
{
    struct llmp_request_reader whole, pieces;
    struct llmp_error whole_err = { .message = "" }, pieces_err = whole_err;
    struct llmp_buf a = { 0 }, b = { 0 };
    const char *param;

    llmp_request_init(&whole, shape, 0);
    llmp_request_init(&pieces, shape, 0);

    int whole_rc = feed_request(&whole, body, 0, &whole_err);
    int pieces_rc = feed_request(&pieces, body, seed, &pieces_err);

    show_request(&a, &whole, whole_rc, body, &whole_err);
    show_request(&b, &pieces, pieces_rc, body, &pieces_err);
    CHECK(llmp_str_eq(llmp_buf_str(&a), llmp_buf_str(&b)));
    if (whole_rc == LLMP_END &&
        llmp_request_check(&pieces, &param, &pieces_err) == LLMP_OK)
        check_edits(&pieces, body);
    llmp_request_fini(&whole);
    llmp_request_fini(&pieces);
    llmp_buf_fini(&a);
    llmp_buf_fini(&b);
}

static bool read_usage(enum llmp_shape shape, struct llmp_str answer,
                       uint64_t seed, struct llmp_token_usage *usage)
{
    struct llmp_peek *reader = malloc(sizeof(*reader));
    size_t at = 0;

    llmp_peek_init(reader, shape);
    do {
        size_t n = fuzz_piece(&seed, answer.len - at);
        char *piece = malloc(n + (n == 0));

        memcpy(piece, answer.ptr + at, n);
        at += n;
        llmp_peek_feed(reader, (struct llmp_str){ piece, n });
        free(piece);
    } while (at < answer.len);

    bool error = llmp_peek_end(reader, usage);

    free(reader);
    return error;
}

/* The quick reader and the full one, where both can read. */
static void check_members(struct llmp_str answer, bool error,
                          const struct llmp_token_usage *usage)
{
    struct llmp_json_field fields[] = {
        { .path = "usage" },
        { .path = "usage.prompt_tokens" },
        { .path = "error" },
    };
    uint64_t count;

    if (memchr(answer.ptr, '\\', answer.len) ||
        llmp_json_pick_all(answer, fields, 3, NULL) != LLMP_OK)
        return;
    if (fields[2].size <= LLMP_JSON_MEMBER_TEXT_MAX)
        CHECK(error == (fields[2].found && fields[2].type != LLMP_JSON_NULL));
    if (fields[1].found && fields[1].type == LLMP_JSON_NUMBER &&
        llmp_json_u64(fields[1].text, &count) == LLMP_OK &&
        answer.len <= LLMP_JSON_MEMBER_TEXT_MAX)
        CHECK(usage->reported && usage->input == count);
}

static void check_usage(struct llmp_str answer, uint64_t seed)
{
    struct llmp_token_usage whole, pieces, responses;
    bool error = read_usage(LLMP_SHAPE_CHAT, answer, 0, &whole);

    CHECK(read_usage(LLMP_SHAPE_CHAT, answer, seed, &pieces) == error);
    CHECK(memcmp(&whole, &pieces, sizeof(whole)) == 0);
    CHECK(read_usage(LLMP_SHAPE_RESPONSES, answer, seed, &responses) == error);
    if (!whole.reported)
        CHECK(!whole.input && !whole.output && !whole.cached);
    if (answer.len)
        check_members(answer, error, &whole);
}

static void check_event(enum llmp_shape shape, struct llmp_str data)
{
    struct llmp_token_usage sofar = { .reported = false };
    struct llmp_peek_event event;

    llmp_peek_event_read(shape, (struct llmp_str){ NULL, 0 }, data, &sofar,
                         &event);
    (void)llmp_peek_is_content(shape, data);
    CHECK(!(event.error && event.finished));
    CHECK(!event.usage_only || event.usage.reported);
}

/* What looks like a key stays only in the middle of a longer word. */
static void check_no_key(struct llmp_str text)
{
    struct llmp_str key = LLMP_STR("sk-live-0123456789");

    for (size_t at; (at = llmp_str_find(text, key)) != SIZE_MAX;) {
        CHECK(at > 0 && !strchr(" \":,;=/\t(", text.ptr[at - 1]));
        text = (struct llmp_str){ text.ptr + at + key.len,
                                  text.len - at - key.len };
    }
}

/* A JSON error object without the canary, and a message. */
static void check_safe(struct llmp_str text)
{
    struct llmp_json_field fields[] = {
        { .path = "error.message" },
        { .path = "error.type" },
    };

    CHECK(llmp_json_pick_all(text, fields, 2, NULL) == LLMP_OK);
    CHECK(fields[0].found && fields[0].type == LLMP_JSON_STRING);
    CHECK(fields[1].found && fields[1].type == LLMP_JSON_STRING);
    CHECK(llmp_str_find(text, LLMP_STR(CANARY)) == SIZE_MAX);
    check_no_key(text);
}

/* An upstream's body, cleaned as the exchange does it. */
static bool clean_error(struct llmp_buf *out, uint16_t status,
                        struct llmp_str body, const struct llmp_str *secrets,
                        size_t count)
{
    const struct llmp_json_value *root = NULL;
    struct llmp_provider_error error;
    struct llmp_arena arena;
    bool ok;

    llmp_arena_init(&arena, 256);
    if (llmp_json_tree(&root, body, 0, &arena, NULL) < 0)
        root = NULL;
    llmp_dialect_openai.read_error(&error, status, root);
    ok = llmp_wire_error_clean(out, &llmp_dialect_openai, status, &error,
                               (struct llmp_str){ NULL, 0 }, secrets, count);
    llmp_arena_fini(&arena);
    return ok;
}

static void check_error(struct llmp_str body)
{
    static const uint16_t statuses[] = { 400, 401, 429, 500 };
    static const struct llmp_str secrets[] = { { "x", 1 },
                                               { CANARY, sizeof(CANARY) - 1 } };

    for (size_t i = 0; i < 4; i++) {
        struct llmp_buf out = { 0 };

        CHECK(clean_error(&out, statuses[i], body, secrets, 2));
        check_safe(llmp_buf_str(&out));
        llmp_buf_fini(&out);
    }
}

/* The same text with a secret instead of each '@'. */
static void check_planted(struct llmp_str body, const char *secret)
{
    struct llmp_buf planted = { 0 };

    for (size_t i = 0; i < body.len; i++)
        CHECK(
            llmp_buf_add(&planted, body.ptr[i] == '@'
                                       ? llmp_str_of(secret)
                                       : (struct llmp_str){ body.ptr + i, 1 }));
    check_error(llmp_buf_str(&planted));
    llmp_buf_fini(&planted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct llmp_str text = { (const char *)data, size };
    uint64_t seed = fuzz_seed(data, size);

    if (size > 16384)
        return 0;
    for (int shape = LLMP_SHAPE_CHAT; shape <= LLMP_SHAPE_ANY; shape++) {
        check_request((enum llmp_shape)shape, text, seed);
        check_event((enum llmp_shape)shape, text);
    }
    check_usage(text, seed);
    check_error(text);
    check_planted(text, CANARY);
    return 0;
}
