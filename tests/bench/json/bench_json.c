/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the JSON reader is beside cJSON, on chat requests of 10 KB and
 * 1 MB, and whether a large body in pieces costs the same a byte. Both read
 * the same bytes in the same process, in turns; the best turn of each counts,
 * because everything else on the machine only makes a turn slower. Prints one
 * "metric value" a line.
 */
#include <cjson/cJSON.h>
#include <llmproxy/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"

struct body {
    const char *name;
    struct llmp_buf text;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* What people send: paragraphs with line breaks, a quotation mark now and
 * then, and `foreign` of them not in ASCII. */
static void add_paragraph(struct llmp_buf *text, unsigned n, bool foreign)
{
    static const char *const sentences[] = {
        "Please summarise the following report for the board.\\n",
        "The figures for the third quarter are 4.2 % above plan; ",
        "she said \\\"we did not expect that\\\" and left it there. ",
        "Keep it short, in plain words, and do not invent numbers. ",
        "for (size_t i = 0; i < count; i++)\\n    total += item[i];\\n",
    };
    static const char *const foreign_sentences[] = {
        "Die Zahlen für das dritte Quartal liegen über Plan. ",
        "请用三句话总结这份报告，不要编造数字。",
    };

    for (unsigned i = 0; i < 8; i++)
        llmp_buf_add(text, llmp_str_of(foreign ? foreign_sentences[(n + i) % 2]
                                               : sentences[(n * 3 + i) % 5]));
}

static void write_chat(struct llmp_buf *text, size_t size, bool foreign)
{
    llmp_buf_add(text, LLMP_STR("{\"model\":\"gpt-4o-mini\",\"messages\":["
                                "{\"role\":\"system\",\"content\":\"You are "
                                "a careful assistant.\"}"));
    for (unsigned n = 0; text->len < size; n++) {
        llmp_buf_printf(text, ",{\"role\":\"%s\",\"content\":\"",
                        n % 2 ? "assistant" : "user");
        add_paragraph(text, n, foreign);
        llmp_buf_add(text, LLMP_STR("\"}"));
    }
    llmp_buf_add(text,
                 LLMP_STR("],\"temperature\":0.7,\"max_tokens\":512,"
                          "\"stream\":true,\"stream_options\":"
                          "{\"include_usage\":true},\"user\":\"u-1834\"}"));
}

/* An answer of an embeddings call: numbers and nothing else. */
static void write_numbers(struct llmp_buf *text, size_t size)
{
    llmp_buf_add(text, LLMP_STR("{\"embedding\":[0.5"));
    for (unsigned n = 1; text->len < size; n++)
        llmp_buf_printf(text, ",%s0.0%u", n % 2 ? "-" : "",
                        n * 7919 % 10000019);
    llmp_buf_add(text, LLMP_STR("]}"));
}

static void die(const char *why)
{
    fprintf(stderr, "bench-json: %s\n", why);
    exit(1);
}

static void read_all(struct llmp_str text, size_t piece)
{
    struct llmp_json reader;
    struct llmp_json_token token;
    int rc = LLMP_AGAIN;

    llmp_json_init(&reader, 0);
    for (size_t at = 0; rc == LLMP_AGAIN;) {
        size_t n = text.len - at < piece ? text.len - at : piece;

        llmp_json_feed(&reader, (struct llmp_str){ text.ptr + at, n },
                       at + n == text.len);
        at += n;
        while ((rc = llmp_json_next(&reader, &token, NULL)) == LLMP_OK)
            ;
    }
    llmp_json_fini(&reader);
    if (rc != LLMP_END)
        die("a document was refused");
}

static void read_whole(struct llmp_str text)
{
    read_all(text, text.len);
}

static void read_64k(struct llmp_str text)
{
    read_all(text, 65536);
}

/* What the gateway does with a request: the reader and eight picks. */
static void read_picks(struct llmp_str text)
{
    struct llmp_json_field fields[] = {
        { .path = "model" },
        { .path = "stream" },
        { .path = "stream_options" },
        { .path = "stream_options.include_usage" },
        { .path = "messages" },
        { .path = "max_tokens" },
        { .path = "n" },
        { .path = "tools" },
    };

    if (llmp_json_pick_all(text, fields, 8, NULL) != LLMP_OK)
        die("a document was refused");
}

static void read_cjson(struct llmp_str text)
{
    cJSON *root = cJSON_ParseWithLength(text.ptr, text.len);

    if (!root)
        die("cJSON refused a document");
    cJSON_Delete(root);
}

static const struct {
    const char *name;
    void (*read)(struct llmp_str text);
} readers[] = {
    { "reader", read_whole },
    { "reader_64k_pieces", read_64k },
    { "reader_picks", read_picks },
    { "cjson", read_cjson },
};

enum { READERS = sizeof(readers) / sizeof(readers[0]) };

/* Bytes a nanosecond, which is GB/s. */
static double speed(size_t reader, struct llmp_str text, uint64_t turn_ns)
{
    uint64_t begin = now_ns(), now = begin;
    size_t rounds = 0;

    do {
        readers[reader].read(text);
        rounds++;
        now = now_ns();
    } while (now - begin < turn_ns);
    return (double)text.len * (double)rounds / (double)(now - begin);
}

static void measure(const struct body *body, uint64_t turn_ns, int turns)
{
    struct llmp_str text = llmp_buf_str(&body->text);
    double best[READERS] = { 0 };

    for (int turn = 0; turn < turns; turn++)
        for (size_t i = 0; i < READERS; i++) {
            double now = speed(i, text, turn_ns);

            best[i] = now > best[i] ? now : best[i];
        }
    for (size_t i = 0; i < READERS; i++)
        printf("%s.%s_mb_s %.0f\n", body->name, readers[i].name,
               best[i] * 1000);
    printf("%s.bytes %zu\n", body->name, text.len);
    printf("%s.reader_us %.3f\n", body->name,
           (double)text.len / best[0] / 1000);
    printf("%s.ratio_to_cjson %.2f\n", body->name, best[0] / best[READERS - 1]);
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    struct body bodies[] = {
        { .name = "chat_10k" },      { .name = "chat_1m" },
        { .name = "chat_10m" },      { .name = "chat_10k_foreign" },
        { .name = "embedding_30k" },
    };

    write_chat(&bodies[0].text, 10000, false);
    write_chat(&bodies[1].text, 1000000, false);
    write_chat(&bodies[2].text, 10000000, false);
    write_chat(&bodies[3].text, 10000, true);
    write_numbers(&bodies[4].text, 30000);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        measure(&bodies[i], quick ? 30000000u : 200000000u, quick ? 5 : 20);
        llmp_buf_fini(&bodies[i].text);
    }
    return 0;
}
