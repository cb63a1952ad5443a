/*
 * Namespaces made by shelld itself, for hosts without a launcher such as bubblewrap. Each kind is tried on its own:
 * what the host refuses is left out, and shows in that layer.
 */
#ifndef SOVEREIGN_NAMESPACES_H
#define SOVEREIGN_NAMESPACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "userns.h"

enum namespace_kind {
    NAMESPACE_MOUNT,
    NAMESPACE_PID,
    NAMESPACE_NET,
    NAMESPACE_USER,
    NAMESPACE_IPC,
    NAMESPACE_UTS,
    NAMESPACE_CGROUP,
    NAMESPACE_KINDS
};

/* As in /proc/PID/ns. False when there is no such kind. */
bool namespace_kind_of(const char *name, size_t length, enum namespace_kind *kind);

/* The inode that identifies the namespace this process is in; 0 when /proc cannot tell. */
uint64_t namespace_inode(enum namespace_kind kind);

struct namespaces_request {
    struct userns_request user;
    const char *const *masks; /* besides /run; an empty tmpfs covers a directory, /dev/null anything else */
    size_t mask_count;
    bool keeps_network; /* the host's network is granted */
};

/* What could not be had; empty strings where nothing went wrong. */
struct namespaces_outcome {
    char problems[NAMESPACE_KINDS][96];
    char process_view[48]; /* whose processes /proc shows */
};

/*
 * With a PID namespace this forks: the caller's process waits outside and ends with the child, the child goes on as
 * PID 1. Either one's death is the other's.
 */
void namespaces_enter(const struct namespaces_request *request, struct namespaces_outcome *outcome);

#endif
