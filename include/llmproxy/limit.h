/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmproxy/limit.h
 * How much a caller may use: requests, tokens, concurrency, money, over any
 * set of scopes (key, user, team, …), reserved all or nothing.
 *
 * No clock is read and nothing sleeps: time is an argument. Threads: every
 * call may be made from any thread at the same time, but a reservation is used
 * by one at a time; reserving and settling never wait for another thread.
 */
#ifndef LLMPROXY_LIMIT_H
#define LLMPROXY_LIMIT_H

#include <llmproxy/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Opaque: all scopes. */
struct llmp_limiter;
/** Opaque: whose limits these are. Reference counted. */
struct llmp_limit_scope;

/** Whose limit. Names for people: llmp_limit_kind_name(). */
enum llmp_limit_kind {
    LLMP_LIMIT_KEY,
    LLMP_LIMIT_USER,
    LLMP_LIMIT_TEAM,
    LLMP_LIMIT_ORG,
    LLMP_LIMIT_MODEL,
    LLMP_LIMIT_DEPLOYMENT
};
#define LLMP_LIMIT_KINDS 6

/** What is counted. */
enum llmp_limit_unit {
    LLMP_LIMIT_REQUESTS,
    LLMP_LIMIT_INPUT_TOKENS,
    LLMP_LIMIT_OUTPUT_TOKENS,
    LLMP_LIMIT_TOKENS, /**< input and output together */
    LLMP_LIMIT_MONEY,  /**< nano-units of the budget's currency */
    LLMP_LIMIT_CONCURRENCY
};
#define LLMP_LIMIT_UNITS 6

/** Over which time. */
enum llmp_limit_window {
    LLMP_WINDOW_ROLLING, /**< `amount` in any `period_ns`, `burst` at once */
    LLMP_WINDOW_MINUTE,  /**< the calendar's, UTC, as the ones that follow */
    LLMP_WINDOW_DAY,
    LLMP_WINDOW_WEEK, /**< from Monday */
    LLMP_WINDOW_MONTH,
    LLMP_WINDOW_TOTAL /**< for ever */
};
#define LLMP_LIMIT_WINDOWS 6

#define LLMP_LIMIT_RULES_MAX 8   /**< at a time, of one scope */
#define LLMP_LIMIT_CELLS_MAX 12  /**< different (unit, window) in its life */
#define LLMP_LIMIT_ID_MAX    256 /**< bytes of a scope's id */

/** One limit of a scope. Zero a struct and fill in what is needed. */
struct llmp_limit_rule {
    enum llmp_limit_unit unit;
    enum llmp_limit_window window; /**< not read for LLMP_LIMIT_CONCURRENCY */
    uint64_t amount;               /**< at most this much; 0: nothing passes */
    uint64_t period_ns;     /**< rolling: 1 ms to 366 days; 0: one minute */
    uint64_t burst;         /**< rolling: bucket depth; 0: `amount` */
    uint16_t soft_permille; /**< calendar: reaching this part of `amount` is
                                 reported once a window; 0: never */
    bool leased; /**< calendar: `amount` is shared with other processes; this
                      one may use what llmp_limit_lease_grant() gave it */
};

/** What stands behind the calendar's limits. */
enum llmp_limit_backing {
    LLMP_BACKING_NONE,     /**< nothing: windows begin with nothing used */
    LLMP_BACKING_RESTORED, /**< a store that only this process writes to: a new
                                cell lets nothing pass before
                                llmp_limit_restore() has said what was used */
    LLMP_BACKING_SHARED    /**< a store of several processes: all rules of the
                                calendar are leased */
};

/**
 * Makes a limiter.
 *
 * @param scopes_max  more scopes are refused; 0: 4,000,000
 * @retval LLMP_OK       done
 * @retval LLMP_E_NOMEM  out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_limiter_new(struct llmp_limiter **out,
                                            uint64_t scopes_max,
                                            struct llmp_error *err);

/** Every scope's references and every reservation must be gone. Accepts NULL.
 */
LLMP_API void llmp_limiter_free(struct llmp_limiter *limiter);

/** Says what stands behind it (see "what a store knows" below): before the
 *  first reservation. Without it there is nothing. */
LLMP_API void llmp_limiter_back(struct llmp_limiter *limiter,
                                enum llmp_limit_backing backing);

/**
 * The scope of this kind and id, made if need be, under these rules from now
 * on: counts survive a change of rules, and rules of (unit, window) that are
 * not named any more stop to hold. What a scope has used is kept as long as
 * anybody refers to it; afterwards as long as it is not idle (see
 * llmp_limiter_sweep()).
 *
 * @param out    receives a reference on LLMP_OK
 * @param id     1 to LLMP_LIMIT_ID_MAX bytes, copied
 * @param rules  may be NULL if `count` is 0: a scope without limits
 * @retval LLMP_OK         done
 * @retval LLMP_E_INVALID  a rule is out of range, two rules have the same unit
 *                         and window, or the id's length is
 * @retval LLMP_E_LIMIT    scopes_max is reached, or the scope has had more than
 *                         LLMP_LIMIT_CELLS_MAX different (unit, window)
 * @retval LLMP_E_NOMEM    out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_limiter_scope(
    struct llmp_limit_scope **out, struct llmp_limiter *limiter,
    enum llmp_limit_kind kind, struct llmp_str id,
    const struct llmp_limit_rule *rules, size_t count, struct llmp_error *err);

/**
 * The scope of this kind and id as it is.
 *
 * @retval LLMP_OK           `out` has a reference
 * @retval LLMP_E_NOT_FOUND  there is none; nothing is written to `err`
 */
LLMP_API LLMP_MUST_USE int llmp_limiter_find(struct llmp_limit_scope **out,
                                             struct llmp_limiter *limiter,
                                             enum llmp_limit_kind kind,
                                             struct llmp_str id);

LLMP_API struct llmp_limit_scope *llmp_limit_scope_ref(
    struct llmp_limit_scope *scope);
/** Accepts NULL. */
LLMP_API void llmp_limit_scope_unref(struct llmp_limit_scope *scope);

LLMP_API enum llmp_limit_kind llmp_limit_scope_kind(
    const struct llmp_limit_scope *scope);
/** Holds as long as the reference. */
LLMP_API struct llmp_str llmp_limit_scope_id(
    const struct llmp_limit_scope *scope);

/**
 * Frees scopes that nobody refers to and whose cells are as good as new: full
 * buckets, nothing running, nothing used in the present window, or nothing for
 * a minute that the store behind it could not say again. Looks at a part of
 * them each time; call it now and then, from any thread.
 *
 * @return how many were freed
 */
LLMP_API size_t llmp_limiter_sweep(struct llmp_limiter *limiter,
                                   struct llmp_time now);

/** @return scopes there are */
LLMP_API uint64_t llmp_limiter_count(const struct llmp_limiter *limiter);

/* ---- reserving ----------------------------------------------------------- */

/** What a request will use, at most or by a guess. */
struct llmp_limit_amounts {
    uint64_t of[LLMP_LIMIT_UNITS];   /**< by unit; 0: cells of this unit are not
                                          asked */
    uint64_t sure[LLMP_LIMIT_UNITS]; /**< the part of `of` that is no guess: a
                                          cell that cannot hold `of` takes what
                                          it can hold, but not less than this */
};

/** What one cell holds for a reservation. Filled by the library. */
struct llmp_limit_hold {
    struct llmp_limit_scope *scope; /**< not a reference: the caller has one */
    uint64_t amount;                /**< taken so far, in units */
    uint64_t mark; /**< rolling: TAT after it; calendar: the window */
    uint32_t cell;
    uint32_t unit;
};

/** Up to this many cells in one reservation. */
#define LLMP_LIMIT_HOLDS_MAX (LLMP_LIMIT_KINDS * LLMP_LIMIT_CELLS_MAX)

/** Made by llmp_limit_reserve(); begin with zero or LLMP_RESERVATION(). The
 *  scopes must be referred to until it is settled. */
struct llmp_reservation {
    struct llmp_limit_hold *holds; /**< the caller's */
    uint32_t capacity;             /**< of `holds` */
    uint32_t count;                /**< 0: nothing is held */
};

/** Why, and what to tell the caller. */
struct llmp_limit_refusal {
    const struct llmp_limit_scope *scope; /**< whose limit it is */
    enum llmp_limit_unit unit;
    enum llmp_limit_window window;
    uint64_t limit;          /**< the rule's amount */
    uint64_t period_ns;      /**< rolling: the rule's; else 0 */
    uint64_t asked;          /**< of the unit */
    uint64_t remaining;      /**< of the unit, now */
    uint64_t retry_after_ns; /**< when the same would pass if nothing else is
                                  taken; UINT64_MAX: never; 0: when something
                                  that runs has ended, nobody knows when (or
                                  `pending`) */
    bool pending; /**< it may pass as soon as the store has answered: have it
                       asked (llmp_limit_lease_next()) and try again */
};

/** Cells that crossed their soft threshold, for events: each crossing is
 *  reported to exactly one call. */
struct llmp_limit_crossing {
    const struct llmp_limit_scope *scope;
    enum llmp_limit_unit unit;
    enum llmp_limit_window window;
    uint64_t used, limit;
};
#define LLMP_LIMIT_CROSSINGS_MAX 4

/** Optional results of reserving, charging and settling. */
struct llmp_limit_news {
    struct llmp_limit_crossing crossings[LLMP_LIMIT_CROSSINGS_MAX];
    uint32_t crossing_count;
};

/** How many holds reserving over these scopes may need. Entries may be NULL. */
LLMP_API size_t llmp_limit_holds(struct llmp_limit_scope *const *scopes,
                                 size_t count);

/**
 * Takes all amounts from all cells of all scopes, or nothing from any.
 *
 * @param reservation  holds nothing; `capacity` at least llmp_limit_holds()
 * @param scopes       entries may be NULL
 * @param now          monotonic for rolling cells, civil for the calendar's
 * @param refusal      written on LLMP_LIMITED; may be NULL
 * @param news         added to; may be NULL
 * @retval LLMP_OK         taken: settle it, once
 * @retval LLMP_LIMITED    an answer, not a failure: nothing was taken
 * @retval LLMP_E_INVALID  `capacity` is too small
 */
LLMP_API LLMP_MUST_USE int llmp_limit_reserve(
    struct llmp_reservation *reservation,
    struct llmp_limit_scope *const *scopes, size_t count,
    const struct llmp_limit_amounts *amounts, struct llmp_time now,
    struct llmp_limit_refusal *refusal, struct llmp_limit_news *news);

/**
 * Raises what the reservation holds to `used` of each unit where that is more:
 * a stream settles as it goes. Never refused: what is above a limit is debt.
 *
 * @param used  by unit; LLMP_LIMIT_CONCURRENCY is not read
 */
LLMP_API void llmp_limit_charge(struct llmp_reservation *reservation,
                                const uint64_t used[LLMP_LIMIT_UNITS],
                                struct llmp_time now,
                                struct llmp_limit_news *news);

/**
 * Ends the reservation: each cell has now been used by `used` of its unit;
 * the difference to what is held is given back or charged, and concurrency is
 * released. Nothing is held afterwards; doing it again does nothing.
 *
 * @param used  by unit. UINT64_MAX keeps what is held: nobody knows what it was
 */
LLMP_API void llmp_limit_settle(struct llmp_reservation *reservation,
                                const uint64_t used[LLMP_LIMIT_UNITS],
                                struct llmp_time now,
                                struct llmp_limit_news *news);

/* ---- looking ------------------------------------------------------------- */

/** One cell as it stands. */
struct llmp_limit_state {
    struct llmp_limit_rule rule;
    uint64_t used;      /**< rolling: what has not drained; more than the
                             burst: debt */
    uint64_t remaining; /**< what would pass now */
    uint64_t reset_ns;  /**< from now until nothing is used, or the window ends;
                             0: it is so, or there is no end */
    uint64_t window_start_s; /**< calendar: seconds since 1970; else 0 */
};

/** The scope's cells that have a rule, at most LLMP_LIMIT_RULES_MAX.
 *  @return how many were written */
LLMP_API size_t
llmp_limit_look(const struct llmp_limit_scope *scope, struct llmp_time now,
                struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX]);

/** A set of windows, of bits 1 << enum llmp_limit_window; concurrency is among
 *  the rolling ones. */
#define LLMP_WINDOWS_ROLLING  (1u << LLMP_WINDOW_ROLLING)
#define LLMP_WINDOWS_CALENDAR (~LLMP_WINDOWS_ROLLING)

/** The same of cells of these windows only: others are not touched. */
LLMP_API size_t llmp_limit_look_at(
    const struct llmp_limit_scope *scope, unsigned windows,
    struct llmp_time now, struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX]);

/** Whether it has a rule of one of these units.
 *  @param units  bits 1 << enum llmp_limit_unit */
LLMP_API bool llmp_limit_has(const struct llmp_limit_scope *scope,
                             unsigned units);

/**
 * Raises what a calendar cell has used, in the window that begins at
 * `window_start_s`, to `used` if it is less: after a start, from the ledger,
 * which knows of everything that this process has used, too. Ignored if the
 * scope has no such cell or the window is over. Doing it again changes nothing.
 * Of a leased cell `used` is what all processes have used or hold, and what
 * others have of it is told by llmp_limit_look() from then on; from the thread
 * that leases.
 */
LLMP_API void llmp_limit_restore(struct llmp_limit_scope *scope,
                                 enum llmp_limit_unit unit,
                                 enum llmp_limit_window window,
                                 uint64_t window_start_s, uint64_t used,
                                 struct llmp_time now);

/**
 * Corrects what a calendar cell has used, in the window that begins at
 * `window_start_s`, by a difference: what was used turned out to cost another
 * price. Ignored if the scope has no such cell, the window is over, or the cell
 * is leased: then the store, which all ask, is the one to correct.
 *
 * @param by  units; below zero what has been used becomes less, but never less
 *            than nothing
 */
LLMP_API void llmp_limit_correct(struct llmp_limit_scope *scope,
                                 enum llmp_limit_unit unit,
                                 enum llmp_limit_window window,
                                 uint64_t window_start_s, int64_t by,
                                 struct llmp_time now);

/** When the window that `wall_ns` lies in began, in seconds since 1970; 0 for
 *  LLMP_WINDOW_TOTAL and LLMP_WINDOW_ROLLING. */
LLMP_API uint64_t llmp_limit_window_start_s(enum llmp_limit_window window,
                                            uint64_t wall_ns);

/** "key", "user", "team", "organisation", "model", "deployment" */
LLMP_API const char *llmp_limit_kind_name(enum llmp_limit_kind kind);
/** "requests", "input_tokens", "output_tokens", "tokens", "money",
 *  "concurrency" */
LLMP_API const char *llmp_limit_unit_name(enum llmp_limit_unit unit);
/** "rolling", "minute", "day", "week", "month", "total" */
LLMP_API const char *llmp_limit_window_name(enum llmp_limit_window window);

/* ---- what a store knows -------------------------------------------------- */

/** What the store is to be asked about a cell, or to be given back. */
struct llmp_limit_want {
    struct llmp_limit_scope *scope; /**< a reference, the caller's to drop */
    enum llmp_limit_unit unit;
    enum llmp_limit_window window;
    uint64_t window_start_s;
    uint64_t limit; /**< of all processes together */
    uint64_t want;  /**< how much to ask for, or to give back */
    bool unknown;   /**< not leased: ask what was used, for
                         llmp_limit_restore() */
    bool late;      /**< to give back, of leases that have ended: take it off
                         the counter, which has it as used */
    uint64_t debt;  /**< used beyond all grants, and nothing will be asked for
                         any more: add it to the counter */
};

/** Whether llmp_limit_lease_next() may have something. From any thread. */
LLMP_API bool llmp_limit_lease_wanted(const struct llmp_limiter *limiter);

/**
 * The next cell that the store is to be asked about: one that was refused for
 * want of an answer, or has little left. Begin with *cursor 0 and go on until
 * it returns false; all that follows about leases from the same thread.
 */
LLMP_API bool llmp_limit_lease_next(struct llmp_limiter *limiter,
                                    uint64_t *cursor, struct llmp_time now,
                                    struct llmp_limit_want *want);

/**
 * The store has granted so much of the window. Less than was wanted: there is
 * no more, so it is not asked again for a second.
 *
 * @param taken  what all processes have used or hold of it now, this grant
 *               included
 */
LLMP_API void llmp_limit_lease_grant(const struct llmp_limit_want *want,
                                     uint64_t granted, uint64_t taken,
                                     struct llmp_time now);

/**
 * The next lease that is to be ended: of a window that is over, or that nothing
 * was taken from for five seconds, or that is half an hour old. What was left
 * of it is `spare->want`, which may be 0, and is no longer available here:
 * return it to the store; where that fails, it counts as used. What comes back
 * from requests after that is given out at once, as `spare->late`. What
 * answers cost beyond their reservations is asked for with the next lease; when
 * there will be none, because the process or the window ends, it is
 * `spare->debt`.
 *
 * @param cursor  begin with 0 and go on until it returns false
 * @param all     every lease: the process ends
 */
LLMP_API bool llmp_limit_lease_spare(struct llmp_limiter *limiter,
                                     uint64_t *cursor, bool all,
                                     struct llmp_time now,
                                     struct llmp_limit_want *spare);

/**
 * Until then nobody waits for the store: leased cells let pass what is left by
 * what this process has used and had last heard of others, unknown ones begin
 * with nothing used. What is used beyond what was granted is asked for later.
 * From any thread.
 *
 * @param until_wall_ns  0: from now on it is waited for
 */
LLMP_API void llmp_limiter_alone(struct llmp_limiter *limiter,
                                 uint64_t until_wall_ns);

/* ---- guessing ------------------------------------------------------------ */

/**
 * What an answer will be at most, by what was learned: the 90th percentile of
 * this (key, model), or `otherwise` as long as fewer than eight were seen.
 *
 * @param pair  a hash of the two
 */
LLMP_API uint64_t llmp_limit_guess(const struct llmp_limiter *limiter,
                                   uint64_t pair, uint64_t otherwise);
/** An answer of this (key, model) had so many output tokens. */
LLMP_API void llmp_limit_learn(struct llmp_limiter *limiter, uint64_t pair,
                               uint64_t output_tokens);

#ifdef __cplusplus
}
#endif
#endif
