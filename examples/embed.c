/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gateway inside a program: one chat, whose answer is printed as it comes.
 *
 *   embed CONFIG.yaml PROMPT [MODEL]
 */
#include <llmproxy/gateway.h>
#include <llmproxy/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "poll_loop.h"

struct chat {
    struct llmp_drive *drive;
    char line[64 * 1024]; /* of the event stream; a longer one is passed over */
    size_t len;
    bool ok, done;
};

/* "data: {…}": prints what the model said. */
static void take_line(struct llmp_str line)
{
    struct llmp_json_field said = { .path = "choices.[].delta.content" };

    if (line.len < 6 || memcmp(line.ptr, "data: ", 6) != 0)
        return;
    line = (struct llmp_str){ line.ptr + 6, line.len - 6 };
    if (llmp_json_pick_all(line, &said, 1, NULL) != LLMP_OK || !said.found ||
        said.type != LLMP_JSON_STRING)
        return;

    char *text = malloc(said.text.len + 1);

    if (text)
        fwrite(text, 1, llmp_json_unescape(text, said.text), stdout);
    free(text);
    fflush(stdout);
}

static void respond(const struct llmp_response_head *head, void *ctx)
{
    ((struct chat *)ctx)->ok = head->status == 200;
}

static void take_bytes(struct llmp_str bytes, void *ctx)
{
    struct chat *chat = ctx;

    for (size_t i = 0; i < bytes.len; i++) {
        if (chat->len < sizeof(chat->line))
            chat->line[chat->len++] = bytes.ptr[i];
        if (bytes.ptr[i] != '\n')
            continue;
        take_line((struct llmp_str){ chat->line, chat->len - 1 });
        chat->len = 0;
    }
    llmp_drive_drained(chat->drive, bytes.len);
}

static void done(const struct llmp_summary *summary, void *ctx)
{
    struct chat *chat = ctx;

    chat->done = true;
    chat->ok &= summary->ending == LLMP_END_COMPLETE;
    if (!chat->ok) /* what is left in the line is the error's JSON */
        fprintf(stderr, "%s: %.*s\n", llmp_ending_name(summary->ending),
                (int)chat->len, chat->line);
}

static void pause_input(bool paused, void *ctx)
{
    (void)paused; /* the whole request is at hand */
    (void)ctx;
}

static const struct llmp_client_ops client = { sizeof(client), respond,
                                               take_bytes, done, pause_input };

/* Each call may already end the exchange: done() says so. */
static void send_chat(struct chat *chat, struct llmp_str body)
{
    const struct llmp_request_head head = {
        .method = LLMP_STR("POST"),
        .target = LLMP_STR("/v1/chat/completions"),
        .body_size = body.len,
        .received_ns = llmp_clock().mono_ns,
    };

    llmp_drive_head(chat->drive, &head);
    if (!chat->done)
        llmp_drive_body(chat->drive, body);
    if (!chat->done)
        llmp_drive_end(chat->drive);
}

static void write_body(FILE *out, const char *model, const char *prompt)
{
    fprintf(out, "{\"model\":\"%s\",\"stream\":true,", model);
    fprintf(out, "\"messages\":[{\"role\":\"user\",\"content\":\"");
    for (; *prompt; prompt++)
        if (*prompt == '"' || *prompt == '\\' || (unsigned char)*prompt < ' ')
            fprintf(out, "\\u%04x", (unsigned char)*prompt);
        else
            fputc(*prompt, out);
    fprintf(out, "\"}]}");
}

static void fill_random(void *bytes, size_t size, void *ctx)
{
    (void)ctx;
    if (getrandom(bytes, size, 0) != (ssize_t)size)
        abort();
}

static bool from_env(const char *name, struct llmp_str *value, void *ctx)
{
    const char *text = getenv(name);

    (void)ctx;
    *value = (struct llmp_str){ text, text ? strlen(text) : 0 };
    return text != NULL;
}

static struct llmp_config *read_config(const char *path, struct llmp_error *err)
{
    static char yaml[1 << 20];
    const struct llmp_config_source source = { .size = sizeof(source),
                                               .name = path,
                                               .env = from_env };
    struct llmp_config *config = NULL;
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(yaml, 1, sizeof(yaml), file) : 0;

    if (file)
        fclose(file);
    if (llmp_config_parse(&config, (struct llmp_str){ yaml, size }, &source,
                          err) < 0)
        return NULL;
    return config;
}

int main(int argc, char **argv)
{
    static struct chat chat;
    const struct llmp_random random = { .fill = fill_random };
    struct llmp_config *config = NULL;
    struct llmp_gateway *gateway = NULL;
    struct llmp_driver *driver = NULL;
    struct llmp_error err = { .message = "out of memory" };
    char body[16 * 1024];
    FILE *out = fmemopen(body, sizeof(body), "w");

    if (argc < 3 || !out || !poll_loop_init()) {
        fprintf(stderr, "usage: embed CONFIG.yaml PROMPT [MODEL]\n");
        return 2;
    }
    write_body(out, argc > 3 ? argv[3] : "gpt-4o", argv[2]);
    fclose(out);
    config = read_config(argv[1], &err);
    if (!config || llmp_gateway_new(&gateway, config, &random, &err) < 0 ||
        llmp_driver_new(&driver, gateway, &poll_loop, NULL, NULL, &err) < 0 ||
        llmp_drive_open(&chat.drive, driver, &client, &chat) < 0) {
        fprintf(stderr, "embed: %s\n", err.message);
    } else {
        send_chat(&chat, (struct llmp_str){ body, strlen(body) });
        while (!chat.done)
            poll_loop_turn(driver);
        putchar('\n');
    }
    llmp_driver_free(driver);
    llmp_gateway_free(gateway);
    llmp_config_unref(config);
    poll_loop_fini();
    return !chat.ok;
}
