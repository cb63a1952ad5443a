/* What the command line asks of the confinement. */
#ifndef SOVEREIGN_CONFINE_OPTIONS_H
#define SOVEREIGN_CONFINE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "confine.h"
#include "namespaces.h"

/* Values of one repeatable option, kept by reference. */
struct values {
    const char *items[CONFINE_MAX_PATHS];
    size_t count;
};

struct confine_options {
    struct values landlock_read;
    struct values landlock_write;
    struct values masks;
    struct values required;
    uint64_t expected[NAMESPACE_KINDS]; /* inodes of the host's namespaces, 0 where none is expected */
    bool own[NAMESPACE_KINDS]; /* kinds to judge from inside, since the host's are not known */
    uint64_t kept_capabilities;
    struct userns_request user;
    uint64_t host_root_device, host_root_inode; /* of the host's root directory, 0 where it was not said */
    uint64_t outer_root; /* host id of root in the user namespace that shelld's was made from */
    bool has_kept_capabilities;
    bool has_seccomp;
    bool denies_network;
    bool has_namespaces;
    bool allows_new_privs;
    bool keeps_network;
};

/* See confine_option(). */
int confine_parse(struct confine_options *options, int argc, char **argv, int index);

#endif
