#include "feed.h"

#include "frames.gen.h"

#include <errno.h>
#include <unistd.h>

static void on_ready(struct source *source, uint32_t ready);

/* ^D, the VEOF of a terminal that nobody has set otherwise. */
static const uint8_t end_of_transmission = 4;

static uint64_t pending_bytes(const struct feed *feed)
{
    return feed->pending.head - feed->written;
}

void feed_open(struct feed *feed, int fd, bool is_terminal, void (*on_consumed)(struct feed *, uint32_t))
{
    feed->fd = fd;
    feed->is_terminal = is_terminal;
    feed->on_consumed = on_consumed;
    feed->window = LIMIT_STDIN_WINDOW_BYTES;
    /* A second window for one who attaches while that of the one before is not eaten up. */
    feed->pending.capacity = 2 * LIMIT_STDIN_WINDOW_BYTES + FRAME_MAX_PAYLOAD;
}

void feed_close(struct feed *feed)
{
    source_remove(&feed->source);
    if (feed->fd >= 0)
        close(feed->fd);
    feed->fd = -1;
    ring_close(&feed->pending);
    feed->written = feed->pending.head;
}

static size_t write_some(struct feed *feed, const uint8_t *bytes, size_t size)
{
    ssize_t written = write(feed->fd, bytes, size);
    if (written >= 0)
        return (size_t)written;
    if (errno != EAGAIN && errno != EINTR)
        feed_close(feed);
    return 0;
}

/* Everything is written: end it if that was asked for, else give the memory back and sleep. */
static void come_to_rest(struct feed *feed)
{
    source_remove(&feed->source);
    ring_close(&feed->pending);
    if (!feed->is_closing)
        return;
    if (feed->is_terminal)
        write_some(feed, &end_of_transmission, 1);
    feed_close(feed);
}

static void consumed_bytes(struct feed *feed, uint32_t bytes)
{
    uint32_t uncounted = feed->uncounted < bytes ? (uint32_t)feed->uncounted : bytes;
    feed->uncounted -= uncounted;
    bytes -= uncounted;
    feed->window += bytes;
    if (bytes > 0)
        feed->on_consumed(feed, bytes);
}

static void on_ready(struct source *source, uint32_t ready)
{
    struct feed *feed = container_of(source, struct feed, source);
    struct slice parts[2];
    uint32_t pending = (uint32_t)pending_bytes(feed);
    (void)ready;
    ring_slices(&feed->pending, feed->written, pending, parts);
    uint32_t consumed = (uint32_t)write_some(feed, parts[0].data, parts[0].length);
    if (feed->fd < 0) {
        consumed = pending;
    } else {
        feed->written += consumed;
        if (pending_bytes(feed) == 0)
            come_to_rest(feed);
    }
    consumed_bytes(feed, consumed);
}

static bool keep_for_later(struct feed *feed, const uint8_t *bytes, size_t size)
{
    struct iovec parts[2];
    int count;
    if (!ring_open(&feed->pending))
        return false;
    ring_space(&feed->pending, feed->written, parts, &count);
    size_t first = size < parts[0].iov_len ? size : parts[0].iov_len;
    if (size - first > parts[1].iov_len)
        return false;
    memcpy(parts[0].iov_base, bytes, first);
    if (size > first)
        memcpy(parts[1].iov_base, bytes + first, size - first);
    ring_put(&feed->pending, size);
    return feed->source.added || source_add(&feed->source, feed->fd, EPOLLOUT, on_ready);
}

/* Straight into the pipe as far as it takes it. Returns how much that was, -1 when the rest could not be kept. */
static int64_t pour(struct feed *feed, struct slice bytes)
{
    size_t written = 0;
    if (pending_bytes(feed) == 0)
        written = write_some(feed, bytes.data, bytes.length);
    if (feed->fd < 0)
        return bytes.length;
    if (written < bytes.length && !keep_for_later(feed, bytes.data + written, bytes.length - written))
        return -1;
    return (int64_t)written;
}

bool feed_begin(struct feed *feed, struct slice bytes)
{
    bool is_kept = bytes.length == 0 || pour(feed, bytes) >= 0;
    feed->uncounted = pending_bytes(feed);
    return is_kept;
}

bool feed_new_sender(struct feed *feed)
{
    feed->window = LIMIT_STDIN_WINDOW_BYTES;
    feed->uncounted = pending_bytes(feed);
    return pending_bytes(feed) + LIMIT_STDIN_WINDOW_BYTES <= feed->pending.capacity;
}

bool feed_write(struct feed *feed, struct slice bytes)
{
    if (bytes.length > feed->window)
        return false;
    if (bytes.length == 0)
        return true;
    feed->window -= bytes.length;
    int64_t written = feed->fd < 0 ? bytes.length : pour(feed, bytes);
    if (written > 0)
        consumed_bytes(feed, (uint32_t)written);
    return written >= 0;
}

void feed_end(struct feed *feed)
{
    feed->is_closing = true;
    if (feed->fd >= 0 && pending_bytes(feed) == 0)
        come_to_rest(feed);
}
