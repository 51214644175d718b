/* SPDX-License-Identifier: Apache-2.0 */
/* A check of the host's: a function that is given the text. */
#include "base/internal.h"
#include "guard/scan.h"

struct passing {
    struct llmp_guard_scanner *scanner;
    uint32_t stage;
    bool failed;
};

/* Half a character cannot be replaced. */
static bool is_inside(struct llmp_str text, size_t at)
{
    return at > 0 && at < text.len && ((uint8_t)text.ptr[at] & 0xc0) == 0x80;
}

bool llmp_scan_take(struct llmp_guard_scanner *scanner, uint32_t stage,
                    const struct llmp_guard_found *one)
{
    size_t begin = one->begin, end = one->end;
    const char *kind, *label;

    if (!one->kind || one->begin > one->end || one->end > scanner->text.len ||
        one->severity > LLMP_GUARD_CRITICAL || one->sure > 100 ||
        (one->label && strlen(one->label) > LLMP_GUARD_NAME_MAX))
        return false;
    while (is_inside(scanner->text, begin))
        begin--;
    while (is_inside(scanner->text, end))
        end++;
    kind = llmp_arena_printf(&scanner->arena, "%s", one->kind).ptr;
    label = llmp_arena_printf(&scanner->arena, "%s",
                              one->label ? one->label : "REDACTED")
                .ptr;
    if (!kind || !label)
        return false;
    llmp_scan_add(scanner,
                  &(struct llmp_guard_finding){ .kind = kind,
                                                .view = "original",
                                                .stage = stage,
                                                .sure = one->sure,
                                                .severity = one->severity,
                                                .begin = begin,
                                                .end = end },
                  label);
    return true;
}

static void take(const struct llmp_guard_found *one, void *to)
{
    struct passing *passing = to;

    passing->failed |= !llmp_scan_take(passing->scanner, passing->stage, one);
}

int llmp_check_callback(struct llmp_guard_scanner *scanner, uint32_t stage)
{
    const struct llmp_stage *s = &scanner->policy->stages[stage];
    struct passing passing = { scanner, stage, false };
    int rc = s->run(scanner->part, scanner->text, take, &passing, s->ctx);

    return rc < 0 ? rc : passing.failed ? LLMP_E_INVALID : LLMP_OK;
}
