/*
 * Probes from inside: a layer is active when what it forbids was tried and refused. A probe harms nothing where the
 * layer turns out to be missing.
 */
#ifndef SOVEREIGN_VERIFY_H
#define SOVEREIGN_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "layer.h"
#include "namespaces.h"

/* What worked before Landlock, to be tried again after it. */
struct landlock_probe {
    int abstract_socket; /* made outside of the domain; -1 when there is none */
    bool can_list_root;
};

struct landlock_probe landlock_probe_arm(void);

/* Turns an active layer into a failed one unless something that worked when the probe was armed is refused now. */
void verify_landlock(struct layer *layer, struct landlock_probe *probe);

/*
 * Active when a filter is in force and refuses what the profile refuses, whoever installed it: a container engine may
 * have done so before shelld started. With deny_network, a network socket has to be refused, too.
 */
void verify_seccomp(struct layer *layer, bool is_requested, bool deny_network);

void verify_no_new_privs(struct layer *layer);

/* Active when the namespace is another one than `host_inode`. `problem` is what went wrong making it, or empty. */
void verify_namespace(struct layer *layer, enum namespace_kind kind, uint64_t host_inode, const char *problem);

/*
 * Active when our uid is not root on the host. /proc/self/uid_map tells of one namespace only: `outer_root` is what the
 * launcher says root of the next one is on the host, 0 where that is the host's own.
 */
void verify_uid(struct layer *layer, uint64_t outer_root);

/* Active when our root directory is another one than the host's; nothing is said when the inode is 0. */
void verify_root(struct layer *layer, uint64_t host_device, uint64_t host_inode);

#endif
