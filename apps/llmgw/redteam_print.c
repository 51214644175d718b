/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See redteam_print.h. A cell of the table is "85 +10": percent that were
 * blocked or redacted, and percent that were flagged only; "-": no text of the
 * family can be written so.
 */
#include "redteam_print.h"

#include <string.h>

#include "mem.h"

enum { LABEL_WIDTH = 28, LINE_WIDTH = 104, CELL_WIDTH = 7 };

/* All cells, counted in one pass. */
struct cells {
    struct gw_tally of[GW_FAMILIES_MAX][2][GW_ENCODINGS_MAX]; /* 1: streamed */
};

static struct cells *count_cells(const struct gw_trial_plan *plan,
                                 const struct gw_trials *trials)
{
    struct cells *cells = gw_alloc(sizeof(*cells));

    for (size_t i = 0; cells && i < trials->count; i++) {
        const struct gw_trial *trial = &trials->items[i];
        uint32_t family = plan->attacks->items[trial->attack].family;

        gw_tally_add(&cells->of[family][trial->streamed][trial->encoding],
                     (enum llmp_guard_action)trial->action);
    }
    return cells;
}

static bool is_harmless(const struct gw_trial_plan *plan,
                        const struct gw_trial *trial)
{
    const struct gw_attack *attack = &plan->attacks->items[trial->attack];

    return plan->attacks->families[attack->family].harmless;
}

struct gw_totals gw_totals_of(const struct gw_trial_plan *plan,
                              const struct gw_trials *trials)
{
    struct gw_totals totals = { .attacks = { 0 } };

    for (size_t i = 0; i < trials->count; i++) {
        const struct gw_trial *trial = &trials->items[i];

        gw_tally_add(is_harmless(plan, trial) ? &totals.harmless
                                              : &totals.attacks,
                     (enum llmp_guard_action)trial->action);
    }
    return totals;
}

/* ---- for people ---------------------------------------------------------- */

static bool has_row(const struct gw_tally row[GW_ENCODINGS_MAX])
{
    for (size_t e = 0; e < gw_encoding_count; e++)
        if (row[e].total)
            return true;
    return false;
}

static int width_of(size_t encoding)
{
    int len = (int)strlen(gw_encodings[encoding].name);

    return (len > CELL_WIDTH ? len : CELL_WIDTH) + 2;
}

/* The first encoding behind those that fit into a line with `from`. */
static size_t end_of_line(const struct gw_trial_plan *plan, size_t from)
{
    int width = LABEL_WIDTH;

    for (size_t e = from; e < gw_encoding_count; e++) {
        width += plan->encodings[e] ? width_of(e) : 0;
        if (width > LINE_WIDTH)
            return e;
    }
    return gw_encoding_count;
}

static void print_cell(FILE *out, size_t encoding, const struct gw_tally *tally)
{
    char cell[32] = "-", more[16] = "";
    unsigned flagged = gw_tally_percent(tally, tally->by[LLMP_GUARD_FLAG]);

    if (flagged)
        (void)snprintf(more, sizeof(more), " +%u", flagged);
    if (tally->total)
        (void)snprintf(cell, sizeof(cell), "%u%s",
                       gw_tally_percent(tally, gw_tally_stopped(tally)), more);
    (void)fprintf(out, "%*s", width_of(encoding), cell);
}

static void print_row(FILE *out, const struct gw_trial_plan *plan,
                      const char *name, bool streamed,
                      const struct gw_tally row[GW_ENCODINGS_MAX], size_t from,
                      size_t to)
{
    char label[GW_FAMILY_NAME_MAX + 16];

    (void)snprintf(label, sizeof(label), "%s%s", name,
                   streamed ? ", streamed" : "");
    (void)fprintf(out, "%-*.*s", LABEL_WIDTH, LABEL_WIDTH, label);
    for (size_t e = from; e < to; e++)
        if (plan->encodings[e])
            print_cell(out, e, &row[e]);
    (void)fputc('\n', out);
}

static void print_rows(FILE *out, const struct gw_trial_plan *plan,
                       const struct cells *cells, size_t from, size_t to)
{
    (void)fprintf(out, "%-*s", LABEL_WIDTH, "family");
    for (size_t e = from; e < to; e++)
        if (plan->encodings[e])
            (void)fprintf(out, "%*s", width_of(e), gw_encodings[e].name);
    (void)fputc('\n', out);
    for (uint32_t f = 0; f < plan->attacks->family_count; f++)
        for (int s = 0; s < 2; s++)
            if (has_row(cells->of[f][s]))
                print_row(out, plan, plan->attacks->families[f].name, s == 1,
                          cells->of[f][s], from, to);
    (void)fputc('\n', out);
}

static void print_total(FILE *out, const char *what,
                        const struct gw_tally *tally)
{
    if (!tally->total)
        return;
    (void)fprintf(out,
                  "%s: %zu of %zu stopped (%u %%), %zu flagged, %zu passed\n",
                  what, gw_tally_stopped(tally), tally->total,
                  gw_tally_percent(tally, gw_tally_stopped(tally)),
                  tally->by[LLMP_GUARD_FLAG],
                  tally->by[LLMP_GUARD_ALLOW] + tally->by[LLMP_GUARD_SHADOW]);
}

bool gw_trials_print_table(FILE *out, const struct gw_trial_plan *plan,
                           const struct gw_trials *trials)
{
    struct gw_totals totals = gw_totals_of(plan, trials);
    struct cells *cells = count_cells(plan, trials);

    if (!cells)
        return false;
    (void)fputs("percent stopped (blocked or redacted) +percent flagged only; "
                "of \"harmless\", false alarms\n\n",
                out);
    for (size_t from = 0; from < gw_encoding_count;) {
        size_t to = end_of_line(plan, from);
        bool any = false;

        for (size_t e = from; e < to; e++)
            any = any || plan->encodings[e];
        if (any)
            print_rows(out, plan, cells, from, to);
        from = to;
    }
    print_total(out, "attacks", &totals.attacks);
    print_total(out, "harmless texts", &totals.harmless);
    gw_free(cells);
    return true;
}

/* ---- texts --------------------------------------------------------------- */

/* A JSON string, in which nothing is left that a terminal would obey: C0, DEL
 * and C1. */
static void put_text(FILE *out, struct llmp_str text)
{
    (void)fputc('"', out);
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        unsigned char next =
            i + 1 < text.len ? (unsigned char)text.ptr[i + 1] : 0;

        if (c == '"' || c == '\\')
            (void)fprintf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            (void)fprintf(out, "\\u%04x", c);
        else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
            (void)fprintf(out, "\\u%04x", (unsigned)(text.ptr[++i] & 0xff));
        else
            (void)fputc(c, out);
    }
    (void)fputc('"', out);
}

static bool is_shown(const struct gw_trial *trial, const char *outcome)
{
    return outcome &&
           strcmp(gw_outcome_name((enum llmp_guard_action)trial->action),
                  outcome) == 0;
}

void gw_trials_print_texts(FILE *out, const struct gw_trial_plan *plan,
                           const struct gw_trials *trials, const char *outcome)
{
    for (size_t i = 0; i < trials->count; i++) {
        const struct gw_trial *trial = &trials->items[i];
        const struct gw_attack *attack = &plan->attacks->items[trial->attack];

        if (!is_shown(trial, outcome))
            continue;
        (void)fprintf(out, "%s %s %s%s ", outcome,
                      plan->attacks->families[attack->family].name,
                      gw_encodings[trial->encoding].name,
                      trial->streamed ? " streamed" : "");
        put_text(out, attack->text);
        (void)fputc('\n', out);
    }
}

/* ---- for programs -------------------------------------------------------- */

static void put_tally(FILE *out, const struct gw_tally *tally)
{
    (void)fprintf(out,
                  "\"total\":%zu,\"blocked\":%zu,\"redacted\":%zu,"
                  "\"flagged\":%zu,\"passed\":%zu",
                  tally->total, tally->by[LLMP_GUARD_BLOCK],
                  tally->by[LLMP_GUARD_REDACT], tally->by[LLMP_GUARD_FLAG],
                  tally->by[LLMP_GUARD_ALLOW] + tally->by[LLMP_GUARD_SHADOW]);
}

static void put_row(FILE *out, const char *name, bool streamed,
                    const struct gw_tally row[GW_ENCODINGS_MAX],
                    const char **comma)
{
    for (size_t e = 0; e < gw_encoding_count; e++) {
        if (!row[e].total)
            continue;
        (void)fprintf(
            out, "%s{\"family\":\"%s\",\"streamed\":%s,\"encoding\":\"%s\",",
            *comma, name, streamed ? "true" : "false", gw_encodings[e].name);
        put_tally(out, &row[e]);
        (void)fputc('}', out);
        *comma = ",";
    }
}

static void put_texts(FILE *out, const struct gw_trial_plan *plan,
                      const struct gw_trials *trials, const char *outcome)
{
    const char *comma = "";

    (void)fputs(",\"texts\":[", out);
    for (size_t i = 0; i < trials->count; i++) {
        const struct gw_trial *trial = &trials->items[i];
        const struct gw_attack *attack = &plan->attacks->items[trial->attack];

        if (!is_shown(trial, outcome))
            continue;
        (void)fprintf(out,
                      "%s{\"outcome\":\"%s\",\"family\":\"%s\",\"part\":\"%s\","
                      "\"encoding\":\"%s\",\"streamed\":%s,\"text\":",
                      comma, outcome,
                      plan->attacks->families[attack->family].name,
                      llmp_guard_part_name(attack->part),
                      gw_encodings[trial->encoding].name,
                      trial->streamed ? "true" : "false");
        put_text(out, attack->text);
        (void)fputc('}', out);
        comma = ",";
    }
    (void)fputc(']', out);
}

bool gw_trials_print_json(FILE *out, const struct gw_trial_plan *plan,
                          const struct gw_trials *trials, const char *outcome)
{
    struct gw_totals totals = gw_totals_of(plan, trials);
    struct cells *cells = count_cells(plan, trials);
    const char *comma = "";

    if (!cells)
        return false;
    (void)fprintf(out, "{\"policy\":\"%s\",\"attacks\":{",
                  llmp_guard_policy_version(plan->policy));
    put_tally(out, &totals.attacks);
    (void)fputs("},\"harmless\":{", out);
    put_tally(out, &totals.harmless);
    (void)fputs("},\"cells\":[", out);
    for (uint32_t f = 0; f < plan->attacks->family_count; f++)
        for (int s = 0; s < 2; s++)
            put_row(out, plan->attacks->families[f].name, s == 1,
                    cells->of[f][s], &comma);
    (void)fputc(']', out);
    if (outcome)
        put_texts(out, plan, trials, outcome);
    (void)fputs("}\n", out);
    gw_free(cells);
    return true;
}
