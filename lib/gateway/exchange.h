/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of an exchange, shared by its stages. The stages are plain
 * functions called in one order; exchange.c alone knows the order.
 */
#ifndef LLMP_GATEWAY_EXCHANGE_H
#define LLMP_GATEWAY_EXCHANGE_H

#include <llmproxy/gateway.h>
#include <llmproxy/store.h>

#include "base/alloc.h"
#include "base/str.h"
#include "cloud/request.h"
#include "gateway/config.h"
#include "gateway/decide.h"
#include "gateway/gateway.h"
#include "gateway/line.h"
#include "gateway/objects.h"
#include "gateway/operation.h"
#include "gateway/tokens.h"
#include "gateway/upload_check.h"
#include "message/eventstream.h"
#include "message/sse.h"
#include "wire/dialect.h"
#include "wire/passing.h"

enum llmp_x_state {
    LLMP_X_HEAD,       /* nothing came yet */
    LLMP_X_AUTH,       /* the keys of a token's issuer are awaited */
    LLMP_X_BODY,       /* a body is being held */
    LLMP_X_OBJECT,     /* whose something at a provider is, is awaited */
    LLMP_X_QUEUED,     /* a deployment's room is awaited */
    LLMP_X_LIMITS,     /* what the store says about limits is awaited */
    LLMP_X_GUARD,      /* what others say of a text is awaited */
    LLMP_X_CREDENTIAL, /* the provider's token is awaited */
    LLMP_X_BACKOFF,    /* the next attempt is put off a little */
    LLMP_X_UPLOAD,     /* a call runs and the body goes straight to it */
    LLMP_X_CALLING,    /* a call runs, its answer is awaited */
    LLMP_X_ADMIN,      /* a job of administration runs */
    LLMP_X_ANSWERING,  /* the answer is on its way to the client */
    LLMP_X_ERROR,      /* an upstream's error body is being collected */
    LLMP_X_ENDED
};

/* What an answer's body is to us. */
enum llmp_x_answer {
    LLMP_ANSWER_OPAQUE, /* passed on unread */
    LLMP_ANSWER_ERROR,  /* collected, cleaned, and sent whole */
    LLMP_ANSWER_JSON,   /* passed on, its usage read on the way */
    LLMP_ANSWER_WHOLE,  /* collected and translated */
    LLMP_ANSWER_MADE,   /* collected: it says what was made */
    LLMP_ANSWER_EVENTS  /* passed on event by event */
};

/* Whose limits count: the caller's four, an end user's, the model's, the
 * deployment's. */
enum {
    LLMP_X_END_USER_SCOPE = LLMP_CALLER_SCOPES, /* below the user */
    LLMP_X_MODEL_SCOPE,
    LLMP_X_DEPLOYMENT_SCOPE,
    LLMP_X_SCOPES
};

enum {
    LLMP_X_ASKS = 8,
    LLMP_X_HEADERS = 40,
    LLMP_X_CALL_HEADERS = 24,
    LLMP_X_BUFFER_KEPT = 4096, /* of a pooled exchange's buffers */
    LLMP_X_UNSENT_HIGH = 64 * 1024,
    LLMP_X_UNSENT_LOW = 16 * 1024,
    LLMP_X_PASS_WINDOW = 64 * 1024, /* where `model` must come in */
};

struct llmp_exchange;
struct llmp_x_guard;

/* How a call was over. */
struct llmp_x_over {
    enum { LLMP_X_ENDED_WELL, LLMP_X_FAILED, LLMP_X_LATE } how;
    enum llmp_call_failure failure; /* of FAILED */
    bool sent;                      /* likewise: perhaps all of the request */
};

/* Whose business a call's answer is: the client's (stage_answer.c), or one of
 * the exchange's own. */
struct llmp_x_receiver {
    bool costs; /* a provider may ask money for it */
    void (*head)(struct llmp_exchange *x,
                 const struct llmp_response_head *head);
    void (*body)(struct llmp_exchange *x, struct llmp_str bytes);
    /* If it was late, it is still open. */
    void (*over)(struct llmp_exchange *x, const struct llmp_x_over *over);
};

/* One attempt to get the answer from a deployment, or a call of the gateway's
 * own. An exchange works on one at a time (`llmp_exchange.attempt`); of a hedge
 * the other one waits with what it left in the exchange (stage_hedge.c). */
struct llmp_x_attempt {
    /* Who is asked (stage_route.c). */
    const struct llmp_deployment *deployment;
    struct llmp_route_attempt pick; /* in flight while `picked` */
    bool picked;
    bool called;  /* its call was begun */
    bool refused; /* the provider says that it failed, before it gave anything
                   */
    enum llmp_route_class outcome; /* when it failed */
    uint64_t retry_after_ns;       /* likewise; as the provider says */
    uint64_t input_told; /* tokens, by a field of the head; 0: not said */
    struct llmp_str error_type;          /* likewise; AWS has it in the head */
    struct llmp_str bearer;              /* "Bearer …", fetched; or empty */
    struct {                             /* stage_credential.c */
        struct llmp_vendor_token *token; /* that this attempt fetches */
        struct llmp_cloud_request request; /* likewise */
        uint64_t until_ns;
        uint16_t status;
    } credential;
    struct llmp_x_foreign *foreign;   /* NULL: the dialects are the same
                                         (stage_translate.c) */
    struct llmp_reservation reserved; /* the deployment's part */
    const struct llmp_price *price;
    struct { /* in the ledger (stage_book.c) */
        bool open;
        struct llmp_str model, provider, upstream; /* whom the row is about */
        llmp_journal_at at;
        char id[33];
        struct llmp_counter_add *counters; /* in the arena */
        uint8_t *units;                    /* of each counter */
        size_t counter_count;
    } booked;

    /* The call. */
    void (*make_call)(struct llmp_exchange *x); /* when its token is there */
    struct llmp_call call;
    const struct llmp_x_receiver *receiver;
    bool call_open; /* begun and not yet ended, failed, cancelled */
    bool call_paused;
    bool call_reached;   /* the provider may have begun to work */
    bool request_sent;   /* all of it: the body is not needed for this call */
    bool usage_injected; /* the client did not ask for it */
    uint64_t call_sent_ns;

    /* The answer. */
    enum llmp_x_answer answer;
    struct llmp_response_head response;
    struct llmp_buf early; /* a stream's events before its first content */
    struct llmp_token_usage usage; /* what the stream's events said so far */
    struct llmp_str made; /* the id of what the provider keeps; or empty */
    struct llmp_sse sse;
    bool sse_open;
    bool stream_done, stream_finished;
    enum { LLMP_READS_NOTHING, LLMP_READS_REQUEST, LLMP_READS_ANSWER } reads;

    /* From here on nothing is wiped for the next one: what is valid is said
     * above (counts, `reads`). */
    union { /* one reader at a time: the request's, then the answer's */
        struct llmp_request_reader request;
        struct llmp_peek answer;
    } reader;
    struct llmp_header call_headers[LLMP_X_CALL_HEADERS];
    struct llmp_str parts[LLMP_REQUEST_PARTS_MAX];
    struct llmp_header headers[LLMP_X_HEADERS];
};

/* The other attempt of a hedge, and what it left in the exchange. */
struct llmp_x_rival {
    struct llmp_x_attempt *attempt; /* NULL: the race is over */
    enum llmp_x_state state;
    uint64_t deadline_ns;
    struct llmp_str input;
    struct llmp_buf out;
    struct llmp_summary summary;
    struct llmp_limit_scope *scope; /* of its deployment */
    uint8_t scope_ref;
    bool lent; /* the loser's transport may still have held the body */
    bool called, counted, answered; /* the hedge; in the metrics; somebody */
    struct llmp_x_attempt second;
};

struct llmp_exchange {
    struct llmp_worker *worker;
    void *data;                      /* the driver's */
    struct llmp_waker *waker;        /* NULL until it waits for somebody */
    struct llmp_wait_list *waits_in; /* the list it joined last; or NULL */
    struct llmp_config *config;      /* one reference for the whole exchange */
    struct llmp_access *access;      /* likewise, made from it */
    struct llmp_arena arena;
    struct llmp_exchange *next_free;
    enum llmp_x_state state;
    struct llmp_time now;
    uint64_t begun_ns; /* when the head was received */

    /* What is to be asked: a ring. */
    uint8_t ask_first, ask_count;
    struct llmp_str input; /* a piece of the answer not yet turned to asks */

    /* The request. */
    const struct llmp_operation *operation;
    struct llmp_str request_id;
    struct llmp_buf body; /* held body; given back when it was sent */
    uint64_t held;        /* what of it counts in the worker's sum */
    uint64_t body_size, body_seen;
    bool request_ended, request_paused;
    bool connection_over; /* it is no proper request */
    struct llmp_str content_type, content_encoding, traceparent, tracestate,
        beta, dialect_version;
    struct llmp_str model_header, tags;
    struct llmp_str query;       /* behind the '?' */
    struct llmp_str path_method; /* Gemini's, behind the model in the path */
    const struct llmp_str *rule_fields; /* as llmp_config.rule_fields */
    struct llmp_str upstream_path; /* behind the provider's base path; empty:
                                      the operation's */
    const struct llmp_model *model;
    bool client_wants_usage;
    struct llmp_request_plan plan; /* of a JSON body: how it is edited */
    uint64_t output_max; /* tokens the client allows; UINT64_MAX: unsaid */

    /* Who answers (stage_route.c). */
    struct llmp_x_attempt *attempt; /* the one in hand */
    struct llmp_x_rival *rival;     /* NULL: there was no hedge */
    uint64_t hedge_ns;              /* when to begin one; 0: never */
    int8_t hedge_mark;              /* by the client: 1: may be, -1: not */
    struct {
        uint8_t passed_over; /* deployments that could not be told it */
        bool fell_back;      /* another model does instead */
        bool hedged;         /* two attempts were under way */
        bool failed_before;  /* an earlier attempt may have cost something */
        bool counted;        /* an earlier attempt reached its provider: the
                                client's request counts as one */
        bool decided;        /* what the rules say is known, of this model */
        struct llmp_regions regions; /* the caller's, and all models' */
        const uint64_t *allowed;     /* bits of deployments; NULL: all */
        uint32_t level;              /* of complexity */
        uint64_t *tried;             /* bits of deployments; in the arena */
        uint32_t attempts;           /* calls begun */
        uint64_t until_ns; /* what the client waits for; UINT64_MAX: ever */
        uint64_t backoff_ns;
        uint64_t spent[LLMP_LIMIT_UNITS]; /* by earlier attempts */
    } route;

    void (*admit)(struct llmp_exchange *x); /* again, when limits are known;
                                               NULL: as the body is */
    struct { /* of what lies at a provider (stage_objects.c) */
        struct llmp_object_look *look;
        struct llmp_str ids[LLMP_OBJECTS_MAX];
        size_t count;
        bool again;            /* it was looked for once before */
        struct llmp_str model; /* that is named, or that made it */
        const struct llmp_provider *provider; /* the only one to ask; or NULL */
        uint64_t input_tokens;                /* of a batch's file */
        void (*go_on)(struct llmp_exchange *x);
    } object;
    struct {          /* of who waits for room (stage_queue.c) */
        bool in_line; /* it has `place` */
        bool goes_on; /* it was admitted, and waits for its next attempt's */
        bool holds;   /* some of the caller's limits, while it waits */
        struct llmp_place place;
        uint64_t since_ns, until_ns;
        struct {                      /* what the client hears if in vain */
            struct llmp_str provider; /* that failed; empty: none did */
            uint16_t status;          /* 0: it gave none */
            uint64_t retry_after_ns;
        } failed;
    } queue;

    /* Who calls, and what is set aside for it (stage_auth.c, stage_admit.c). */
    struct llmp_principal principal;
    struct llmp_token *token; /* a reference: the principal points into it */
    struct llmp_limit_scope *scopes[LLMP_X_SCOPES];
    uint8_t scope_refs; /* a bit a scope that is ours to give back */
    const struct llmp_allowance *allowances[LLMP_X_MODEL_SCOPE];
    struct llmp_reservation reserved; /* the principal's part */
    struct llmp_str routed;           /* the model's name that was decided on */
    uint64_t output_guess_pair;       /* what to learn about; 0: nothing */
    struct {               /* while the store is asked (stage_limits.c) */
        uint64_t until_ns; /* 0: it was not yet */
        uint64_t look_ms;
        bool had_end; /* of the request, when it began to wait */
    } limits;
    /* Calls, and what comes of them. */
    uint32_t calls; /* so far: the last one's id */
    bool upload_ended;
    struct llmp_upload_check *upload_check; /* of a pass-through body */
    uint64_t call_begun_ns;                 /* the first one */
    struct llmp_buf out; /* our own body: errors, local answers */
    bool responded;      /* the client has the answer's head */
    size_t unsent;       /* given to the client, not yet taken by it */

    struct {               /* of models, gathered from several providers */
        bool good;         /* the call that runs */
        uint64_t until_ns; /* when the list is given as far as it is */
        size_t next;       /* provider to ask */
        size_t shown;
    } list;

    struct { /* without a client: of a provider (stage_check.c) */
        bool open;
        struct llmp_check_job job; /* `check` NULL: it was reported */
        size_t read;
    } check;

    struct llmp_x_admin *admin; /* the job's answer (stage_admin.c); or NULL */

    struct {            /* of a token's issuer (stage_keys.c) */
        size_t issuer;  /* index */
        uint64_t fetch; /* that this exchange does; 0: none */
        uint64_t until_ns, max_age_s;
        uint16_t status;
        struct llmp_str credential;
    } keys;

    struct llmp_x_guard *guard; /* what guards say (inspect.h); NULL: they were
                                   not asked */
    uint64_t others_ns; /* how long others were asked before the first call */
    uint64_t guard_ns;  /* when what they hold has to go on; 0: nothing is */
    struct llmp_anomaly_print *print; /* of the body; or NULL */

    uint64_t deadline_ns, wait_ns; /* when to give up; when a tick comes */
    struct llmp_summary summary;

    /* From here on nothing is wiped for the next exchange: what is valid is
     * said above (`ask_count`), or by the attempt itself. */
    struct llmp_ask asks[LLMP_X_ASKS];
    struct llmp_x_attempt first;
};

/* exchange.c: asks and endings */
void llmp_x_ask(struct llmp_exchange *x, struct llmp_ask ask);
void llmp_x_deadline(struct llmp_exchange *x, uint64_t timeout_ms);
void llmp_x_no_deadline(struct llmp_exchange *x);
void llmp_x_hedge_at(struct llmp_exchange *x, uint64_t at_ns);
void llmp_x_guard_at(struct llmp_exchange *x, uint64_t at_ns);
void llmp_x_respond(struct llmp_exchange *x);
void llmp_x_write(struct llmp_exchange *x, struct llmp_str bytes);
void llmp_x_end(struct llmp_exchange *x, enum llmp_ending ending,
                bool complete);
void llmp_x_cancel_call(struct llmp_exchange *x);
void llmp_x_release_body(struct llmp_exchange *x); /* it was sent */
void llmp_x_stop_reading(struct llmp_exchange *x); /* gives the reader back */

/* Its waker, made at the first time; NULL: no memory, so it has to look. */
struct llmp_waker *llmp_x_waker(struct llmp_exchange *x);

/* Joins those whom the list wakes; false: no memory, so it has to look. */
bool llmp_x_wait_in(struct llmp_exchange *x, struct llmp_wait_list *list);

/* A status, or an error in its own words, is the provider's word that it did
 * nothing. */
static inline bool llmp_x_was_refused(const struct llmp_exchange *x)
{
    return x->attempt->refused || x->summary.upstream_status >= 300;
}

static inline bool llmp_x_is_limited(const struct llmp_exchange *x)
{
    return x->reserved.count || x->attempt->reserved.count;
}

/* From the request's arrival to its call's last byte, or to now. */
uint64_t llmp_x_own_ns(const struct llmp_exchange *x);

static inline uint64_t llmp_x_random(const struct llmp_exchange *x)
{
    uint64_t bits;

    llmp_worker_random(x->worker, &bits, sizeof(bits));
    return bits;
}

/* Two attempts are under way, and neither has answered. */
static inline bool llmp_x_races(const struct llmp_exchange *x)
{
    return x->rival && x->rival->attempt;
}

/* stage_auth.c: false when the exchange was ended */
bool llmp_x_authenticate(struct llmp_exchange *x,
                         const struct llmp_request_head *head);
/* Whether the caller may do this; else it is refused. */
bool llmp_x_may(struct llmp_exchange *x, enum llmp_action action,
                struct llmp_str model);
void llmp_x_forget_caller(struct llmp_exchange *x); /* at the end */
void llmp_x_refuse_auth(struct llmp_exchange *x, int answer);
void llmp_x_refuse_nobody(struct llmp_exchange *x); /* no credential came */
/* The client's, behind proxies that are trusted. */
int llmp_x_find_address(const struct llmp_exchange *x,
                        const struct llmp_request_head *head,
                        struct llmp_address *out);
bool llmp_x_verify_again(struct llmp_exchange *x, struct llmp_str credential,
                         bool *again);

/* stage_login.c: the caller is known; false when it was refused */
bool llmp_x_check_login(struct llmp_exchange *x);

/* stage_keys.c: in state LLMP_X_AUTH */
bool llmp_x_fetch_keys(struct llmp_exchange *x, struct llmp_str credential,
                       size_t issuer); /* false: later, or never */
void llmp_x_keys_woken(struct llmp_exchange *x);
void llmp_x_keys_drop(struct llmp_exchange *x); /* gives a fetch back */

/* stage_admit.c: between a model and its call */
bool llmp_x_admit(struct llmp_exchange *x, uint64_t input_tokens,
                  uint64_t output_tokens_max);
/* The same for one more attempt: the principal's part stands. LLMP_OK;
 * LLMP_LIMITED: this deployment may not be asked now; negative: the exchange
 * was ended. */
int llmp_x_admit_attempt(struct llmp_exchange *x);
void llmp_x_downgrade(struct llmp_exchange *x); /* where a budget says so */
/* What so many tokens cost; false: nobody knows. */
bool llmp_x_cost_of(const struct llmp_exchange *x, uint64_t input,
                    uint64_t cached, uint64_t output, uint64_t reasoning,
                    uint64_t *nanos);
/* While a request waits for room it counts as its caller's, so that one caller
 * cannot fill a line. False: it was refused. */
bool llmp_x_hold(struct llmp_exchange *x);
void llmp_x_let_go(struct llmp_exchange *x);
/* What is set aside for the attempt. */
struct llmp_limit_amounts llmp_x_amounts_of(const struct llmp_exchange *x);
/* The event of a soft threshold: the exchange that crossed it says so. */
void llmp_x_note_news(struct llmp_exchange *x,
                      const struct llmp_limit_news *news);

/* stage_settle.c */
void llmp_x_charge(struct llmp_exchange *x); /* a stream, as it goes */
/* An attempt is over, and another does instead: what it may have cost is
 * booked. */
void llmp_x_close_attempt(struct llmp_exchange *x, enum llmp_ending ending);
void llmp_x_settle(struct llmp_exchange *x); /* once, at the end */

/* limit_fields.c: for the answer */
void llmp_x_limit_fields(struct llmp_exchange *x);

/* stage_limits.c: in state LLMP_X_LIMITS; false: no longer */
bool llmp_x_wait_for_limits(struct llmp_exchange *x);
void llmp_x_limits_tick(struct llmp_exchange *x);
void llmp_x_limits_woken(struct llmp_exchange *x);

/* stage_book.c: what the ledger is told */
bool llmp_x_book_intent(struct llmp_exchange *x);  /* false: it was refused */
void llmp_x_book_outcome(struct llmp_exchange *x); /* once, at the end */
/* Something else that the answer tells of is the caller's. */
void llmp_x_book_object(struct llmp_exchange *x, struct llmp_str id);
/* The event of a batch whose lines nobody looks at. */
void llmp_x_book_unguarded(struct llmp_exchange *x);
/* Somebody behaves unlike themselves. */
void llmp_x_book_anomaly(struct llmp_exchange *x, struct llmp_str principal,
                         struct llmp_str after);

/* stage_request.c: of a held body, as its bytes are; else 0 */
uint64_t llmp_x_input_tokens(const struct llmp_exchange *x);

/* stage_route.c */
/* From now on the exchange also stays where this model's requests do. */
void llmp_x_stay(struct llmp_exchange *x, const struct llmp_model *model);
/* Whether the model has a deployment where the exchange may go. */
bool llmp_x_reaches(const struct llmp_exchange *x,
                    const struct llmp_model *model);
/* A deployment for the first attempt; false: there is none, and the exchange
 * was ended. */
bool llmp_x_pick(struct llmp_exchange *x);
/* The attempt failed, and the client knows nothing of it yet: another one
 * begins, now or in a while. False: there is none; say so. */
bool llmp_x_fail_over(struct llmp_exchange *x, enum llmp_route_class outcome);
/* The picked deployment cannot be told this request: another one is called, or
 * false. */
bool llmp_x_pass_over(struct llmp_exchange *x);
/* The picked deployment may not be asked now: another one is picked; as
 * llmp_route_pick(). */
int llmp_x_spill(struct llmp_exchange *x);
void llmp_x_backoff_tick(struct llmp_exchange *x);
/* It waited for its next attempt's room, and may choose. */
void llmp_x_next_turn(struct llmp_exchange *x);
void llmp_x_first_token(struct llmp_exchange *x); /* the answer begins */
void llmp_x_report(struct llmp_exchange *x, enum llmp_route_class outcome);
/* What the client said of how long it waits: "30", "2.5s", "1500ms". */
void llmp_x_read_timeout(struct llmp_exchange *x, struct llmp_str value);
/* The attempt's own timeout, cut to what the client waits. */
void llmp_x_call_deadline(struct llmp_exchange *x, uint64_t timeout_ms);
enum llmp_route_class llmp_x_class_of(enum llmp_fault fault);

/* One beside the attempt that runs; false: there is none that may be asked. */
bool llmp_x_pick_hedge(struct llmp_exchange *x);
/* What a summary has of an answer and how it was asked for, but for the cost.
 */
void llmp_x_forget_answer(struct llmp_summary *summary);
/* Everything of an attempt, but for what it may have cost. */
void llmp_x_forget_attempt(struct llmp_exchange *x);

/* What rules may ask about. */
struct llmp_asked llmp_x_asked(const struct llmp_exchange *x);

/* stage_objects.c: in state LLMP_X_OBJECT */
/* Whether there is a store; else the exchange was ended. */
bool llmp_x_objects_served(struct llmp_exchange *x);
/* The held body refers to what lies at a provider: it is looked up, and
 * llmp_x_json_known() follows, or the exchange was ended. False: it does not,
 * or that is the provider's business. */
bool llmp_x_refers(struct llmp_exchange *x, const struct llmp_refs *refs,
                   struct llmp_str model);
void llmp_x_object_request(struct llmp_exchange *x); /* the path has an id */
void llmp_x_refuse_list(struct llmp_exchange *x);
void llmp_x_object_woken(struct llmp_exchange *x);
void llmp_x_object_tick(struct llmp_exchange *x);
void llmp_x_object_drop(struct llmp_exchange *x);
const uint64_t *llmp_x_pinned(struct llmp_exchange *x, const uint64_t *allowed);
enum { LLMP_X_MADE_MAX = 1 << 20 }; /* bytes of an answer that says it */
/* Whether the answer is collected to see what was made: in `x->out`. */
bool llmp_x_tells_what_it_made(const struct llmp_exchange *x);
void llmp_x_note_made(struct llmp_exchange *x);
void llmp_x_note_response(struct llmp_exchange *x, struct llmp_str id);

/* stage_queue.c: in state LLMP_X_QUEUED */
/* Others wait for the same room already. */
bool llmp_x_stands_behind(const struct llmp_exchange *x);
/* Whether it may wait for room. */
bool llmp_x_may_queue(const struct llmp_exchange *x);
/* Waits for room; false: it may not. */
bool llmp_x_queue(struct llmp_exchange *x);
/* The same for the next attempt of what was admitted. */
bool llmp_x_queue_next(struct llmp_exchange *x);
/* It waited in vain, or cannot any more. */
void llmp_x_refuse_queued(struct llmp_exchange *x, const char *code,
                          const char *why);
/* @param used  it found room; else its turn, if it had one, is the next one's
 */
void llmp_x_leave_queue(struct llmp_exchange *x, bool used);
void llmp_x_queue_woken(struct llmp_exchange *x);
void llmp_x_queue_tick(struct llmp_exchange *x);

/* stage_hedge.c */
/* The client's word: "true", "false". */
void llmp_x_hedge_mark(struct llmp_exchange *x, struct llmp_str value);
/* A call has begun: when another one may, beside it. */
void llmp_x_hedge_later(struct llmp_exchange *x);
void llmp_x_hedge(struct llmp_exchange *x); /* now */
/* Of two attempts the other one comes in hand. */
void llmp_x_turn(struct llmp_exchange *x);
/* The attempt in hand is of no use: the other one goes on. */
void llmp_x_give_up(struct llmp_exchange *x);
/* The same where the client would have to be told; false: there is no other,
 * so tell it. */
bool llmp_x_yield(struct llmp_exchange *x);
/* The attempt in hand answers, or ends: there is no other from now on. */
void llmp_x_win(struct llmp_exchange *x);
void llmp_x_hedge_answers(struct llmp_exchange *x); /* and begins to answer */
void llmp_x_hedge_free(struct llmp_exchange *x);

/* stage_credential.c: in state LLMP_X_CREDENTIAL. False: not yet, or never. */
bool llmp_x_has_credential(struct llmp_exchange *x);
void llmp_x_credential_woken(struct llmp_exchange *x);
void llmp_x_credential_drop(struct llmp_exchange *x); /* gives a fetch back */
/* The provider refused the token. */
void llmp_x_credential_refused(struct llmp_exchange *x);

/* stage_translate.c: where client and provider speak differently */
/* The held body in the provider's dialect. LLMP_OK; LLMP_E_UNSUPPORTED: it
 * cannot be said there, `param` and `err` say what; other negative: likewise */
int llmp_x_translate_request(struct llmp_exchange *x, struct llmp_str *body,
                             char param[LLMP_WIRE_PATH_MAX],
                             struct llmp_error *err);
void llmp_x_foreign_free(struct llmp_exchange *x);
/* A whole answer in `x->out` becomes the client's. */
int llmp_x_translate_answer(struct llmp_exchange *x);
/* One event of a stream: what the client gets of it is added to
 * `x->foreign->out`. */
int llmp_x_translate_event(struct llmp_exchange *x,
                           const struct llmp_sse_event *event);
int llmp_x_translate_end(struct llmp_exchange *x);
/* What an error's body, or a stream's error event, says. */
void llmp_x_read_error(struct llmp_exchange *x, uint16_t status,
                       struct llmp_str body, struct llmp_provider_error *error);

struct llmp_x_foreign {
    const struct llmp_dialect *client, *provider;
    struct llmp_wire_reader reader;
    struct llmp_wire_writer writer;
    struct llmp_eventstream frames; /* Bedrock's streams; else the exchange's
                                       `sse` */
    bool framed;
    struct llmp_buf body; /* the request as it went */
    uint32_t texts;       /* that are to become vectors */
    bool base64;          /* how the client wants those */
    bool shortened;       /* it asked for fewer dimensions */
    struct llmp_buf out;  /* events for the client */
    bool content;         /* something of the answer is in `out`, or went */
    struct llmp_provider_error error; /* that ended the stream */
    bool failed;
};

/* stage_request.c */
void llmp_x_request_head(struct llmp_exchange *x,
                         const struct llmp_request_head *head);
void llmp_x_request_body(struct llmp_exchange *x, struct llmp_str bytes);
void llmp_x_request_end(struct llmp_exchange *x);
void llmp_x_request_known(struct llmp_exchange *x); /* its caller is */
/* The body is read, and what it refers to is the caller's. */
void llmp_x_json_known(struct llmp_exchange *x);
bool llmp_x_uploads(const struct llmp_exchange *x); /* straight to the call */
void llmp_x_refuse_json(struct llmp_exchange *x, int status, const char *param,
                        const struct llmp_error *err);
void llmp_x_refuse_too_large(struct llmp_exchange *x, uint64_t limit);
bool llmp_x_is_json(const struct llmp_exchange *x); /* says the client */

/* stage_upload.c: what is held of the body may name the model; and the body's
 * next bytes, straight to the call */
void llmp_x_pass_front(struct llmp_exchange *x);
void llmp_x_upload(struct llmp_exchange *x, struct llmp_str bytes, bool last);

/* What was put off until the store had answered. @param ended  the request has
 * meanwhile */
void llmp_x_admit_again(struct llmp_exchange *x, bool ended);

/* stage_call.c */
bool llmp_x_route(struct llmp_exchange *x, struct llmp_str model);
void llmp_x_refuse_unknown(struct llmp_exchange *x,
                           struct llmp_str model); /* and names near ones */
void llmp_x_call(struct llmp_exchange *x, const struct llmp_str *body,
                 size_t parts, uint64_t body_size);
/* One more field of the call; dropped when it is empty, or there is no room. */
void llmp_x_call_header(struct llmp_exchange *x, struct llmp_str name,
                        struct llmp_str value);
/* Fields that sign a call of a provider with AWS keys; others need none. As
 * llmp_sigv4_sign(). */
int llmp_x_sign(struct llmp_exchange *x, const struct llmp_provider *provider,
                const struct llmp_str *body, size_t parts);
void llmp_x_call_plain(struct llmp_exchange *x); /* the held body, edited, or
                                                    in another dialect */
/* A path below the base path; `receiver` gets the answer. */
void llmp_x_call_get(struct llmp_exchange *x, struct llmp_str path,
                     const struct llmp_x_receiver *receiver);

/* The name for upstream; empty when it is the one that was asked for. */
struct llmp_str llmp_x_renamed(struct llmp_exchange *x, struct llmp_str model);

/* The held front of a pass-through body with its `model`, which may be empty,
 * replaced by `name`. */
size_t llmp_x_pass_edit(struct llmp_exchange *x, struct llmp_str front,
                        struct llmp_str model, struct llmp_str name,
                        struct llmp_str parts[LLMP_REQUEST_PARTS_MAX]);

/* stage_answer.c */
extern const struct llmp_x_receiver llmp_x_answer_receiver;
bool llmp_x_answer_pump(struct llmp_exchange *x);
void llmp_x_answer_stop(struct llmp_exchange *x);
void llmp_x_server_timing(struct llmp_exchange *x); /* adds the field */
/* The client is told: from here on no other provider is asked. */
void llmp_x_answer_begin(struct llmp_exchange *x);

/* stage_stream.c */
void llmp_x_stream_begin(struct llmp_exchange *x);
void llmp_x_stream_feed(struct llmp_exchange *x, struct llmp_str bytes);
bool llmp_x_stream_pump(struct llmp_exchange *x);
void llmp_x_stream_end(struct llmp_exchange *x);
void llmp_x_stream_cut(struct llmp_exchange *x, enum llmp_ending ending,
                       const char *code, const char *message);
void llmp_x_note_usage(struct llmp_exchange *x,
                       const struct llmp_token_usage *usage);

/* stage_inspect.c */
/* What is asked may pass; false: it was refused, or others are asked about it,
 * and then `make_call` is called again. Once. */
bool llmp_x_inspect(struct llmp_exchange *x);
bool llmp_x_guards_answer(const struct llmp_exchange *x);
/* The whole answer in `x->out`; what must not pass is replaced by an answer
 * that says so. False: the exchange was ended, or others are asked, and then
 * `go_on` is called. */
bool llmp_x_inspect_answer(struct llmp_exchange *x,
                           void (*go_on)(struct llmp_exchange *x));
void llmp_x_guard_sum_up(struct llmp_exchange *x); /* once, for the record */
void llmp_x_guard_drop(struct llmp_exchange *x);   /* all was written */

/* stage_anomaly.c */
void llmp_x_anomaly_look(struct llmp_exchange *x); /* the body is complete */
void llmp_x_anomaly_note(struct llmp_exchange *x); /* it has ended */

/* stage_inspect_stream.c */
/* Whole events on their way to the client. */
void llmp_x_pass_on(struct llmp_exchange *x, struct llmp_str events);
/* What passed is written. False: the stream was ended. */
bool llmp_x_guard_emit(struct llmp_exchange *x);
void llmp_x_guard_flush(struct llmp_exchange *x); /* what is held goes on */
void llmp_x_guard_tick(struct llmp_exchange *x);
void llmp_x_guard_reuse(struct llmp_exchange *x); /* what was taken is free */
void llmp_x_guard_stream_drop(struct llmp_exchange *x);

/* stage_admin.c: on the listener for administration */
void llmp_x_admin_head(struct llmp_exchange *x,
                       const struct llmp_request_head *head);
void llmp_x_admin_body(struct llmp_exchange *x); /* its sender is known */
void llmp_x_admin_end(struct llmp_exchange *x);  /* the body is complete */
void llmp_x_admin_tick(struct llmp_exchange *x); /* it took too long */
void llmp_x_admin_woken(struct llmp_exchange *x);
void llmp_x_admin_drop(struct llmp_exchange *x);
bool llmp_x_admin_is_open(const struct llmp_exchange *x);
bool llmp_x_admin_is_login(const struct llmp_exchange *x);

/* stage_tokens.c: POST /v1/auth/tokens, its body complete; the public keys */
void llmp_x_issue_token(struct llmp_exchange *x);
void llmp_x_show_jwks(struct llmp_exchange *x);

/* stage_capabilities.c */
void llmp_x_show_capabilities(struct llmp_exchange *x);

/* stage_check.c */
void llmp_x_check_drop(struct llmp_exchange *x); /* it came to nothing */

/* stage_local.c */
void llmp_x_local(struct llmp_exchange *x, struct llmp_str path);

/* stage_models.c */
void llmp_x_list_models(struct llmp_exchange *x);
void llmp_x_add_model(struct llmp_buf *out, const struct llmp_model *model,
                      struct llmp_str id);

/* refuse.c: an answer of our own in the client's dialect; ends the exchange */
struct llmp_refusal {
    uint16_t status;
    const char *code;
    const char *param;
    const char *type;        /* NULL: the one that goes with the status */
    const char *allow;       /* for 405 */
    const char *retry_after; /* seconds; NULL: nothing is said */
    const char *challenge;   /* WWW-Authenticate; NULL: none */
    enum llmp_ending ending;
};
void llmp_x_refuse(struct llmp_exchange *x, const struct llmp_refusal *refusal,
                   const char *format, ...) LLMP_PRINTF(3, 4);
void llmp_x_refuse_nomem(struct llmp_exchange *x);

/* Adds one field to the client's answer; drops it when there is no room. */
void llmp_x_header(struct llmp_exchange *x, struct llmp_str name,
                   struct llmp_str value);

/* Sends `x->out` as a whole answer and ends. */
void llmp_x_answer_whole(struct llmp_exchange *x, uint16_t status,
                         struct llmp_str content_type, enum llmp_ending ending);

#endif
