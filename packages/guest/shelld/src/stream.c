#include "stream.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { RETRY_US = 20000 };

static void on_ready(struct source *source, uint32_t ready);

/* A paused pipe is taken out of the loop altogether: its hang-up would wake us again and again. */
static void watch(struct stream *stream, bool is_wanted)
{
    if (is_wanted && !stream->source.added)
        source_add(&stream->source, stream->fd, EPOLLIN, on_ready);
    else if (!is_wanted)
        source_remove(&stream->source);
}

bool stream_open(struct stream *stream, int fd, void (*on_change)(struct stream *))
{
    stream->fd = fd;
    stream->on_change = on_change;
    return source_add(&stream->source, fd, EPOLLIN, on_ready);
}

static void try_again(struct timer *timer)
{
    struct stream *stream = container_of(timer, struct stream, retry);
    watch(stream, true);
}

static void end(struct stream *stream)
{
    source_remove(&stream->source);
    timer_clear(&stream->retry);
    if (stream->is_held_open) {
        timer_set(&stream->retry, RETRY_US, try_again);
        return;
    }
    close(stream->fd);
    stream->fd = -1;
    stream->is_ended = true;
    if (stream->ring.head == 0)
        ring_close(&stream->ring);
}

static void account(struct stream *stream, uint64_t bytes)
{
    ring_put(&stream->ring, bytes);
    if (!stream->is_settled)
        return;
    stream->owed -= bytes < stream->owed ? bytes : stream->owed;
    stream->is_ended |= stream->owed == 0;
}

void stream_hold(struct stream *stream)
{
    stream->is_held_open = true;
}

void stream_release(struct stream *stream)
{
    stream->is_held_open = false;
}

static void read_rounds(struct stream *stream, int rounds)
{
    bool has_changed = false;
    for (int round = 0; round < rounds && stream->fd >= 0; round++) {
        struct iovec parts[2];
        int count = 0;
        if (ring_open(&stream->ring))
            ring_space(&stream->ring, stream->keep == KEEP_NOTHING ? stream->ring.head : stream->keep, parts, &count);
        if (count == 0) {
            watch(stream, false);
            break;
        }
        ssize_t got = readv(stream->fd, parts, count);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            break;
        if (got > 0)
            account(stream, (uint64_t)got);
        else
            end(stream);  /* end of file; EIO is that of a PTY */
        has_changed |= got > 0 || stream->fd < 0;
        if (got <= 0)
            break;
    }
    if (stream->fd >= 0 && stream->ring.head == 0)
        ring_close(&stream->ring);
    if (has_changed)
        stream->on_change(stream);
}

/* Two rounds: the second mostly finds the end, and spares a turn of the loop. */
void stream_read(struct stream *stream)
{
    read_rounds(stream, 2);
}

static void on_ready(struct source *source, uint32_t ready)
{
    (void)ready;
    read_rounds(container_of(source, struct stream, source), 1);
}

void stream_resume(struct stream *stream)
{
    if (stream->fd >= 0)
        watch(stream, true);
}

void stream_settle(struct stream *stream)
{
    int there = 0;
    if (stream->fd < 0 || stream->is_settled)
        return;
    stream->is_settled = true;
    ioctl(stream->fd, FIONREAD, &there);
    stream->owed = there > 0 ? (uint64_t)there : 0;
    stream->is_ended = stream->owed == 0;
}

bool stream_is_blocked(const struct stream *stream)
{
    return stream->fd >= 0 && !stream->source.added && !stream->retry.set;
}

void stream_close(struct stream *stream)
{
    stream_release(stream);
    if (stream->fd >= 0)
        end(stream);
    ring_close(&stream->ring);
}
