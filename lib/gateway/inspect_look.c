/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All texts of one document, a request or a whole answer, go through a scanner;
 * what has to be replaced is. What others are to be asked about is noted, and
 * once they have answered the same document is walked through again.
 */
#include "base/internal.h"
#include "gateway/inspect.h"

/* Texts of one document on their way. */
struct looking {
    struct llmp_exchange *x;
    struct llmp_guard_scanner *scanner;
    enum llmp_x_look what;
    struct llmp_x_edits edits;
    struct llmp_x_blocked *blocked;
    const struct llmp_wire_text *outer; /* that the document is in; or NULL */
    struct llmp_x_where at;             /* of the next text */
};

struct llmp_guard_scanner *llmp_x_scanner(struct llmp_exchange *x)
{
    struct llmp_worker *worker = x->worker;
    struct llmp_guard_policy *policy = x->config->guard.policy;

    if (worker->scanner && worker->scanner_of == policy)
        return worker->scanner;
    llmp_guard_scanner_free(worker->scanner);
    worker->scanner = NULL;
    worker->scanner_of = policy;
    return llmp_guard_scanner_new(&worker->scanner, policy, NULL) == LLMP_OK
               ? worker->scanner
               : NULL;
}

int llmp_x_edits_add(struct llmp_x_edits *edits, struct llmp_exchange *x,
                     struct llmp_str json, struct llmp_str plain)
{
    struct llmp_wire_replacement one = { .json = json };
    const struct llmp_str bytes = { (const char *)&one, sizeof(one) };
    bool ok = true;

    one.plain = llmp_arena_str(&x->worker->scratch, plain, &ok);
    return ok && llmp_buf_add(&edits->list, bytes) ? LLMP_OK : LLMP_E_NOMEM;
}

int llmp_x_edits_make(struct llmp_x_edits *edits, struct llmp_buf *out,
                      struct llmp_str document)
{
    const void *list = edits->list.ptr;
    int rc = llmp_wire_replace(out, document, list,
                               edits->list.len /
                                   sizeof(struct llmp_wire_replacement));

    llmp_buf_fini(&edits->list);
    return rc;
}

struct llmp_str llmp_x_unescaped(struct llmp_exchange *x,
                                 const struct llmp_wire_text *text)
{
    return text->escaped ? llmp_wire_plain(text->json, &x->worker->scratch)
                         : text->json;
}

int llmp_x_plain(struct llmp_exchange *x, const struct llmp_wire_text *text,
                 struct llmp_str *plain)
{
    if (text->structural)
        return LLMP_MISS;
    if (text->opaque) {
        x->guard->opaque += text->json.len;
        return LLMP_MISS;
    }
    *plain = llmp_x_unescaped(x, text);
    return plain->ptr ? LLMP_OK : LLMP_E_NOMEM;
}

static void block(struct looking *l, const struct llmp_wire_text *text,
                  const struct llmp_guard_report *report)
{
    struct llmp_x_blocked *b = l->blocked;

    b->blocked = true;
    b->stage = report->stage;
    for (size_t i = 0; i < report->finding_count && !b->kind; i++)
        if (report->findings[i].action == report->action)
            b->kind = report->findings[i].kind;
    llmp_wire_text_path(l->outer ? l->outer : text, b->path, sizeof(b->path));
}

/* What follows from a report: LLMP_E_STATE: it must not pass, and nothing more
 * need be looked at. `out` is the text as it goes on. */
static int follow(struct looking *l, const struct llmp_wire_text *text,
                  struct llmp_str plain, struct llmp_guard_report *report,
                  struct llmp_str *out)
{
    *out = plain;
    llmp_x_guard_note(l->x, report->findings, report->finding_count,
                      report->action);
    /* A name that is the caller's own cannot be replaced, nor can a picture. */
    if (report->edit_count && (text->is_key || text->opaque))
        report->action = LLMP_GUARD_BLOCK;
    if (report->action == LLMP_GUARD_BLOCK) {
        block(l, text, report);
        return LLMP_E_STATE;
    }
    return report->edit_count ? llmp_guard_apply(l->scanner, plain, report, out)
                              : LLMP_OK;
}

static uint32_t waiting_of(const struct llmp_guard_report *report)
{
    uint32_t waiting = 0;

    for (size_t i = 0; i < report->run_count; i++)
        if (report->runs[i].outcome == LLMP_GUARD_WAITS)
            waiting |= 1u << i;
    return waiting;
}

static int scan(struct looking *l, const struct llmp_wire_text *text,
                struct llmp_str plain, struct llmp_str *out)
{
    struct llmp_exchange *x = l->x;
    struct llmp_guard_report report;
    uint32_t waiting;

    LLMP_TRY(llmp_guard_scan(l->scanner, x->guard->session,
                             (enum llmp_guard_part)text->part, plain, &report));
    llmp_x_guard_runs(x, report.runs, report.run_count);
    waiting = waiting_of(&report);
    LLMP_TRY(follow(l, text, plain, &report, out));
    if (text->part == LLMP_TEXT_SYSTEM)
        LLMP_TRY(llmp_guard_session_protect(x->guard->session, *out));
    return waiting ? llmp_x_remote_add(x, text, *out, l->at, waiting) : LLMP_OK;
}

/* What others said of it. */
static int hear(struct looking *l, const struct llmp_wire_text *text,
                struct llmp_str plain, struct llmp_str *out)
{
    struct llmp_exchange *x = l->x;
    struct llmp_guard_answer answers[LLMP_GUARD_STAGES_MAX];
    struct llmp_guard_report report;
    size_t count = llmp_x_remote_answers(x, l->at, plain, answers);

    *out = plain;
    if (!count)
        return LLMP_OK;
    LLMP_TRY(llmp_guard_answered(l->scanner, x->guard->session,
                                 (enum llmp_guard_part)text->part, plain,
                                 answers, count, &report));
    for (size_t i = 0; i < count; i++)
        llmp_x_guard_run(x, answers[i].stage, &report.runs[answers[i].stage]);
    return follow(l, text, plain, &report, out);
}

static int look_at(struct looking *l, const struct llmp_wire_text *text,
                   struct llmp_str plain)
{
    struct llmp_exchange *x = l->x;
    struct llmp_str out = plain;

    if (l->what & LLMP_X_SCAN)
        LLMP_TRY(scan(l, text, plain, &out));
    else if (l->what & LLMP_X_HEAR)
        LLMP_TRY(hear(l, text, plain, &out));
    if (l->what & LLMP_X_RESTORE)
        LLMP_TRY(llmp_guard_restore(x->guard->session, out, &out));
    return out.ptr == plain.ptr || text->is_key
               ? LLMP_OK
               : llmp_x_edits_add(&l->edits, x, text->json, out);
}

/* Pictures are only for those who take them, and sound is for nobody yet. */
static int look_at_opaque(struct looking *l, const struct llmp_wire_text *text)
{
    struct llmp_exchange *x = l->x;
    const struct llmp_str nothing = { "", 0 };
    struct llmp_str out;
    uint32_t waiting;

    if (text->part != LLMP_TEXT_IMAGE)
        return LLMP_OK;
    if (l->what & LLMP_X_HEAR)
        return hear(l, text, nothing, &out);
    waiting = llmp_guard_session_waits(x->guard->session, LLMP_GUARD_IMAGE);
    return waiting && l->what & LLMP_X_SCAN
               ? llmp_x_remote_add(x, text, nothing, l->at, waiting)
               : LLMP_OK;
}

bool llmp_x_guards_names(const struct llmp_exchange *x)
{
    return llmp_guard_policy_parts(x->config->guard.policy) >>
               LLMP_GUARD_TOOL_NAME &
           1;
}

int llmp_x_look_at_name(struct llmp_exchange *x,
                        struct llmp_guard_scanner *scanner,
                        const struct llmp_wire_text *text,
                        struct llmp_guard_report *report)
{
    struct llmp_str plain = llmp_x_unescaped(x, text);

    if (!plain.ptr)
        return LLMP_E_NOMEM;
    LLMP_TRY(llmp_guard_scan(scanner, x->guard->session, LLMP_GUARD_TOOL_NAME,
                             plain, report));
    llmp_x_guard_runs(x, report->runs, report->run_count);
    llmp_x_guard_note(x, report->findings, report->finding_count,
                      report->action);
    if (report->edit_count) /* no other tool would do */
        report->action = LLMP_GUARD_BLOCK;
    return report->action == LLMP_GUARD_BLOCK ? LLMP_E_STATE : LLMP_OK;
}

static int look_at_name(struct looking *l, const struct llmp_wire_text *text)
{
    struct llmp_guard_report report = { .action = LLMP_GUARD_ALLOW };
    int rc = llmp_x_look_at_name(l->x, l->scanner, text, &report);

    if (rc == LLMP_E_STATE)
        block(l, text, &report);
    return rc;
}

static int take_text(const struct llmp_wire_text *text, void *ctx);

/* A document in a text: its strings one by one. */
static int look_inside(struct looking *l, const struct llmp_wire_text *text,
                       struct llmp_str plain,
                       const struct llmp_json_value *root)
{
    struct looking inner = { .x = l->x,
                             .scanner = l->scanner,
                             .what = l->what,
                             .blocked = l->blocked,
                             .outer = text,
                             .at = { l->at.text, 1 } };
    const struct llmp_wire_text_sink sink = { take_text, &inner };
    struct llmp_buf out = { 0 };
    int rc = llmp_wire_inner_texts(text, root, &sink);

    if (rc == LLMP_OK && inner.edits.list.len) {
        rc = llmp_x_edits_make(&inner.edits, &out, plain);
        if (rc == LLMP_OK)
            rc = llmp_x_edits_add(&l->edits, l->x, text->json,
                                  llmp_buf_str(&out));
    }
    llmp_buf_fini(&out);
    llmp_buf_fini(&inner.edits.list);
    return rc;
}

static int take_plain(struct looking *l, const struct llmp_wire_text *text)
{
    const struct llmp_json_value *root;
    struct llmp_str plain;
    int rc = llmp_x_plain(l->x, text, &plain);

    if (rc != LLMP_OK)
        return rc == LLMP_MISS ? LLMP_OK : rc;
    if (text->is_json && !l->outer &&
        llmp_json_tree(&root, plain, l->x->config->limits.json_depth_max,
                       &l->x->worker->scratch, NULL) == LLMP_OK)
        return look_inside(l, text, plain, root);
    return look_at(l, text, plain);
}

static int take_text(const struct llmp_wire_text *text, void *ctx)
{
    struct looking *l = ctx;
    int rc;

    /* What is opaque is counted once. */
    rc = text->opaque && !(l->what & LLMP_X_SCAN) ? LLMP_OK
                                                  : take_plain(l, text);
    if (rc == LLMP_OK && text->opaque)
        rc = look_at_opaque(l, text);
    if (rc == LLMP_OK && text->is_call_name && l->what & LLMP_X_SCAN &&
        llmp_x_guards_names(l->x))
        rc = look_at_name(l, text);
    if (l->outer)
        l->at.inner++;
    else
        l->at.text++;
    return rc;
}

/* ---- documents ---------------------------------------------------------- */

int llmp_x_look(struct llmp_exchange *x, struct llmp_buf *document,
                llmp_x_walk_fn *walk, enum llmp_x_look what,
                struct llmp_x_blocked *blocked, bool *changed)
{
    struct looking l = { .x = x, .what = what, .blocked = blocked };
    const struct llmp_wire_text_sink sink = { take_text, &l };
    const struct llmp_json_value *root;
    struct llmp_buf out = { 0 };
    int rc;

    *changed = false;
    l.scanner = llmp_x_scanner(x);
    if (!l.scanner)
        return LLMP_E_NOMEM;
    /* Numbers in lists, which may be many, are no texts. */
    rc = llmp_json_tree_of_vectors(&root, llmp_buf_str(document),
                                   x->config->limits.json_depth_max,
                                   &x->worker->scratch, NULL);
    if (rc == LLMP_OK)
        rc = walk(x, root, &sink);
    *changed = rc == LLMP_OK && l.edits.list.len;
    if (*changed)
        rc = llmp_x_edits_make(&l.edits, &out, llmp_buf_str(document));
    if (*changed && rc == LLMP_OK) {
        out.limit = document->limit;
        llmp_buf_fini(document);
        *document = out;
    } else {
        llmp_buf_fini(&out);
    }
    llmp_buf_fini(&l.edits.list);
    llmp_arena_reset(&x->worker->scratch);
    return rc;
}
