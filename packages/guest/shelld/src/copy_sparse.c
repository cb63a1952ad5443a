#include "copy_sparse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK_BYTES = 4096 };

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* since Linux 5.14 */
#endif

static size_t block_at(size_t at, size_t end)
{
    return end - at < BLOCK_BYTES ? end - at : BLOCK_BYTES;
}

static bool is_empty(const uint8_t *block, size_t length)
{
    static const uint8_t nothing[BLOCK_BYTES];
    return memcmp(block, nothing, length) == 0;
}

static bool write_all(int fd, const uint8_t *bytes, size_t at, size_t end)
{
    while (at < end) {
        ssize_t written = pwrite(fd, bytes + at, end - at, (off_t)at);
        if (written < 0 && errno != EINTR)
            return false;
        at += written > 0 ? (size_t)written : 0;
    }
    return true;
}

/* From the mapping: read(2) would copy every byte once more. */
static bool copy_extent(int target, uint8_t *bytes, size_t at, size_t end)
{
    /* All pages at once, which would be a fault each. Where it is not to be had they are. */
    (void)madvise(bytes + at, end - at, MADV_POPULATE_READ);
    while (at < end) {
        size_t full = at;
        while (full < end && !is_empty(bytes + full, block_at(full, end)))
            full += block_at(full, end);
        if (!write_all(target, bytes, at, full))
            return false;
        at = full;
        while (at < end && is_empty(bytes + at, block_at(at, end)))
            at += block_at(at, end);
    }
    return true;
}

bool copy_sparse(int source, int target)
{
    struct stat info;
    if (fstat(source, &info) != 0 || ftruncate(target, info.st_size) != 0)
        return false;
    size_t size = (size_t)info.st_size;
    if (size == 0)
        return true;
    uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, source, 0);
    if (bytes == MAP_FAILED)
        return false;
    bool is_copied = true;
    /* Only what is there is looked at: to read a hole of a memfd gives it a page. */
    for (off_t at = lseek(source, 0, SEEK_DATA); is_copied && at >= 0;) {
        off_t end = lseek(source, at, SEEK_HOLE);
        is_copied = end > at && copy_extent(target, bytes, (size_t)at, (size_t)end);
        at = is_copied ? lseek(source, end, SEEK_DATA) : at;
    }
    int error = errno;
    munmap(bytes, size);
    /* ENXIO: no data behind this. */
    errno = error;
    return is_copied && error == ENXIO;
}

static int complain(const char *path)
{
    fprintf(stderr, "shelld copy-sparse: %s: %s\n", path, strerror(errno));
    return 1;
}

int copy_sparse_main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: shelld copy-sparse SOURCE TARGET\n");
        return 2;
    }
    int source = open(argv[0], O_RDONLY | O_CLOEXEC);
    if (source < 0)
        return complain(argv[0]);
    int target = open(argv[1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (target < 0)
        return complain(argv[1]);
    return copy_sparse(source, target) && close(target) == 0 ? 0 : complain(argv[1]);
}
