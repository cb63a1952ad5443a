#include "ring.h"

#include "frames.gen.h"

#include <sys/mman.h>

enum {
    PAGE_BYTES = 4096,
    /* Rings kept for reuse, and the pages that each may keep: enough for commands that say little. */
    SPARE_RINGS = 64,
    SPARE_RING_BYTES = 4 * PAGE_BYTES,
};

static uint8_t *spare[SPARE_RINGS];
static int spare_count;

uint32_t ring_capacity(uint32_t wanted)
{
    if (wanted == 0)
        wanted = LIMIT_DEFAULT_RING_BYTES;
    if (wanted < LIMIT_MIN_RING_BYTES)
        wanted = LIMIT_MIN_RING_BYTES;
    if (wanted > LIMIT_MAX_RING_BYTES)
        wanted = LIMIT_MAX_RING_BYTES;
    return (wanted + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* Forked keepers have no business with output: MADV_DONTFORK also makes the fork cheaper. */
bool ring_open(struct ring *ring)
{
    if (ring->memory)
        return true;
    if (ring->capacity == LIMIT_DEFAULT_RING_BYTES && spare_count > 0) {
        ring->memory = spare[--spare_count];
        return true;
    }
    void *memory = mmap(NULL, ring->capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    madvise(memory, ring->capacity, MADV_DONTFORK);
    ring->memory = memory;
    return true;
}

void ring_close(struct ring *ring)
{
    uint8_t *memory = ring->memory;
    if (!memory)
        return;
    ring->memory = NULL;
    if (ring->capacity != LIMIT_DEFAULT_RING_BYTES || spare_count == SPARE_RINGS) {
        munmap(memory, ring->capacity);
        return;
    }
    if (ring->head > SPARE_RING_BYTES)
        madvise(memory + SPARE_RING_BYTES, ring->capacity - SPARE_RING_BYTES, MADV_DONTNEED);
    spare[spare_count++] = memory;
}

uint64_t ring_tail(const struct ring *ring)
{
    if (!ring->memory)
        return ring->head;
    return ring->head > ring->capacity ? ring->head - ring->capacity : 0;
}

void ring_space(const struct ring *ring, uint64_t keep, struct iovec parts[2], int *count)
{
    uint64_t kept = ring->head - keep;
    size_t space = kept < ring->capacity ? (size_t)(ring->capacity - kept) : 0;
    size_t at = (size_t)(ring->head % ring->capacity);
    size_t first = ring->capacity - at < space ? ring->capacity - at : space;
    parts[0] = (struct iovec){ring->memory + at, first};
    parts[1] = (struct iovec){ring->memory, space - first};
    *count = (first > 0) + (space > first);
}

void ring_put(struct ring *ring, uint64_t bytes)
{
    ring->head += bytes;
}

void ring_slices(const struct ring *ring, uint64_t cursor, uint64_t limit, struct slice parts[2])
{
    uint64_t there = ring->head - cursor;
    uint32_t length = (uint32_t)(there < limit ? there : limit);
    uint32_t at = (uint32_t)(cursor % ring->capacity);
    uint32_t first = ring->capacity - at < length ? ring->capacity - at : length;
    parts[0] = (struct slice){ring->memory + at, first};
    parts[1] = (struct slice){ring->memory, length - first};
}
