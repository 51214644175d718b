/* SPDX-License-Identifier: Apache-2.0 */
/* What tests ask the simulator itself: GET /sim/stats, /sim/last, POST
 * /sim/reset. */
#include "answer.h"

void sim_control_answer(struct sim_conn *conn, struct llmp_str path)
{
    struct sim_shared *shared = conn->worker->shared;
    struct sim_buf *out = &conn->worker->body;
    bool get = strcmp(sim_request_method(&conn->request), "GET") == 0;

    if (get && sim_str_is(path, "/sim/stats")) {
        sim_stats_write(&shared->stats, out);
    } else if (get && sim_str_is(path, "/sim/last")) {
        sim_last_write(&shared->last, out);
    } else if (!get && sim_str_is(path, "/sim/reset")) {
        sim_stats_reset(&shared->stats);
        sim_last_reset(&shared->last);
        sim_buf_text(out, "{}");
    } else {
        sim_answer_error(conn, 404, "unknown_url", "Unknown request URL.");
        return;
    }
    sim_conn_say_json(conn, 200);
}
