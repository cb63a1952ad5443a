/* What is copied is what was there, block for block, and what held nothing takes no room. */
#include "../src/copy_sparse.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 4096, BLOCKS = 64, SIZE = BLOCKS * BLOCK };

static uint8_t expected[SIZE], found[SIZE];

static int target_file(void)
{
    char path[] = "/tmp/shelld-copy-XXXXXX";
    int fd = mkstemp(path);
    unlink(path);
    return fd;
}

static void put(int source, size_t at, size_t length, int byte)
{
    memset(expected + at, byte, length);
    CHECK(pwrite(source, expected + at, length, (off_t)at) == (ssize_t)length);
}

static void check_copy(int source, off_t size, blkcnt_t most_blocks)
{
    struct stat info;
    int target = target_file();
    CHECK(copy_sparse(source, target));
    CHECK(fstat(target, &info) == 0 && info.st_size == size && info.st_blocks * 512 <= most_blocks * BLOCK);
    CHECK(pread(target, found, SIZE, 0) == size && memcmp(found, expected, (size_t)size) == 0);
    close(target);
}

int main(void)
{
    int source = memfd_create("source", 0), odd = memfd_create("odd", 0);
    CHECK(source >= 0 && ftruncate(source, SIZE) == 0);
    check_copy(source, SIZE, 0);
    put(source, 0, BLOCK, 1);
    put(source, 3 * BLOCK + 100, 50, 2);
    put(source, 7 * BLOCK, 4 * BLOCK, 0);
    put(source, 9 * BLOCK, 1, 3);
    put(source, SIZE - 1, 1, 4);
    check_copy(source, SIZE, 5);
    struct stat before, after;
    CHECK(fstat(source, &before) == 0);
    check_copy(source, SIZE, 5);
    CHECK(fstat(source, &after) == 0 && after.st_blocks == before.st_blocks);
    memset(expected, 0, SIZE);
    CHECK(odd >= 0);
    check_copy(odd, 0, 0);
    put(odd, 0, 3 * BLOCK + 7, 5);
    check_copy(odd, 3 * BLOCK + 7, 4);
    CHECK(!copy_sparse(source, open("/dev/null", O_RDONLY)) && errno != 0);
    return check_result("copy_sparse");
}
