/* The ring: what is put in comes out by its cursor, across the edge, and the oldest goes first. */
#include "../src/ring.h"

#include "check.h"
#include "frames.gen.h"

#include <stdlib.h>

static uint8_t byte_at(uint64_t cursor)
{
    return (uint8_t)(cursor * 31 + (cursor >> 8));
}

static uint64_t put(struct ring *ring, uint64_t keep, uint64_t wanted)
{
    struct iovec parts[2];
    int count;
    uint64_t done = 0;
    ring_space(ring, keep, parts, &count);
    for (int index = 0; index < count; index++)
        for (size_t at = 0; at < parts[index].iov_len && done < wanted; at++, done++)
            ((uint8_t *)parts[index].iov_base)[at] = byte_at(ring->head + done);
    ring_put(ring, done);
    return done;
}

static int holds(const struct ring *ring, uint64_t cursor)
{
    struct slice parts[2];
    uint64_t at = cursor;
    ring_slices(ring, cursor, UINT64_MAX, parts);
    for (int index = 0; index < 2; index++)
        for (uint32_t offset = 0; offset < parts[index].length; offset++)
            if (parts[index].data[offset] != byte_at(at++))
                return 0;
    return at == ring->head;
}

static void test_capacity(void)
{
    CHECK(ring_capacity(0) == LIMIT_DEFAULT_RING_BYTES);
    CHECK(ring_capacity(1) == LIMIT_MIN_RING_BYTES);
    CHECK(ring_capacity(4097) == 8192);
    CHECK(ring_capacity(UINT32_MAX) == LIMIT_MAX_RING_BYTES);
}

static void test_wraparound(void)
{
    struct ring ring = {.capacity = 4096};
    CHECK(ring_tail(&ring) == 0);
    CHECK(ring_open(&ring));
    srand(1);
    for (int round = 0; round < 5000; round++) {
        put(&ring, ring.head, (uint64_t)rand() % 5000);
        CHECK(ring.head - ring_tail(&ring) <= 4096);
        CHECK(holds(&ring, ring_tail(&ring)));
    }
    ring_close(&ring);
    CHECK(ring_tail(&ring) == ring.head);
}

static void test_keep(void)
{
    struct ring ring = {.capacity = 4096};
    struct slice parts[2];
    CHECK(ring_open(&ring));
    CHECK(put(&ring, 0, 10000) == 4096);
    CHECK(put(&ring, 0, 1) == 0);
    CHECK(put(&ring, 1000, 10000) == 1000);
    CHECK(holds(&ring, 1000));
    ring_slices(&ring, 1000, 3500, parts);
    CHECK(parts[0].length == 3096 && parts[1].length == 404);
    ring_slices(&ring, ring.head, 10, parts);
    CHECK(parts[0].length == 0 && parts[1].length == 0);
    ring_close(&ring);
}

static void test_reuse(void)
{
    struct ring ring = {.capacity = LIMIT_DEFAULT_RING_BYTES};
    CHECK(ring_open(&ring));
    uint8_t *memory = ring.memory;
    ring_close(&ring);
    CHECK(ring_open(&ring) && ring.memory == memory);
    ring_close(&ring);
    ring_close(&ring);
}

int main(void)
{
    test_capacity();
    test_wraparound();
    test_keep();
    test_reuse();
    return check_result("ring");
}
