/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What translating costs: a chat of 10 KB from each client dialect to each
 * provider dialect (parse, read, write), and one text event of a stream from
 * each provider dialect to each client dialect. The reference, in turns in the
 * same process, is cJSON parsing the same text and printing it. The best turn
 * of each counts, because everything else on the machine only makes a turn
 * slower. Prints one "metric value" a line.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/internal.h"
#include "wire/dialect.h"

enum { CHAT_BYTES = 10 * 1024, ROUNDS = 40, ROUNDS_QUICK = 8 };

static int rounds = ROUNDS;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A conversation with tools, as agents have it. */
static void write_chat(struct llmp_buf *text)
{
    llmp_buf_add(
        text,
        LLMP_STR("{\"model\":\"m\",\"max_tokens\":500,\"tools\":[{\"type\":"
                 "\"function\",\"function\":{\"name\":\"weather\","
                 "\"description\":\"The weather\",\"parameters\":{\"type\":"
                 "\"object\",\"properties\":{\"city\":{\"type\":\"string\"}},"
                 "\"required\":[\"city\"]}}}],\"messages\":[{\"role\":"
                 "\"system\",\"content\":\"You are a careful assistant.\"}"));
    for (unsigned n = 0; text->len < CHAT_BYTES - 200; n++) {
        llmp_buf_add(text, LLMP_STR(",{\"role\":\"user\",\"content\":\""));
        for (unsigned i = 0; i < 6; i++)
            llmp_buf_add(text,
                         LLMP_STR("The figures for the third quarter are 4.2 % "
                                  "above plan; she said \\\"we did not expect "
                                  "that\\\" and left it there.\\n"));
        llmp_buf_printf(text,
                        "\"},{\"role\":\"assistant\",\"content\":\"I see.\","
                        "\"tool_calls\":[{\"id\":\"c%u\",\"type\":\"function\","
                        "\"function\":{\"name\":\"weather\",\"arguments\":"
                        "\"{\\\"city\\\":\\\"Oslo\\\"}\"}}]},{\"role\":"
                        "\"tool\",\"tool_call_id\":\"c%u\",\"content\":"
                        "\"rain\"}",
                        n, n);
    }
    llmp_buf_add(text, LLMP_STR("]}"));
}

static int translate(struct llmp_buf *out, struct llmp_arena *arena,
                     const struct llmp_dialect *from,
                     const struct llmp_dialect *to, struct llmp_str in)
{
    struct llmp_wire wire = { .arena = arena, .drop = true };
    struct llmp_chat chat = { .stream = false };
    const struct llmp_json_value *root;
    int rc;

    out->len = 0;
    rc = llmp_json_tree(&root, in, 0, arena, NULL);
    if (rc == LLMP_OK)
        rc = from->read_request(&chat, root, &wire);
    if (rc == LLMP_OK && !chat.model.len)
        chat.model = LLMP_STR("m"); /* Gemini has it in the path */
    if (rc == LLMP_OK)
        rc = to->write_request(out, &chat, &wire);
    llmp_arena_reset(arena);
    return rc;
}

/* Nanoseconds for cJSON to read and write the same text. */
static double reference(struct llmp_str text, unsigned times)
{
    uint64_t begin = now_ns();

    for (unsigned i = 0; i < times; i++) {
        cJSON *root = cJSON_ParseWithLength(text.ptr, text.len);
        char *again = cJSON_PrintUnformatted(root);

        if (!again)
            exit(1);
        free(again);
        cJSON_Delete(root);
    }
    return (double)(now_ns() - begin) / times;
}

static void show(const char *what, const char *from, const char *to,
                 const char *unit, double value)
{
    printf("%s.%s.%s.%s %.4f\n", what, from, to, unit, value);
}

static void measure_request(const struct llmp_dialect *from,
                            const struct llmp_dialect *to, struct llmp_str in)
{
    enum { TIMES = 200 };
    struct llmp_arena arena;
    struct llmp_buf out = { 0 };
    double best = 1e18, best_reference = 1e18;

    llmp_arena_init(&arena, 65536);
    for (int r = 0; r < rounds; r++) {
        uint64_t begin = now_ns();

        for (unsigned i = 0; i < TIMES; i++)
            if (translate(&out, &arena, from, to, in) != LLMP_OK) {
                fprintf(stderr, "%s to %s fails\n", from->name.ptr,
                        to->name.ptr);
                exit(1);
            }

        double ns = (double)(now_ns() - begin) / TIMES;
        double other = reference(in, 50);

        best = ns < best ? ns : best;
        best_reference = other < best_reference ? other : best_reference;
    }
    show("request", from->name.ptr, to->name.ptr, "us", best / 1000);
    show("request", from->name.ptr, to->name.ptr, "ratio",
         best_reference / best);
    llmp_arena_fini(&arena);
    llmp_buf_fini(&out);
}

/* ---- streams ------------------------------------------------------------ */

#define TEXT "\" figures for the third quarter\""

static const struct {
    const struct llmp_dialect *dialect;
    const char *name, *data;
} deltas[] = {
    { &llmp_dialect_openai, "",
      "{\"id\":\"chatcmpl-9\",\"object\":\"chat.completion.chunk\",\"created\":"
      "1700000000,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{"
      "\"content\":" TEXT "},\"finish_reason\":null}]}" },
    { &llmp_dialect_anthropic, "content_block_delta",
      "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
      "\"text_delta\",\"text\":" TEXT "}}" },
    { &llmp_dialect_gemini, "",
      "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":" TEXT
      "}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{"
      "\"promptTokenCount\":5,\"candidatesTokenCount\":7,\"totalTokenCount\":"
      "12},\"modelVersion\":\"gemini-2.5-flash\"}" },
    { &llmp_dialect_bedrock, "contentBlockDelta",
      "{\"contentBlockIndex\":0,\"delta\":{\"text\":" TEXT "}}" },
};

static void measure_event(size_t which, const struct llmp_dialect *to)
{
    enum { TIMES = 5000 };
    const struct llmp_dialect *from = deltas[which].dialect;
    struct llmp_str data = llmp_str_of(deltas[which].data);
    struct llmp_str name = llmp_str_of(deltas[which].name);
    struct llmp_arena arena, scratch;
    struct llmp_buf out = { 0 };
    double best = 1e18, best_reference = 1e18;

    llmp_arena_init(&arena, 4096);
    llmp_arena_init(&scratch, 16384);
    for (int r = 0; r < rounds; r++) {
        struct llmp_wire_reader reader = { .started = false };
        struct llmp_wire_writer writer = {
            .dialect = to, .out = &out, .arena = &arena, .gather_max = 1u << 30
        };
        struct llmp_event_sink sink = llmp_wire_sink(&writer);
        const struct llmp_part text = { .kind = LLMP_PART_TEXT };
        uint64_t begin;

        if (llmp_wire_open(&reader, 0, &text, &sink) != LLMP_OK)
            exit(1);
        begin = now_ns();
        for (unsigned i = 0; i < TIMES; i++) {
            const struct llmp_json_value *root;

            out.len = 0;
            if (llmp_json_tree(&root, data, 0, &scratch, NULL) != LLMP_OK ||
                from->read_event(&reader, name, root, &sink) != LLMP_OK ||
                out.len == 0) {
                fprintf(stderr, "%s to %s fails\n", from->name.ptr,
                        to->name.ptr);
                exit(1);
            }
            llmp_arena_reset(&scratch);
        }

        double ns = (double)(now_ns() - begin) / TIMES;
        double other = reference(data, 2000);

        best = ns < best ? ns : best;
        best_reference = other < best_reference ? other : best_reference;
        llmp_wire_writer_fini(&writer);
    }
    show("event", from->name.ptr, to->name.ptr, "us", best / 1000);
    show("event", from->name.ptr, to->name.ptr, "ratio", best_reference / best);
    llmp_arena_fini(&arena);
    llmp_arena_fini(&scratch);
    llmp_buf_fini(&out);
}

int main(int argc, char **argv)
{
    static const struct llmp_dialect *const clients[] = {
        &llmp_dialect_openai, &llmp_dialect_anthropic, &llmp_dialect_gemini
    };
    static const struct llmp_dialect *const providers[] = {
        &llmp_dialect_openai, &llmp_dialect_anthropic, &llmp_dialect_gemini,
        &llmp_dialect_bedrock
    };
    struct llmp_buf chat = { 0 }, body = { 0 };
    struct llmp_arena arena;

    if (argc > 1 && strcmp(argv[1], "--quick") == 0)
        rounds = ROUNDS_QUICK;
    write_chat(&chat);
    llmp_arena_init(&arena, 65536);
    for (size_t c = 0; c < LLMP_COUNT(clients); c++) {
        if (translate(&body, &arena, &llmp_dialect_openai, clients[c],
                      llmp_buf_str(&chat)) != LLMP_OK)
            return 1;
        for (size_t p = 0; p < LLMP_COUNT(providers); p++)
            measure_request(clients[c], providers[p], llmp_buf_str(&body));
    }
    for (size_t p = 0; p < LLMP_COUNT(deltas); p++) {
        for (size_t c = 0; c < LLMP_COUNT(clients); c++)
            measure_event(p, clients[c]);
        measure_event(p, &llmp_dialect_responses);
    }
    llmp_arena_fini(&arena);
    llmp_buf_fini(&chat);
    llmp_buf_fini(&body);
    return 0;
}
