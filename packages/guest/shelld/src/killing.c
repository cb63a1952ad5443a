#include "killing.h"

#include "session.h"
#include "tree.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { SHUTDOWN_PATIENCE_US = 10000000 };

/* One request that waits; it is about a process, or about a session. */
struct killing {
    struct channel channel;
    struct killing *next;
    uint32_t process, session;
    uint64_t killed;
};

static struct killing *killings;
static void (*on_shutdown)(void);
static struct timer shutdown_timer;
static bool is_killing_all;

static bool concerns(const struct killing *killing, const struct process *process)
{
    return killing->process ? killing->process == process->id : killing->session == process->session;
}

static bool is_over(const struct killing *killing)
{
    const struct process *process = process_first();
    while (process && !(concerns(killing, process) && process_has_tree(process)))
        process = process->next;
    return process == NULL;
}

static void release(struct killing *killing)
{
    struct killing **link = &killings;
    while (*link != killing)
        link = &(*link)->next;
    *link = killing->next;
    free(killing);
}

static bool on_frame(struct channel *channel, uint8_t type, struct slice payload)
{
    (void)channel, (void)type, (void)payload;
    return false;
}

static void on_writable(struct channel *channel)
{
    struct killing *killing = container_of(channel, struct killing, channel);
    if (!is_over(killing))
        return;
    channel_done(channel, killing->killed);
    release(killing);
}

static void on_close(struct channel *channel)
{
    release(container_of(channel, struct killing, channel));
}

static const struct channel_ops killing_ops = {on_frame, on_writable, NULL, on_close};

static bool start(struct conn *conn, uint32_t channel, uint32_t process_id, uint32_t session_id)
{
    struct killing *killing = calloc(1, sizeof *killing);
    if (!killing || !channel_open(&killing->channel, conn, channel, &killing_ops, 0)) {
        if (!killing)
            conn_refused(conn, channel, ENOMEM, "kill", slice_of(""), "out of memory");
        free(killing);
        return true;
    }
    killing->process = process_id;
    killing->session = session_id;
    killing->next = killings;
    killings = killing;
    for (struct process *process = process_first(); process; process = process->next)
        if (concerns(killing, process))
            process_kill(process, CAUSE_KILLED);
    channel_want_write(&killing->channel);
    return true;
}

bool exec_kill_request(struct conn *conn, uint32_t channel, struct slice payload)
{
    struct frame_exec_kill frame;
    if (!decode_exec_kill(payload, &frame))
        return false;
    if (process_find(frame.process))
        return start(conn, channel, frame.process, 0);
    conn_refused(conn, channel, ESRCH, "kill a process", slice_of(""), "there is no process of this id (any more)");
    return true;
}

bool session_kill_request(struct conn *conn, uint32_t channel, struct slice payload)
{
    struct frame_session_kill frame;
    if (!decode_session_kill(payload, &frame))
        return false;
    if (session_find(frame.session)) {
        session_close(frame.session);
        return start(conn, channel, 0, frame.session);
    }
    conn_refused(conn, channel, ESRCH, "kill a session", slice_of(""), "there is no session of this id (any more)");
    return true;
}

/* ---- the end of shelld ---- */

static void shut_down(struct timer *timer)
{
    (void)timer;
    on_shutdown();
}

static bool has_tracked(void)
{
    for (const struct process *process = process_first(); process; process = process->next)
        if (process_is_kept(process))
            return true;
    return false;
}

void killing_farewell(void (*on_gone)(void))
{
    on_shutdown = on_gone;
    for (const struct process *process = process_first(); process; process = process->next)
        if (process->keeper)
            tree_signal(process->keeper->pid, SIGTERM, NULL);
    if (!has_tracked())
        timer_set(&shutdown_timer, 0, shut_down);
}

void killing_shutdown(void (*on_gone)(void))
{
    if (is_killing_all)
        return;
    is_killing_all = true;
    on_shutdown = on_gone;
    for (struct process *process = process_first(); process; process = process->next)
        if (process->keeper)
            process_kill(process, CAUSE_KILLED);
    timer_set(&shutdown_timer, has_tracked() ? SHUTDOWN_PATIENCE_US : 0, shut_down);
}

bool killing_is_shutdown(void)
{
    return on_shutdown != NULL;
}

void killing_notify(const struct process *process)
{
    for (struct killing *killing = killings; killing; killing = killing->next)
        if (concerns(killing, process)) {
            killing->killed += process->killed;
            channel_want_write(&killing->channel);
        }
    if (on_shutdown && !has_tracked())
        timer_set(&shutdown_timer, 0, shut_down);
}
