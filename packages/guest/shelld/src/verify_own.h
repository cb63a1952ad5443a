/*
 * The same verdicts as verify.h where nobody can say which namespaces and root the host has: the engine runs on another
 * machine. Judged by what only a guest of its own can see.
 */
#ifndef SOVEREIGN_VERIFY_OWN_H
#define SOVEREIGN_VERIFY_OWN_H

#include <stdbool.h>

#include "layer.h"
#include "namespaces.h"

/*
 * Active when it is not the namespace that the kernel started with (whose inodes are fixed, see linux/nsfs.h), and when
 * it looks like one's own besides: PID 1 is us, the only network device is loopback, the root is a mount of ours.
 */
void verify_own_namespace(struct layer *layer, enum namespace_kind kind);

/* Active when / is the overlay of a container engine: a host's root lies on a disk. */
void verify_own_root(struct layer *layer);

#endif
