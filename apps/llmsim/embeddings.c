/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /v1/embeddings. A vector depends on the seed, the input as it stands in
 * the request and the number of dimensions, and has length 1.
 */
#include <math.h>

#include "answer.h"

enum { INPUT = SIM_OWN, DIMENSIONS, ENCODING };

static const char *const paths[] = {
    [SIM_MODEL] = "model",
    [SIM_STREAM] = "stream",
    [INPUT] = "input",
    [DIMENSIONS] = "dimensions",
    [ENCODING] = "encoding_format",
};

#define DIMENSIONS_MAX 16384
#define SCALE          100000000 /* eight decimals */

struct job {
    struct sim_buf *out;
    uint64_t seed, dimensions;
    bool base64;
    int32_t units[DIMENSIONS_MAX]; /* of 1/SCALE */
};

static uint64_t hash(struct llmp_str text)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);

    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001B3);
    return h;
}

static void make_vector(struct job *job, struct llmp_str text)
{
    struct sim_random random = sim_random_of(job->seed, hash(text));
    double sum = 0, scale;

    for (uint64_t i = 0; i < job->dimensions; i++) {
        double value = sim_random_unit(&random) * 2 - 1;

        job->units[i] = (int32_t)(value * SCALE);
        sum += value * value;
    }
    scale = sum > 0 ? 1 / sqrt(sum) : 1;
    for (uint64_t i = 0; i < job->dimensions; i++)
        job->units[i] = (int32_t)lrint(job->units[i] * scale);
}

/* printf() would take most of the time of a vector. */
static void add_number(struct sim_buf *out, int32_t units)
{
    char text[12];
    uint32_t left = (uint32_t)(units < 0 ? -units : units);
    size_t at = sizeof(text);

    for (int i = 0; i < 8; i++, left /= 10)
        text[--at] = (char)('0' + left % 10);
    text[--at] = '.';
    text[--at] = (char)('0' + left % 10);
    if (units < 0)
        text[--at] = '-';
    sim_buf_add(out, (struct llmp_str){ text + at, sizeof(text) - at });
}

static void add_numbers(struct job *job)
{
    sim_buf_text(job->out, "[");
    for (uint64_t i = 0; i < job->dimensions; i++) {
        if (i)
            sim_buf_text(job->out, ",");
        add_number(job->out, job->units[i]);
    }
    sim_buf_text(job->out, "]");
}

/* Little-endian floats of 32 bits. */
static void add_base64(struct job *job)
{
    struct sim_buf bytes = { 0 };

    for (uint64_t i = 0; i < job->dimensions; i++) {
        float value = (float)(job->units[i] / (double)SCALE);
        uint32_t bits;

        memcpy(&bits, &value, sizeof(bits));

        char little[4] = { (char)bits, (char)(bits >> 8), (char)(bits >> 16),
                           (char)(bits >> 24) };

        sim_buf_add(&bytes, (struct llmp_str){ little, 4 });
    }
    sim_buf_text(job->out, "\"");
    sim_buf_base64(job->out, sim_buf_str(&bytes));
    sim_buf_text(job->out, "\"");
    sim_buf_fini(&bytes);
}

bool sim_embedding(struct sim_buf *out, uint64_t seed, uint64_t dimensions,
                   struct llmp_str text)
{
    struct job *job;

    if (dimensions < 1 || dimensions > DIMENSIONS_MAX)
        return false;
    job = sim_alloc(sizeof(*job));
    job->out = out;
    job->seed = seed;
    job->dimensions = dimensions;
    make_vector(job, text);
    add_numbers(job);
    sim_free(job);
    return true;
}

static void add_embedding(struct llmp_str text, uint64_t index, void *ctx)
{
    struct job *job = ctx;

    sim_buf_text(job->out, index ? ",{" : "{");
    sim_buf_text(job->out, "\"object\":\"embedding\",\"index\":");
    sim_buf_u64(job->out, index);
    sim_buf_text(job->out, ",\"embedding\":");
    make_vector(job, text);
    if (job->base64)
        add_base64(job);
    else
        add_numbers(job);
    sim_buf_text(job->out, "}");
}

static void say(struct sim_conn *conn, struct job *job)
{
    const struct llmp_json_field *input = &conn->worker->fields[INPUT];
    struct sim_reply *reply = &conn->reply;

    sim_buf_text(job->out, "{\"object\":\"list\",\"data\":[");
    if (sim_each_input(input, sim_request_body(&conn->request), add_embedding,
                       job) == 0) {
        sim_answer_error(conn, 400, NULL, "'input' must not be empty.");
        return;
    }
    sim_buf_text(job->out, "],\"model\":\"");
    sim_buf_add(job->out, sim_buf_str(&reply->model));
    sim_buf_text(job->out, "\",\"usage\":{\"prompt_tokens\":");
    sim_buf_u64(job->out, reply->prompt_tokens);
    sim_buf_text(job->out, ",\"total_tokens\":");
    sim_buf_u64(job->out, reply->prompt_tokens);
    sim_buf_text(job->out, "}}\n");
    sim_conn_say_json(conn, 200);
}

static void answer(struct sim_conn *conn)
{
    const struct llmp_json_field *fields = conn->worker->fields;
    struct llmp_str encoding = sim_field_text(&fields[ENCODING]);
    struct job *job;

    if (conn->reply.how.error_at != SIM_NEVER) {
        sim_answer_error_200(conn);
        return;
    }
    job = sim_alloc(sizeof(*job));
    job->out = &conn->worker->body;
    job->seed = conn->worker->shared->opts->seed;
    job->base64 = sim_str_is(encoding, "base64");
    job->dimensions =
        sim_field_u64(&fields[DIMENSIONS], conn->reply.how.dimensions);
    if (job->dimensions < 1 || job->dimensions > DIMENSIONS_MAX)
        sim_answer_error(conn, 400, NULL, "'dimensions' must be 1 to 16384.");
    else
        say(conn, job);
    sim_free(job);
}

const struct sim_endpoint sim_embeddings = {
    .method = "POST",
    .path = "/v1/embeddings",
    .paths = paths,
    .count = sizeof(paths) / sizeof(paths[0]),
    .required = "input",
    .answer = answer,
};
