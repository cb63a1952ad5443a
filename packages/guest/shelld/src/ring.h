/*
 * The last bytes of a stream, addressed by how many came before them since the stream began. It is the only buffer
 * between a pipe and a connection: the pipe is read into it, frames are sent out of it.
 *
 * Memory is mapped when the first byte comes. Rings of the default size are kept for reuse, so that a quick command
 * costs no mmap and no page faults.
 */
#ifndef SOVEREIGN_RING_H
#define SOVEREIGN_RING_H

#include "codec.h"

#include <sys/uio.h>

struct ring {
    uint8_t *memory;      /* NULL until ring_open() */
    uint32_t capacity;    /* whole pages */
    uint64_t head;        /* bytes ever put in */
};

/* Clamps to the limits of the channel, 0 means the default, and rounds up to whole pages. */
uint32_t ring_capacity(uint32_t wanted);

/* Maps the memory unless it is there. Returns false when there is none to be had. */
bool ring_open(struct ring *ring);

/* Gives the memory back. The cursors stay. */
void ring_close(struct ring *ring);

/* The oldest byte that is still there. */
uint64_t ring_tail(const struct ring *ring);

/* Where to put the next bytes when everything from `keep` on must stay: one or two parts, *count of them, 0 when the
 * ring is full. Then ring_put() says how many were written there. */
void ring_space(const struct ring *ring, uint64_t keep, struct iovec parts[2], int *count);
void ring_put(struct ring *ring, uint64_t bytes);

/* The bytes from cursor on (which must not be before the tail), at most `limit` of them, in one or two parts. */
void ring_slices(const struct ring *ring, uint64_t cursor, uint64_t limit, struct slice parts[2]);

#endif
