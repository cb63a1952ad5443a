#include "path_stats.h"

#include <stdio.h>
#include <time.h>

/* Longer than a tick of any kernel's clock: what is changed twice within one has the same time both times. */
enum { TICK_NS = 20000000, SECOND_NS = 1000000000 };

static bool is_recent(const struct timespec *changed)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) < 0)
        return true;
    long long age = (long long)(now.tv_sec - changed->tv_sec) * SECOND_NS + (now.tv_nsec - changed->tv_nsec);
    return age < TICK_NS;
}

void path_stats_print(char *text, size_t size, const struct stat *info)
{
    if (info == NULL) {
        (void)snprintf(text, size, "-");
        return;
    }
    (void)snprintf(text, size, "%llu %llu %c%lld.%09ld %lld.%09ld", (unsigned long long)info->st_ino,
                   (unsigned long long)info->st_size, is_recent(&info->st_ctim) ? '?' : '=',
                   (long long)info->st_ctim.tv_sec, info->st_ctim.tv_nsec, (long long)info->st_mtim.tv_sec,
                   info->st_mtim.tv_nsec);
}

bool path_stats_parse(struct path_stats *stats, const char *text)
{
    long long changed, modified;
    char mark;
    int end = 0;
    if (text == NULL || sscanf(text, "%llu %llu %c%lld.%9ld %lld.%9ld%n", &stats->inode, &stats->size, &mark, &changed,
                               &stats->changed.tv_nsec, &modified, &stats->modified.tv_nsec, &end) != 7)
        return false;
    stats->changed.tv_sec = (time_t)changed;
    stats->modified.tv_sec = (time_t)modified;
    stats->has_stamp = mark == '=';
    return text[end] == '\0';
}

bool path_stats_are(const struct path_stats *stats, const struct stat *info)
{
    return stats->has_stamp && stats->inode == info->st_ino && stats->size == (unsigned long long)info->st_size &&
           stats->changed.tv_sec == info->st_ctim.tv_sec && stats->changed.tv_nsec == info->st_ctim.tv_nsec;
}
