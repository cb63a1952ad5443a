/* Lines of /proc/PID/uid_map and gid_map (user_namespaces(7)). */
#ifndef SOVEREIGN_ID_MAP_H
#define SOVEREIGN_ID_MAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct id_range {
    uint32_t inside, outside, count;
};

/* The next range; false at the end, and at a line that is none. */
bool id_map_next(FILE *map, struct id_range *range);

#endif
