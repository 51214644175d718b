/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over folders of inputs, without a fuzzer: each file as it
 * is, cut off at every place, and with each byte changed once. So the corpus
 * is an ordinary test with any compiler.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define FILE_SIZE_MAX 1000000
#define VARY_SIZE_MAX 3000

static void run_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size + 1); /* a sanitizer sees who leaves it */

    memcpy(copy, bytes, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void vary(uint8_t *bytes, size_t size)
{
    static const uint8_t changes[] = { 0x00, 0x01, 0x20, 0x80, 0xFF };

    for (size_t i = 0; i < size; i++)
        run_copy(bytes, i);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= changes[i % sizeof(changes)];
        run_copy(bytes, size);
        bytes[i] ^= changes[i % sizeof(changes)];
    }
}

static int run_file(const char *folder, const char *name)
{
    static uint8_t bytes[FILE_SIZE_MAX];
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);

    FILE *file = fopen(path, "rb");

    if (!file) {
        perror(path);
        return 1;
    }

    size_t size = fread(bytes, 1, sizeof(bytes), file);

    fclose(file);
    run_copy(bytes, size);
    if (size <= VARY_SIZE_MAX)
        vary(bytes, size);
    return 0;
}

int main(int argc, char **argv)
{
    int files = 0, failed = 0;

    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);

        if (!dir) {
            perror(argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(dir));)
            if (entry->d_name[0] != '.') {
                failed += run_file(argv[i], entry->d_name);
                files++;
            }
        closedir(dir);
    }
    printf("%d files\n", files);
    return failed || files == 0;
}
