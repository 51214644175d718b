/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever a token endpoint, a metadata service or a key file says: what is
 * taken from it can be sent in a header, has a life, and lies in the answer;
 * what is refused leaves a message that can be printed. The first byte chooses
 * the reader and the status.
 */
#include <stdlib.h>

#include "cloud/aws.h"
#include "cloud/google.h"
#include "cloud/oauth.h"
#include "fuzz.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

#define WALL_NS (UINT64_C(1700000000) * 1000000000)

static void check_text(struct llmp_str text, const char *body, size_t size)
{
    CHECK(llmp_cloud_is_visible(text, LLMP_CLOUD_TEXT_MAX));
    CHECK(text.ptr >= body && text.ptr + text.len <= body + size);
}

static void check_error(const struct llmp_error *err, int rc)
{
    CHECK(err->status == rc);
    for (const char *at = err->message; *at; at++)
        CHECK((uint8_t)*at >= ' ');
}

static void read_answer(uint8_t choice, char *body, size_t size)
{
    struct llmp_cloud_grant grant = { .lifetime_ns = 0 };
    struct llmp_error err;
    int status = choice & 2 ? 200 : 400 + choice;
    int rc = choice & 1
                 ? llmp_aws_answer(&grant, status, body, size, WALL_NS, &err)
                 : llmp_oauth_answer(&grant, status, body, size, WALL_NS, &err);

    if (rc < 0) {
        check_error(&err, rc);
        return;
    }
    CHECK(status == 200);
    CHECK(grant.lifetime_ns > 0 &&
          grant.lifetime_ns <= UINT64_C(86400) * 1000000000);
    check_text(grant.access, body, size);
    if (choice & 1) {
        check_text(grant.secret, body, size);
        check_text(grant.session, body, size);
    }
}

static void read_account(char *body, size_t size)
{
    struct llmp_google_account *account = NULL;
    struct llmp_error err;
    int rc = llmp_google_account_new(&account, (struct llmp_str){ body, size },
                                     &err);

    CHECK((rc == LLMP_OK) == (account != NULL));
    if (rc < 0)
        CHECK(err.status == rc);
    llmp_google_account_free(account);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;

    char *body = malloc(size);
    struct llmp_str line;

    memcpy(body, data + 1, size - 1);
    if (llmp_imds_line(&line, 200, (struct llmp_str){ body, size - 1 }, NULL) ==
        LLMP_OK)
        check_text(line, body, size - 1);
    if (data[0] & 4)
        read_account(body, size - 1);
    else
        read_answer(data[0], body, size - 1);
    free(body);
    return 0;
}
