/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main thread: see control.h. It sleeps in poll(), and wakes for signals,
 * for a successor, once a second to look at watched files, and more often
 * while it waits for the workers' end.
 */
#include "control.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "access_log.h"
#include "config_file.h"
#include "store.h"

#define NS_PER_MS     1000000U
#define WATCH_MS      1000
#define DRAIN_LOOK_MS 20
#define SYNC_MS       300  /* how soon a change by others is in force */
#define FOLLOW_MS     2000 /* what a predecessor books is looked for so often, */
#define FOLLOW_MORE   3    /* and after its end as many times more */

struct control {
    struct gw_server *server;
    const struct gw_options *options;
    struct gw_handover *handover;
    struct llmp_config *config; /* in force */
    const struct llmp_server_config *conf;
    int signal_fd;
    struct gw_watch *watch;
    uint64_t drain_until_ns;
    uint64_t follow_ns;   /* when to look for what a predecessor booked */
    unsigned follow_more; /* times, when there is none any more */
    bool stopping;
};

void gw_say(const char *format, ...)
{
    char line[1024] = "llmgw: ";
    va_list args;

    va_start(args, format);
    (void)vsnprintf(line + 7, sizeof(line) - 8, format, args);
    va_end(args);
    size_t len = strlen(line);

    line[len] = '\n';
    (void)!write(STDERR_FILENO, line, len + 1); /* whole lines, any thread */
}

static sigset_t signals(void)
{
    static const int ours[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        (void)sigaddset(&set, ours[i]);
    return set;
}

void gw_control_block_signals(void)
{
    sigset_t set = signals();

    (void)signal(SIGPIPE, SIG_IGN);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* ---- reload -------------------------------------------------------------- */

static bool texts_differ(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

/* What a running process does not change is said, not ignored silently. */
static void tell_what_waits(const struct llmp_server_config *old,
                            const struct llmp_server_config *fresh)
{
    bool listen = old->listen_count != fresh->listen_count;

    for (size_t i = 0; !listen && i < fresh->listen_count; i++)
        listen = texts_differ(old->listen[i], fresh->listen[i]);
    if (listen)
        gw_say("server.listen changes with a restart or --take-over only");
    if (old->workers != fresh->workers)
        gw_say("server.workers changes with a restart only");
    if (texts_differ(old->access_log, fresh->access_log))
        gw_say("server.access_log changes with a restart only");
}

static const char *source_name(const struct control *control)
{
    return control->options->config_path ? control->options->config_path
                                         : "the environment";
}

static void reload(struct control *control)
{
    const struct gw_options *options = control->options;
    struct llmp_config *config = NULL;
    struct llmp_error err;
    int status;

    gw_watch_config(control->watch, options->config_path);
    status =
        gw_config_load(&config, options->config_path,
                       options->listen_count > 0 ? options->listen[0] : NULL,
                       control->watch, &err);
    if (status == LLMP_OK) {
        gw_watch_tls(control->watch, llmp_config_server(config));
        status = gw_server_reload(control->server, config, &err);
    }
    if (status != LLMP_OK) {
        gw_say("not reloaded, the old configuration goes on: %s", err.message);
        gw_watch_tls(control->watch, control->conf);
        llmp_config_unref(config);
        return;
    }
    gw_config_warn(config);
    tell_what_waits(control->conf, llmp_config_server(config));
    if (texts_differ(llmp_config_admin(control->config)->listen,
                     llmp_config_admin(config)->listen))
        gw_say("admin.listen changes with a restart or --take-over only");
    if (llmp_config_store(control->config)->share_limits !=
        llmp_config_store(config)->share_limits)
        gw_say("store.share_limits changes with a restart only");
    llmp_config_unref(control->config);
    control->config = config;
    control->conf = llmp_config_server(config);
    gw_say("reloaded %s", source_name(control));
}

static void reload_tls(struct control *control)
{
    struct llmp_error err;

    gw_watch_tls(control->watch, control->conf);
    if (gw_server_reload_tls(control->server, &err) == LLMP_OK)
        gw_say("read the certificates again");
    else
        gw_say("certificates not reloaded, the old ones go on: %s",
               err.message);
}

static void look_at_files(struct control *control)
{
    if (gw_watch_config_changed(control->watch))
        reload(control);
    else if (gw_watch_tls_changed(control->watch))
        reload_tls(control);
}

/* ---- end ----------------------------------------------------------------- */

static void stop(struct control *control)
{
    if (control->stopping)
        return;
    control->stopping = true;
    gw_server_stop(control->server);
}

static void begin_drain(struct control *control, bool handed_over)
{
    uint64_t timeout_ms = control->conf->drain_timeout_ms;

    control->drain_until_ns = llmp_clock().mono_ns + timeout_ms * NS_PER_MS;
    gw_server_drain(control->server, handed_over);
    gw_say("draining: what runs may finish for up to %llu s",
           (unsigned long long)(timeout_ms / 1000));
}

static void handle_terminate(struct control *control)
{
    if (control->server->draining) {
        gw_say("stopping now");
        stop(control);
        return;
    }
    begin_drain(control, false);
}

static void handle_signal(struct control *control)
{
    struct signalfd_siginfo info;

    while (read(control->signal_fd, &info, sizeof(info)) ==
           (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGHUP:
            reload(control);
            break;
        case SIGUSR1:
            gw_log_reopen(control->server->log_fd, control->server->log_target);
            break;
        default:
            handle_terminate(control);
            break;
        }
    }
}

static int poll_timeout(const struct control *control)
{
    if (control->server->draining)
        return DRAIN_LOOK_MS;
    if (control->server->store)
        return SYNC_MS;
    return control->conf->watch_config ? WATCH_MS : -1;
}

/* A predecessor books what ended while it drained. Limits are raised to what
 * the store says, which has not heard of what is under way here: so it is asked
 * more than once. */
static void follow(struct control *control)
{
    struct gw_server *server = control->server;
    uint64_t now_ns = llmp_clock().mono_ns;

    if (server->predecessor_fd < 0 && control->follow_more == 0)
        return;
    if (now_ns < control->follow_ns)
        return;
    control->follow_ns = now_ns + (uint64_t)FOLLOW_MS * NS_PER_MS;
    control->follow_more -= server->predecessor_fd < 0;
    gw_store_restore(server->store);
}

static void end_following(struct control *control)
{
    if (!gw_handover_is_over(control->server))
        return;
    gw_say("the predecessor has ended");
    control->follow_ns = 0;
    control->follow_more = FOLLOW_MORE;
}

static void look_around(struct control *control)
{
    follow(control);
    if (control->server->store)
        llmp_gateway_sync(control->server->gateway, llmp_clock());
    if (!control->server->draining) {
        if (control->conf->watch_config)
            look_at_files(control);
        return;
    }
    if (!control->stopping && llmp_clock().mono_ns >= control->drain_until_ns) {
        gw_say("the drain timeout is over");
        stop(control);
    }
}

/* Sleeps until there is news, and acts on it. */
static void wait_once(struct control *control)
{
    struct gw_handover *handover = control->handover;
    struct pollfd waits[] = {
        { .fd = control->signal_fd, .events = POLLIN },
        { .fd = handover->listen_fd, .events = POLLIN },
        { .fd = handover->peer_fd, .events = POLLIN },
        { .fd = control->server->predecessor_fd, .events = POLLIN },
    };

    if (poll(waits, 4, poll_timeout(control)) <= 0)
        return;
    if (waits[3].revents)
        end_following(control);
    if (waits[0].revents)
        handle_signal(control);
    if (waits[2].revents && gw_handover_is_ready(handover) &&
        !control->server->draining)
        begin_drain(control, true);
    if (waits[1].revents)
        gw_handover_offer(handover, control->server);
}

int gw_control_run(struct gw_server *server, const struct gw_options *options,
                   struct gw_handover *handover, struct gw_watch *watch)
{
    sigset_t set = signals();
    struct control control = {
        .server = server,
        .options = options,
        .handover = handover,
        .watch = watch,
        .config = llmp_gateway_config(server->gateway),
        .signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC),
    };

    control.conf = llmp_config_server(control.config);
    while (!gw_server_has_ended(server)) {
        wait_once(&control);
        look_around(&control);
    }
    (void)close(control.signal_fd);
    llmp_config_unref(control.config);
    return 0;
}
