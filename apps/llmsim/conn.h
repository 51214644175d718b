/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: reads requests, has them answered, writes what the answer
 * has to say when it is due. States:
 *
 *   READING   waiting for a request, or in the middle of one
 *   WAITING   the answer is made but not due yet
 *   STREAMING events become due one after another
 *   ENDING    nothing is added any more; `end` says what follows the last byte
 *   SILENT    never says anything more; waits for the client to leave
 *   DRAINING  has refused a request that was still coming: throws it away for
 *             a while, because closing now would reset what the client has
 *             yet to read
 */
#ifndef LLMSIM_CONN_H
#define LLMSIM_CONN_H

#include "reply.h"
#include "request.h"
#include "worker.h"

enum sim_state {
    SIM_READING,
    SIM_WAITING,
    SIM_STREAMING,
    SIM_ENDING,
    SIM_SILENT,
    SIM_DRAINING
};

enum sim_end { SIM_END_KEEP, SIM_END_CLOSE, SIM_END_CUT, SIM_END_RESET };

/* Bytes on their way out: `buf` with `large`, which is not copied and holds
 * for ever, in it at `large_at`. */
struct sim_out {
    struct sim_buf buf;
    struct llmp_str large;
    size_t large_at;
    size_t sent; /* of all */
};

struct sim_conn {
    struct sim_timer timer; /* first: the wheel gives it back */
    struct sim_worker *worker;
    struct sim_conn *next_dead;
    int fd;
    SSL *tls; /* or NULL */
    struct event read_event, write_event;
    enum sim_state state;
    enum sim_end end;
    bool dead, reads, counted;
    struct sim_request request;
    struct sim_buf pending; /* read, but belongs to a later request */
    struct sim_reply reply;
    struct sim_out out;
};

/* Takes over `fd`. */
void sim_conn_new(struct sim_worker *worker, int fd);
void sim_conn_on_timer(struct sim_timer *timer);
void sim_conn_free_dead(struct sim_worker *worker);

/* Says the answer in one piece: called once by whoever answers. */
void sim_conn_say(struct sim_conn *conn, const struct sim_piece *piece);

/* The same with a JSON body that is in worker->body. */
void sim_conn_say_json(struct sim_conn *conn, unsigned status);

/* Begins a stream: reply.script and what it needs are set. */
void sim_conn_stream(struct sim_conn *conn);

/* Never answers. */
void sim_conn_hang(struct sim_conn *conn);

#endif
