#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "verify.h"

#include "id_map.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { SECCOMP_MODE_FILTER_ACTIVE = 2, CLONE3 = 435 };

/* 0 when it opens, else errno. "/" may be listed by everyone on any ordinary host. */
static int list_root(void)
{
    int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return errno;
    close(directory);
    return 0;
}

struct landlock_probe landlock_probe_arm(void)
{
    struct landlock_probe probe = {socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), list_root() == 0};
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    /* An address of only a family makes the kernel pick an abstract name. */
    if (probe.abstract_socket >= 0 &&
        bind(probe.abstract_socket, (struct sockaddr *)&any, sizeof any.sun_family) != 0) {
        close(probe.abstract_socket);
        probe.abstract_socket = -1;
    }
    return probe;
}

/* 0 when it connects, else errno. */
static int connect_to(int server)
{
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (client < 0)
        return errno;
    int result = getsockname(server, (struct sockaddr *)&address, &length) != 0 ? errno
                 : connect(client, (struct sockaddr *)&address, length) != 0    ? errno
                                                                                : 0;
    close(client);
    return result;
}

void verify_landlock(struct layer *layer, struct landlock_probe *probe)
{
    bool is_refused = (probe->can_list_root && list_root() == EACCES) ||
                      (probe->abstract_socket >= 0 && connect_to(probe->abstract_socket) == EPERM);
    if (probe->abstract_socket >= 0)
        close(probe->abstract_socket);
    if (layer->state == LAYER_ACTIVE && !is_refused)
        layer_set(layer, LAYER_FAILED, "restricted, but no probe was refused");
}

/* Calls that fail in another way where no filter is: a bad keyctl with EOPNOTSUPP, a clone3 without arguments with
 * EINVAL. */
static bool refuses_the_profile(void)
{
    bool has_default = syscall(SYS_keyctl, ~0u, 0, 0, 0, 0) < 0 && errno == EPERM;
    bool has_fallback = syscall(CLONE3, NULL, 0) < 0 && errno == ENOSYS;
    return has_default && has_fallback;
}

static bool refuses_network(void)
{
    int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (handle >= 0)
        close(handle);
    return handle < 0 && errno == EACCES;
}

void verify_seccomp(struct layer *layer, bool is_requested, bool deny_network)
{
    bool is_active = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == SECCOMP_MODE_FILTER_ACTIVE && refuses_the_profile();
    if (is_requested && layer->state == LAYER_ACTIVE && (!is_active || (deny_network && !refuses_network())))
        layer_set(layer, LAYER_FAILED, "installed, but a probe was not refused");
    else if (!is_requested && is_active)
        layer_set(layer, LAYER_ACTIVE, "from whoever started shelld");
}

void verify_no_new_privs(struct layer *layer)
{
    bool is_set = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    layer_set(layer, is_set ? LAYER_ACTIVE : LAYER_FAILED, "%s", is_set ? "set-uid programs gain nothing" : "not set");
}

void verify_namespace(struct layer *layer, enum namespace_kind kind, uint64_t host_inode, const char *problem)
{
    if (host_inode == 0)
        return;
    uint64_t inode = namespace_inode(kind);
    if (inode == 0)
        layer_set(layer, LAYER_FAILED, "/proc/self/ns is not readable");
    else if (inode == host_inode)
        layer_set(layer, LAYER_FAILED, "%" PRIu64 " is the host's%s%s", inode, problem[0] ? ": " : "", problem);
    else if (problem[0])
        layer_set(layer, LAYER_FAILED, "%" PRIu64 ", but %s", inode, problem);
    else
        layer_set(layer, LAYER_ACTIVE, "%" PRIu64 ", host %" PRIu64, inode, host_inode);
}

void verify_uid(struct layer *layer, uint64_t outer_root)
{
    struct id_range range;
    unsigned uid = geteuid();
    FILE *map = fopen("/proc/self/uid_map", "re");
    bool is_found = false;
    while (map != NULL && !is_found && id_map_next(map, &range))
        is_found = uid >= range.inside && uid - range.inside < range.count;
    if (map != NULL)
        fclose(map);
    if (!is_found)
        layer_set(layer, LAYER_FAILED, "uid %u, and no line of /proc/self/uid_map for it", uid);
    else if (outer_root + range.outside + (uid - range.inside) == 0)
        layer_set(layer, LAYER_NOT_REQUESTED, "uid %u → host 0, which is root", uid);
    else
        layer_set(layer, LAYER_ACTIVE, "uid %u → host %" PRIu64, uid, outer_root + range.outside + (uid - range.inside));
}

void verify_root(struct layer *layer, uint64_t host_device, uint64_t host_inode)
{
    struct stat root;
    if (host_inode == 0)
        return;
    if (stat("/", &root) < 0)
        layer_set(layer, LAYER_FAILED, "the root directory cannot be looked at");
    else if (root.st_dev == host_device && root.st_ino == host_inode)
        layer_set(layer, LAYER_FAILED, "it is the host's");
    else
        layer_set(layer, LAYER_ACTIVE, "not the host's");
}
