/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the key that seals session tickets is replaced in time, tickets of the
 * keys before it still open and are sealed anew, older ones do not.
 * Method: keys are exported, made older, and imported again; client and server
 * shake hands over memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka needs the headers above */
#include <cmocka.h>

#include "self_signed.h"
#include "tickets.h"

#define HOUR 3600

struct keys { /* the newest first */
    struct gw_ticket_key at[GW_TICKET_KEY_COUNT];
};

static struct keys export_keys(struct gw_ticket_keys *keys)
{
    struct keys out;

    gw_ticket_keys_export(keys, out.at);
    return out;
}

/* As if so much time had passed; what is due then has not happened yet. */
static void age(struct gw_ticket_keys *keys, uint64_t seconds)
{
    struct keys now = export_keys(keys);

    for (int i = 0; i < GW_TICKET_KEY_COUNT; i++)
        if (now.at[i].made_wall_s)
            now.at[i].made_wall_s -= seconds;
    gw_ticket_keys_import(keys, now.at);
}

static bool same_key(const struct gw_ticket_key *a,
                     const struct gw_ticket_key *b)
{
    return memcmp(a->name, b->name, sizeof(a->name)) == 0 &&
           memcmp(a->cipher, b->cipher, sizeof(a->cipher)) == 0 &&
           memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

/* ---- keys ---------------------------------------------------------------- */

static void a_key_seals_for_six_hours(void **state)
{
    struct gw_ticket_keys *keys = gw_ticket_keys_new();
    struct keys first = export_keys(keys), later;

    (void)state;
    assert_true(first.at[0].made_wall_s > 0);
    assert_int_equal(first.at[1].made_wall_s, 0);
    age(keys, 6 * HOUR - 60);
    later = export_keys(keys);
    assert_true(same_key(&later.at[0], &first.at[0]));
    age(keys, 60);
    later = export_keys(keys);
    assert_false(same_key(&later.at[0], &first.at[0]));
    assert_memory_not_equal(later.at[0].cipher, first.at[0].cipher, 32);
    assert_memory_not_equal(later.at[0].mac, first.at[0].mac, 32);
    assert_true(same_key(&later.at[1], &first.at[0]));
    gw_ticket_keys_free(keys);
}

static void the_oldest_key_is_forgotten(void **state)
{
    struct gw_ticket_keys *keys = gw_ticket_keys_new();
    struct keys first = export_keys(keys), now = first;

    (void)state;
    for (int i = 1; i <= GW_TICKET_KEY_COUNT; i++) {
        age(keys, 6 * HOUR);
        now = export_keys(keys);
        for (int j = 0; j < GW_TICKET_KEY_COUNT; j++)
            assert_int_equal(same_key(&now.at[j], &first.at[0]), i == j);
    }
    gw_ticket_keys_free(keys);
}

/* ---- tickets ------------------------------------------------------------- */

static SSL_SESSION *session; /* the client's latest */

static SSL_CTX *server_context(struct gw_ticket_keys *keys)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    assert_non_null(ctx);
    assert_true(self_signed_use(ctx));
    (void)SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"t", 1);
    gw_tickets_use(ctx, keys);
    return ctx;
}

static SSL_CTX *client_context(int version)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    assert_non_null(ctx);
    (void)SSL_CTX_set_max_proto_version(ctx, version);
    return ctx;
}

/* One connection with the session at hand, which becomes what the client then
 * has. Returns whether it was resumed. */
static bool connect_once(SSL_CTX *server, SSL_CTX *client)
{
    SSL *s = SSL_new(server), *c = SSL_new(client);
    BIO *a = NULL, *b = NULL;
    bool resumed;
    char byte;

    assert_true(s && c && BIO_new_bio_pair(&a, 0, &b, 0));
    SSL_set_bio(s, a, a);
    SSL_set_bio(c, b, b);
    SSL_set_accept_state(s);
    SSL_set_connect_state(c);
    if (session)
        assert_int_equal(SSL_set_session(c, session), 1);
    for (int i = 0; i < 10; i++) {
        (void)SSL_do_handshake(c);
        (void)SSL_do_handshake(s);
    }
    assert_true(SSL_is_init_finished(s) && SSL_is_init_finished(c));
    assert_true(SSL_read(c, &byte, 1) <= 0); /* the tickets of TLS 1.3 */
    resumed = SSL_session_reused(c);
    SSL_SESSION_free(session);
    session = SSL_get1_session(c);
    SSL_set_shutdown(c, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(s, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(s);
    SSL_free(c);
    return resumed;
}

/* Which of the keys sealed the client's ticket; or -1. */
static int sealed_by(struct gw_ticket_keys *keys)
{
    struct keys now = export_keys(keys);
    const unsigned char *ticket = NULL;
    size_t len = 0;

    SSL_SESSION_get0_ticket(session, &ticket, &len);
    assert_true(len > sizeof(now.at[0].name));
    for (int i = 0; i < GW_TICKET_KEY_COUNT; i++)
        if (memcmp(ticket, now.at[i].name, sizeof(now.at[i].name)) == 0)
            return i;
    return -1;
}

static void tickets_of_older_keys_are_renewed(void **state)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct gw_ticket_keys *keys = gw_ticket_keys_new();
        SSL_CTX *server = server_context(keys);
        SSL_CTX *client = client_context(versions[i]);

        print_message("# TLS 1.%d\n", versions[i] - TLS1_VERSION);
        assert_false(connect_once(server, client));
        assert_int_equal(sealed_by(keys), 0);

        /* A key that still seals: the ticket is good as it is. */
        assert_true(connect_once(server, client));
        assert_int_equal(sealed_by(keys), 0);

        for (int n = 0; n < 4; n++) { /* each ticket lives for one renewal */
            age(keys, 6 * HOUR);
            assert_int_equal(sealed_by(keys), 1);
            assert_true(connect_once(server, client));
            assert_int_equal(sealed_by(keys), 0);
        }

        /* A ticket that was not used for so long opens no more. */
        for (int n = 0; n < GW_TICKET_KEY_COUNT; n++) {
            age(keys, 6 * HOUR);
            (void)export_keys(keys);
        }
        assert_int_equal(sealed_by(keys), -1);
        assert_false(connect_once(server, client));
        assert_int_equal(sealed_by(keys), 0);

        SSL_SESSION_free(session);
        session = NULL;
        SSL_CTX_free(client);
        SSL_CTX_free(server);
        gw_ticket_keys_free(keys);
    }
}

static void a_successor_opens_what_its_predecessor_sealed(void **state)
{
    struct gw_ticket_keys *keys = gw_ticket_keys_new();
    struct gw_ticket_keys *successors = gw_ticket_keys_new();
    SSL_CTX *server = server_context(keys);
    SSL_CTX *successor = server_context(successors);
    SSL_CTX *client = client_context(TLS1_3_VERSION);
    struct keys handed;

    (void)state;
    assert_false(connect_once(server, client));
    assert_false(connect_once(successor, client)); /* a stranger */
    assert_false(connect_once(server, client));
    handed = export_keys(keys);
    gw_ticket_keys_import(successors, handed.at);
    assert_true(connect_once(successor, client));
    assert_true(connect_once(server, client));
    SSL_SESSION_free(session);
    session = NULL;
    SSL_CTX_free(client);
    SSL_CTX_free(successor);
    SSL_CTX_free(server);
    gw_ticket_keys_free(successors);
    gw_ticket_keys_free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_seals_for_six_hours),
        cmocka_unit_test(the_oldest_key_is_forgotten),
        cmocka_unit_test(tickets_of_older_keys_are_renewed),
        cmocka_unit_test(a_successor_opens_what_its_predecessor_sealed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
