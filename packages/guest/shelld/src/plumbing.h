/* The pipes, or the PTY, between a command and us. */
#ifndef SOVEREIGN_PLUMBING_H
#define SOVEREIGN_PLUMBING_H

#include <stdbool.h>
#include <stdint.h>

/* Every descriptor is close-on-exec, ours are non-blocking; -1 is none. */
struct plumbing {
    int theirs[3];     /* 0, 1 and 2 of the command; -1 is /dev/null */
    int input;         /* what we write into stdin */
    int output;        /* what we read of stdout, or of the PTY */
    int errors;        /* what we read of stderr */
};

/* Pipes for stdout and stderr, and for stdin if it is wanted. Large output deserves a large pipe: it saves wake-ups.
 * Returns false with errno; what was opened by then is in *plumbing. */
bool plumb_pipes(struct plumbing *plumbing, bool has_input, bool is_large);

/* A PTY for all three. */
bool plumb_terminal(struct plumbing *plumbing, uint16_t rows, uint16_t columns);

void plumbing_close_theirs(struct plumbing *plumbing);
void plumbing_close_all(struct plumbing *plumbing);

#endif
