/* The process whose namespaces are visited, named so that no other is ever mistaken for it. */
#ifndef SOVEREIGN_VISIT_GUEST_H
#define SOVEREIGN_VISIT_GUEST_H

#include <stdbool.h>

/* Exit codes of the visiting commands that their caller tells apart; anything else that failed is 1. */
enum { VISIT_BUSY = 16, VISIT_NOT_THERE = 17, VISIT_LINK = 18, VISIT_TAKEN = 19 };

/* Namespaces of a guest, held open. */
struct visited {
    int user_fd, mount_fd, net_fd;
};

/* A guest as it is named on the command line: `--pid` and `--start`, the clock ticks at which it was started. */
struct visit_name {
    const char *pid, *start;
};

/*
 * Opens the namespaces of that very process. Ends the program when it has gone, or when one of its namespaces is our
 * own: nothing may be done to the host by mistake.
 */
struct visited visit_open(const struct visit_name *name);

/* Becomes root of the guest: what is made from then on belongs to it, and no right of the host's root is left. */
void visit_become(const struct visited *guest);

/* Reads one `--pid`/`--start` option; true when it was one. */
bool visit_name_option(struct visit_name *name, const char *option, const char *value);

/* Prints `shelld: WHAT SUBJECT: strerror(errno)` on stderr and exits with the code. */
_Noreturn void visit_fail(int code, const char *what, const char *subject);

#endif
