/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmproxy/guardrail.h
 * What is in a text, and what to do about it: personal data and secrets,
 * attempts to take a model over, rules of one's own.
 *
 *     policy ── session (one conversation) ──┐
 *     policy ── scanner (one thread) ────────┴── scan(part, text) ── report
 *
 * A policy is made once and never changes. A report says what was found, what
 * the policy does about it, and which stages looked at how much: what was not
 * looked at is never called clean. No clock is read and no file is opened.
 * Threads: a policy may be used by all threads at once, a scanner and a session
 * by one at a time.
 */
#ifndef LLMPROXY_GUARDRAIL_H
#define LLMPROXY_GUARDRAIL_H

#include <llmproxy/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Opaque: stages and their patterns. Immutable, counted. */
struct llmp_guard_policy;
/** Opaque: what a thread needs to scan by one policy. */
struct llmp_guard_scanner;
/** Opaque: one conversation: whose it is, and what was replaced in it. */
struct llmp_guard_session;

#define LLMP_GUARD_STAGES_MAX 32
#define LLMP_GUARD_LIST_MAX   4096 /**< names, keywords, rules of one list */
#define LLMP_GUARD_NAME_MAX   64   /**< bytes of a stage's or a rule's name */
#define LLMP_GUARD_KEY_SIZE   32

/** What a text is to a model: whose words, and how far they may be trusted. */
enum llmp_guard_part {
    LLMP_GUARD_SYSTEM,         /**< instructions of who runs the program */
    LLMP_GUARD_USER,           /**< what the user says */
    LLMP_GUARD_ASSISTANT,      /**< earlier answers, sent again */
    LLMP_GUARD_TOOL_RESULT,    /**< what a tool brought in: untrusted */
    LLMP_GUARD_TOOL_ARGUMENTS, /**< what a model asks of a tool */
    LLMP_GUARD_DOCUMENT,       /**< a file, a retrieved text: untrusted */
    LLMP_GUARD_IMAGE,          /**< a picture, by its bytes or its address */
    LLMP_GUARD_OUTPUT,         /**< an answer's text */
    LLMP_GUARD_REASONING,      /**< an answer's thoughts */
    LLMP_GUARD_OTHER,          /**< any other text of a request: a tool's
                                    description, a member nobody knows */
    LLMP_GUARD_TOOL_NAME       /**< which tool a model calls */
};
#define LLMP_GUARD_PARTS 11

/** How bad a finding is. */
enum llmp_guard_severity {
    LLMP_GUARD_LOW,
    LLMP_GUARD_MEDIUM,
    LLMP_GUARD_HIGH,
    LLMP_GUARD_CRITICAL
};
#define LLMP_GUARD_SEVERITIES 4

/** What is done about a finding; the later, the stronger. */
enum llmp_guard_action {
    LLMP_GUARD_ALLOW,  /**< nothing */
    LLMP_GUARD_SHADOW, /**< it is recorded, as if the stage were on trial */
    LLMP_GUARD_FLAG,   /**< it is recorded, and counts */
    LLMP_GUARD_REDACT, /**< what was found is replaced */
    LLMP_GUARD_BLOCK   /**< the text must not pass */
};
#define LLMP_GUARD_ACTIONS 5

/** What is put in place of what was found. */
enum llmp_guard_style {
    LLMP_GUARD_PLACEHOLDER, /**< "[CARD_1]": the same number for the same value
                                 in a session */
    LLMP_GUARD_MASK,        /**< "**** **** **** 1111" */
    LLMP_GUARD_PSEUDONYM,   /**< "[CARD_k3f9q2xa]": keyed, the same for the same
                                 value and tenant in every session */
    LLMP_GUARD_TOKEN        /**< "[CARD_1_q7xd]": llmp_guard_restore() puts the
                                 value back */
};
#define LLMP_GUARD_STYLES 4

/** What became of a stage on one text. */
enum llmp_guard_outcome {
    LLMP_GUARD_RAN,    /**< it looked at all of it */
    LLMP_GUARD_CUT,    /**< it looked at some of it: too large, too many hits */
    LLMP_GUARD_FAILED, /**< it could not look */
    LLMP_GUARD_NO_PART,   /**< such parts are none of its business */
    LLMP_GUARD_NO_SCOPE,  /**< such a model, key or role is not */
    LLMP_GUARD_NO_SAMPLE, /**< the lot did not fall on this session */
    LLMP_GUARD_NO_STREAM, /**< it looks at whole texts only */
    LLMP_GUARD_NO_DOUBT,  /**< an earlier stage was sure enough */
    LLMP_GUARD_WAITS      /**< somebody else has to be asked, see
                               llmp_guard_answered() */
};
#define LLMP_GUARD_OUTCOMES 9

/** "system", "user", … */
LLMP_API const char *llmp_guard_part_name(enum llmp_guard_part part);
/** "low", "medium", "high", "critical" */
LLMP_API const char *llmp_guard_severity_name(
    enum llmp_guard_severity severity);
/** "allow", "shadow", "flag", "redact", "block" */
LLMP_API const char *llmp_guard_action_name(enum llmp_guard_action action);
/** "placeholder", "mask", "pseudonym", "token" */
LLMP_API const char *llmp_guard_style_name(enum llmp_guard_style style);
/** "ran", "cut", "failed", "no_part", "no_scope", "no_sample", "no_stream",
 *  "no_doubt", "waits" */
LLMP_API const char *llmp_guard_outcome_name(enum llmp_guard_outcome outcome);

/**
 * Where compiled pattern databases are kept from one start to the next: making
 * one takes some seconds, loading it a few milliseconds. What is loaded is
 * checked; damaged bytes are made again. The calls are made while a policy is
 * made, by the same thread.
 */
struct llmp_guard_cache {
    size_t size; /**< sizeof(struct llmp_guard_cache) */
    /**
     * Finds what was saved under `key` (letters, digits, '-'; at most 80).
     *
     * @param bytes  receives memory that `drop` gives back
     * @retval LLMP_OK    found
     * @retval LLMP_MISS  there is nothing
     */
    int (*load)(struct llmp_str *bytes, const char *key, void *ctx);
    void (*drop)(struct llmp_str bytes, void *ctx);
    /** Keeps a copy; may fail silently. */
    void (*save)(const char *key, struct llmp_str bytes, void *ctx);
    void *ctx;
};

/** A list of texts; whatever is made of it copies them. */
struct llmp_guard_list {
    const struct llmp_str *items;
    size_t count;
};

/** A rule of the caller's own: a pattern, or words. */
struct llmp_guard_rule {
    size_t size;      /**< set by llmp_guard_rule_init() */
    const char *name; /**< of what it finds, "project.codename"; required */
    /**
     * PCRE2's syntax, in UTF-8; a match is at most 512 bytes. Patterns that
     * could take long are refused. Its group 1, if there is one, is what is
     * found. NULL: there are `keywords`.
     */
    const char *pattern;
    struct llmp_guard_list keywords; /**< whole words or phrases */
    bool exact_case;                 /**< else letters are equal in either case,
                                          in every script */
    /** Words, one of which must stand within 160 bytes before or behind;
     *  "паспорт*" is whatever begins so. Empty: none has to. */
    struct llmp_guard_list context;
    /** "en", "ru", …: texts without a letter of that language's script are not
     *  looked at. NULL: all. */
    const char *language;
    enum llmp_guard_severity severity; /**< default: medium */
    const char *label; /**< of the placeholder: letters, digits, '_'; NULL:
                            "REDACTED" */
};

LLMP_API void llmp_guard_rule_init_sized(struct llmp_guard_rule *rule,
                                         size_t size);
static inline void llmp_guard_rule_init(struct llmp_guard_rule *rule)
{
    llmp_guard_rule_init_sized(rule, sizeof(*rule));
}

/** What a check of the host's, or somebody else, found. */
struct llmp_guard_found {
    const char *kind; /**< "acme.contract": copied */
    enum llmp_guard_severity severity;
    uint32_t sure;     /**< percent */
    size_t begin, end; /**< bytes of the text */
    const char *label; /**< of the placeholder: copied; NULL: "REDACTED" */
};

/** One stage: a check, where it looks, and what follows from what it finds. */
struct llmp_guard_stage {
    size_t size;      /**< set by llmp_guard_stage_init() */
    const char *name; /**< in records; NULL: the check's */
    /** "pii", "secrets", "injection", "moderation", "urls" (whatever host
     *  `allow` does not name), "tools" (whatever tool it does not name), "leak"
     *  (llmp_guard_session_protect(), llmp_guard_canary()), "schema"
     *  (llmp_guard_session_expect()),
     *  "rules" (`rules` below), "callback" (`run` below) or "remote": somebody
     *  else is asked, see llmp_guard_answered(). Required. */
    const char *check;
    enum llmp_guard_action mode; /**< default: flag */
    /** What follows by severity, where that is not `mode`; ALLOW: as `mode`
     *  says. Unless it is said otherwise, LOW is never more than a flag. */
    enum llmp_guard_action actions[LLMP_GUARD_SEVERITIES];
    uint32_t parts; /**< a bit for each enum llmp_guard_part; 0: the check's own
                         choice (llmp_guard_check_parts()) */
    struct llmp_guard_list only, except; /**< kinds, "pii.card", "pii.*"; empty:
                                              all, none */
    struct llmp_guard_list allow; /**< what is no finding, with '*' for any
                                       text: "*@example.com"; ASCII letters
                                       equal in either case */
    struct llmp_guard_list models, keys, roles; /**< whose; with '*'. Empty:
                                                     everybody's */
    uint32_t sample_permille; /**< of sessions; default: 1000 */
    uint32_t sure_min;        /**< percent; what is less sure is no finding.
                                   Default: 50 */
    /** When it could not look at all of a text, or failed: the text passes.
     *  Else it is blocked, if the stage blocks or redacts. */
    bool fail_open;
    enum llmp_guard_style style;
    const struct llmp_guard_rule *rules; /**< of "rules" */
    size_t rule_count;
    /**
     * Of "callback": looks at a text and calls `found` for what it finds.
     * Called by the thread that scans, at any time between the policy's making
     * and its last release.
     *
     * @return LLMP_OK, or a negative status: it failed
     */
    int (*run)(enum llmp_guard_part part, struct llmp_str text,
               void (*found)(const struct llmp_guard_found *one, void *to),
               void *to, void *ctx);
    void *ctx;
    /**
     * Of "callback" and "remote": an earlier stage, by name. This one looks at
     * a text only if that one left doubt: if its score was at least
     * `doubt_from` and below `doubt_to` percent, or if it did not look. NULL:
     * always.
     */
    const char *after;
    uint32_t doubt_from, doubt_to; /**< default: 0, 101 */
};

LLMP_API void llmp_guard_stage_init_sized(struct llmp_guard_stage *stage,
                                          size_t size);
static inline void llmp_guard_stage_init(struct llmp_guard_stage *stage)
{
    llmp_guard_stage_init_sized(stage, sizeof(*stage));
}

/** The parts that a check looks at by itself, a bit each; 0: there is no such
 *  check. */
LLMP_API uint32_t llmp_guard_check_parts(const char *check);

/** What a policy is made from. */
struct llmp_guard_options {
    size_t size; /**< set by llmp_guard_options_init() */
    const struct llmp_guard_stage *stages; /**< in the order of records */
    size_t stage_count;                    /**< at most LLMP_GUARD_STAGES_MAX */
    /** Of pseudonyms; LLMP_GUARD_KEY_SIZE random bytes. NULL: there are none,
     *  and a stage that wants some is refused. */
    const uint8_t *key;
    size_t
        text_max; /**< bytes of one text that are looked at; default: 1 MiB */
    const struct llmp_guard_cache *cache; /**< NULL: none */
};

LLMP_API void llmp_guard_options_init_sized(struct llmp_guard_options *opts,
                                            size_t size);
static inline void llmp_guard_options_init(struct llmp_guard_options *opts)
{
    llmp_guard_options_init_sized(opts, sizeof(*opts));
}

/**
 * Makes a policy.
 *
 * @param out   receives it on LLMP_OK; untouched otherwise
 * @param opts  read during the call only
 * @param err   NULL, or receives details; they name stage and rule
 * @retval LLMP_OK         done
 * @retval LLMP_E_INVALID  an option makes no sense
 * @retval LLMP_E_SYNTAX   a pattern is wrong, or could take too long
 * @retval LLMP_E_LIMIT    too many of something
 * @retval LLMP_E_ABI      options of a newer header
 * @retval LLMP_E_NOMEM    out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_guard_policy_new(
    struct llmp_guard_policy **out, const struct llmp_guard_options *opts,
    struct llmp_error *err);
LLMP_API struct llmp_guard_policy *llmp_guard_policy_ref(
    struct llmp_guard_policy *policy);
/** Accepts NULL. */
LLMP_API void llmp_guard_policy_unref(struct llmp_guard_policy *policy);

/** 32 hexadecimal digits: the same for the same options and rules, however
 *  often it is made. For records, and for what is kept under a policy. */
LLMP_API const char *llmp_guard_policy_version(
    const struct llmp_guard_policy *policy);
LLMP_API size_t
llmp_guard_policy_stage_count(const struct llmp_guard_policy *policy);
LLMP_API const char *llmp_guard_policy_stage_name(
    const struct llmp_guard_policy *policy, size_t index);
/** The parts that some stage looks at, a bit each. */
LLMP_API uint32_t
llmp_guard_policy_parts(const struct llmp_guard_policy *policy);

/**
 * Makes a scanner.
 *
 * @retval LLMP_OK       done; it holds a reference of the policy
 * @retval LLMP_E_NOMEM  out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_guard_scanner_new(
    struct llmp_guard_scanner **out, struct llmp_guard_policy *policy,
    struct llmp_error *err);
/** Accepts NULL. */
LLMP_API void llmp_guard_scanner_free(struct llmp_guard_scanner *scanner);

/** Whose conversation it is. Empty texts: nobody said. */
struct llmp_guard_subject {
    size_t size;            /**< set by llmp_guard_subject_init() */
    struct llmp_str tenant; /**< whose pseudonyms are the same */
    struct llmp_str model, key, role;
    uint64_t lot;   /**< random; which samples it belongs to */
    uint64_t nonce; /**< random; what tokens are told apart by */
};

LLMP_API void llmp_guard_subject_init_sized(struct llmp_guard_subject *subject,
                                            size_t size);
static inline void llmp_guard_subject_init(struct llmp_guard_subject *subject)
{
    llmp_guard_subject_init_sized(subject, sizeof(*subject));
}

/**
 * Begins a session.
 *
 * @param subject  read during the call only
 * @retval LLMP_OK         done; it holds a reference of the policy
 * @retval LLMP_E_INVALID  `out`, `policy` or `subject` is missing
 * @retval LLMP_E_ABI      a subject of a newer header
 * @retval LLMP_E_NOMEM    out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_guard_session_new(
    struct llmp_guard_session **out, struct llmp_guard_policy *policy,
    const struct llmp_guard_subject *subject, struct llmp_error *err);
/** Wipes what was replaced. Accepts NULL. */
LLMP_API void llmp_guard_session_free(struct llmp_guard_session *session);

/** Whether some stage of this session could block or redact such a part. */
LLMP_API bool llmp_guard_session_acts(const struct llmp_guard_session *session,
                                      enum llmp_guard_part part);

/** The stages of this session, a bit each, that somebody else has to be asked
 *  for about such parts. */
LLMP_API uint32_t llmp_guard_session_waits(
    const struct llmp_guard_session *session, enum llmp_guard_part part);

/**
 * Tells the session what its model was told, so that a stage of the check
 * "leak" finds answers that repeat it: twelve words in a row or more, in any
 * view. May be called for several texts; without such a stage it does nothing.
 *
 * @param text  is not kept, but hashes of its words are; 16,384 of them at most
 * @retval LLMP_OK       done
 * @retval LLMP_E_NOMEM  out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_guard_session_protect(
    struct llmp_guard_session *session, struct llmp_str text);

/**
 * Tells the session which JSON schema its answers are asked to have, so that a
 * stage of the check "schema" finds what is none ("schema.no_json") or another
 * ("schema.violation"): the assertions of draft 7, and "$defs", "prefixItems",
 * "nullable"; "format" asserts nothing. Without such a stage it does nothing.
 *
 * @param schema  JSON; is copied. The last one counts
 * @retval LLMP_OK        done
 * @retval other          as llmp_json_next(): it is no JSON; there is none now
 */
LLMP_API LLMP_MUST_USE int llmp_guard_session_expect(
    struct llmp_guard_session *session, struct llmp_str schema,
    struct llmp_error *err);

/** The name of a stage of this session that blocks or redacts such a part and
 *  looks at complete texts only, so that no stream of it may go on; NULL: there
 *  is none. */
LLMP_API const char *llmp_guard_session_whole(
    const struct llmp_guard_session *session, enum llmp_guard_part part);

#define LLMP_GUARD_CANARY_SIZE 32

/**
 * Writes a text that nobody says by chance, to be put into a system prompt: a
 * stage of the check "leak" finds any such text ("leak.canary").
 *
 * @param out     receives it, with a NUL
 * @param random  what tells canaries apart
 */
LLMP_API void llmp_guard_canary(char out[LLMP_GUARD_CANARY_SIZE],
                                uint64_t random);

/** Whether some value has a token that llmp_guard_restore() puts back. */
LLMP_API bool llmp_guard_session_restores(
    const struct llmp_guard_session *session);

/** Something that is in a text. */
struct llmp_guard_finding {
    const char *kind; /**< "pii.card" */
    const char *view; /**< where it showed: "original", "folded", "base64", … */
    uint32_t stage;   /**< index in the policy */
    uint32_t sure;    /**< percent */
    enum llmp_guard_severity severity;
    enum llmp_guard_action action;
    size_t begin, end; /**< bytes of the text */
};

/** Bytes of a text that have to be replaced. */
struct llmp_guard_edit {
    size_t begin, end;
    struct llmp_str text;
};

/** What a stage did. */
struct llmp_guard_run {
    enum llmp_guard_outcome outcome;
    size_t bytes; /**< of the text that it looked at */
    uint32_t findings;
    uint32_t score; /**< permille: how likely, says a model; how sure the surest
                         finding is */
};

/** What a scan says. */
struct llmp_guard_report {
    enum llmp_guard_action action;             /**< the strongest */
    const struct llmp_guard_finding *findings; /**< in the text's order */
    size_t finding_count;
    const struct llmp_guard_edit *edits; /**< in order, apart from each other */
    size_t edit_count;
    const struct llmp_guard_run *runs; /**< one for each stage */
    size_t run_count;
    uint32_t stage; /**< that blocks, if `action` is BLOCK */
};

/**
 * Looks at one text.
 *
 * @param text    UTF-8, but anything is taken
 * @param report  receives the answer; what it points to is the scanner's, until
 *                it is used again
 * @retval LLMP_OK         done; see `report->action`
 * @retval LLMP_E_INVALID  session and scanner are of different policies
 * @retval LLMP_E_NOMEM    out of memory: nothing is known of the text
 */
LLMP_API LLMP_MUST_USE int llmp_guard_scan(struct llmp_guard_scanner *scanner,
                                           struct llmp_guard_session *session,
                                           enum llmp_guard_part part,
                                           struct llmp_str text,
                                           struct llmp_guard_report *report);

/** What came of asking somebody else about a text, for one stage. */
struct llmp_guard_answer {
    uint32_t stage; /**< whose run's outcome was WAITS */
    /** RAN; CUT: not all of the text could be asked about; FAILED: no answer
     *  came */
    enum llmp_guard_outcome outcome;
    const struct llmp_guard_found *found;
    size_t found_count;
};

/**
 * Says what the policy does about what others found in a text that was scanned,
 * had its edits made, and for which stages of the check "remote" wait.
 *
 * @param text    as it is now
 * @param report  receives what follows from the answers alone; the runs of
 *                other stages say WAITS. As for llmp_guard_scan() otherwise
 * @retval LLMP_OK         done; see `report->action`
 * @retval LLMP_E_INVALID  session and scanner are of different policies, or an
 *                         answer is of a stage that does not wait, or has a
 *                         finding outside of the text
 * @retval LLMP_E_NOMEM    out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_guard_answered(
    struct llmp_guard_scanner *scanner, struct llmp_guard_session *session,
    enum llmp_guard_part part, struct llmp_str text,
    const struct llmp_guard_answer *answers, size_t count,
    struct llmp_guard_report *report);

/**
 * A text with its report's edits made.
 *
 * @param out  the scanner's, until it is used again
 * @retval LLMP_OK       done
 * @retval LLMP_E_NOMEM  out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_guard_apply(
    struct llmp_guard_scanner *scanner, struct llmp_str text,
    const struct llmp_guard_report *report, struct llmp_str *out);

/**
 * A text with the values of the session's tokens put back.
 *
 * @param out  `text` itself where there are none, else the session's, until it
 *             is used again
 * @retval LLMP_OK       done
 * @retval LLMP_E_NOMEM  out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_guard_restore(
    struct llmp_guard_session *session, struct llmp_str text,
    struct llmp_str *out);

/* ---- spotlighting ---------------------------------------------------------
 */

/** How untrusted texts are marked (arXiv 2403.14720). */
enum llmp_guard_spotlight_mode {
    LLMP_GUARD_DELIMIT,  /**< between marks that nobody can guess */
    LLMP_GUARD_DATAMARK, /**< words are joined by a mark instead of blanks */
    LLMP_GUARD_ENCODE    /**< in base64: for models that read it well */
};
#define LLMP_GUARD_SPOTLIGHT_MODES 3

/** "delimit", "datamark", "encode" */
LLMP_API const char *llmp_guard_spotlight_mode_name(
    enum llmp_guard_spotlight_mode mode);

struct llmp_guard_spotlight {
    enum llmp_guard_spotlight_mode mode;
    const char *nonce; /**< of DELIMIT: who writes the text must not know it */
    const char *mark;  /**< of DATAMARK: "^" */
};

/**
 * Writes a text as a model is to see it, without a NUL.
 *
 * @param to    may be NULL if `room` is 0
 * @return how many bytes it has, whether there was room for them or not
 */
LLMP_API size_t llmp_guard_spotlight(char *to, size_t room,
                                     const struct llmp_guard_spotlight *how,
                                     struct llmp_str text);

/** What a model is told about such texts, in English; NULL: no such mode. */
LLMP_API const char *llmp_guard_spotlight_template(
    enum llmp_guard_spotlight_mode mode);

/**
 * Writes what a model is told: `form`, a template with its variables, which are
 * {{begin}}, {{end}} and {{mark}}.
 *
 * @param len  receives how many bytes it has, whether there was room or not
 * @retval LLMP_OK        done
 * @retval LLMP_E_SYNTAX  the template has a variable that does not exist, or
 *                        one that does not end
 */
LLMP_API LLMP_MUST_USE int llmp_guard_spotlight_instructions(
    char *to, size_t room, size_t *len, const struct llmp_guard_spotlight *how,
    struct llmp_str form);

/* ---- streams --------------------------------------------------------------
 */

/**
 * Opaque: a text that comes in pieces, and goes on in pieces.
 *
 * What may belong to something that has to be replaced is held until that is
 * known, at most so many bytes and so long; the rest goes on at once. However
 * the text is cut into pieces, what goes on is the same, unless time was up.
 */
struct llmp_guard_stream;

#define LLMP_GUARD_HOLD_MAX 65536 /**< bytes */

struct llmp_guard_stream_options {
    size_t size;               /**< set by llmp_guard_stream_options_init() */
    enum llmp_guard_part part; /**< default: output */
    size_t hold_bytes; /**< 64 to LLMP_GUARD_HOLD_MAX; default: 512. What is
                            longer is cut, and recognised by its begin only */
    uint64_t hold_ns;  /**< default: 200 ms */
    bool hold_words;   /**< what goes on ends between words, also where no stage
                            could replace anything: for llmp_guard_restore() */
};

LLMP_API void llmp_guard_stream_options_init_sized(
    struct llmp_guard_stream_options *opts, size_t size);
static inline void llmp_guard_stream_options_init(
    struct llmp_guard_stream_options *opts)
{
    llmp_guard_stream_options_init_sized(opts, sizeof(*opts));
}

/**
 * Begins a stream.
 *
 * @param session  outlives it
 * @param opts     NULL: defaults
 * @retval LLMP_OK         done
 * @retval LLMP_E_INVALID      an option is out of range
 * @retval LLMP_E_UNSUPPORTED  a stage that blocks or redacts looks at whole
 *                             texts only, see llmp_guard_session_whole():
 *                             collect the text and scan it
 * @retval LLMP_E_ABI          options of a newer header
 * @retval LLMP_E_NOMEM        out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_guard_stream_new(
    struct llmp_guard_stream **out, struct llmp_guard_session *session,
    const struct llmp_guard_stream_options *opts, struct llmp_error *err);
/** Wipes what was held. Accepts NULL. */
LLMP_API void llmp_guard_stream_free(struct llmp_guard_stream *stream);

/** What a piece led to. */
struct llmp_guard_flow {
    struct llmp_str text;          /**< goes on now; may be empty */
    enum llmp_guard_action action; /**< the strongest of the whole stream.
                                      BLOCK: nothing more goes on, ever */
    uint32_t stage;                /**< that blocks */
    const struct llmp_guard_finding *findings; /**< new ones; places are bytes
                                                    of the whole text */
    size_t finding_count;
    const struct llmp_guard_run *runs; /**< so far, one for each stage */
    size_t run_count;
};

/**
 * Takes the next piece.
 *
 * @param scanner  any of the session's policy; for this call only
 * @param text     UTF-8; characters may be cut. Bytes that are none become
 *                 U+001A
 * @param now_ns   monotonic
 * @param flow     receives the answer; what it points to is the stream's, until
 *                 it is used again
 * @retval LLMP_OK         done
 * @retval LLMP_E_INVALID  scanner and stream are of different policies
 * @retval LLMP_E_NOMEM    out of memory: nothing more may go on
 */
LLMP_API LLMP_MUST_USE int llmp_guard_stream_feed(
    struct llmp_guard_scanner *scanner, struct llmp_guard_stream *stream,
    struct llmp_str text, uint64_t now_ns, struct llmp_guard_flow *flow);

/** When what is held has to go on; UINT64_MAX: nothing is held. */
LLMP_API uint64_t
llmp_guard_stream_due_ns(const struct llmp_guard_stream *stream);

/** Lets what is held go on if it is due; else does nothing. Like
 *  llmp_guard_stream_feed() otherwise. */
LLMP_API LLMP_MUST_USE int llmp_guard_stream_tick(
    struct llmp_guard_scanner *scanner, struct llmp_guard_stream *stream,
    uint64_t now_ns, struct llmp_guard_flow *flow);

/** The text is complete: all that is held goes on. Likewise. */
LLMP_API LLMP_MUST_USE int llmp_guard_stream_end(
    struct llmp_guard_scanner *scanner, struct llmp_guard_stream *stream,
    struct llmp_guard_flow *flow);

#ifdef __cplusplus
}
#endif
#endif
