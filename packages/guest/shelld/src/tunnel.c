#define _GNU_SOURCE 1
#include "tunnel.h"

#include "jail.h"
#include "ring.h"
#include "tunnel_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The memory of a ring is kept for so long after it was empty: one that is used again and again costs no page faults. */
enum { GRANT_STEP = LIMIT_TUNNEL_WINDOW_BYTES / 4, REST_US = 1000000 };

struct tunnel {
    struct channel channel;
    struct source source;
    int fd;
    int broken;              /* errno of what ended it, 0 while it lives */
    bool is_pending;         /* not connected yet */
    bool is_announced;       /* open was sent */
    bool has_ended;          /* the guest's side: its end was read and told */
    bool is_ending;          /* the host's side: its end has come … */
    bool is_shut;            /* … and was passed on */
    uint32_t window;         /* bytes that the host may still send */
    uint32_t consumed;       /* of what it sent, so much is not granted anew yet */
    uint64_t written;        /* cursor in waiting */
    struct ring waiting;
    struct timer rest;
    uint64_t received;       /* from the guest, for done */
};

static size_t tunnels;

static bool has_waiting(const struct tunnel *tunnel)
{
    return tunnel->waiting.head != tunnel->written;
}

static void release(struct tunnel *tunnel)
{
    source_remove(&tunnel->source);
    if (tunnel->fd >= 0)
        tunnel_abort(tunnel->fd);
    timer_clear(&tunnel->rest);
    ring_close(&tunnel->waiting);
    free(tunnel);
    tunnels--;
}

static void on_ready(struct source *source, uint32_t ready);

/* A descriptor that nothing is wanted of is taken out of the loop: its hang-up would wake us again and again. */
static void watch(struct tunnel *tunnel, bool wants_bytes)
{
    uint32_t events = (wants_bytes && !tunnel->is_pending && !tunnel->has_ended ? EPOLLIN : 0) |
                      (tunnel->is_pending || has_waiting(tunnel) ? EPOLLOUT : 0);
    if (events == 0)
        source_remove(&tunnel->source);
    else if (tunnel->source.added)
        source_set(&tunnel->source, events);
    else if (!source_add(&tunnel->source, tunnel->fd, events, on_ready)) {
        tunnel->broken = errno;
        channel_want_write(&tunnel->channel);
    }
}

/* Told on the channel when it is its turn. */
static void break_off(struct tunnel *tunnel, int reason)
{
    tunnel->broken = reason;
    source_remove(&tunnel->source);
    channel_want_write(&tunnel->channel);
}

static void consume(struct tunnel *tunnel, size_t bytes)
{
    tunnel->consumed += (uint32_t)bytes;
    if (tunnel->consumed < GRANT_STEP)
        return;
    tunnel->window += tunnel->consumed;
    channel_grant(&tunnel->channel, tunnel->consumed);
    tunnel->consumed = 0;
}

static void give_back(struct timer *timer)
{
    struct tunnel *tunnel = container_of(timer, struct tunnel, rest);
    if (!has_waiting(tunnel))
        ring_close(&tunnel->waiting);
}

/* Everything that came was written: pass the host's end on. */
static void come_to_rest(struct tunnel *tunnel)
{
    if (tunnel->waiting.memory)
        timer_set(&tunnel->rest, REST_US, give_back);
    if (!tunnel->is_ending || tunnel->is_shut)
        return;
    tunnel->is_shut = true;
    shutdown(tunnel->fd, SHUT_WR);
    channel_want_write(&tunnel->channel);
}

/* Returns how much the socket took, 0 when it is full or broken. */
static size_t send_some(struct tunnel *tunnel, const struct iovec *parts, int count)
{
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(tunnel->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0)
        return (size_t)sent;
    if (errno != EAGAIN && errno != EINTR)
        break_off(tunnel, errno);
    return 0;
}

static void flush(struct tunnel *tunnel)
{
    struct slice parts[2];
    ring_slices(&tunnel->waiting, tunnel->written, UINT64_MAX, parts);
    struct iovec vector[2] = {{(void *)(uintptr_t)parts[0].data, parts[0].length},
                              {(void *)(uintptr_t)parts[1].data, parts[1].length}};
    size_t sent = send_some(tunnel, vector, 2);
    tunnel->written += sent;
    consume(tunnel, sent);
    if (!has_waiting(tunnel))
        come_to_rest(tunnel);
}

static void finish_connecting(struct tunnel *tunnel)
{
    int reason = 0;
    socklen_t length = sizeof reason;
    if (getsockopt(tunnel->fd, SOL_SOCKET, SO_ERROR, &reason, &length) != 0)
        reason = errno;
    if (reason != 0) {
        break_off(tunnel, reason);
        return;
    }
    tunnel->is_pending = false;
    channel_want_write(&tunnel->channel);
}

static void on_ready(struct source *source, uint32_t ready)
{
    struct tunnel *tunnel = container_of(source, struct tunnel, source);
    if (tunnel->is_pending) {
        finish_connecting(tunnel);
        if (tunnel->broken || tunnel->is_pending)
            return;
    }
    if (has_waiting(tunnel))
        flush(tunnel);
    else if (tunnel->is_ending && !tunnel->is_shut)
        come_to_rest(tunnel);
    if (tunnel->broken)
        return;
    /* Called again while the channel still waits for its turn: there is no room, so leave the bytes where they are. */
    bool was_waiting = tunnel->channel.wanting && (ready & EPOLLIN);
    if (ready & (EPOLLIN | EPOLLHUP | EPOLLERR))
        channel_want_write(&tunnel->channel);
    watch(tunnel, !was_waiting && (source->events & EPOLLIN));
}

static void commit(struct tunnel *tunnel, size_t size)
{
    conn_commit(tunnel->channel.conn, size);
}

static void send_end(struct tunnel *tunnel)
{
    struct conn_space space = conn_space(tunnel->channel.conn);
    tunnel->has_ended = true;
    commit(tunnel, encode_tunnel_end(space.at, space.size, tunnel->channel.id));
}

/* Reads what there is, as far as room and credit go. */
static void receive(struct tunnel *tunnel)
{
    uint32_t size = 0;
    uint8_t *space = channel_data_space(&tunnel->channel, &size);
    if (size == 0) {
        watch(tunnel, false);
        return;
    }
    ssize_t got = recv(tunnel->fd, space, size, MSG_DONTWAIT);
    if (got > 0) {
        channel_data_commit(&tunnel->channel, FRAME_TUNNEL_DATA, (uint32_t)got);
        tunnel->received += (uint64_t)got;
        if ((uint32_t)got == size)
            channel_want_write(&tunnel->channel);
    } else if (got == 0) {
        send_end(tunnel);
    } else if (errno != EAGAIN && errno != EINTR) {
        tunnel->broken = errno;
        return;
    }
    watch(tunnel, true);
}

static void end_broken(struct tunnel *tunnel)
{
    struct channel *channel = &tunnel->channel;
    struct slice nothing = {0};
    if (!tunnel->is_announced) {
        channel_refused(channel, tunnel->broken, "tunnel.dial", nothing, "nothing accepts the connection");
    } else {
        struct conn_space space = conn_space(channel->conn);
        struct frame_tunnel_reset frame = {(uint16_t)tunnel->broken};
        commit(tunnel, encode_tunnel_reset(space.at, space.size, channel->id, &frame));
        channel_end(channel);
    }
    release(tunnel);
}

static void on_writable(struct channel *channel)
{
    struct tunnel *tunnel = container_of(channel, struct tunnel, channel);
    if (!tunnel->broken && !tunnel->is_pending) {
        if (!tunnel->is_announced) {
            struct conn_space space = conn_space(channel->conn);
            tunnel->is_announced = true;
            commit(tunnel, encode_tunnel_open(space.at, space.size, channel->id));
        }
        if (!tunnel->has_ended)
            receive(tunnel);
    }
    if (tunnel->broken) {
        end_broken(tunnel);
    } else if (tunnel->has_ended && tunnel->is_shut) {
        /* Both sides said their last: nothing is left that a reset could take away. */
        close(tunnel->fd);
        source_remove(&tunnel->source);
        tunnel->fd = -1;
        channel_done(channel, tunnel->received);
        release(tunnel);
    }
}

static bool keep(struct tunnel *tunnel, const uint8_t *bytes, size_t size)
{
    struct iovec parts[2];
    int count;
    if (!ring_open(&tunnel->waiting))
        return false;
    ring_space(&tunnel->waiting, tunnel->written, parts, &count);
    size_t first = size < parts[0].iov_len ? size : parts[0].iov_len;
    memcpy(parts[0].iov_base, bytes, first);
    if (size > first)
        memcpy(parts[1].iov_base, bytes + first, size - first);
    ring_put(&tunnel->waiting, size);
    return true;
}

static void take(struct tunnel *tunnel, struct slice bytes)
{
    size_t sent = 0;
    if (!tunnel->is_pending && !has_waiting(tunnel))
        sent = send_some(tunnel, &(struct iovec){(void *)(uintptr_t)bytes.data, bytes.length}, 1);
    if (tunnel->broken)
        return;
    consume(tunnel, sent);
    if (sent < bytes.length && !keep(tunnel, bytes.data + sent, bytes.length - sent))
        break_off(tunnel, ENOMEM);
    else
        watch(tunnel, tunnel->source.added && (tunnel->source.events & EPOLLIN));
}

static bool on_frame(struct channel *channel, uint8_t type, struct slice payload)
{
    struct tunnel *tunnel = container_of(channel, struct tunnel, channel);
    if (tunnel->is_ending)
        return false;
    if (type == FRAME_TUNNEL_DATA) {
        /* SAFETY: what waits here never exceeds the ring, which is one window long (cases_tunnel.py). */
        if (payload.length > tunnel->window)
            return false;
        tunnel->window -= payload.length;
        if (!tunnel->broken && payload.length > 0)
            take(tunnel, payload);
        return true;
    }
    if (type != FRAME_TUNNEL_END)
        return false;
    tunnel->is_ending = true;
    if (!tunnel->broken && !tunnel->is_pending && !has_waiting(tunnel))
        come_to_rest(tunnel);
    return true;
}

/* Cancelled: whoever is at the other end must not take what came for the whole. */
static void on_close(struct channel *channel)
{
    release(container_of(channel, struct tunnel, channel));
}

static const struct channel_ops ops = {.on_frame = on_frame, .on_writable = on_writable, .on_close = on_close};

void tunnel_carry(struct conn *conn, uint32_t id, int fd, bool is_pending, uint32_t credit)
{
    struct tunnel *tunnel = tunnels < LIMIT_MAX_TUNNELS ? calloc(1, sizeof *tunnel) : NULL;
    if (!tunnel) {
        conn_refused(conn, id, EMFILE, "tunnel.dial", slice_of(""), "this guest has too many tunnels");
        tunnel_abort(fd);
        return;
    }
    if (!channel_open(&tunnel->channel, conn, id, &ops, credit)) {
        tunnel_abort(fd);
        free(tunnel);
        return;
    }
    tunnels++;
    tunnel->fd = fd;
    tunnel->is_pending = is_pending;
    tunnel->window = LIMIT_TUNNEL_WINDOW_BYTES;
    tunnel->waiting.capacity = LIMIT_TUNNEL_WINDOW_BYTES;
    tunnel_prepare(fd);
    watch(tunnel, true);
    channel_want_write(&tunnel->channel);
}

bool tunnel_dial_request(struct conn *conn, uint32_t id, struct slice payload)
{
    struct frame_tunnel_dial frame;
    bool is_pending;
    if (!decode_tunnel_dial(payload, &frame))
        return false;
    int fd = tunnel_connect(frame.kind, frame.port, frame.address, &is_pending);
    if (fd < 0)
        conn_refused(conn, id, fd == -JAIL_OUTSIDE ? EACCES : -fd, "tunnel.dial", frame.address,
                     "nothing accepts the connection");
    else
        tunnel_carry(conn, id, fd, is_pending, frame.credit);
    return true;
}
