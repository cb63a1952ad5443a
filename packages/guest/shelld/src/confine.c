#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "confine.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "capabilities.h"
#include "confine_options.h"
#include "landlock.h"
#include "namespaces.h"
#include "seccomp.h"
#include "verify.h"
#include "verify_own.h"

/* Namespaces first, in the order of enum namespace_kind. */
enum { ROOT = NAMESPACE_KINDS, LANDLOCK, SECCOMP, NO_NEW_PRIVS, CAPABILITIES, UID, LAYER_COUNT };

_Static_assert((int)LAYER_COUNT == (int)CONFINE_MAX_LAYERS, "what confine.h tells its callers");

static struct confine_options options;

static struct layer layers[LAYER_COUNT] = {
    [NAMESPACE_MOUNT] = {.name = "mount-namespace", .state = LAYER_NOT_REQUESTED},
    [NAMESPACE_PID] = {.name = "pid-namespace", .state = LAYER_NOT_REQUESTED},
    [NAMESPACE_NET] = {.name = "net-namespace", .state = LAYER_NOT_REQUESTED},
    [NAMESPACE_USER] = {.name = "user-namespace", .state = LAYER_NOT_REQUESTED},
    [NAMESPACE_IPC] = {.name = "ipc-namespace", .state = LAYER_NOT_REQUESTED},
    [NAMESPACE_UTS] = {.name = "uts-namespace", .state = LAYER_NOT_REQUESTED},
    [NAMESPACE_CGROUP] = {.name = "cgroup-namespace", .state = LAYER_NOT_REQUESTED},
    [ROOT] = {.name = "root-filesystem", .state = LAYER_NOT_REQUESTED},
    [LANDLOCK] = {.name = "landlock", .state = LAYER_NOT_REQUESTED},
    [SECCOMP] = {.name = "seccomp", .state = LAYER_NOT_REQUESTED},
    [NO_NEW_PRIVS] = {.name = "no-new-privs", .state = LAYER_NOT_REQUESTED},
    [CAPABILITIES] = {.name = "capabilities", .state = LAYER_NOT_REQUESTED},
    [UID] = {.name = "uid", .state = LAYER_NOT_REQUESTED},
};

int confine_option(int argc, char **argv, int index)
{
    return confine_parse(&options, argc, argv, index);
}

const struct layer *confine_layers(size_t *count)
{
    *count = LAYER_COUNT;
    return layers;
}

/* Namespaces that we are about to leave are the host's, unless the launcher said which are. */
static void enter_namespaces(struct namespaces_outcome *outcome)
{
    const struct namespaces_request request = {options.user, options.masks.items, options.masks.count, options.keeps_network};
    for (size_t kind = 0; kind < NAMESPACE_KINDS; kind++)
        if (options.expected[kind] == 0 && !(kind == NAMESPACE_NET && options.keeps_network))
            options.expected[kind] = namespace_inode((enum namespace_kind)kind);
    namespaces_enter(&request, outcome);
}

static void apply_landlock(void)
{
    const struct landlock_rules rules = {
        .read = options.landlock_read.items,
        .read_count = options.landlock_read.count,
        .write = options.landlock_write.items,
        .write_count = options.landlock_write.count,
        .deny_tcp = options.denies_network,
    };
    landlock_apply(&layers[LANDLOCK], &rules);
}

static void verify_namespaces(const struct namespaces_outcome *outcome)
{
    for (size_t kind = 0; kind < NAMESPACE_KINDS; kind++)
        verify_namespace(&layers[kind], (enum namespace_kind)kind, options.expected[kind], outcome->problems[kind]);
    for (size_t kind = 0; kind < NAMESPACE_KINDS; kind++)
        if (options.own[kind])
            verify_own_namespace(&layers[kind], (enum namespace_kind)kind);
    struct layer *pid = &layers[NAMESPACE_PID];
    size_t used = strlen(pid->detail);
    (void)snprintf(pid->detail + used, sizeof pid->detail - used, "%s", outcome->process_view);
}

static bool is_active(const char *name)
{
    for (size_t index = 0; index < LAYER_COUNT; index++)
        if (strcmp(layers[index].name, name) == 0) {
            if (layers[index].state != LAYER_ACTIVE)
                fprintf(stderr, "shelld: required layer %s is not active: %s\n", name,
                        layers[index].detail[0] ? layers[index].detail : "not requested");
            return layers[index].state == LAYER_ACTIVE;
        }
    fprintf(stderr, "shelld: required layer %s does not exist\n", name);
    return false;
}

static bool has_required_layers(void)
{
    bool has_all = true;
    for (size_t index = 0; index < options.required.count; index++)
        has_all &= is_active(options.required.items[index]);
    return has_all;
}

bool confine_apply(void)
{
    const bool has_landlock = options.landlock_read.count + options.landlock_write.count > 0;
    struct namespaces_outcome outcome = {0};
    if (options.has_namespaces)
        enter_namespaces(&outcome);
    if (options.has_kept_capabilities)
        capabilities_drop(options.kept_capabilities);
    if (!options.allows_new_privs)
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    /* Before Landlock, which may take /proc away. */
    verify_namespaces(&outcome);
    verify_root(&layers[ROOT], options.host_root_device, options.host_root_inode);
    if (options.own[NAMESPACE_MOUNT])
        verify_own_root(&layers[ROOT]);
    verify_uid(&layers[UID], options.outer_root);
    /* A network of our own holds loopback and nothing else: sockets in it need no refusing. */
    if (options.has_namespaces && layers[NAMESPACE_NET].state == LAYER_ACTIVE)
        options.denies_network = false;
    if (has_landlock) {
        struct landlock_probe probe = landlock_probe_arm();
        apply_landlock();
        verify_landlock(&layers[LANDLOCK], &probe);
    }
    if (options.has_seccomp)
        seccomp_apply(&layers[SECCOMP], options.denies_network);
    verify_seccomp(&layers[SECCOMP], options.has_seccomp, options.denies_network);
    if (!options.allows_new_privs)
        verify_no_new_privs(&layers[NO_NEW_PRIVS]);
    capabilities_verify(&layers[CAPABILITIES], options.kept_capabilities, options.has_kept_capabilities);
    return has_required_layers();
}
