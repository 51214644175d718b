/* SPDX-License-Identifier: Apache-2.0 */
/* The small endpoints: moderations, rerank, images, audio, models. */
#include "answer.h"
#include "text.h"

enum { INPUT = SIM_OWN, N };

static const char *const moderation_paths[] = {
    [SIM_MODEL] = "model", [SIM_STREAM] = "stream", [INPUT] = "input"
};

/* Text with the word "violence" in it is flagged. */
static void add_verdict(struct llmp_str text, uint64_t index, void *ctx)
{
    struct sim_buf *out = ctx;
    bool flagged = false;

    for (size_t i = 0; i + 8 <= text.len && !flagged; i++)
        flagged = memcmp(text.ptr + i, "violence", 8) == 0;
    sim_buf_text(out, index ? ",{" : "{");
    sim_buf_printf(out,
                   "\"flagged\":%s,\"categories\":{\"violence\":%s},"
                   "\"category_scores\":{\"violence\":%s},"
                   "\"category_applied_input_types\":{\"violence\":[\"text\"]}"
                   "}",
                   flagged ? "true" : "false", flagged ? "true" : "false",
                   flagged ? "0.97" : "0.01");
}

static void begin_list(struct sim_conn *conn, const char *id)
{
    struct sim_buf *out = &conn->worker->body;

    sim_buf_printf(out, "{\"id\":\"%s%llu\",\"model\":\"", id,
                   (unsigned long long)conn->reply.ordinal);
    sim_buf_add(out, sim_buf_str(&conn->reply.model));
    sim_buf_text(out, "\",\"results\":[");
}

static void answer_moderation(struct sim_conn *conn)
{
    struct sim_buf *out = &conn->worker->body;

    begin_list(conn, "modr-sim");
    (void)sim_each_input(&conn->worker->fields[INPUT],
                         sim_request_body(&conn->request), add_verdict, out);
    sim_buf_text(out, "]}\n");
    sim_conn_say_json(conn, 200);
}

const struct sim_endpoint sim_moderations = {
    .method = "POST",
    .path = "/v1/moderations",
    .paths = moderation_paths,
    .count = sizeof(moderation_paths) / sizeof(moderation_paths[0]),
    .required = "input",
    .answer = answer_moderation,
};

static const char *const rerank_paths[] = {
    [SIM_MODEL] = "model",
    [SIM_STREAM] = "stream",
    [INPUT] = "documents",
    [N] = "top_n",
};

static void count_one(struct llmp_str text, uint64_t index, void *ctx)
{
    (void)text;
    *(uint64_t *)ctx = index + 1;
}

/* The last document is the best one, so that the order changes. */
static void answer_rerank(struct sim_conn *conn)
{
    struct sim_buf *out = &conn->worker->body;
    uint64_t count = 0, top;

    (void)sim_each_input(&conn->worker->fields[INPUT],
                         sim_request_body(&conn->request), count_one, &count);
    top = sim_field_u64(&conn->worker->fields[N], count);
    begin_list(conn, "rerank-sim");
    for (uint64_t i = 0; i < count && i < top; i++)
        sim_buf_printf(out, "%s{\"index\":%llu,\"relevance_score\":%.4f}",
                       i ? "," : "", (unsigned long long)(count - 1 - i),
                       1.0 / (double)(i + 1));
    sim_buf_printf(out, "],\"usage\":{\"total_tokens\":%llu}}\n",
                   (unsigned long long)conn->reply.prompt_tokens);
    sim_conn_say_json(conn, 200);
}

const struct sim_endpoint sim_rerank = {
    .method = "POST",
    .path = "/v1/rerank",
    .paths = rerank_paths,
    .count = sizeof(rerank_paths) / sizeof(rerank_paths[0]),
    .required = "documents",
    .answer = answer_rerank,
};

static const char *const image_paths[] = {
    [SIM_MODEL] = "model",
    [SIM_STREAM] = "stream",
    [INPUT] = "prompt",
    [N] = "n",
};

/* One transparent pixel. */
#define PNG                                                                    \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA" \
    "60e6kgAAAABJRU5ErkJggg=="

static void answer_image(struct sim_conn *conn)
{
    struct sim_buf *out = &conn->worker->body;
    uint64_t n = sim_field_u64(&conn->worker->fields[N], 1);

    if (n < 1 || n > 10) {
        sim_answer_error(conn, 400, NULL, "'n' must be 1 to 10.");
        return;
    }
    sim_buf_text(out, "{\"created\":" SIM_CREATED ",\"data\":[");
    for (uint64_t i = 0; i < n; i++)
        sim_buf_text(out, i ? ",{\"b64_json\":\"" PNG "\"}"
                            : "{\"b64_json\":\"" PNG "\"}");
    sim_buf_text(out, "]}\n");
    sim_conn_say_json(conn, 200);
}

const struct sim_endpoint sim_images = {
    .method = "POST",
    .path = "/v1/images/generations",
    .paths = image_paths,
    .count = sizeof(image_paths) / sizeof(image_paths[0]),
    .required = "prompt",
    .answer = answer_image,
};

/* Multipart, which is counted and not read. */
static void answer_transcription(struct sim_conn *conn)
{
    sim_buf_printf(&conn->worker->body,
                   "{\"text\":\"%zu bytes received%s%s\"}\n",
                   sim_request_body(&conn->request).len,
                   conn->reply.echo[0] ? ", " : "", conn->reply.echo);
    sim_conn_say_json(conn, 200);
}

const struct sim_endpoint sim_transcriptions = {
    .method = "POST",
    .path = "/v1/audio/transcriptions",
    .answer = answer_transcription,
};

static const char *const speech_paths[] = {
    [SIM_MODEL] = "model", [SIM_STREAM] = "stream", [INPUT] = "input"
};

/* Bytes of every value, so that nobody takes them for text. */
static void answer_speech(struct sim_conn *conn)
{
    struct sim_buf *out = &conn->worker->body;
    struct sim_random random =
        sim_random_of(conn->worker->shared->opts->seed, 0);
    uint64_t size = conn->reply.how.audio_bytes;

    sim_buf_reserve(out, (size_t)size + 8);
    for (; out->len < size; out->len += 8) {
        uint64_t bits = sim_random_u64(&random);

        memcpy(out->ptr + out->len, &bits, 8);
    }
    sim_conn_say(conn, &(struct sim_piece){
                           .status = 200,
                           .type = "audio/mpeg",
                           .body = { out->ptr, (size_t)size },
                       });
}

const struct sim_endpoint sim_speech = {
    .method = "POST",
    .path = "/v1/audio/speech",
    .paths = speech_paths,
    .count = sizeof(speech_paths) / sizeof(speech_paths[0]),
    .required = "input",
    .answer = answer_speech,
};

static void add_model(struct sim_buf *out, struct llmp_str id)
{
    sim_buf_text(out, "{\"id\":\"");
    sim_buf_escape(out, id);
    sim_buf_text(out, "\",\"object\":\"model\",\"created\":" SIM_CREATED
                      ",\"owned_by\":\"llmsim\"}");
}

static const char *model_name(size_t i)
{
    static const char *const plain[] = { "gpt-4o", "gpt-4o-mini",
                                         "text-embedding-3-small", "echo-1" };
    size_t count = sizeof(plain) / sizeof(plain[0]);

    return i < count ? plain[i] : sim_behaviour_name(i - count);
}

static void answer_models(struct sim_conn *conn)
{
    struct sim_buf *out = &conn->worker->body;
    const char *name;

    sim_buf_text(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; (name = model_name(i)); i++) {
        if (i)
            sim_buf_text(out, ",");
        add_model(out, (struct llmp_str){ name, strlen(name) });
    }
    sim_buf_text(out, "]}\n");
    sim_conn_say_json(conn, 200);
}

const struct sim_endpoint sim_models = {
    .method = "GET",
    .path = "/v1/models",
    .answer = answer_models,
};

/* Every model exists, but those whose names say that they do not. */
void sim_model_answer(struct sim_conn *conn, struct llmp_str id)
{
    if (sim_str_starts(id, "missing") || sim_str_is(id, "sim-404")) {
        sim_answer_error(conn, 404, "model_not_found",
                         "The model does not exist.");
        return;
    }
    add_model(&conn->worker->body, id);
    sim_conn_say_json(conn, 200);
}
