/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See key_make.h. The pepper comes from a file or standard input: what stands
 * in a command line can be read by everybody on the machine.
 */
#include "key_make.h"

#include <errno.h>
#include <llmproxy/auth.h>
#include <stdio.h>
#include <string.h>

#include "random.h"

#define PEPPER_BYTES_MAX 65536

static const char help[] =
    "usage: llmgw key make [--pepper FILE]\n"
    "\n"
    "Prints a fresh API key. It needs no store: give it to whoever calls, and\n"
    "put it into the configuration, under 'keys', as 'key: ${NAME}'.\n"
    "\n"
    "  --pepper FILE   also prints its hash, to be written as 'hash' instead "
    "of\n"
    "                  'key'. FILE holds the same secret as 'auth.pepper' "
    "refers\n"
    "                  to; '-' reads it from standard input\n";

static int complain(const char *what, const char *about)
{
    (void)fprintf(stderr, "llmgw key make: %s%s\n", what, about);
    return 2;
}

/* The contents without one newline at the end, as ${file:…} has it. */
static bool read_pepper(struct llmp_pepper *out, const char *path)
{
    static char text[PEPPER_BYTES_MAX];
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    size_t len;
    int rc;

    if (!file) {
        (void)fprintf(stderr, "llmgw key make: %s: %s\n", path,
                      strerror(errno));
        return false;
    }
    len = fread(text, 1, sizeof(text), file);
    if (file != stdin)
        (void)fclose(file);
    if (len > 0 && text[len - 1] == '\n')
        len--;
    rc = llmp_pepper_make(out, (struct llmp_str){ text, len });
    explicit_bzero(text, sizeof(text));
    if (rc < 0)
        (void)fprintf(stderr, "llmgw key make: a pepper has %d bytes or more\n",
                      LLMP_PEPPER_TEXT_MIN);
    return rc == LLMP_OK;
}

static void print_hash(const struct llmp_pepper *pepper, const char *key)
{
    uint8_t hash[LLMP_KEY_HASH_SIZE];

    llmp_api_key_hash(hash, pepper, (struct llmp_str){ key, LLMP_API_KEY_LEN });
    (void)printf("hash: ");
    for (size_t i = 0; i < sizeof(hash); i++)
        (void)printf("%02x", hash[i]);
    (void)printf("\n");
}

int gw_key_make(int argc, char **argv)
{
    const struct llmp_random random = { .fill = gw_random_fill };
    const char *pepper_path = NULL;
    struct llmp_pepper pepper;
    char key[LLMP_API_KEY_SIZE];

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(help, stdout);
            return 0;
        }
        if (strncmp(argv[i], "--pepper=", 9) == 0)
            pepper_path = argv[i] + 9;
        else if (strcmp(argv[i], "--pepper") == 0 && i + 1 < argc)
            pepper_path = argv[++i];
        else
            return complain("unexpected argument ", argv[i]);
    }
    if (pepper_path && !read_pepper(&pepper, pepper_path))
        return 1;
    llmp_api_key_make(key, &random);
    if (pepper_path) {
        (void)printf("key:  %s\n", key);
        print_hash(&pepper, key);
    } else {
        (void)printf("%s\n", key);
    }
    explicit_bzero(key, sizeof(key));
    explicit_bzero(&pepper, sizeof(pepper));
    return fflush(stdout) == 0 ? 0 : 1;
}
