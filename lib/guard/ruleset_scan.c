/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text is looked through. Vectorscan reports each place where a match ends,
 * many for one match that could have ended earlier; hits of a rule that are
 * close together are one cluster, which PCRE2 looks at once.
 */
#include "base/internal.h"
#include "base/utf8.h"
#include "guard/ruleset_in.h"
#include "text/utf8.h"

enum {
    PAD = 64,
    CLUSTER_GAP = 32, /* bytes between hits of one cluster */
    TRIES_MIN = 64,   /* matches of one cluster, and one more for so many … */
    BYTES_OF_TRY = 4  /* … of its bytes: a table of numbers is one cluster */
};

void llmp_ruleset_scratch_free(struct llmp_ruleset_scratch *scratch)
{
    if (!scratch)
        return;
    (void)hs_free_scratch(scratch->hs);
    pcre2_match_data_free(scratch->match);
    llmp_free(scratch->hits);
    llmp_free(scratch->latest);
    llmp_free(scratch->done);
    llmp_buf_fini(&scratch->clean);
    llmp_free(scratch);
}

static void scratch_freep(struct llmp_ruleset_scratch **scratch)
{
    llmp_ruleset_scratch_free(*scratch);
}

static bool fits(struct llmp_ruleset_scratch *s,
                 const struct llmp_rule_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++)
        if (hs_alloc_scratch(groups->items[i].database, &s->hs) != HS_SUCCESS)
            return false;
    return true;
}

int llmp_ruleset_scratch_new(struct llmp_ruleset_scratch **out,
                             const struct llmp_ruleset *set,
                             struct llmp_error *err)
{
    LLMP_AUTO(scratch_freep) struct llmp_ruleset_scratch *s = NULL;
    size_t count = set->count ? set->count : 1;

    s = llmp_alloc(sizeof(*s));
    LLMP_ENSURE(s, err, LLMP_E_NOMEM, "no memory for scratch");
    s->rule_count = count;
    s->hits = llmp_alloc_array(LLMP_RULESET_HITS_MAX, sizeof(*s->hits));
    s->latest = llmp_alloc_array(count, sizeof(*s->latest));
    s->done = llmp_alloc_array(count, sizeof(*s->done));
    s->match = pcre2_match_data_create(2, set->memory);
    LLMP_ENSURE(s->hits && s->latest && s->done && s->match, err, LLMP_E_NOMEM,
                "no memory for scratch");
    LLMP_ENSURE(fits(s, &set->blocks) && fits(s, &set->flows), err,
                LLMP_E_NOMEM, "no memory for Vectorscan's scratch");
    *out = llmp_steal(&s);
    return LLMP_OK;
}

/*
 * Copies a text for Vectorscan and PCRE2, whose UTF-8 modes ask for well-formed
 * text: each byte that is not becomes a control character, so that offsets
 * stay. Behind it is PAD: with AVX-512, Vectorscan before 5.4.13 overlooks
 * matches in the last 63 bytes of what it is given.
 */
static int copy(struct llmp_ruleset_scratch *scratch, struct llmp_str *text)
{
    static const char pad[PAD + 1] = "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
                                     "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
                                     "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
                                     "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";
    size_t at = llmp_utf8_ascii(*text);
    uint8_t *bytes;

    scratch->clean.len = 0;
    if (!llmp_buf_add(&scratch->clean, *text) ||
        !llmp_buf_add(&scratch->clean, (struct llmp_str){ pad, PAD }))
        return LLMP_E_NOMEM;
    text->ptr = scratch->clean.ptr;
    bytes = (uint8_t *)scratch->clean.ptr;
    while (at < text->len) {
        size_t size = bytes[at] < 0x80
                          ? 1
                          : llmp_utf8_size(bytes + at, bytes + text->len);

        if (size == 0)
            bytes[at] = 0x1A; /* SUB */
        at += size ? size : 1;
    }
    return LLMP_OK;
}

static int on_hit(unsigned id, unsigned long long from, unsigned long long to,
                  unsigned flags, void *ctx)
{
    struct llmp_ruleset_scratch *s = ctx;
    struct llmp_rule_hits *latest;

    (void)from;
    (void)flags;
    to += s->shift;
    if (to > s->end || !llmp_rule_wanted(s->mask, id))
        return 0;
    latest = s->latest[id] ? &s->hits[s->latest[id] - 1] : NULL;
    if (latest && to <= (unsigned long long)latest->last + CLUSTER_GAP) {
        if (to > latest->last)
            latest->last = to;
        return 0;
    }
    if (s->hit_count == LLMP_RULESET_HITS_MAX) {
        s->cut = true;
        return 1;
    }
    s->hits[s->hit_count++] =
        (struct llmp_rule_hits){ .rule = id, .first = to, .last = to };
    s->latest[id] = (uint32_t)s->hit_count;
    return 0;
}

/* Neither cuts a character. */
static size_t back_to_char(struct llmp_str text, size_t at)
{
    while (at > 0 && at < text.len && ((uint8_t)text.ptr[at] & 0xC0) == 0x80)
        at--;
    return at;
}

static size_t on_to_char(struct llmp_str text, size_t at)
{
    while (at < text.len && ((uint8_t)text.ptr[at] & 0xC0) == 0x80)
        at++;
    return at;
}

static size_t tail_end(const struct llmp_compiled_rule *rule,
                       struct llmp_str text, size_t end)
{
    size_t stop = end;

    if (!rule->rule->tail)
        return end;
    while (stop < text.len && stop - end < LLMP_RULE_TAIL_MAX &&
           llmp_rule_tail_has(rule, (uint8_t)text.ptr[stop]))
        stop++;
    return stop;
}

/* Whether what the pattern found is what the rule is about. */
static bool judge(const struct llmp_compiled_rule *rule, struct llmp_str text,
                  struct llmp_rule_find *find)
{
    size_t back = find->begin > LLMP_RULE_BEFORE
                      ? on_to_char(text, find->begin - LLMP_RULE_BEFORE)
                      : 0;
    size_t ahead = text.len - find->end > LLMP_RULE_AFTER
                       ? back_to_char(text, find->end + LLMP_RULE_AFTER)
                       : text.len;
    struct llmp_rule_match match = {
        .text = { text.ptr + find->begin, find->end - find->begin },
        .before = { text.ptr + back, find->begin - back },
        .after = { text.ptr + find->end, ahead - find->end },
    };
    bool told;

    if (rule->rule->valid && !rule->rule->valid(&match))
        return false;
    told = rule->context.words.len &&
           llmp_context_found(&rule->context, match.before, match.after);
    if (!told && rule->rule->flags & LLMP_RULE_NEEDS_CONTEXT)
        return false;
    find->sure = told ? rule->rule->sure_in_context : rule->rule->sure;
    return true;
}

/* The part of a text that PCRE2 looks at for some hits. */
struct window {
    size_t front, back, from; /* matches begin at `from` or later */
};

static struct window window_of(const struct llmp_compiled_rule *rule,
                               struct llmp_str text, struct llmp_rule_hits hits,
                               size_t done)
{
    size_t at = hits.first > rule->width ? hits.first - rule->width : 0;
    size_t last = hits.last + LLMP_RULESET_SLACK;
    size_t from = back_to_char(text, at > done ? at : done);

    return (struct window){
        .from = from,
        .front = from > LLMP_RULESET_SLACK
                     ? back_to_char(text, from - LLMP_RULESET_SLACK)
                     : 0,
        .back = last < text.len ? on_to_char(text, last) : text.len,
    };
}

static int match_in(const struct llmp_ruleset *set,
                    const struct llmp_compiled_rule *rule,
                    struct llmp_ruleset_scratch *s, struct llmp_str text,
                    const struct window *in)
{
    uint32_t options = PCRE2_NO_UTF_CHECK | (in->front ? PCRE2_NOTBOL : 0) |
                       (in->back < text.len ? PCRE2_NOTEOL : 0);

    return pcre2_match(rule->code, (PCRE2_SPTR)text.ptr + in->front,
                       in->back - in->front, in->from - in->front, options,
                       s->match, set->limits);
}

int llmp_ruleset_confirm(const struct llmp_ruleset *set,
                         struct llmp_ruleset_scratch *s, struct llmp_str text,
                         struct llmp_rule_hits hits, size_t *done,
                         llmp_rule_found_fn *found, void *ctx)
{
    const struct llmp_compiled_rule *rule = &set->rules[hits.rule];
    const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->match);
    struct window in = window_of(rule, text, hits, *done);
    size_t most = TRIES_MIN + (hits.last - hits.first) / BYTES_OF_TRY;

    for (size_t tries = 0; in.from < hits.last; tries++) {
        int groups = tries < most ? match_in(set, rule, s, text, &in)
                                  : PCRE2_ERROR_MATCHLIMIT;
        bool grouped = groups > 1 && span[2] != PCRE2_UNSET;
        struct llmp_rule_find find = { .rule = hits.rule };

        if (groups == PCRE2_ERROR_NOMATCH)
            return LLMP_OK;
        if (groups < 0)
            return groups == PCRE2_ERROR_NOMEMORY ? LLMP_E_NOMEM : LLMP_LIMITED;
        find.begin = in.front + span[grouped ? 2 : 0];
        find.end = tail_end(rule, text, in.front + span[grouped ? 3 : 1]);
        if (!judge(rule, text, &find)) {
            in.from = on_to_char(text, in.front + span[0] + 1);
            continue;
        }
        in.from = in.front + span[1] > find.end ? in.front + span[1] : find.end;
        *done = in.from;
        found(&find, ctx);
    }
    return LLMP_OK;
}

static int ask(struct llmp_ruleset_scratch *s,
               const struct llmp_rule_group *group, const char *text,
               size_t len)
{
    hs_error_t error =
        hs_scan(group->database, text, (unsigned)len, 0, s->hs, on_hit, s);

    return error == HS_SUCCESS || error == HS_SCAN_TERMINATED ? LLMP_OK
                                                              : LLMP_E_NOMEM;
}

/* Asks the groups of numbers, or the others, for text[begin, end). */
static int find_in(const struct llmp_ruleset *set,
                   struct llmp_ruleset_scratch *s, struct llmp_str text,
                   size_t begin, size_t end, bool numbers)
{
    s->shift = begin;
    s->end = end;
    for (size_t i = 0; i < set->blocks.count && !s->cut; i++) {
        const struct llmp_rule_group *group = &set->blocks.items[i];

        if (group->numbers != numbers || !llmp_group_wanted(group, s->mask))
            continue;
        LLMP_TRY(ask(s, group, text.ptr + begin, end - begin + PAD));
        if (group->ends && !s->cut)
            LLMP_TRY(ask(s, group, text.ptr + begin, end - begin));
    }
    return LLMP_OK;
}

/* Around digits that are close together. Beside what may match there is at
 * least one character, so that it is the same as in the whole text. */
static int find_numbers(const struct llmp_ruleset *set,
                        struct llmp_ruleset_scratch *s, struct llmp_str text)
{
    struct llmp_digits_near near = { .count = 0 };
    size_t at = 0, begin = 0, end = 0;
    uint64_t digit;

    while (llmp_digits_near_next(&near, text, &at, 0, &digit)) {
        size_t from =
            digit > LLMP_NUMBER_REACH ? (size_t)digit - LLMP_NUMBER_REACH : 0;

        if (end && from > end) {
            LLMP_TRY(find_in(set, s, text, begin, end, true));
            end = 0;
        }
        if (end == 0)
            begin = back_to_char(text, from);
        end = text.len - digit > LLMP_NUMBER_REACH
                  ? on_to_char(text, (size_t)digit + LLMP_NUMBER_REACH)
                  : text.len;
    }
    return end ? find_in(set, s, text, begin, end, true) : LLMP_OK;
}

int llmp_ruleset_scan(const struct llmp_ruleset *set,
                      struct llmp_ruleset_scratch *s, struct llmp_str text,
                      struct llmp_rule_mask mask, llmp_rule_found_fn *found,
                      void *ctx)
{
    int status;

    if (text.len > UINT32_MAX - PAD)
        return LLMP_E_LIMIT;
    if (set->count == 0 || text.len == 0)
        return LLMP_OK;
    LLMP_TRY(copy(s, &text));
    s->hit_count = 0;
    s->cut = false;
    s->mask = mask;
    status = find_in(set, s, text, 0, text.len, false);
    if (status == LLMP_OK)
        status = find_numbers(set, s, text);
    for (size_t i = 0; i < s->hit_count && status >= 0; i++) {
        struct llmp_rule_hits hits = s->hits[i];
        int one = llmp_ruleset_confirm(set, s, text, hits, &s->done[hits.rule],
                                       found, ctx);

        status = one < 0 || status == LLMP_OK ? one : status;
    }
    for (size_t i = 0; i < s->hit_count; i++) {
        s->latest[s->hits[i].rule] = 0;
        s->done[s->hits[i].rule] = 0;
    }
    return status == LLMP_OK && s->cut ? LLMP_LIMITED : status;
}
