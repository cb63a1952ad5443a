/* The codec: every cut of a frame is refused, nothing is read behind its end, nothing written behind a buffer's. */
#include "frames.gen.h"

#include "check.h"

#include <stdlib.h>

static size_t write_start(uint8_t *out, size_t capacity)
{
    static const uint8_t argv[] = {2, 0, 0, 0, 'l', 's', 2, 0, 0, 0, '-', 'l'};
    struct writer writer = begin_frame(out, capacity);
    for (int field = 0; field < 7; field++)
        write_u32(&writer, (uint32_t)field);
    write_u16(&writer, 24);
    write_u16(&writer, 80);
    write_str(&writer, slice_of("/tmp"));
    write_strs(&writer, (struct strings){{argv, sizeof argv}, 2});
    write_strs(&writer, (struct strings){0});
    write_bytes(&writer, (struct slice){(const uint8_t *)"a\0b", 3});
    return end_frame(&writer, FRAME_EXEC_START, 7);
}

static void test_round_trip(const uint8_t *frame, size_t size)
{
    struct frame_exec_start start;
    struct slice item;
    CHECK(decode_exec_start((struct slice){frame + FRAME_HEADER_BYTES, (uint32_t)(size - FRAME_HEADER_BYTES)}, &start));
    CHECK(start.session == 0 && start.credit == 6 && start.columns == 80 && start.cwd.length == 4 && start.stdin_.length == 3);
    CHECK(start.argv.count == 2 && next_string(&start.argv, &item) && item.length == 2 && memcmp(item.data, "ls", 2) == 0);
    CHECK(next_string(&start.argv, &item) && memcmp(item.data, "-l", 2) == 0 && !next_string(&start.argv, &item));
}

/* On the heap and cut exactly, so that the sanitizer sees a read behind the end. */
static void test_cuts(const uint8_t *frame, size_t size)
{
    struct frame_exec_start start;
    for (size_t cut = 0; cut < size - FRAME_HEADER_BYTES; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, frame + FRAME_HEADER_BYTES, cut);
        CHECK(!decode_exec_start((struct slice){copy, (uint32_t)cut}, &start));
        free(copy);
    }
}

static void test_lists(void)
{
    static uint8_t many[4 + 4 * (FRAME_MAX_LIST + 1)];
    struct strings list;
    uint32_t count = FRAME_MAX_LIST;
    memcpy(many, &count, 4);
    CHECK(read_strs(&(struct reader){many, sizeof many}, &list) && list.count == count);
    CHECK(!read_strs(&(struct reader){many, 4 + 4 * (size_t)count - 1}, &list));
    count++;
    memcpy(many, &count, 4);
    CHECK(!read_strs(&(struct reader){many, sizeof many}, &list));
    struct slice text;
    CHECK(!read_str(&(struct reader){(const uint8_t *)"\3\0\0\0a\0b", 7}, &text));
    CHECK(read_bytes(&(struct reader){(const uint8_t *)"\3\0\0\0a\0b", 7}, &text) && text.length == 3);
    CHECK(!read_bytes(&(struct reader){(const uint8_t *)"\xff\xff\xff\xff", 4}, &text));
}

static void test_numbers(void)
{
    uint64_t number, highest = (UINT64_C(1) << 53) - 1, beyond = highest + 1;
    CHECK(read_u64(&(struct reader){(const uint8_t *)&highest, 8}, &number) && number == highest);
    CHECK(!read_u64(&(struct reader){(const uint8_t *)&beyond, 8}, &number));
}

static void test_small_buffers(void)
{
    uint8_t frame[64];
    for (size_t capacity = 0; capacity < FRAME_HEADER_BYTES + 8; capacity++)
        CHECK(encode_done(frame, capacity, 1, &(struct frame_done){5}) == 0);
    CHECK(encode_done(frame, sizeof frame, 1, &(struct frame_done){5}) == FRAME_HEADER_BYTES + 8);
}

int main(void)
{
    uint8_t frame[512];
    size_t size = write_start(frame, sizeof frame);
    CHECK(size > 0);
    test_round_trip(frame, size);
    test_cuts(frame, size);
    test_lists();
    test_numbers();
    test_small_buffers();
    return check_result("codec");
}
