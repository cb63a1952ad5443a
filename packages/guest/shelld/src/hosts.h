/*
 * The hosts file of the guest: lines that last as long as what they name. What stood there at the start stays; our lines
 * follow a mark. The file is opened once, before any command runs, so that no name leads a write elsewhere.
 */
#ifndef SOVEREIGN_HOSTS_H
#define SOVEREIGN_HOSTS_H

#include "frames.gen.h"

/* One line: embedded in whoever it lasts as long as. All zero is "not entered". */
struct hosts_line {
    struct hosts_line *next;
    bool is_entered;
    uint16_t length;
    char text[64 + LIMIT_MAX_TUNNEL_NAMES * (LIMIT_MAX_TUNNEL_NAME_BYTES + 1)];
};

/* An empty file is given the lines of localhost. Returns false with errno set. */
bool hosts_open(const char *path);

/* Makes the line of an address and its names. Returns false when there are too many, or one is none of [A-Za-z0-9._-]. */
bool hosts_compose(struct hosts_line *line, const char *address, struct strings names);

/* Returns false when there is no hosts file, or it cannot be written. */
bool hosts_enter(struct hosts_line *line);

/* Does nothing for a line that is not entered. */
void hosts_remove(struct hosts_line *line);

#endif
