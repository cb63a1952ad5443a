#include "mount_checks.h"

#include "number.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A path of Linux, and the two numbers before it. */
enum { LINE_BYTES = 4096 + 64 };

static bool holds(const char *line)
{
    uint64_t device, inode;
    const char *path = line;
    struct stat status;
    if (!number_read(&path, UINT64_MAX, &device) || !number_read(&path, UINT64_MAX, &inode) ||
        !number_skip(&path, ' ') || *path != '/') {
        fprintf(stderr, "shelld: not a mount to check: %.200s\n", line);
        return false;
    }
    if (stat(path, &status) != 0) {
        fprintf(stderr, "shelld: mount %s: %s\n", path, strerror(errno));
        return false;
    }
    if (status.st_dev == device && status.st_ino == inode)
        return true;
    fprintf(stderr, "shelld: mount %s is another file than was asked for: it changed hands meanwhile.\n", path);
    return false;
}

bool mount_checks_hold(const char *path)
{
    char line[LINE_BYTES];
    FILE *list = fopen(path, "re");
    bool all_hold = list != NULL;
    if (list == NULL)
        fprintf(stderr, "shelld: cannot read %s: %s\n", path, strerror(errno));
    while (all_hold && fgets(line, sizeof line, list) != NULL) {
        size_t length = strlen(line);
        all_hold = length > 0 && line[length - 1] == '\n';
        if (all_hold)
            line[length - 1] = '\0';
        all_hold = all_hold && holds(line);
    }
    if (list != NULL)
        fclose(list);
    return all_hold;
}
