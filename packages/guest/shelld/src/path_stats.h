/* What a record says of a path beside its state: by what it is known again, and when it was last written. */
#ifndef SOVEREIGN_PATH_STATS_H
#define SOVEREIGN_PATH_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum { PATH_STATS_TEXT = 128 };

struct path_stats {
    unsigned long long inode, size;
    struct timespec changed, modified;
    bool has_stamp; /* its time of change tells it from what it becomes */
};

/* `INODE SIZE CHANGED MODIFIED`, or `-` for a path where nothing is (NULL). */
void path_stats_print(char *text, size_t size, const struct stat *info);

/* False for `-`, for what is none, and where there is no text (NULL): a record of an older version has none. */
bool path_stats_parse(struct path_stats *stats, const char *text);

/* Whether it surely is what it was, without reading it: the time of the last change of an inode is the kernel's. */
bool path_stats_are(const struct path_stats *stats, const struct stat *info);

#endif
