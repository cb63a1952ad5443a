/*
 * Connections and their channels: framing, credit, and an output that is fair and bounded.
 *
 * Nothing here blocks and nothing grows: each connection has one input buffer (a frame) and one output buffer of
 * CONN_OUTPUT_BYTES. Two rules keep a slow client from costing more than that:
 *
 *   1. A reply never waits. A request handler and on_frame always find CONN_REPLY_ROOM bytes free, because reading
 *      from a connection pauses while there is less. One request may answer with at most that much at once.
 *   2. Everything else is pulled. Who has something to send that was not asked for this instant (output, content,
 *      events, a late terminal frame) calls channel_want_write() and sends from on_writable, one frame of data a
 *      call; again CONN_REPLY_ROOM is free. Channels that want to write take turns.
 *
 * So frames are sent from a request handler, on_frame or on_writable, and from nowhere else.
 */
#ifndef SOVEREIGN_CONN_H
#define SOVEREIGN_CONN_H

#include "frames.gen.h"
#include "loop.h"

enum { CONN_OUTPUT_BYTES = 262144, CONN_REPLY_ROOM = 65536 };

struct conn;
struct channel;

struct channel_ops {
    /* A frame of the host on this channel; credit and cancel are dealt with by the connection. Returning false
     * (malformed, out of place, more than the credit granted) ends the connection. */
    bool (*on_frame)(struct channel *channel, uint8_t type, struct slice payload);
    /* Called once after channel_want_write(), and after the host granted credit. May end the channel. */
    void (*on_writable)(struct channel *channel);
    /* The frame of channel_send_pinned() has left: its memory may change again. NULL where that is not used. */
    void (*on_sent)(struct channel *channel, uint32_t bytes);
    /* Cancelled, or the connection is gone: the channel is already closed. Release; send nothing (a cancel is
     * answered with done by the connection). Not called after channel_end() and its kin. */
    void (*on_close)(struct channel *channel);
};

/* Embedded in the state of whoever serves the request (see container_of), which therefore allocates it. */
struct channel {
    struct conn *conn;             /* NULL while the channel is closed */
    const struct channel_ops *ops;
    uint32_t id;
    uint64_t credit;               /* bytes of data that may still be sent to the host */
    uint64_t grant;                /* credit for the host that has not been sent yet */
    struct channel *next_in_bucket;
    struct channel *next_wanting;
    bool wanting;
};

/* Opens the channel that a request came in on, with the credit that the request brings. Returns false when the
 * connection has too many channels: the request was then refused, and the caller lets go of it. */
bool channel_open(struct channel *channel, struct conn *conn, uint32_t id, const struct channel_ops *ops, uint64_t credit);

/* The owner sent the terminal frame itself, or has nothing more to do with this channel. */
void channel_end(struct channel *channel);

/* Ask to be called on on_writable, in turn. */
void channel_want_write(struct channel *channel);

/* Grant the host credit for more bytes of data on this channel. Leaves when there is room. May be called anywhere. */
void channel_grant(struct channel *channel, uint32_t bytes);

/*
 * Data without a copy on our side: channel_data_space() gives memory in the output buffer to read(2) into, and
 * in *size how much of it may be used: as much as room, credit and the largest frame allow, 0 when there is no
 * credit. channel_data_commit() makes it a frame and takes the credit.
 */
uint8_t *channel_data_space(struct channel *channel, uint32_t *size);
void channel_data_commit(struct channel *channel, uint8_t type, uint32_t size);

/*
 * Data that stays in the memory of its owner until on_sent, which may come before this returns. Two parts, because a ring
 * wraps; the second may be empty. The caller sees to credit >= length of both. When the channel is closed half way
 * the connection keeps a copy of the rest. Only from on_writable, and as the last thing it sends.
 */
void channel_send_pinned(struct channel *channel, uint8_t type, struct slice first, struct slice second);

/* The memory of a pinned frame is about to go, but the channel stays: the connection copies what has not left yet, and
 * on_sent does not come. Does nothing when this channel has nothing pinned. */
void channel_unpin(struct channel *channel);

/* Terminal frames that end the channel. operation and message are prose for people; subject is what it was about. */
void channel_done(struct channel *channel, uint64_t count);
void channel_refused(struct channel *channel, int error, const char *operation, struct slice subject, const char *message);

/* The same for a request that is answered at once and never opened a channel. */
void conn_done(struct conn *conn, uint32_t id, uint64_t count);
void conn_refused(struct conn *conn, uint32_t id, int error, const char *operation, struct slice subject, const char *message);

/* Any other frame: encode into the space, then commit what the encoder returned. See rule 1 for how much there is. */
struct conn_space {
    uint8_t *at;
    size_t size;
};
struct conn_space conn_space(struct conn *conn);
void conn_commit(struct conn *conn, size_t size);

/* What serves the requests: request.c, or a stand-in under the fuzzer. Returns false when the request is malformed. */
bool request_open(struct conn *conn, uint32_t id, uint8_t type, struct slice payload);

/* Serves a connection from here on; both descriptors (which may be the same) belong to it. on_closed is called
 * with its owner when it is gone. Returns false when there are too many: the descriptors are then closed. */
bool conn_serve(int input_fd, int output_fd, void (*on_closed)(void *owner), void *owner);
size_t conn_count(void);

/* Ends every connection, so that nothing half-done stays: a write in progress leaves no temporary file. */
void conn_close_all(void);

#endif
