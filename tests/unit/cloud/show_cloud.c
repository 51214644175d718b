/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What check_cloud.py compares with others' work:
 *
 *   show-cloud sign              a request a line on standard input, its fields
 *                                in hexadecimal; the Authorization on output
 *   show-cloud assertion FILE S  the form for the account of FILE at second S
 *   show-cloud frames            event stream on input; a line for each frame
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/internal.h"
#include "cloud/google.h"
#include "cloud/sigv4.h"
#include "message/eventstream.h"

enum { LINE_MAX_LEN = 1 << 20, FIELDS = 11 };

static int fail(const struct llmp_error *err)
{
    (void)fprintf(stderr, "show-cloud: %s\n", err->message);
    return 1;
}

/* Decodes the next field, hexadecimal up to a blank, where it lies. */
static struct llmp_str field(char **at)
{
    size_t len = strcspn(*at, " \n");
    struct llmp_str out = { *at, len / 2 };

    if (!llmp_read_hex((uint8_t *)*at, len / 2, (struct llmp_str){ *at, len }))
        exit(2);
    *at += len + 1;
    return out;
}

/* Method, host, path, query, body, access, secret, session, region, service,
 * second; then names and values of headers. */
static int sign_line(char *line)
{
    struct llmp_str in[FIELDS];
    struct llmp_sigv4_header headers[16];
    struct llmp_sigv4_headers out;
    struct llmp_sigv4_key key;
    struct llmp_arena arena;
    struct llmp_error err;
    uint64_t wall_ns, count = 0;
    char *end = line + strlen(line);
    int rc;

    for (size_t i = 0; i < FIELDS; i++)
        in[i] = field(&line);
    for (; line < end && count < LLMP_COUNT(headers); count++) {
        headers[count].name = field(&line);
        headers[count].value = field(&line);
    }
    if (!llmp_str_to_u64(in[10], &wall_ns))
        return 2;
    wall_ns *= LLMP_NS_PER_S;

    const struct llmp_aws_credentials credentials = { .access = in[5],
                                                      .secret = in[6] };
    const struct llmp_sigv4_request request = {
        .method = in[0],
        .host = in[1],
        .path = in[2],
        .query = in[3],
        .headers = headers,
        .header_count = (size_t)count,
        .body = &in[4],
        .body_count = 1,
    };

    llmp_arena_init(&arena, 4096);
    rc = llmp_sigv4_key_make(&key, &credentials, in[8], in[9], wall_ns, &err);
    if (rc == LLMP_OK)
        rc =
            llmp_sigv4_sign(&out, &request, &key, in[7], wall_ns, &arena, &err);
    if (rc == LLMP_OK)
        (void)printf("%.*s\n", (int)out.authorization.len,
                     out.authorization.ptr);
    llmp_arena_fini(&arena);
    return rc == LLMP_OK ? 0 : fail(&err);
}

static int sign_lines(char *line)
{
    int rc = 0;

    while (rc == 0 && fgets(line, LINE_MAX_LEN, stdin))
        rc = sign_line(line);
    return rc;
}

static int show_assertion(char *text, const char *path, const char *second)
{
    FILE *file = fopen(path, "rb");
    struct llmp_google_account *account = NULL;
    struct llmp_cloud_request request = { .header_count = 0 };
    struct llmp_error err;
    uint64_t wall_s;
    int rc;

    if (!file || !llmp_str_to_u64(llmp_str_of(second), &wall_s))
        return 2;

    struct llmp_str json = { text, fread(text, 1, LINE_MAX_LEN, file) };

    (void)fclose(file);
    rc = llmp_google_account_new(&account, json, &err);
    if (rc == LLMP_OK)
        rc = llmp_google_request(&request, account, LLMP_STR(""),
                                 wall_s * LLMP_NS_PER_S, &err);
    if (rc == LLMP_OK)
        (void)fwrite(request.body.ptr, 1, request.body.len, stdout);
    llmp_cloud_request_fini(&request);
    llmp_google_account_free(account);
    return rc == LLMP_OK ? 0 : fail(&err);
}

static void put_hex(struct llmp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        (void)printf("%02x", (uint8_t)text.ptr[i]);
}

static void show_frame(const struct llmp_eventstream_frame *frame)
{
    struct llmp_eventstream_header header;
    struct llmp_str rest = frame->headers;

    put_hex(frame->payload);
    while (llmp_eventstream_header_next(&rest, &header) == LLMP_OK) {
        int64_t number;

        (void)printf(" ");
        put_hex(header.name);
        if (llmp_eventstream_number(&header, &number))
            (void)printf("=%lld", (long long)number);
        else
            (void)printf(":");
        put_hex(llmp_eventstream_number(&header, &number) ? LLMP_STR("")
                                                          : header.value);
    }
    (void)printf("\n");
}

static int show_frames(char *text)
{
    struct llmp_eventstream stream;
    struct llmp_eventstream_frame frame;
    struct llmp_error err;
    size_t size;
    int rc = LLMP_AGAIN;

    llmp_eventstream_init(&stream, 1 << 20);
    while (rc == LLMP_AGAIN && (size = fread(text, 1, 97, stdin)) > 0) {
        llmp_eventstream_feed(&stream, (struct llmp_str){ text, size });
        while ((rc = llmp_eventstream_next(&stream, &frame, &err)) == LLMP_OK)
            show_frame(&frame);
    }
    if (rc == LLMP_AGAIN)
        rc = llmp_eventstream_end(&stream, &err);
    llmp_eventstream_fini(&stream);
    return rc == LLMP_OK ? 0 : fail(&err);
}

int main(int argc, char **argv)
{
    char *text = malloc(LINE_MAX_LEN);
    int rc = 2;

    if (argc == 2 && strcmp(argv[1], "sign") == 0)
        rc = sign_lines(text);
    else if (argc == 4 && strcmp(argv[1], "assertion") == 0)
        rc = show_assertion(text, argv[2], argv[3]);
    else if (argc == 2 && strcmp(argv[1], "frames") == 0)
        rc = show_frames(text);
    free(text);
    return rc;
}
