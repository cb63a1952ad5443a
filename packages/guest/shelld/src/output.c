/*
 * The output of a connection. Bytes leave in this order: what stands in the buffer before the flight, the flight (one
 * frame of data straight from its owner's memory), what was put into the buffer since. Only when no flight is left
 * do channels get their turn again, so frames never mix.
 */
#include "conn_private.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* After so many calls of on_writable the other connections have their turn. */
enum { SERVED_PER_TURN = 16 };

size_t output_room(const struct conn *conn)
{
    return CONN_OUTPUT_BYTES - (conn->out_end - conn->out_start);
}

struct conn_space conn_space(struct conn *conn)
{
    if (conn->out_start > 0 && CONN_OUTPUT_BYTES - conn->out_end < CONN_REPLY_ROOM) {
        memmove(conn->out, conn->out + conn->out_start, conn->out_end - conn->out_start);
        conn->out_end -= conn->out_start;
        conn->out_start = 0;
    }
    return (struct conn_space){conn->out + conn->out_end, CONN_OUTPUT_BYTES - conn->out_end};
}

/* A reply that did not fit means that rule 1 was broken here; the peer could only misread what follows. */
void conn_commit(struct conn *conn, size_t size)
{
    if (size == 0)
        conn->broken = true;
    conn->out_end += size;
    output_defer(conn);
}

static bool write_failed(struct conn *conn)
{
    if (errno == EAGAIN || errno == EINTR)
        conn_want_output(conn, true);
    else
        conn->broken = true;
    return false;
}

static void consume_buffer(struct conn *conn, size_t size)
{
    conn->out_start += size;
    if (conn->out_start == conn->out_end)
        conn->out_start = conn->out_end = 0;
}

static bool flush_buffer(struct conn *conn, size_t limit)
{
    while (limit > 0) {
        ssize_t written = write(conn->output_fd, conn->out + conn->out_start, limit);
        if (written < 0)
            return write_failed(conn);
        consume_buffer(conn, (size_t)written);
        limit -= (size_t)written;
    }
    return true;
}

static void land(struct conn *conn)
{
    struct flight *flight = &conn->flight;
    struct channel *channel = flight->channel;
    flight->active = false;
    flight->channel = NULL;
    if (flight->spill) {
        munmap(flight->spill, flight->spill_size);
        flight->spill = NULL;
    }
    if (channel)
        channel->ops->on_sent(channel, flight->bytes);
}

/* Writes the flight and what precedes it. Returns true when it has landed. */
static bool fly(struct conn *conn)
{
    struct flight *flight = &conn->flight;
    for (;;) {
        struct iovec vector[4] = {{conn->out + conn->out_start, conn->out_before_flight},
                                  flight->parts[0], flight->parts[1], flight->parts[2]};
        ssize_t written = writev(conn->output_fd, vector, 4);
        if (written < 0)
            return write_failed(conn);
        size_t left = (size_t)written;
        size_t taken = left < conn->out_before_flight ? left : conn->out_before_flight;
        conn->out_before_flight -= taken;
        left -= taken;
        consume_buffer(conn, taken);
        size_t waiting = conn->out_before_flight;
        for (int index = 0; index < 3; index++) {
            struct iovec *part = &flight->parts[index];
            taken = left < part->iov_len ? left : part->iov_len;
            part->iov_base = (uint8_t *)part->iov_base + taken;
            part->iov_len -= taken;
            left -= taken;
            waiting += part->iov_len;
        }
        if (waiting == 0) {
            land(conn);
            return true;
        }
    }
}

void channel_send_pinned(struct channel *channel, uint8_t type, struct slice first, struct slice second)
{
    struct conn *conn = channel->conn;
    struct flight *flight = &conn->flight;
    flight->channel = channel;
    flight->bytes = first.length + second.length;
    flight->active = true;
    channel->credit -= flight->bytes;
    put_header(flight->header, flight->bytes, type, channel->id);
    flight->parts[0] = (struct iovec){flight->header, FRAME_HEADER_BYTES};
    flight->parts[1] = (struct iovec){(void *)(uintptr_t)first.data, first.length};
    flight->parts[2] = (struct iovec){(void *)(uintptr_t)second.data, second.length};
    conn->out_before_flight = conn->out_end - conn->out_start;
    fly(conn);
}

/* The owner's memory is about to go. Without memory for the copy the connection cannot be kept in step. */
void channel_unpin(struct channel *channel)
{
    struct conn *conn = channel->conn;
    if (!conn)
        return;
    struct flight *flight = &conn->flight;
    if (!flight->active || flight->channel != channel)
        return;
    flight->channel = NULL;
    size_t size = flight->parts[1].iov_len + flight->parts[2].iov_len;
    if (size == 0)
        return;
    uint8_t *spill = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (spill == MAP_FAILED) {
        flight->active = false;
        conn->broken = true;
        output_defer(conn);
        return;
    }
    memcpy(spill, flight->parts[1].iov_base, flight->parts[1].iov_len);
    if (flight->parts[2].iov_len > 0)
        memcpy(spill + flight->parts[1].iov_len, flight->parts[2].iov_base, flight->parts[2].iov_len);
    flight->parts[1] = (struct iovec){spill, size};
    flight->parts[2].iov_len = 0;
    flight->spill = spill;
    flight->spill_size = size;
}

void output_forget(struct conn *conn)
{
    if (conn->flight.spill)
        munmap(conn->flight.spill, conn->flight.spill_size);
    conn->flight = (struct flight){0};
}

uint8_t *channel_data_space(struct channel *channel, uint32_t *size)
{
    struct conn_space space = conn_space(channel->conn);
    size_t room = space.size > FRAME_HEADER_BYTES ? space.size - FRAME_HEADER_BYTES : 0;
    if (room > channel->credit)
        room = (size_t)channel->credit;
    *size = room > FRAME_MAX_PAYLOAD ? FRAME_MAX_PAYLOAD : (uint32_t)room;
    return space.at + FRAME_HEADER_BYTES;
}

void channel_data_commit(struct channel *channel, uint8_t type, uint32_t size)
{
    struct conn *conn = channel->conn;
    put_header(conn->out + conn->out_end, size, type, channel->id);
    channel->credit -= size;
    conn_commit(conn, FRAME_HEADER_BYTES + (size_t)size);
}

void conn_done(struct conn *conn, uint32_t id, uint64_t count)
{
    struct conn_space space = conn_space(conn);
    conn_commit(conn, encode_done(space.at, space.size, id, &(struct frame_done){count}));
}

/* The subject is cut, so that a refusal always fits. */
void conn_refused(struct conn *conn, uint32_t id, int error, const char *operation, struct slice subject, const char *message)
{
    if (subject.length > LIMIT_MAX_PATH_BYTES)
        subject.length = LIMIT_MAX_PATH_BYTES;
    struct conn_space space = conn_space(conn);
    struct frame_refused frame = {(uint16_t)error, slice_of(operation), subject, slice_of(message)};
    conn_commit(conn, encode_refused(space.at, space.size, id, &frame));
}

void channel_done(struct channel *channel, uint64_t count)
{
    conn_done(channel->conn, channel->id, count);
    channel_end(channel);
}

void channel_refused(struct channel *channel, int error, const char *operation, struct slice subject, const char *message)
{
    conn_refused(channel->conn, channel->id, error, operation, subject, message);
    channel_end(channel);
}

void channel_want_write(struct channel *channel)
{
    struct conn *conn = channel->conn;
    if (!conn || channel->wanting)
        return;
    channel->wanting = true;
    channel->next_wanting = NULL;
    *conn->last_wanting = channel;
    conn->last_wanting = &channel->next_wanting;
    output_defer(conn);
}

void channel_grant(struct channel *channel, uint32_t bytes)
{
    channel->grant += bytes;
    channel_want_write(channel);
}

static void serve_next_channel(struct conn *conn)
{
    struct channel *channel = conn->first_wanting;
    conn->first_wanting = channel->next_wanting;
    if (!conn->first_wanting)
        conn->last_wanting = &conn->first_wanting;
    channel->wanting = false;
    if (channel->grant > 0) {
        uint32_t bytes = channel->grant > UINT32_MAX ? UINT32_MAX : (uint32_t)channel->grant;
        struct conn_space space = conn_space(conn);
        channel->grant -= bytes;
        conn_commit(conn, encode_credit(space.at, space.size, channel->id, &(struct frame_credit){bytes}));
    }
    channel->ops->on_writable(channel);
}

/*
 * The end of a turn: whatever was gathered leaves, then channels take turns until the peer takes no more or it is
 * time for somebody else.
 */
static void pump(struct task *task)
{
    struct conn *conn = container_of(task, struct conn, pump);
    int served = 0;
    while (!conn->broken && served < SERVED_PER_TURN) {
        if (conn->flight.active && !fly(conn))
            break;
        if (conn->first_wanting && output_room(conn) >= CONN_REPLY_ROOM) {
            serve_next_channel(conn);
            served++;
        } else if (!flush_buffer(conn, conn->out_end - conn->out_start)) {
            break;
        } else if (!conn->first_wanting) {
            conn_want_output(conn, false);
            break;
        }
    }
    if (conn->broken)
        conn_close(conn);
    else if (served == SERVED_PER_TURN)
        output_defer(conn);
    else
        input_resume(conn);
}

void output_defer(struct conn *conn)
{
    task_defer(&conn->pump, pump);
}
