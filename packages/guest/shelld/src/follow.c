#include "follow.h"

#include <errno.h>
#include <stdlib.h>

enum {
    /* Up to here copying is cheaper than a system call of its own, and started, output and exited leave together. */
    COPY_BYTES = 4096,
    /* Above, one frame carries at most so much, so that channels take turns. */
    PINNED_BYTES = 262144,
};

/* Lets go of the process, which from then on does not wait for anybody. */
static void detach(struct follower *follower)
{
    struct process *process = follower->process;
    if (!process)
        return;
    follower->process = NULL;
    process->follower = NULL;
    for (int index = 0; index < 2; index++) {
        process->streams[index].keep = KEEP_NOTHING;
        stream_resume(&process->streams[index]);
    }
}

static void on_close(struct channel *channel)
{
    struct follower *follower = container_of(channel, struct follower, channel);
    detach(follower);
    free(follower);
}

static bool on_frame(struct channel *channel, uint8_t type, struct slice payload)
{
    struct follower *follower = container_of(channel, struct follower, channel);
    if (!follower->may_feed || follower->has_ended_stdin)
        return false;
    if (type == FRAME_EXEC_STDIN_END)
        follower->has_ended_stdin = true;
    else if (type != FRAME_EXEC_STDIN)
        return false;
    if (!follower->process)
        return true;
    if (type == FRAME_EXEC_STDIN)
        return feed_write(&follower->process->feed, payload);
    feed_end(&follower->process->feed);
    return true;
}

static void send_started(struct follower *follower)
{
    struct frame_exec_started frame = {follower->process->id, (uint32_t)follower->process->pid};
    struct conn_space space = conn_space(follower->channel.conn);
    conn_commit(follower->channel.conn, encode_exec_started(space.at, space.size, follower->channel.id, &frame));
}

static void send_exited(struct follower *follower)
{
    const struct process *process = follower->process;
    struct frame_exec_exited frame = {
        .process = process->id,
        .cause = process->cause,
        .code = process->code,
        .signal = process->signal,
        .stdout_bytes = process->streams[0].ring.head,
        .stderr_bytes = process->streams[1].ring.head,
        .wall_us = process->wall_us,
        .user_us = process->user_us,
        .system_us = process->system_us,
        .max_rss_kib = process->max_rss_kib,
    };
    struct conn_space space = conn_space(follower->channel.conn);
    conn_commit(follower->channel.conn, encode_exec_exited(space.at, space.size, follower->channel.id, &frame));
}

static void finish(struct follower *follower)
{
    detach(follower);
    channel_end(&follower->channel);
    free(follower);
}

static uint64_t unsent(const struct follower *follower, int index)
{
    uint64_t end = follower->has_goal ? follower->goal[index] : follower->process->streams[index].ring.head;
    return end - follower->sent[index];
}

static void advance(struct follower *follower, int index, uint64_t bytes)
{
    struct stream *stream = &follower->process->streams[index];
    follower->sent[index] += bytes;
    stream->keep = follower->sent[index];
    stream_resume(stream);
}

static void on_sent(struct channel *channel, uint32_t bytes)
{
    struct follower *follower = container_of(channel, struct follower, channel);
    advance(follower, follower->pinned, bytes);
    channel_want_write(channel);
}

/* One frame of one stream; true when there was something to send, be it that credit is lacking. */
static bool send_output(struct follower *follower, int index)
{
    struct channel *channel = &follower->channel;
    uint8_t type = index == 0 ? FRAME_EXEC_STDOUT : FRAME_EXEC_STDERR;
    struct slice parts[2];
    uint64_t bytes = unsent(follower, index);
    if (bytes == 0)
        return false;
    if (bytes > channel->credit)
        bytes = channel->credit;
    if (bytes > PINNED_BYTES)
        bytes = PINNED_BYTES;
    if (bytes == 0)
        return true;
    follower->turn = !index;
    ring_slices(&follower->process->streams[index].ring, follower->sent[index], bytes, parts);
    if (bytes > COPY_BYTES) {
        follower->pinned = index;
        channel_send_pinned(channel, type, parts[0], parts[1]);
        return true;
    }
    uint32_t room;
    uint8_t *space = channel_data_space(channel, &room);
    memcpy(space, parts[0].data, parts[0].length);
    if (parts[1].length > 0)
        memcpy(space + parts[0].length, parts[1].data, parts[1].length);
    channel_data_commit(channel, type, (uint32_t)bytes);
    advance(follower, index, bytes);
    channel_want_write(channel);
    return true;
}

static void on_writable(struct channel *channel)
{
    struct follower *follower = container_of(channel, struct follower, channel);
    struct process *process = follower->process;
    if (!process) {
        channel_done(channel, 0);
        free(follower);
        return;
    }
    if (!follower->has_announced) {
        if (process->pid == 0 && process->is_running)
            return;
        follower->has_announced = true;
        if (process->pid > 0)
            send_started(follower);
        if (process->pid > 0 && process->flags & EXEC_DETACHED) {
            conn_done(channel->conn, channel->id, 0);
            finish(follower);
            return;
        }
    }
    if (process->is_complete && !follower->has_goal) {
        follower->has_goal = true;
        follower->goal[0] = process->streams[0].ring.head;
        follower->goal[1] = process->streams[1].ring.head;
    }
    if (send_output(follower, follower->turn) || send_output(follower, !follower->turn) || !follower->has_goal)
        return;
    send_exited(follower);
    finish(follower);
}

static const struct channel_ops follower_ops = {on_frame, on_writable, on_sent, on_close};

static struct follower *new_follower(struct process *process, struct conn *conn, uint32_t channel, uint32_t credit)
{
    struct follower *follower = calloc(1, sizeof *follower);
    if (!follower) {
        conn_refused(conn, channel, ENOMEM, "follow a process", slice_of(""), "out of memory");
        return NULL;
    }
    if (!channel_open(&follower->channel, conn, channel, &follower_ops, credit)) {
        free(follower);
        return NULL;
    }
    follower->process = process;
    process->follower = follower;
    return follower;
}

bool follow_start(struct process *process, struct conn *conn, uint32_t channel, uint32_t credit)
{
    struct follower *follower = new_follower(process, conn, channel, credit);
    if (!follower)
        return false;
    follower->may_feed = process->flags & EXEC_STDIN;
    channel_want_write(&follower->channel);
    return true;
}

static uint64_t clamp_cursor(const struct ring *ring, uint64_t cursor)
{
    uint64_t tail = ring_tail(ring);
    return cursor < tail ? tail : cursor > ring->head ? ring->head : cursor;
}

bool follow_attach(struct process *process, struct conn *conn, uint32_t channel, const struct frame_exec_attach *frame)
{
    follow_release(process);
    struct follower *follower = new_follower(process, conn, channel, frame->credit);
    if (!follower)
        return false;
    follower->has_announced = true;
    follower->may_feed = process->flags & frame->flags & EXEC_STDIN;
    follower->sent[0] = clamp_cursor(&process->streams[0].ring, frame->stdout_cursor);
    follower->sent[1] = clamp_cursor(&process->streams[1].ring, frame->stderr_cursor);
    for (int index = 0; index < 2; index++)
        process->streams[index].keep = follower->sent[index];
    struct frame_exec_attached attached = {process->id, (uint32_t)process->pid, process->flags,
                                           follower->sent[0], follower->sent[1]};
    struct conn_space space = conn_space(conn);
    conn_commit(conn, encode_exec_attached(space.at, space.size, channel, &attached));
    channel_want_write(&follower->channel);
    return true;
}

void follow_notify(struct process *process)
{
    if (process->follower)
        channel_want_write(&process->follower->channel);
}

void follow_release(struct process *process)
{
    struct follower *follower = process->follower;
    if (!follower)
        return;
    channel_unpin(&follower->channel);
    detach(follower);
    channel_want_write(&follower->channel);
}

void follow_grant(struct process *process, uint32_t bytes)
{
    if (process->follower && process->follower->may_feed)
        channel_grant(&process->follower->channel, bytes);
}
