#define _GNU_SOURCE 1
/* Listeners of tunnels: what is accepted waits, in a row of fixed length, until the host takes it by its id. */
#include "tunnel.h"

#include "hosts.h"
#include "jail.h"
#include "tunnel_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long to leave the door alone when there are no descriptors left (as in listen.c). */
enum { REST_US = 100000 };

struct waiting {
    uint32_t id; /* 0: this place is free */
    int fd;
    bool is_announced;
};

struct listener {
    struct channel channel;
    struct source source;
    struct timer rest;
    struct listener *next;
    struct tunnel_door door;
    struct hosts_line line;
    uint16_t backlog, count;
    uint32_t last_id;
    struct waiting waiting[LIMIT_MAX_TUNNEL_BACKLOG];
};

static struct listener *listeners;
static size_t listener_count;

static void listen_again(struct listener *listener)
{
    if (!listener->rest.set)
        source_set(&listener->source, listener->count < listener->backlog ? EPOLLIN : 0);
}

static void look_again(struct timer *timer)
{
    listen_again(container_of(timer, struct listener, rest));
}

static void put_in_row(struct listener *listener, int fd)
{
    struct waiting *place = listener->waiting;
    while (place->id != 0)
        place++;
    if (++listener->last_id == 0)
        listener->last_id = 1;
    *place = (struct waiting){.id = listener->last_id, .fd = fd};
    listener->count++;
    channel_want_write(&listener->channel);
}

/* Several a turn: a burst of connections costs one wake-up. */
static void on_ready(struct source *source, uint32_t ready)
{
    struct listener *listener = container_of(source, struct listener, source);
    (void)ready;
    while (listener->count < listener->backlog) {
        int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            put_in_row(listener, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN) {
            timer_set(&listener->rest, REST_US, look_again);
            source_set(source, 0);
            return;
        }
        break;
    }
    listen_again(listener);
}

static void release(struct listener *listener)
{
    struct listener **link = &listeners;
    while (*link != listener)
        link = &(*link)->next;
    *link = listener->next;
    listener_count--;
    timer_clear(&listener->rest);
    source_remove(&listener->source);
    for (size_t index = 0; index < LIMIT_MAX_TUNNEL_BACKLOG; index++)
        if (listener->waiting[index].id != 0)
            tunnel_abort(listener->waiting[index].fd);
    hosts_remove(&listener->line);
    tunnel_door_close(&listener->door);
    free(listener);
}

/* Of at most LIMIT_MAX_TUNNEL_BACKLOG × 13 bytes: within CONN_REPLY_ROOM. */
static void announce(struct channel *channel)
{
    struct listener *listener = container_of(channel, struct listener, channel);
    for (size_t index = 0; index < LIMIT_MAX_TUNNEL_BACKLOG; index++) {
        struct waiting *waiting = &listener->waiting[index];
        if (waiting->id == 0 || waiting->is_announced)
            continue;
        waiting->is_announced = true;
        struct conn_space space = conn_space(channel->conn);
        struct frame_tunnel_incoming frame = {waiting->id};
        conn_commit(channel->conn, encode_tunnel_incoming(space.at, space.size, channel->id, &frame));
    }
}

/* Takes a connection out of the row. Returns its descriptor, -1 when it is not there. */
static int take_out(struct listener *listener, uint32_t id)
{
    for (size_t index = 0; id != 0 && index < LIMIT_MAX_TUNNEL_BACKLOG; index++) {
        struct waiting *waiting = &listener->waiting[index];
        if (waiting->id != id)
            continue;
        waiting->id = 0;
        listener->count--;
        listen_again(listener);
        return waiting->fd;
    }
    return -1;
}

static bool on_frame(struct channel *channel, uint8_t type, struct slice payload)
{
    struct frame_tunnel_refuse frame;
    if (type != FRAME_TUNNEL_REFUSE || !decode_tunnel_refuse(payload, &frame))
        return false;
    int fd = take_out(container_of(channel, struct listener, channel), frame.connection);
    if (fd >= 0)
        tunnel_abort(fd);
    return true;
}

static void on_close(struct channel *channel)
{
    release(container_of(channel, struct listener, channel));
}

static const struct channel_ops ops = {.on_frame = on_frame, .on_writable = announce, .on_close = on_close};

static bool refuse(struct conn *conn, uint32_t id, int error, struct slice subject, const char *message)
{
    conn_refused(conn, id, error, "tunnel.listen", subject, message);
    return true;
}

/* Opens the door of a listener that is not in the list yet. Answers 0 or -errno. */
static int open_door(struct listener *listener, const struct frame_tunnel_listen *frame)
{
    int refusal = tunnel_door_open(&listener->door, frame->kind, frame->port, frame->address, listener->backlog);
    if (refusal < 0)
        return refusal;
    bool is_named = frame->names.count > 0;
    if (is_named && (frame->kind != TUNNEL_TCP || !hosts_compose(&listener->line, listener->door.address, frame->names)))
        refusal = -EINVAL;
    else if (!source_add(&listener->source, listener->door.fd, EPOLLIN, on_ready))
        refusal = -errno;
    if (refusal < 0)
        tunnel_door_close(&listener->door);
    else if (is_named)
        hosts_enter(&listener->line);
    return refusal;
}

bool tunnel_listen_request(struct conn *conn, uint32_t id, struct slice payload)
{
    struct frame_tunnel_listen frame;
    if (!decode_tunnel_listen(payload, &frame))
        return false;
    struct listener *listener = listener_count < LIMIT_MAX_TUNNEL_LISTENERS ? calloc(1, sizeof *listener) : NULL;
    if (!listener)
        return refuse(conn, id, EMFILE, frame.address, "this guest has too many listeners");
    uint16_t backlog = frame.backlog > 0 ? frame.backlog : 1;
    listener->backlog = backlog < LIMIT_MAX_TUNNEL_BACKLOG ? backlog : LIMIT_MAX_TUNNEL_BACKLOG;
    int refusal = open_door(listener, &frame);
    if (refusal < 0) {
        free(listener);
        return refuse(conn, id, refusal == -JAIL_OUTSIDE ? EACCES : -refusal, frame.address, "cannot listen there");
    }
    listener->next = listeners;
    listeners = listener;
    listener_count++;
    if (!channel_open(&listener->channel, conn, id, &ops, 0)) {
        release(listener);
        return true;
    }
    struct conn_space space = conn_space(conn);
    struct frame_tunnel_listening answer = {listener->door.port, listener->line.is_entered};
    conn_commit(conn, encode_tunnel_listening(space.at, space.size, id, &answer));
    return true;
}

/* A connection may take what came to listeners of its own, and nothing else. */
bool tunnel_accept_request(struct conn *conn, uint32_t id, struct slice payload)
{
    struct frame_tunnel_accept frame;
    int fd = -1;
    if (!decode_tunnel_accept(payload, &frame))
        return false;
    for (struct listener *listener = listeners; listener && fd < 0; listener = listener->next)
        if (listener->channel.conn == conn && listener->channel.id == frame.listener)
            fd = take_out(listener, frame.connection);
    if (fd < 0)
        conn_refused(conn, id, ESRCH, "tunnel.accept", slice_of(""), "no such connection waits");
    else
        tunnel_carry(conn, id, fd, false, frame.credit);
    return true;
}
