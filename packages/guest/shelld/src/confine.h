/*
 * shelld confines itself before it serves, and everything it executes inherits that. The layers go on in one
 * order, each as far as the kernel allows:
 *
 *     namespaces → capabilities → no_new_privs → Landlock → seccomp → verify
 *
 * Namespaces come first because the later layers forbid making them; seccomp comes last because it forbids
 * what the others are built with; and nothing is reported active that a probe did not find active afterwards.
 *
 * Call confine_apply() before the first thread and before anything of a client is read: with --namespaces it forks,
 * and only the child (PID 1 of its own namespace) returns from it. Listeners (unix, vsock) are opened before the
 * call; descriptors that are open stay open and usable, new ones fall under the rules.
 */
#ifndef SOVEREIGN_CONFINE_H
#define SOVEREIGN_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "layer.h"

/* How often a repeatable option may be given, and how many layers are reported. */
enum { CONFINE_MAX_PATHS = 64, CONFINE_MAX_LAYERS = 13 };

/*
 * Takes the option at argv[index]. Returns how many entries it used, 0 when the option is not one of ours, -1 when
 * its value is bad (said on stderr). Paths are kept by reference: argv has to outlive confine_apply().
 */
int confine_option(int argc, char **argv, int index);

/*
 * Confines this process. A layer that cannot be had is recorded and the rest still goes on; false comes back only
 * when `--require LAYER` names one that is not active, which is said on stderr, and then nothing may be served.
 */
bool confine_apply(void);

/* What confine_apply() found; every layer is listed, also those nobody asked for. */
const struct layer *confine_layers(size_t *count);

/* One line an option, for --help. */
extern const char confine_usage[];

#endif
