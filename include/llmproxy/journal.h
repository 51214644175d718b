/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmproxy/journal.h
 * What survives kill -9: records appended to memory that the caller maps from
 * files. About a microsecond a record, from any thread, without a lock.
 *
 * The journal itself has no I/O: it works on segments, pieces of memory of one
 * size. llmp_journal_file_open() in runtime.h maps files and owns a journal.
 * The format is in docs/internals/journal.md.
 *
 * An *intent* says what will be true if nothing more is heard; an *outcome*
 * says what was. Both stay until they are settled: an intent by its outcome,
 * an outcome when its reader has put it where it belongs. A segment whose
 * records are all settled is used again.
 */
#ifndef LLMPROXY_JOURNAL_H
#define LLMPROXY_JOURNAL_H

#include <llmproxy/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Opaque. Made by llmp_journal_new(), released by llmp_journal_free(). */
struct llmp_journal;

enum llmp_journal_type { LLMP_JOURNAL_INTENT = 1, LLMP_JOURNAL_OUTCOME = 2 };

/** Where a record is; 0: nowhere. Means something to one journal only. */
typedef uint64_t llmp_journal_at;

enum {
    LLMP_JOURNAL_SEGMENT_MIN = 4096,
    LLMP_JOURNAL_SEGMENT_MAX = 1 << 30,
    LLMP_JOURNAL_SEGMENTS_MAX = 128,
    LLMP_JOURNAL_PAYLOAD_MAX = 65536 /**< and a quarter of a segment */
};

struct llmp_journal_options {
    size_t size;           /**< set by llmp_journal_options_init() */
    uint32_t segment_size; /**< bytes, a multiple of 4096; 0: 4 MiB */
    uint32_t open_max;     /**< intents without outcome at once; 0: 16384 */
};

LLMP_API void llmp_journal_options_init_sized(struct llmp_journal_options *opts,
                                              size_t size);

static inline void llmp_journal_options_init(struct llmp_journal_options *opts)
{
    llmp_journal_options_init_sized(opts, sizeof(*opts));
}

/**
 * Creates a journal without any segment.
 *
 * @param opts  NULL: defaults
 * @retval LLMP_OK         done
 * @retval LLMP_E_INVALID  a size is not acceptable
 * @retval LLMP_E_ABI      `opts` was made for a newer library
 * @retval LLMP_E_NOMEM    out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_journal_new(
    struct llmp_journal **out, const struct llmp_journal_options *opts,
    struct llmp_error *err);

/** The segments' memory is the caller's. Accepts NULL. */
LLMP_API void llmp_journal_free(struct llmp_journal *journal);

/** Bytes of each segment. */
LLMP_API uint32_t llmp_journal_segment_size(const struct llmp_journal *journal);

/**
 * Hands a segment over, until the journal is freed. What is in it stays: call
 * llmp_journal_scan() to see it. Zeros are an empty segment. One thread (the
 * one that also calls llmp_journal_prepare()).
 *
 * @param memory  segment_size bytes, aligned to 16
 * @retval LLMP_OK            done
 * @retval LLMP_E_LIMIT       LLMP_JOURNAL_SEGMENTS_MAX are there already
 * @retval LLMP_E_UNSUPPORTED a segment of a later version or another size
 * @retval LLMP_E_CORRUPT     neither empty nor a segment
 */
LLMP_API LLMP_MUST_USE int llmp_journal_add(struct llmp_journal *journal,
                                            void *memory,
                                            struct llmp_error *err);

/**
 * Has the next segment ready before the present one is full: clears one that
 * is settled; when there is none, moves what is still open out of the oldest
 * one first. Costs about a millisecond; not for event loops. One thread.
 *
 * @param wall_ns  goes into the segment's head
 * @param salt     unpredictable; goes into every record's checksum, so that
 *                 nobody's text can look like a record
 * @retval LLMP_OK    a segment is ready (perhaps it was before)
 * @retval LLMP_FULL  every segment holds what is not settled: add one
 */
LLMP_API LLMP_MUST_USE int llmp_journal_prepare(struct llmp_journal *journal,
                                                uint64_t wall_ns,
                                                uint32_t salt);

/**
 * Appends a record: when this returns LLMP_OK it survives the process. From
 * any thread.
 *
 * @param parts  read during the call only; the payload in pieces
 * @param intent for an outcome: its intent, which is settled with it; 0: none
 * @param at     receives where it is, for llmp_journal_settle() or an outcome
 * @retval LLMP_OK       done
 * @retval LLMP_FULL     no segment is ready, or too many intents are open;
 *                       llmp_journal_prepare() and try again
 * @retval LLMP_E_LIMIT  the payload is above llmp_journal_payload_max()
 * @retval LLMP_E_IO     llmp_journal_fail() was called
 */
LLMP_API LLMP_MUST_USE int llmp_journal_append(struct llmp_journal *journal,
                                               enum llmp_journal_type type,
                                               const struct llmp_str *parts,
                                               size_t part_count,
                                               llmp_journal_at intent,
                                               llmp_journal_at *at);

/** The largest payload that llmp_journal_append() takes. */
LLMP_API uint32_t llmp_journal_payload_max(const struct llmp_journal *journal);

/** The record is where it belongs (or an intent came to nothing): it will not
 *  be seen again. From any thread, once a record. 0 is accepted. */
LLMP_API void llmp_journal_settle(struct llmp_journal *journal,
                                  llmp_journal_at at);

/** The record's owner gives it up unsettled: llmp_journal_scan() may hand it to
 *  somebody else. Outcomes only. From any thread. */
LLMP_API void llmp_journal_release(struct llmp_journal *journal,
                                   llmp_journal_at at);

/** A record that is not settled. Pointers hold until it is. */
struct llmp_journal_record {
    enum llmp_journal_type type;
    struct llmp_str payload;
    llmp_journal_at at;
};

/**
 * Called for each record, which is the callback's to settle (now or later) or
 * to release. Another value than 0 ends the scan, which returns it; the record
 * is then released. Must not call the journal, but for settle.
 */
typedef int llmp_journal_scan_fn(const struct llmp_journal_record *record,
                                 void *ctx);

/**
 * Hands over every record of `type` that is neither settled nor anybody's:
 * what an earlier process left, and what was released. Who appends a record
 * owns it. In the order of segments and of records in them; torn and
 * unpublished records are passed over. Not at the same time
 * as llmp_journal_prepare() and _add(); appending may go on meanwhile.
 *
 * @retval LLMP_OK     that was all
 * @retval LLMP_AGAIN  a record was just being written: what lies behind it was
 *                     not looked at
 */
LLMP_API LLMP_MUST_USE int llmp_journal_scan(struct llmp_journal *journal,
                                             enum llmp_journal_type type,
                                             llmp_journal_scan_fn *see,
                                             void *ctx);

/** Has `wake` called when the ready segment was taken into use, which is when
 *  llmp_journal_prepare() is due. From any appending thread. Set it before the
 *  first append. */
LLMP_API void llmp_journal_on_switch(struct llmp_journal *journal,
                                     void (*wake)(void *ctx), void *ctx);

/** The files below can no longer be trusted (a failed fsync): nothing is
 *  appended from now on. From any thread. */
LLMP_API void llmp_journal_fail(struct llmp_journal *journal);

struct llmp_journal_stats {
    uint32_t segments;
    uint32_t segments_free; /**< settled or never used, the ready one too */
    bool ready;             /**< a next segment is prepared */
    bool failed;
    uint64_t intents_open, outcomes_open;
};

/** From any thread; numbers of one moment each. */
LLMP_API void llmp_journal_stats(const struct llmp_journal *journal,
                                 struct llmp_journal_stats *out);

#ifdef __cplusplus
}
#endif
#endif
