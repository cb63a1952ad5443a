#include "verify_own.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* linux/magic.h */
enum { OVERLAY_MAGIC = 0x794c7630 };

/* Inodes of the namespaces that the kernel starts with; since Linux 6.18 mnt and net have fixed ones, too. */
static const uint64_t initial[NAMESPACE_KINDS] = {
    [NAMESPACE_MOUNT] = 0xEFFFFFF8u, [NAMESPACE_PID] = 0xEFFFFFFCu,  [NAMESPACE_NET] = 0xEFFFFFF9u,
    [NAMESPACE_USER] = 0xEFFFFFFDu,  [NAMESPACE_IPC] = 0xEFFFFFFFu,  [NAMESPACE_UTS] = 0xEFFFFFFEu,
    [NAMESPACE_CGROUP] = 0xEFFFFFFBu,
};

static bool is_overlay(void)
{
    struct statfs root;
    return statfs("/", &root) == 0 && (uint64_t)root.f_type == OVERLAY_MAGIC;
}

/* Devices other than loopback. */
static size_t count_cards(void)
{
    struct if_nameindex *all = if_nameindex();
    size_t count = 0;
    if (all == NULL)
        return 1;
    for (struct if_nameindex *one = all; one->if_index != 0; one++)
        count += strcmp(one->if_name, "lo") != 0;
    if_freenameindex(all);
    return count;
}

static const char *problem_of(enum namespace_kind kind)
{
    switch (kind) {
    case NAMESPACE_MOUNT:
        return is_overlay() ? NULL : "the root is no mount of a container engine";
    case NAMESPACE_PID:
        return getpid() == 1 ? NULL : "we are not its first process";
    case NAMESPACE_NET:
        return count_cards() == 0 ? NULL : "it has devices besides loopback";
    default:
        return NULL;
    }
}

void verify_own_namespace(struct layer *layer, enum namespace_kind kind)
{
    uint64_t inode = namespace_inode(kind);
    const char *problem = problem_of(kind);
    if (inode == 0)
        layer_set(layer, LAYER_FAILED, "/proc/self/ns is not readable");
    else if (inode == initial[kind])
        layer_set(layer, LAYER_FAILED, "%" PRIu64 " is the one of the kernel's start", inode);
    else if (problem != NULL)
        layer_set(layer, LAYER_FAILED, "%" PRIu64 ", but %s", inode, problem);
    else
        layer_set(layer, LAYER_ACTIVE, "%" PRIu64 ", judged from inside", inode);
}

void verify_own_root(struct layer *layer)
{
    if (is_overlay())
        layer_set(layer, LAYER_ACTIVE, "an overlay of the engine, judged from inside");
    else
        layer_set(layer, LAYER_FAILED, "no overlay: it may be the host's");
}
