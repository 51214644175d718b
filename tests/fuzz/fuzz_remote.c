/* SPDX-License-Identifier: Apache-2.0 */
/* What a service that judges texts may answer: whatever it says is about bytes
 * of a text that it was asked about. The first byte chooses the service. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "guard/remote.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

struct asked {
    const struct llmp_remote_piece *pieces;
    uint32_t count;
};

static void hear(void *to, uint32_t piece, const struct llmp_guard_found *one)
{
    const struct asked *asked = to;

    CHECK(piece < asked->count && one->begin <= one->end);
    CHECK(one->end <= asked->pieces[piece].text.len);
    CHECK(one->sure <= 100 && one->severity <= LLMP_GUARD_CRITICAL);
    CHECK(one->kind && strlen(one->kind) < LLMP_REMOTE_KIND_MAX);
    CHECK(one->label && strlen(one->label) <= LLMP_GUARD_NAME_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct llmp_remote_text texts[] = {
        { .part = LLMP_GUARD_USER, .text = LLMP_STR("A bad word, a word.") },
        { .part = LLMP_GUARD_DOCUMENT, .text = LLMP_STR("ж \"word\"\n") },
        { .part = LLMP_GUARD_IMAGE,
          .text = LLMP_STR("AAAA"),
          .is_image = true },
    };
    struct llmp_remote_piece pieces[LLMP_REMOTE_PIECES_MAX];
    struct llmp_remote_cursor cursor = { 0, 0 };
    const struct llmp_remote_api *api;
    const struct llmp_json_value *root;
    struct llmp_arena arena;

    if (size < 1 || !(api = llmp_remote_api(data[0] % 8)))
        return 0;

    struct asked asked = { pieces,
                           llmp_remote_next(api, texts, 3, &cursor, pieces) };
    struct llmp_str json = { (const char *)data + 1, size - 1 };

    llmp_arena_init(&arena, 1024);
    if (llmp_json_tree(&root, json, 0, &arena, NULL) == LLMP_OK &&
        llmp_json_is(root, LLMP_JSON_OBJECT))
        (void)api->answer(root, pieces, asked.count, hear, &asked);
    llmp_arena_fini(&arena);
    return 0;
}
