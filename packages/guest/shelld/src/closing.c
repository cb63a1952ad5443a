#include "closing.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* Kernels before 5.9 have no close_range: there each one is looked up. */
static void close_between(int first, int last)
{
    if (first > last || syscall(SYS_close_range, (unsigned)first, (unsigned)last, 0) == 0)
        return;
    DIR *directory = opendir("/proc/self/fd");
    for (struct dirent *item; directory && (item = readdir(directory));) {
        int fd = atoi(item->d_name);
        if (item->d_name[0] != '.' && fd >= first && fd <= last && fd != dirfd(directory))
            close(fd);
    }
    if (directory)
        closedir(directory);
}

void close_from(int first)
{
    close_between(first, INT_MAX);
}

void close_others(int kept)
{
    if (kept < 3) {
        close_from(3);
        return;
    }
    close_between(3, kept - 1);
    close_between(kept + 1, INT_MAX);
}
