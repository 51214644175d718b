/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the bytes are, the reader gives the same tokens, status and message
 * for the whole as for pieces cut at places that the bytes themselves choose;
 * every token and pick lies inside the text; a string that was read can be
 * unescaped, written and read again.
 */
#include <llmproxy/json.h>
#include <stdlib.h>

#include "base/str.h"
#include "fuzz.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

static void check_string(const struct llmp_json_token *token)
{
    char *text = malloc(token->text.len + 1);
    size_t len = llmp_json_unescape(text, token->text);
    struct llmp_buf written = { 0 };
    struct llmp_json_field field = { .path = "" };

    CHECK(len <= token->text.len);
    CHECK(token->escaped || len == token->text.len);
    CHECK(llmp_buf_json(&written, (struct llmp_str){ text, len }));
    CHECK(llmp_json_pick_all(llmp_buf_str(&written), &field, 1, NULL) ==
          LLMP_OK);

    char *again = malloc(field.text.len + 1);

    CHECK(llmp_json_unescape(again, field.text) == len);
    CHECK(memcmp(again, text, len) == 0);
    free(again);
    free(text);
    llmp_buf_fini(&written);
}

static void show(struct llmp_buf *out, const struct llmp_json_token *token,
                 struct llmp_str document)
{
    bool quoted =
        token->type == LLMP_JSON_STRING || token->type == LLMP_JSON_KEY;
    uint64_t number;

    CHECK(token->offset + token->size <= document.len);
    if (!token->cut) {
        struct llmp_str raw = { document.ptr + token->offset + quoted,
                                (size_t)token->size - 2 * quoted };

        CHECK(llmp_str_eq(raw, token->text));
        if (quoted)
            check_string(token);
        else
            (void)!llmp_json_u64(token->text, &number);
    }
    llmp_buf_printf(out, "%d %u %llu %llu %d\n", token->type, token->depth,
                    (unsigned long long)token->offset,
                    (unsigned long long)token->size, token->escaped);
}

/* `seed` 0: in one piece. */
static void read_document(struct llmp_buf *out, struct llmp_str document,
                          uint64_t seed)
{
    struct llmp_json reader;
    struct llmp_json_token token;
    struct llmp_error err = { .message = "" };
    size_t at = 0;
    int rc = LLMP_AGAIN;

    llmp_json_init(&reader, 20);
    while (rc == LLMP_AGAIN) {
        size_t n = fuzz_piece(&seed, document.len - at);
        char *piece = malloc(n + 1);

        memcpy(piece, document.ptr + at, n);
        at += n;
        llmp_json_feed(&reader, (struct llmp_str){ piece, n },
                       at == document.len);
        while ((rc = llmp_json_next(&reader, &token, &err)) == LLMP_OK)
            show(out, &token, document);
        free(piece);
    }
    llmp_buf_printf(out, "%d %s", rc, rc < 0 ? err.message : "");
    llmp_json_fini(&reader);
}

static void check_picks(struct llmp_str document)
{
    struct llmp_json_field fields[] = {
        { .path = "model" },
        { .path = "stream_options.include_usage" },
        { .path = "messages.[].content.[].text" },
        { .path = "" },
        { .path = "[].[]" },
    };

    (void)!llmp_json_pick_all(document, fields, 5, NULL);
    for (size_t i = 0; i < 5; i++)
        if (fields[i].found)
            CHECK(fields[i].size > 0 &&
                  fields[i].offset + fields[i].size <= document.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct llmp_str document = { (const char *)data, size };
    struct llmp_buf whole = { 0 }, pieces = { 0 };

    read_document(&whole, document, 0);
    read_document(&pieces, document, fuzz_seed(data, size));
    CHECK(llmp_str_eq(llmp_buf_str(&whole), llmp_buf_str(&pieces)));
    check_picks(document);
    llmp_buf_fini(&whole);
    llmp_buf_fini(&pieces);
    return 0;
}
