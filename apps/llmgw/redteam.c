/* SPDX-License-Identifier: Apache-2.0 */
/* See redteam.h: what was asked for; the rest is in redteam_*.c. */
#include "redteam.h"

#include <errno.h>
#include <llmproxy/config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_file.h"
#include "mem.h"
#include "redteam_print.h"

enum { NAMES_MAX = 64, ATTACK_BYTES_MAX = 64 << 20 };
/* Beside what all commands end with. */
enum { EXIT_BELOW = 3 };

static const char usage[] =
    "usage: llmgw redteam [options] CONFIG\n"
    "\n"
    "Tries attacks on the guards of a configuration, as they are and encoded,\n"
    "and prints what got through. Nothing is called.\n"
    "\n"
    "whose request:\n"
    "      --model NAME      which stages look may depend on these\n"
    "      --key NAME\n"
    "      --role NAME\n"
    "\n"
    "what is tried:\n"
    "      --family NAME     only these; may be repeated\n"
    "      --encoding NAME   likewise\n"
    "      --attacks FILE    these, too; may be repeated. A line is\n"
    "                        {\"family\": …, \"part\": …, \"text\": …}; what "
    "is "
    "of\n"
    "                        the family \"harmless\" should pass\n"
    "      --list            print families and encodings, and end\n"
    "\n"
    "output:\n"
    "      --show OUTCOME    the texts that were passed, flagged, redacted or\n"
    "                        blocked\n"
    "      --json            for programs\n"
    "      --fail-under N    exit code 3 if less than N percent of attacks "
    "were\n"
    "                        blocked or redacted\n"
    "      --fail-over N     likewise if more than N percent of harmless "
    "texts\n"
    "                        were\n"
    "\n"
    "exit codes: 0 done, 1 something is not usable, 2 usage, 3 as above\n";

struct names {
    const char *items[NAMES_MAX];
    size_t count;
};

struct redteam {
    const char *config, *model, *key, *role, *show;
    struct names families, encodings, files;
    unsigned under, over; /* percent */
    bool json, list, help;
};

static bool complain(const char *what, const char *about)
{
    (void)fprintf(stderr, "llmgw redteam: %s%s; try llmgw redteam --help\n",
                  what, about);
    return false;
}

/* ---- the command line ---------------------------------------------------- */

static bool take_percent(unsigned *out, const char *text)
{
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end || value > 100)
        return complain("a percentage is 0 to 100, not ", text);
    *out = (unsigned)value;
    return true;
}

static bool take_outcome(const char *name)
{
    for (int a = 0; a < LLMP_GUARD_ACTIONS; a++)
        if (strcmp(gw_outcome_name((enum llmp_guard_action)a), name) == 0)
            return true;
    return complain("--show takes passed, flagged, redacted or blocked, not ",
                    name);
}

static bool take_name(struct names *names, const char *value)
{
    if (names->count == NAMES_MAX)
        return complain("too many of these: ", value);
    names->items[names->count++] = value;
    return true;
}

static bool take_flag(struct redteam *r, const char *arg)
{
    const struct {
        const char *name;
        bool *value;
    } flags[] = { { "--json", &r->json },
                  { "--list", &r->list },
                  { "--help", &r->help },
                  { "-h", &r->help } };

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (strcmp(arg, flags[i].name) == 0)
            return *flags[i].value = true;
    return false;
}

/* The value of "--name value" or "--name=value"; NULL: another option, or none
 * with a value. */
static const char *value_of(const char *name, int argc, char **argv, int *at)
{
    const char *arg = argv[*at];
    size_t len = strlen(name);

    if (strncmp(arg, name, len) != 0 || (arg[len] && arg[len] != '='))
        return NULL;
    if (arg[len] == '=')
        return arg + len + 1;
    return *at + 1 < argc ? argv[++*at] : "";
}

static bool take_option(struct redteam *r, int argc, char **argv, int *at)
{
    const char *arg = argv[*at], *value;
    const struct {
        const char *name;
        const char **text;
        struct names *names;
        unsigned *percent;
    } options[] = { { .name = "--model", .text = &r->model },
                    { .name = "--key", .text = &r->key },
                    { .name = "--role", .text = &r->role },
                    { .name = "--show", .text = &r->show },
                    { .name = "--family", .names = &r->families },
                    { .name = "--encoding", .names = &r->encodings },
                    { .name = "--attacks", .names = &r->files },
                    { .name = "--fail-under", .percent = &r->under },
                    { .name = "--fail-over", .percent = &r->over } };

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        value = value_of(options[i].name, argc, argv, at);
        if (!value)
            continue;
        if (!*value)
            return complain("a value is missing after ", arg);
        if (options[i].percent)
            return take_percent(options[i].percent, value);
        if (options[i].names)
            return take_name(options[i].names, value);
        *options[i].text = value;
        return options[i].text != &r->show || take_outcome(value);
    }
    return complain("unknown option ", arg);
}

static bool parse(struct redteam *r, int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        if (take_flag(r, argv[i]))
            continue;
        if (argv[i][0] == '-') {
            if (!take_option(r, argc, argv, &i))
                return false;
        } else if (r->config) {
            return complain("one configuration at a time, not also ", argv[i]);
        } else {
            r->config = argv[i];
        }
    }
    return r->config || r->list || r->help ||
           complain("which configuration?", "");
}

/* ---- what is tried ------------------------------------------------------- */

static bool read_attacks(struct gw_attacks *attacks, const char *path)
{
    FILE *file = fopen(path, "rb");
    char *bytes = file ? gw_alloc(ATTACK_BYTES_MAX) : NULL;
    char message[256];
    bool good = false;
    size_t len = 0;

    if (bytes)
        len = fread(bytes, 1, ATTACK_BYTES_MAX, file);
    if (!file || (bytes && ferror(file)))
        (void)snprintf(message, sizeof(message), "%s: %s", path,
                       strerror(errno));
    else if (!bytes || len == ATTACK_BYTES_MAX)
        (void)snprintf(message, sizeof(message), "%s is too large", path);
    else
        good = gw_attacks_add(attacks, (struct llmp_str){ bytes, len }, path,
                              message);
    if (!good)
        (void)fprintf(stderr, "llmgw: %s\n", message);
    if (file)
        (void)fclose(file);
    gw_free(bytes);
    return good;
}

static bool want_family(struct gw_attacks *attacks, const char *name)
{
    for (uint32_t i = 0; i < attacks->family_count; i++)
        if (strcmp(attacks->families[i].name, name) == 0)
            return attacks->families[i].wanted = true;
    return complain("there is no family ", name);
}

static bool want_encoding(struct gw_trial_plan *plan, const char *name)
{
    for (size_t i = 0; i < gw_encoding_count; i++)
        if (strcmp(gw_encodings[i].name, name) == 0)
            return plan->encodings[i] = true;
    return complain("there is no encoding ", name);
}

static bool choose(const struct redteam *r, struct gw_attacks *attacks,
                   struct gw_trial_plan *plan)
{
    for (uint32_t i = 0; i < attacks->family_count; i++)
        attacks->families[i].wanted = r->families.count == 0;
    for (size_t i = 0; i < gw_encoding_count; i++)
        plan->encodings[i] = r->encodings.count == 0;
    for (size_t i = 0; i < r->families.count; i++)
        if (!want_family(attacks, r->families.items[i]))
            return false;
    for (size_t i = 0; i < r->encodings.count; i++)
        if (!want_encoding(plan, r->encodings.items[i]))
            return false;
    return true;
}

static void list(const struct gw_attacks *attacks)
{
    (void)puts("families:");
    for (uint32_t f = 0; f < attacks->family_count; f++) {
        size_t count = 0;

        for (size_t i = 0; i < attacks->count; i++)
            count += attacks->items[i].family == f;
        (void)printf("  %-20s %zu texts\n", attacks->families[f].name, count);
    }
    (void)puts("encodings:");
    for (size_t e = 0; e < gw_encoding_count; e++)
        (void)printf("  %-20s %s\n", gw_encodings[e].name,
                     gw_encodings[e].what);
}

/* ---- all of it ----------------------------------------------------------- */

static struct llmp_str text_of(const char *text)
{
    return (struct llmp_str){ text, text ? strlen(text) : 0 };
}

static int judge(const struct redteam *r, const struct gw_totals *totals)
{
    const struct gw_tally *attacks = &totals->attacks;
    const struct gw_tally *harmless = &totals->harmless;

    if (gw_tally_stopped(attacks) * 100 < attacks->total * r->under)
        return EXIT_BELOW;
    return gw_tally_stopped(harmless) * 100 > harmless->total * r->over
               ? EXIT_BELOW
               : 0;
}

static bool print(const struct redteam *r, const struct gw_trial_plan *plan,
                  const struct gw_trials *trials)
{
    if (r->json)
        return gw_trials_print_json(stdout, plan, trials, r->show);
    if (r->show)
        gw_trials_print_texts(stdout, plan, trials, r->show);
    return gw_trials_print_table(stdout, plan, trials);
}

static int run(const struct redteam *r, const struct gw_trial_plan *plan)
{
    struct gw_trials trials = { .items = NULL };
    struct llmp_error err = { .message = "out of memory" };
    struct gw_totals totals;
    int code = 1;

    if (gw_trials_run(&trials, plan, &err) == LLMP_OK &&
        print(r, plan, &trials)) {
        totals = gw_totals_of(plan, &trials);
        code = fflush(stdout) == 0 ? judge(r, &totals) : 1;
    } else {
        (void)fprintf(stderr, "llmgw: %s\n", err.message);
    }
    gw_trials_fini(&trials);
    return code;
}

static int run_config(const struct redteam *r, struct gw_trial_plan *plan)
{
    struct llmp_config *config = NULL;
    struct llmp_error err;
    int code = 1;

    if (gw_config_load(&config, r->config, NULL, NULL, &err) != LLMP_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    llmp_guard_stream_options_init(&plan->stream);
    plan->policy = llmp_config_guard_policy(config, &plan->stream);
    if (plan->policy)
        code = run(r, plan);
    else
        (void)fprintf(stderr,
                      "llmgw: %s has no guards: see guardrails.stages\n",
                      r->config);
    llmp_config_unref(config);
    return code;
}

static int run_attacks(const struct redteam *r, struct gw_attacks *attacks)
{
    struct gw_trial_plan plan = { .attacks = attacks };

    if (!gw_attacks_add_shipped(attacks)) {
        (void)fputs("llmgw: out of memory\n", stderr);
        return 1;
    }
    for (size_t i = 0; i < r->files.count; i++)
        if (!read_attacks(attacks, r->files.items[i]))
            return 1;
    if (!choose(r, attacks, &plan))
        return 2;
    if (r->list) {
        list(attacks);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    llmp_guard_subject_init(&plan.subject);
    plan.subject.model = text_of(r->model);
    plan.subject.key = text_of(r->key);
    plan.subject.role = text_of(r->role);
    return run_config(r, &plan);
}

int gw_redteam_main(int argc, char **argv)
{
    struct redteam r = { .over = 100 };
    struct gw_attacks attacks = { .items = NULL };
    int code;

    if (!parse(&r, argc, argv))
        return 2;
    if (r.help)
        return fputs(usage, stdout) < 0;
    code = run_attacks(&r, &attacks);
    gw_attacks_fini(&attacks);
    return code;
}
