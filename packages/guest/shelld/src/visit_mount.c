#include "visit.h"
#include "visit_guest.h"
#include "visit_loop.h"
#include "visit_target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char usage[] =
    "usage: shelld mount --pid PID --start TICKS (--source PATH | --image FILE) --target PATH [--read-only] [--plain]\n"
    "       shelld unmount --pid PID --start TICKS (--source PATH | --image FILE) --target PATH\n"
    "\n"
    "Mounts a directory or file of the host, or the ext4 file system in FILE, in a guest that runs, or takes it away.\n"
    "PID and TICKS are those that `shelld launch` printed. Files are mapped as a guest's own, with --plain not at all.\n"
    "Exits with 16 when it is in use, 17 when guest or mount are gone, 18 when a link is in the way, 19 when something\n"
    "is mounted there already.\n";

enum { SYS_OPEN_TREE = 428, SYS_MOVE_MOUNT = 429, SYS_MOUNT_SETATTR = 442 };
enum { TREE_CLONE = 1, EMPTY_PATH = 0x1000, MOVE_FROM_FD = 4, MOVE_TO_FD = 0x40, UMOUNT_NO_FOLLOW = 8 };

struct mount_attributes {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};

struct request {
    struct visit_name guest;
    const char *source, *image, *target;
    bool is_read_only, is_plain;
};

static struct request parse(int argc, char **argv)
{
    struct request request = {0};
    for (int index = 0; index < argc; index++) {
        const char *option = argv[index], *value = index + 1 < argc ? argv[index + 1] : NULL;
        if (strcmp(option, "--read-only") == 0) {
            request.is_read_only = true;
            continue;
        }
        if (strcmp(option, "--plain") == 0) {
            request.is_plain = true;
            continue;
        }
        bool is_known = value != NULL;
        if (is_known && strcmp(option, "--source") == 0)
            request.source = value;
        else if (is_known && strcmp(option, "--image") == 0)
            request.image = value;
        else if (is_known && strcmp(option, "--target") == 0)
            request.target = value;
        else
            is_known = is_known && visit_name_option(&request.guest, option, value);
        if (!is_known) {
            dprintf(STDERR_FILENO, "%s", usage);
            _exit(2);
        }
        index++;
    }
    bool has_one_source = (request.source == NULL) != (request.image == NULL);
    if (!has_one_source || request.target == NULL || request.target[0] != '/' || request.target[1] == '\0') {
        dprintf(STDERR_FILENO, "%s", usage);
        _exit(2);
    }
    return request;
}

static void enter_mounts(const struct visited *guest)
{
    if (setns(guest->mount_fd, CLONE_NEWNS) < 0)
        visit_fail(1, "enter", "mount namespace");
}

static int clone_tree(const char *source, bool *is_file)
{
    struct stat info;
    int found = open(source, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (found < 0 || fstat(found, &info) < 0)
        visit_fail(1, "open", source);
    *is_file = !S_ISDIR(info.st_mode);
    int tree = (int)syscall(SYS_OPEN_TREE, found, "", TREE_CLONE | EMPTY_PATH | O_CLOEXEC);
    if (tree < 0)
        visit_fail(1, "clone", source);
    close(found);
    return tree;
}

static void set_attributes(int tree, const struct request *request, int idmap_fd)
{
    struct mount_attributes attributes = {.attr_set = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID};
    if (request->is_read_only)
        attributes.attr_set |= MOUNT_ATTR_RDONLY;
    if (idmap_fd >= 0) {
        attributes.attr_set |= MOUNT_ATTR_IDMAP;
        attributes.userns_fd = (uint64_t)idmap_fd;
    }
    if (syscall(SYS_MOUNT_SETATTR, tree, "", EMPTY_PATH, &attributes, sizeof attributes) < 0)
        visit_fail(1, "map the owners of", request->source != NULL ? request->source : request->image);
}

int visit_mount_main(int argc, char **argv)
{
    struct request request = parse(argc, argv);
    struct visited guest = visit_open(&request.guest);
    bool is_file = false, is_root = geteuid() == 0;
    int tree;
    if (request.image != NULL)
        tree = loop_mount(request.image);
    else if (is_root)
        tree = clone_tree(request.source, &is_file);
    if (is_root) {
        set_attributes(tree, &request, request.is_plain ? -1 : guest.user_fd);
        visit_become(&guest);
    } else {
        /* Only who may mount in a namespace may clone from it: in a copy of the host's that the guest's user owns. */
        visit_become(&guest);
        if (unshare(CLONE_NEWNS) < 0)
            visit_fail(1, "unshare", "mount namespace");
        tree = clone_tree(request.source, &is_file);
        set_attributes(tree, &request, -1);
    }
    enter_mounts(&guest);
    struct stat info;
    int target = target_make(request.target, is_file);
    if (target_is_mount(target, &info)) {
        errno = EBUSY;
        visit_fail(VISIT_TAKEN, "something is mounted at", request.target);
    }
    if (syscall(SYS_MOVE_MOUNT, tree, "", target, "", MOVE_FROM_FD | MOVE_TO_FD) < 0)
        visit_fail(1, "mount at", request.target);
    return 0;
}

int visit_unmount_main(int argc, char **argv)
{
    struct request request = parse(argc, argv);
    struct visited guest = visit_open(&request.guest);
    struct stat expected = {0}, found;
    if (request.image != NULL ? !loop_device_of(request.image, &expected.st_dev)
                              : lstat(request.source, &expected) < 0)
        visit_fail(VISIT_NOT_THERE, "find", request.source != NULL ? request.source : request.image);
    visit_become(&guest);
    enter_mounts(&guest);
    const char *name;
    int parent = target_parent(request.target, &name);
    int mounted = parent < 0 ? -1 : openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    /* SAFETY: the guest can move directories above a mount; only what is this very volume is taken away. */
    bool is_it = mounted >= 0 && target_is_mount(mounted, &found) && found.st_dev == expected.st_dev &&
                 (request.image != NULL || found.st_ino == expected.st_ino);
    if (!is_it) {
        errno = ENOENT;
        visit_fail(VISIT_NOT_THERE, "find the mount", request.target);
    }
    /* A descriptor of it would keep it busy. */
    close(mounted);
    if (fchdir(parent) < 0)
        visit_fail(1, "enter", request.target);
    if (syscall(SYS_umount2, name, UMOUNT_NO_FOLLOW) < 0)
        visit_fail(errno == EBUSY ? VISIT_BUSY : 1, "unmount", request.target);
    return 0;
}
