/*
 * Reading and writing the fields of frames. Everything is little-endian and bounded: a reader never leaves
 * its payload, a writer never leaves its buffer. Strings stay where they are, in the frame they came in.
 */
#ifndef SOVEREIGN_CODEC_H
#define SOVEREIGN_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { FRAME_HEADER_BYTES = 9, FRAME_MAX_PAYLOAD = 1048576, FRAME_MAX_LIST = 16384 };

/* A run of bytes that somebody else owns. */
struct slice {
    const uint8_t *data;
    uint32_t length;
};

/* A list of strings still encoded: count, and the bytes that next_string() walks. */
struct strings {
    struct slice encoded;
    uint32_t count;
};

struct reader {
    const uint8_t *at;
    size_t left;
};

static inline bool read_raw(struct reader *reader, void *out, size_t size)
{
    if (reader->left < size)
        return false;
    memcpy(out, reader->at, size);
    reader->at += size;
    reader->left -= size;
    return true;
}

/* The hosts we build for are little-endian, as the wire is. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a big-endian host needs byte swaps here");
static inline bool read_u8(struct reader *reader, uint8_t *out) { return read_raw(reader, out, sizeof *out); }
static inline bool read_u16(struct reader *reader, uint16_t *out) { return read_raw(reader, out, sizeof *out); }
static inline bool read_u32(struct reader *reader, uint32_t *out) { return read_raw(reader, out, sizeof *out); }
static inline bool read_i32(struct reader *reader, int32_t *out) { return read_raw(reader, out, sizeof *out); }

/* The other side counts in doubles: a number above 2^53 - 1 is malformed. */
static inline bool read_u64(struct reader *reader, uint64_t *out)
{
    return read_raw(reader, out, sizeof *out) && *out < (UINT64_C(1) << 53);
}

static inline bool read_bytes(struct reader *reader, struct slice *out)
{
    if (!read_u32(reader, &out->length) || out->length > reader->left)
        return false;
    out->data = reader->at;
    reader->at += out->length;
    reader->left -= out->length;
    return true;
}

/* A str is bytes without NUL, so that it means the same to the kernel as to us. */
static inline bool read_str(struct reader *reader, struct slice *out)
{
    return read_bytes(reader, out) && (out->length == 0 || memchr(out->data, 0, out->length) == NULL);
}

/* A field that was appended to its frame: one sent before ends without it. */
static inline bool read_added_str(struct reader *reader, struct slice *out)
{
    *out = (struct slice){reader->at, 0};
    return reader->left == 0 || read_str(reader, out);
}

static inline bool read_strs(struct reader *reader, struct strings *out)
{
    struct slice item;
    if (!read_u32(reader, &out->count) || out->count > FRAME_MAX_LIST)
        return false;
    out->encoded.data = reader->at;
    for (uint32_t index = 0; index < out->count; index++)
        if (!read_str(reader, &item))
            return false;
    out->encoded.length = (uint32_t)(reader->at - out->encoded.data);
    return true;
}

static inline bool read_rest(struct reader *reader, struct slice *out)
{
    out->data = reader->at;
    out->length = (uint32_t)reader->left;
    reader->left = 0;
    return true;
}

/* Walks a list that read_strs() accepted. Returns false at its end. */
static inline bool next_string(struct strings *strings, struct slice *out)
{
    struct reader reader = {strings->encoded.data, strings->encoded.length};
    if (strings->count == 0 || !read_str(&reader, out))
        return false;
    strings->count--;
    strings->encoded.data = reader.at;
    strings->encoded.length = (uint32_t)reader.left;
    return true;
}

struct writer {
    uint8_t *start;
    size_t capacity;
    size_t used;
    bool overflowed;
};

static inline void write_raw(struct writer *writer, const void *data, size_t size)
{
    if (writer->overflowed || size > writer->capacity - writer->used) {
        writer->overflowed = true;
        return;
    }
    if (size > 0)
        memcpy(writer->start + writer->used, data, size);
    writer->used += size;
}

static inline void write_u8(struct writer *writer, uint8_t value) { write_raw(writer, &value, sizeof value); }
static inline void write_u16(struct writer *writer, uint16_t value) { write_raw(writer, &value, sizeof value); }
static inline void write_u32(struct writer *writer, uint32_t value) { write_raw(writer, &value, sizeof value); }
static inline void write_u64(struct writer *writer, uint64_t value) { write_raw(writer, &value, sizeof value); }
static inline void write_i32(struct writer *writer, int32_t value) { write_raw(writer, &value, sizeof value); }
static inline void write_rest(struct writer *writer, struct slice value) { write_raw(writer, value.data, value.length); }

static inline void write_bytes(struct writer *writer, struct slice value)
{
    write_u32(writer, value.length);
    write_raw(writer, value.data, value.length);
}

static inline void write_str(struct writer *writer, struct slice value) { write_bytes(writer, value); }

static inline void write_strs(struct writer *writer, struct strings value)
{
    write_u32(writer, value.count);
    write_raw(writer, value.encoded.data, value.encoded.length);
}

/* Leaves room for the header, which end_frame() fills in. */
static inline struct writer begin_frame(uint8_t *out, size_t capacity)
{
    struct writer writer = {out, capacity, 0, false};
    static const uint8_t header[FRAME_HEADER_BYTES];
    write_raw(&writer, header, sizeof header);
    return writer;
}

static inline void put_header(uint8_t *out, uint32_t payload_bytes, uint8_t type, uint32_t channel)
{
    memcpy(out, &payload_bytes, 4);
    out[4] = type;
    memcpy(out + 5, &channel, 4);
}

static inline size_t end_frame(struct writer *writer, uint8_t type, uint32_t channel)
{
    if (writer->overflowed || writer->used - FRAME_HEADER_BYTES > FRAME_MAX_PAYLOAD)
        return 0;
    put_header(writer->start, (uint32_t)(writer->used - FRAME_HEADER_BYTES), type, channel);
    return writer->used;
}

static inline struct slice slice_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, (uint32_t)strlen(text)};
}

#endif
