/*
 * Landlock: which paths this process and its descendants may read or write, whoever they run as. Everything that the
 * kernel's ABI can handle is handled; what no rule grants is refused with EACCES.
 *
 * What it does not cover, whatever the rules say: chmod, chown, utime and setxattr on reachable paths, connecting to
 * a unix socket that has a path, UDP. Those are for namespaces, seccomp and the uid.
 */
#ifndef SOVEREIGN_LANDLOCK_H
#define SOVEREIGN_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "layer.h"

struct landlock_rules {
    const char *const *read; /* read and execute */
    size_t read_count;
    const char *const *write; /* everything but making device nodes */
    size_t write_count;
    bool deny_tcp; /* no bind and no connect (ABI 4) */
};

/* Paths that do not exist grant nothing and are counted in the detail. Needs no_new_privs. */
void landlock_apply(struct layer *layer, const struct landlock_rules *rules);

#endif
