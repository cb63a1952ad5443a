#define _GNU_SOURCE 1
#include "file_info.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The wire carries whole numbers that a double holds; a sparse file may claim to be larger. */
static const uint64_t MAX_WIRE_INTEGER = (UINT64_C(1) << 53) - 1;

static uint64_t on_wire(int64_t value)
{
    if (value < 0)
        return 0;
    return (uint64_t)value > MAX_WIRE_INTEGER ? MAX_WIRE_INTEGER : (uint64_t)value;
}

static uint8_t kind_of(mode_t mode)
{
    if (S_ISREG(mode))
        return FILE_KIND_FILE;
    if (S_ISDIR(mode))
        return FILE_KIND_DIRECTORY;
    return S_ISLNK(mode) ? FILE_KIND_LINK : FILE_KIND_OTHER;
}

/* Milliseconds since 1970; times outside what an int64_t holds in milliseconds end up at the edge. */
static int64_t milliseconds(struct timespec time)
{
    if (time.tv_sec > INT64_MAX / 1000 - 1)
        return INT64_MAX;
    return time.tv_sec < 0 ? 0 : (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

struct slice file_last_component(struct slice path)
{
    while (path.length > 0 && path.data[path.length - 1] == '/')
        path.length--;
    struct slice last = {path.data + path.length, 0};
    while (last.length < path.length && last.data[-1] != '/') {
        last.data--;
        last.length++;
    }
    return last;
}

long file_info_encode(uint8_t *out, uint32_t channel, int directory, const char *name_at, struct slice shown)
{
    struct stat facts;
    char target[LIMIT_MAX_PATH_BYTES];
    ssize_t target_bytes = 0;
    if (fstatat(directory, name_at, &facts, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0)
        return -errno;
    if (S_ISLNK(facts.st_mode))
        target_bytes = readlinkat(directory, name_at, target, sizeof target);
    struct frame_file_info info = {
        .kind = kind_of(facts.st_mode),
        .mode = facts.st_mode & 07777,
        .size = on_wire(facts.st_size),
        .modified_ms = on_wire(milliseconds(facts.st_mtim)),
        .uid = facts.st_uid,
        .gid = facts.st_gid,
        .links = facts.st_nlink > UINT32_MAX ? UINT32_MAX : (uint32_t)facts.st_nlink,
        .name = shown,
        .target = {(const uint8_t *)target, target_bytes > 0 ? (uint32_t)target_bytes : 0},
    };
    size_t bytes = encode_file_info(out, FILE_INFO_BYTES, channel, &info);
    return bytes > 0 ? (long)bytes : -ENAMETOOLONG;
}
