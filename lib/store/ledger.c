/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: every exchange is booked once, whatever happens in between.
 *
 *   begin   intent into the journal
 *   end     outcome into the journal (which settles the intent), row into the
 *           writer's queue; when it is committed, the outcome is settled
 *   recover what is in the journal and nobody's goes into the queue
 *
 * The row's id is the same in intent, outcome and store, so a record that is
 * seen twice is booked once.
 */
#include <llmproxy/journal.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "store/check.h"
#include "store/ledger_codec.h"
#include "store/writer_queue.h"

struct llmp_ledger {
    struct llmp_journal *journal; /* NULL: none */
    struct llmp_store_writer *writer;
    enum llmp_store_failure on_store_failure;
    atomic_bool more; /* there are records in the journal that are nobody's */
    _Atomic uint64_t begun, ended, unkept, damaged;
};

/* What a queued row reports to when it is committed. */
struct waiting {
    struct llmp_ledger *ledger;
    llmp_journal_at at;
};

/* ---- making and ending --------------------------------------------------- */

void llmp_ledger_options_init_sized(struct llmp_ledger_options *opts,
                                    size_t size)
{
    const struct llmp_ledger_options defaults = { .size = size };

    memcpy(opts, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

int llmp_ledger_new(struct llmp_ledger **out, struct llmp_journal *journal,
                    struct llmp_store_writer *writer,
                    const struct llmp_ledger_options *opts,
                    struct llmp_error *err)
{
    struct llmp_ledger_options o;

    LLMP_ENSURE(out && writer, err, LLMP_E_INVALID,
                "out and writer are required");
    llmp_ledger_options_init(&o);
    if (opts)
        LLMP_TRY(
            llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    LLMP_ENSURE(!journal ||
                    llmp_journal_payload_max(journal) >= LLMP_LEDGER_BYTES_MAX,
                err, LLMP_E_INVALID, "the journal's segments are too small");

    struct llmp_ledger *ledger = llmp_alloc(sizeof(*ledger));

    LLMP_ENSURE(ledger, err, LLMP_E_NOMEM, "no memory for a ledger");
    ledger->journal = journal;
    ledger->writer = writer;
    ledger->on_store_failure = o.on_store_failure;
    *out = ledger;
    return LLMP_OK;
}

void llmp_ledger_free(struct llmp_ledger *ledger)
{
    llmp_free(ledger);
}

/* ---- journal ------------------------------------------------------------- */

static int append(struct llmp_ledger *ledger, enum llmp_journal_type type,
                  const struct llmp_ledger_entry *entry, llmp_journal_at intent,
                  llmp_journal_at *at)
{
    uint8_t bytes[LLMP_LEDGER_BYTES_MAX];
    struct llmp_str payload = { (const char *)bytes, 0 };

    payload.len = llmp_ledger_encode(entry, bytes);
    return llmp_journal_append(ledger->journal, type, &payload, 1, intent, at);
}

/* The record goes back to nobody and is found by the next llmp_ledger_pump():
 * in this order, so that whoever sees `more` finds it. The queue, which was
 * full, may be empty by now, and its thread asleep; while it is full, its
 * thread looks for more after it has made room. */
static void leave_in_journal(struct llmp_ledger *ledger, llmp_journal_at at)
{
    struct llmp_store_health health;

    llmp_journal_release(ledger->journal, at);
    atomic_store(&ledger->more, true);
    llmp_store_writer_health(ledger->writer, &health);
    if (health.has_room)
        llmp_store_writer_wake(ledger->writer);
}

/* ---- queueing ------------------------------------------------------------ */

/* On the pumping thread. Rows which the store refuses for ever leave the
 * journal too: they would be refused at every start. When the writer is freed,
 * what was not committed stays, for the next start. */
static void row_done(int status, void *ctx)
{
    struct waiting *waiting = ctx;

    if (status != LLMP_E_STATE)
        llmp_journal_settle(waiting->ledger->journal, waiting->at);
    llmp_free(waiting);
}

/* LLMP_FULL and failures leave the record its owner's. */
static int queue(struct llmp_ledger *ledger, llmp_journal_at at,
                 const struct llmp_ledger_entry *entry, struct llmp_error *err)
{
    struct waiting *waiting;
    int rc;

    if (!at)
        return llmp_store_writer_row(ledger->writer, entry, NULL, NULL, err);
    waiting = llmp_alloc(sizeof(*waiting));
    LLMP_ENSURE(waiting, err, LLMP_E_NOMEM, "no memory for a row");
    *waiting = (struct waiting){ ledger, at };
    rc = llmp_store_writer_row(ledger->writer, entry, row_done, waiting, err);
    if (rc != LLMP_OK)
        llmp_free(waiting);
    return rc;
}

/* ---- exchanges ----------------------------------------------------------- */

/* Whether what begins now can be booked at the end: in the journal, or, where
 * there is none, in the queue. */
static bool keep_intent(struct llmp_ledger *ledger,
                        const struct llmp_ledger_entry *entry,
                        llmp_journal_at *at)
{
    struct llmp_store_health health;

    if (ledger->journal)
        return append(ledger, LLMP_JOURNAL_INTENT, entry, 0, at) == LLMP_OK;
    llmp_store_writer_health(ledger->writer, &health);
    return health.has_room;
}

int llmp_ledger_begin(struct llmp_ledger *ledger,
                      const struct llmp_ledger_entry *entry,
                      llmp_journal_at *at, struct llmp_error *err)
{
    LLMP_ENSURE(ledger && at, err, LLMP_E_INVALID,
                "ledger and at are required");
    LLMP_TRY(llmp_store_check_entry(entry, err));
    *at = 0;
    if (!keep_intent(ledger, entry, at)) {
        (void)atomic_fetch_add(&ledger->unkept, 1);
        if (ledger->on_store_failure == LLMP_STORE_REFUSE)
            return LLMP_FULL;
    }
    (void)atomic_fetch_add(&ledger->begun, 1);
    return LLMP_OK;
}

/* The outcome is in the journal: whatever the queue says, it will be booked. */
static int queue_outcome(struct llmp_ledger *ledger, llmp_journal_at outcome,
                         const struct llmp_ledger_entry *entry)
{
    if (queue(ledger, outcome, entry, NULL) != LLMP_OK)
        leave_in_journal(ledger, outcome);
    return LLMP_OK;
}

/* No room in the journal: the queue alone. The intent stays until the row is
 * committed, so that a crash before leaves it to be booked as unknown. */
static int end_without_journal(struct llmp_ledger *ledger,
                               llmp_journal_at intent,
                               const struct llmp_ledger_entry *entry,
                               struct llmp_error *err)
{
    int rc = queue(ledger, intent, entry, err);

    if (rc != LLMP_OK) {
        (void)atomic_fetch_add(&ledger->unkept, 1);
        return rc;
    }
    return ledger->journal ? LLMP_AGAIN : LLMP_OK;
}

int llmp_ledger_end(struct llmp_ledger *ledger, llmp_journal_at at,
                    const struct llmp_ledger_entry *entry,
                    struct llmp_error *err)
{
    llmp_journal_at outcome;

    LLMP_ENSURE(ledger, err, LLMP_E_INVALID, "a ledger is required");
    LLMP_TRY(llmp_store_check_entry(entry, err));
    (void)atomic_fetch_add(&ledger->ended, 1);
    if (ledger->journal &&
        append(ledger, LLMP_JOURNAL_OUTCOME, entry, at, &outcome) == LLMP_OK)
        return queue_outcome(ledger, outcome, entry);
    return end_without_journal(ledger, at, entry, err);
}

void llmp_ledger_cancel(struct llmp_ledger *ledger, llmp_journal_at at)
{
    (void)atomic_fetch_add(&ledger->ended, 1);
    if (at)
        llmp_journal_settle(ledger->journal, at);
}

/* ---- what is nobody's ---------------------------------------------------- */

struct taking {
    struct llmp_ledger *ledger;
    uint64_t taken;
};

/* What an intent says is true as far as it goes: its row is booked, but its
 * basis cannot be anything but unknown. */
static int take_record(const struct llmp_journal_record *record, void *ctx)
{
    struct taking *taking = ctx;
    struct llmp_ledger *ledger = taking->ledger;
    struct llmp_ledger_decoded decoded;
    int rc;

    if (!llmp_ledger_decode(&decoded, record->payload)) {
        (void)atomic_fetch_add(&ledger->damaged, 1);
        llmp_journal_settle(ledger->journal, record->at);
        return LLMP_OK;
    }
    if (record->type == LLMP_JOURNAL_INTENT) {
        decoded.row.basis = LLMP_USAGE_UNKNOWN;
        decoded.row.cost_known = false;
    }
    rc = queue(ledger, record->at, &decoded.entry, NULL);
    if (rc == LLMP_OK)
        taking->taken++;
    return rc == LLMP_OK ? LLMP_OK : LLMP_FULL;
}

/* Outcomes first: an intent whose settling was lost is then booked already. */
static int take_all(struct llmp_ledger *ledger, uint64_t *outcomes,
                    uint64_t *intents)
{
    struct taking outcome = { ledger, 0 }, intent = { ledger, 0 };
    int rc;

    if (!ledger->journal)
        return LLMP_OK;
    rc = llmp_journal_scan(ledger->journal, LLMP_JOURNAL_OUTCOME, take_record,
                           &outcome);
    if (rc == LLMP_OK)
        rc = llmp_journal_scan(ledger->journal, LLMP_JOURNAL_INTENT,
                               take_record, &intent);
    if (outcomes)
        *outcomes = outcome.taken;
    if (intents)
        *intents = intent.taken;
    if (rc == LLMP_OK)
        return LLMP_OK;
    atomic_store(&ledger->more, true);
    return LLMP_AGAIN;
}

int llmp_ledger_recover(struct llmp_ledger *ledger, uint64_t *outcomes,
                        uint64_t *intents)
{
    return take_all(ledger, outcomes, intents);
}

bool llmp_ledger_pump(struct llmp_ledger *ledger)
{
    if (!atomic_exchange(&ledger->more, false))
        return false;
    /* More may have been left where this has looked already. */
    (void)take_all(ledger, NULL, NULL);
    return llmp_ledger_is_behind(ledger);
}

bool llmp_ledger_is_behind(const struct llmp_ledger *ledger)
{
    return atomic_load(&ledger->more);
}

void llmp_ledger_stats(const struct llmp_ledger *ledger,
                       struct llmp_ledger_stats *out)
{
    *out = (struct llmp_ledger_stats){
        .begun = atomic_load(&ledger->begun),
        .ended = atomic_load(&ledger->ended),
        .unkept = atomic_load(&ledger->unkept),
        .damaged = atomic_load(&ledger->damaged),
    };
}
