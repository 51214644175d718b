/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says what our rules find. Texts come in on the standard input, each after a
 * line with its size in bytes; for each, its finds go out, a line each ("name
 * begin end sure"), and an empty line.
 *
 * usage: guard_scan         personal data and secrets
 *        guard_scan words   injections and moderation
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/internal.h"
#include "guard/ruleset.h"

struct scanner {
    struct llmp_ruleset *set;
    struct llmp_ruleset_scratch *scratch;
};

static void print(const struct llmp_rule_find *find, void *ctx)
{
    const struct scanner *scanner = ctx;

    (void)printf("%s %zu %zu %u\n",
                 llmp_ruleset_rule(scanner->set, find->rule)->name, find->begin,
                 find->end, find->sure);
}

/* One text; false at the end. A text that was not looked at to its end says so
 * ("limited"). */
static bool scan_next(struct scanner *scanner)
{
    size_t size;
    char *text;
    int status = LLMP_E_NOMEM;

    if (scanf("%zu", &size) != 1 || getchar() != '\n' || size > 1u << 30)
        return false;
    text = malloc(size + 1);
    if (text && fread(text, 1, size, stdin) == size)
        status = llmp_ruleset_scan(
            scanner->set, scanner->scratch, (struct llmp_str){ text, size },
            (struct llmp_rule_mask){ NULL }, print, scanner);
    free(text);
    (void)printf(status == LLMP_LIMITED ? "limited\n\n" : "\n");
    (void)fflush(stdout);
    return status >= 0;
}

int main(int argc, char **argv)
{
    const struct llmp_rules data[] = { llmp_rules_pii, llmp_rules_national,
                                       llmp_rules_russia, llmp_rules_keys,
                                       llmp_rules_secrets };
    const struct llmp_rules words[] = { llmp_rules_injection,
                                        llmp_rules_lexicon };
    bool of_words = argc > 1 && strcmp(argv[1], "words") == 0;
    struct scanner scanner = { NULL, NULL };
    struct llmp_error err = { 0 };

    if (llmp_ruleset_new(&scanner.set, of_words ? words : data,
                         of_words ? LLMP_COUNT(words) : LLMP_COUNT(data), NULL,
                         &err) < 0 ||
        llmp_ruleset_scratch_new(&scanner.scratch, scanner.set, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    while (scan_next(&scanner)) {
    }
    llmp_ruleset_scratch_free(scanner.scratch);
    llmp_ruleset_free(scanner.set);
    return 0;
}
