/* SPDX-License-Identifier: Apache-2.0 */
/* See reprice.h. Amounts are added as integers of 10^-9, never as text. */
#include "reprice.h"

#include <inttypes.h>
#include <llmproxy/usage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "admin_table.h"
#include "mem.h"

enum { NEXT_SIZE = 128, SAY_EVERY_S = 1, SAY_LINE_EVERY_S = 10 };

/* Counts that are summed as they come. */
#define COUNTS(X) \
    X(rows)       \
    X(changed)    \
    X(rows_unknown_before) X(rows_unknown_after)

struct model {
    struct model *next;
    char *name, *currency;
#define MEMBER(name) int64_t name;
    COUNTS(MEMBER)
#undef MEMBER
    int64_t before, after;
};

struct gw_reprice {
    struct model *models, **end;
    int64_t rows, changed, unpriced;
    bool dry_run, failed, said;
    char *run, *prices;
    char next[NEXT_SIZE];
    time_t said_at;
};

struct gw_reprice *gw_reprice_new(void)
{
    struct gw_reprice *r = gw_alloc(sizeof(*r));

    if (r) {
        r->end = &r->models;
        r->said_at = time(NULL);
    }
    return r;
}

void gw_reprice_free(struct gw_reprice *r)
{
    while (r && r->models) {
        struct model *model = r->models;

        r->models = model->next;
        gw_free(model->name);
        gw_free(model->currency);
        gw_free(model);
    }
    if (r) {
        gw_free(r->run);
        gw_free(r->prices);
    }
    gw_free(r);
}

/* ---- adding up ----------------------------------------------------------- */

static int64_t number_at(struct llmp_str json, const char *path)
{
    char *text = gw_admin_member(json, path);
    int64_t number = text ? strtoll(text, NULL, 10) : 0;

    gw_free(text);
    return number;
}

static int64_t amount_at(struct llmp_str json, const char *path)
{
    char *text = gw_admin_member(json, path);
    bool negative = text && *text == '-';
    const char *digits = text ? text + negative : "";
    uint64_t nanos = 0;

    if (llmp_nanos_parse((struct llmp_str){ digits, strlen(digits) }, &nanos) !=
        LLMP_OK)
        nanos = 0;
    gw_free(text);
    return negative ? -(int64_t)nanos : (int64_t)nanos;
}

/* Takes both texts over. */
static struct model *model_of(struct gw_reprice *r, char *name, char *currency)
{
    struct model *model = name && currency ? r->models : NULL;

    while (model && (strcmp(model->name, name) != 0 ||
                     strcmp(model->currency, currency) != 0))
        model = model->next;
    if (!model && name && currency)
        model = gw_alloc(sizeof(*model));
    if (model && !model->name) {
        model->name = name;
        model->currency = currency;
        *r->end = model;
        r->end = &model->next;
        return model;
    }
    gw_free(name);
    gw_free(currency);
    return model;
}

static void add_model(struct llmp_str key, struct llmp_str json, void *ctx)
{
    struct gw_reprice *r = ctx;
    struct model *model = model_of(r, gw_admin_member(json, "model"),
                                   gw_admin_member(json, "currency"));

    (void)key;
    if (!model) {
        r->failed = true;
        return;
    }
#define ADD(name) model->name += number_at(json, #name);
    COUNTS(ADD)
#undef ADD
    model->before += amount_at(json, "before");
    model->after += amount_at(json, "after");
}

/* Over and over on the same line at a terminal, now and then elsewhere. */
static void say(struct gw_reprice *r)
{
    bool terminal = isatty(STDERR_FILENO);
    time_t now = time(NULL);

    if (now - r->said_at < (terminal ? SAY_EVERY_S : SAY_LINE_EVERY_S))
        return;
    r->said_at = now;
    r->said = terminal;
    (void)fprintf(
        stderr, "%sllmgw: %" PRId64 " rows read, %" PRId64 " changed%s",
        terminal ? "\r" : "", r->rows, r->changed, terminal ? "" : "\n");
}

bool gw_reprice_add(struct gw_reprice *r, struct llmp_str answer)
{
    char *next = gw_admin_member(answer, "next");
    char *dry_run = gw_admin_member(answer, "dry_run");

    if (!r->run)
        r->run = gw_admin_member(answer, "run");
    if (!r->prices)
        r->prices = gw_admin_member(answer, "prices");
    r->failed = r->failed || !next || !dry_run || !r->run || !r->prices;
    r->next[0] = '\0';
    if (!r->failed) {
        r->dry_run = strcmp(dry_run, "true") == 0;
        if (*next)
            (void)snprintf(r->next, sizeof(r->next), "run=%s&after_seq=%s",
                           r->run, next);
    }
    r->rows += number_at(answer, "rows");
    r->changed += number_at(answer, "changed");
    r->unpriced += number_at(answer, "unpriced");
    gw_admin_each(answer, 2, add_model, r);
    gw_free(next);
    gw_free(dry_run);
    say(r);
    return !r->failed;
}

const char *gw_reprice_next(const struct gw_reprice *r)
{
    return r->next[0] ? r->next : NULL;
}

/* ---- showing ------------------------------------------------------------- */

static void put_amount(FILE *out, int64_t nanos)
{
    char text[LLMP_NANOS_TEXT_MAX];

    (void)llmp_nanos_write((uint64_t)(nanos < 0 ? -nanos : nanos), text);
    (void)fprintf(out, "\"%s%s\"", nanos < 0 ? "-" : "", text);
}

static void put_model(FILE *out, const struct model *model)
{
    (void)fputs("{\"model\":", out);
    gw_admin_put_json(out, model->name);
    (void)fprintf(out, ",\"currency\":\"%s\"", model->currency);
#define PUT(name) (void)fprintf(out, ",\"" #name "\":%" PRId64, model->name);
    COUNTS(PUT)
#undef PUT
    (void)fputs(",\"before\":", out);
    put_amount(out, model->before);
    (void)fputs(",\"after\":", out);
    put_amount(out, model->after);
    (void)fputc('}', out);
}

/* As one page that held all of it. */
static void put_all(FILE *out, const struct gw_reprice *r)
{
    (void)fputs("{\"run\":", out);
    gw_admin_put_json(out, r->run);
    (void)fputs(",\"prices\":", out);
    gw_admin_put_json(out, r->prices);
    (void)fprintf(out,
                  ",\"dry_run\":%s,\"rows\":%" PRId64 ",\"changed\":%" PRId64
                  ",\"unpriced\":%" PRId64 ",\"data\":[",
                  r->dry_run ? "true" : "false", r->rows, r->changed,
                  r->unpriced);
    for (const struct model *m = r->models; m; m = m->next) {
        (void)fputs(m == r->models ? "" : ",", out);
        put_model(out, m);
    }
    (void)fputs("]}", out);
}

void gw_reprice_print(const struct gw_reprice *r, bool json)
{
    static const char *const columns[] = { "model",
                                           "rows",
                                           "changed",
                                           "rows_unknown_before",
                                           "rows_unknown_after",
                                           "before",
                                           "after",
                                           "currency",
                                           NULL };
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (r->said)
        (void)fputc('\n', stderr);
    if (out)
        put_all(out, r);
    if (!out || fclose(out) != 0) {
        (void)fprintf(stderr, "llmgw: out of memory\n");
    } else if (json) {
        (void)printf("%s\n", text);
    } else {
        gw_admin_print_list(stdout, (struct llmp_str){ text, len }, columns);
        (void)printf("%" PRId64 " of %" PRId64 " rows %s by prices %s\n",
                     r->changed, r->rows,
                     r->dry_run ? "would change" : "have changed", r->prices);
        if (r->unpriced)
            (void)printf("%" PRId64 " rows have no price and stay as they "
                         "are\n",
                         r->unpriced);
    }
    gw_free(text);
}
