/* The other direction: bytes of the host on their way into the stdin of a process, within a window. */
#ifndef SOVEREIGN_FEED_H
#define SOVEREIGN_FEED_H

#include "loop.h"
#include "ring.h"

struct feed {
    struct source source;
    int fd;                /* -1 when there is no stdin, or nobody reads it any more */
    bool is_terminal;      /* the end is a ^D */
    bool is_closing;       /* close after what is pending */
    uint32_t window;       /* bytes the host may still send */
    struct ring pending;
    uint64_t written;      /* cursor in pending */
    uint64_t uncounted;    /* of what is pending, so much is not counted by the window: it came before */
    void (*on_consumed)(struct feed *feed, uint32_t bytes);
};

/* Feeds fd, which it owns. on_consumed says how much more of what feed_write() took has gone; the window has then
 * grown again by as much. */
void feed_open(struct feed *feed, int fd, bool is_terminal, void (*on_consumed)(struct feed *, uint32_t));

/* The bytes that came with the request; no window counts them. Returns false when there is no memory for them. */
bool feed_begin(struct feed *feed, struct slice bytes);

/* A new sender starts with a fresh window. Returns false when there is too much pending of the last one. */
bool feed_new_sender(struct feed *feed);

/* Returns false when this is more than the window. Bytes that nobody reads any more are consumed at once. */
bool feed_write(struct feed *feed, struct slice bytes);

/* No more bytes will come. */
void feed_end(struct feed *feed);

void feed_close(struct feed *feed);

#endif
