#include "exec.h"

#include "follow.h"
#include "killing.h"
#include "process.h"
#include "pty.h"
#include "session.h"
#include "tree.h"
#include "user.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { KNOWN_FLAGS = EXEC_PTY | EXEC_STDIN | EXEC_UNTRACKED | EXEC_DETACHED | EXEC_USER, LISTED_PER_TURN = 8 };

static const char no_such_process[] = "there is no process of this id (any more)";

static bool refuse(struct conn *conn, uint32_t channel, int error, const char *operation, const char *message)
{
    conn_refused(conn, channel, error, operation, slice_of(""), message);
    return true;
}

bool exec_start_request(struct conn *conn, uint32_t channel, struct slice payload)
{
    struct frame_exec_start frame;
    if (!decode_exec_start(payload, &frame))
        return false;
    if (frame.argv.count == 0)
        return refuse(conn, channel, EINVAL, "start a process", "argv is empty");
    if (frame.flags & ~(uint32_t)KNOWN_FLAGS)
        return refuse(conn, channel, EINVAL, "start a process", "unknown flags");
    if (killing_is_shutdown())
        return refuse(conn, channel, ESHUTDOWN, "start a process", "shelld is ending");
    if (frame.session != 0 && !session_find(frame.session))
        return refuse(conn, channel, ESRCH, "start a process", "there is no session of this id (any more)");
    struct user user;
    if (frame.flags & EXEC_USER) {
        const char *problem = user_find(frame.user, &user);
        if (problem) {
            conn_refused(conn, channel, errno, "start a process", frame.user, problem);
            return true;
        }
    }
    struct process *process = process_start(&frame, frame.flags & EXEC_USER ? &user : NULL);
    if (!process && errno == EAGAIN)
        return refuse(conn, channel, EAGAIN, "start a process", "too many processes are running: wait for one, or kill one");
    if (!process)
        return refuse(conn, channel, errno, "start a process", "out of memory");
    if (!follow_start(process, conn, channel, frame.credit))
        process_kill(process, CAUSE_KILLED);
    return true;
}

/*
 * The keeper may have reaped the child a moment ago, and we not heard of it: the pid then names nobody. It would take
 * a whole round of the pid space within that moment for it to name somebody else.
 */
bool exec_signal_request(struct conn *conn, uint32_t channel, struct slice payload)
{
    static const char operation[] = "signal a process";
    struct frame_exec_signal frame;
    if (!decode_exec_signal(payload, &frame))
        return false;
    const struct process *process = process_find(frame.process);
    if (!process)
        return refuse(conn, channel, ESRCH, operation, no_such_process);
    if (frame.signal == 0 || frame.signal > SIGRTMAX || frame.scope > SCOPE_TREE)
        return refuse(conn, channel, EINVAL, operation, "no such signal, or no such scope");
    if (frame.scope == SCOPE_TREE && process->keeper)
        tree_signal(process->keeper->pid, frame.signal, NULL);
    else if (!process->is_running || process->pid == 0)
        return refuse(conn, channel, ESRCH, operation, "it does not run");
    else if (kill(frame.scope == SCOPE_CHILD ? process->pid : -process->pid, frame.signal) != 0 && errno != ESRCH)
        return refuse(conn, channel, errno, operation, "the kernel refused");
    conn_done(conn, channel, 0);
    return true;
}

bool exec_resize_request(struct conn *conn, uint32_t channel, struct slice payload)
{
    static const char operation[] = "resize a terminal";
    struct frame_exec_resize frame;
    if (!decode_exec_resize(payload, &frame))
        return false;
    const struct process *process = process_find(frame.process);
    if (!process)
        return refuse(conn, channel, ESRCH, operation, no_such_process);
    if (!(process->flags & EXEC_PTY))
        return refuse(conn, channel, ENOTTY, operation, "it has no PTY");
    if (process->streams[0].fd < 0 || !pty_resize(process->streams[0].fd, frame.rows, frame.columns))
        return refuse(conn, channel, EIO, operation, "the PTY is closed");
    conn_done(conn, channel, 0);
    return true;
}

bool exec_attach_request(struct conn *conn, uint32_t channel, struct slice payload)
{
    static const char operation[] = "attach to a process";
    struct frame_exec_attach frame;
    if (!decode_exec_attach(payload, &frame))
        return false;
    struct process *process = process_find(frame.process);
    if (!process)
        return refuse(conn, channel, ESRCH, operation, no_such_process);
    if ((process->flags & frame.flags & EXEC_STDIN) && !feed_new_sender(&process->feed))
        return refuse(conn, channel, EAGAIN, operation, "its stdin is full: try again once it has read, or attach without stdin");
    follow_attach(process, conn, channel, &frame);
    return true;
}

bool exec_forget_request(struct conn *conn, uint32_t channel, struct slice payload)
{
    static const char operation[] = "forget a process";
    struct frame_exec_forget frame;
    if (!decode_exec_forget(payload, &frame))
        return false;
    struct process *process = process_find(frame.process);
    if (!process)
        return refuse(conn, channel, ESRCH, operation, no_such_process);
    if (!process->is_complete)
        return refuse(conn, channel, EBUSY, operation, "it still runs: kill it first");
    process_forget(process);
    conn_done(conn, channel, 0);
    return true;
}

/* ---- list: some entries a turn, in order of their ids; what starts meanwhile may or may not be among them ---- */

struct listing {
    struct channel channel;
    uint32_t last_id;
    uint64_t count;
};

static void send_listed(struct channel *channel, const struct process *process)
{
    struct frame_exec_listed frame = {
        .process = process->id,
        .session = process->session,
        .pid = (uint32_t)process->pid,
        .flags = process->flags,
        .running = process->is_running,
        .cause = process->is_running ? 0 : process->cause,
        .code = process->code,
        .signal = process->signal,
        .started_ms = process->started_ms,
        .stdout_bytes = process->streams[0].ring.head,
        .stderr_bytes = process->streams[1].ring.head,
        .argv = process->argv,
    };
    struct conn_space space = conn_space(channel->conn);
    conn_commit(channel->conn, encode_exec_listed(space.at, space.size, channel->id, &frame));
}

static bool listing_on_frame(struct channel *channel, uint8_t type, struct slice payload)
{
    (void)channel, (void)type, (void)payload;
    return false;
}

static void listing_on_close(struct channel *channel)
{
    free(container_of(channel, struct listing, channel));
}

static void listing_on_writable(struct channel *channel)
{
    struct listing *listing = container_of(channel, struct listing, channel);
    int sent = 0;
    for (const struct process *process = process_first(); process; process = process->next) {
        if (process->id <= listing->last_id || process->is_forgotten)
            continue;
        if (sent++ == LISTED_PER_TURN) {
            channel_want_write(channel);
            return;
        }
        send_listed(channel, process);
        listing->last_id = process->id;
        listing->count++;
    }
    channel_done(channel, listing->count);
    free(listing);
}

bool exec_list_request(struct conn *conn, uint32_t channel, struct slice payload)
{
    static const struct channel_ops ops = {listing_on_frame, listing_on_writable, NULL, listing_on_close};
    struct listing *listing = calloc(1, sizeof *listing);
    (void)payload;
    if (!listing)
        return refuse(conn, channel, ENOMEM, "list processes", "out of memory");
    if (channel_open(&listing->channel, conn, channel, &ops, 0))
        channel_want_write(&listing->channel);
    else
        free(listing);
    return true;
}
