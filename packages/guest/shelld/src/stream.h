/*
 * One stream of output: a pipe (or PTY) that is read into a ring.
 *
 * While somebody follows, `keep` is how far they are: what they have not been sent is never overwritten; a full ring
 * stops the reading, then the pipe fills, then the process waits. While nobody follows the newest bytes replace
 * the oldest and the process never waits.
 */
#ifndef SOVEREIGN_STREAM_H
#define SOVEREIGN_STREAM_H

#include "loop.h"
#include "ring.h"

#define KEEP_NOTHING UINT64_MAX

struct stream {
    struct source source;
    int fd;                /* -1 before the start and after the end */
    struct ring ring;      /* ring.head counts all that the process wrote */
    uint64_t keep;         /* cursor, or KEEP_NOTHING */
    uint64_t owed;         /* after stream_settle(): bytes that still belong to the output */
    bool is_ended;         /* all output that belongs to the exec was read */
    bool is_settled;
    bool is_held_open;     /* a PTY whose process runs: see stream_hold() */
    struct timer retry;
    void (*on_change)(struct stream *stream);  /* bytes came, or the end */
};

/* Reads fd (which it owns) from now on. */
bool stream_open(struct stream *stream, int fd, void (*on_change)(struct stream *));

/*
 * A PTY reports its end whenever no slave is open, which a running process may change by opening /dev/tty; and closing
 * the master would send it SIGHUP. So until stream_release() an end is only a pause.
 */
void stream_hold(struct stream *stream);
void stream_release(struct stream *stream);

/* Reads what is there, as far as it fits. */
void stream_read(struct stream *stream);

/* The ring has room again, or nobody follows any more: read on. */
void stream_resume(struct stream *stream);

/* The process has exited and the drain is over: what is in the pipe now is the last that belongs to it. What others,
 * who hold the pipe, write later still goes to the ring, so that they do not die of SIGPIPE. */
void stream_settle(struct stream *stream);

/* True while the process waits because its follower is slow. */
bool stream_is_blocked(const struct stream *stream);

void stream_close(struct stream *stream);

#endif
