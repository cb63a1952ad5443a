#include "launch_mounts.h"
#include "launch_error.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* mount(2) by hand: <sys/mount.h> and <linux/mount.h> cannot be included together on older libcs. */
static int sys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
    return (int)syscall(SYS_mount, source, target, type, flags, data);
}

/* Newer than some libcs; the numbers are the same on every architecture. */
enum { SYS_OPEN_TREE = 428, SYS_MOVE_MOUNT = 429, SYS_OPENAT2 = 437, SYS_MOUNT_SETATTR = 442 };
/* Docker's limit of layers in an image, and one. */
enum { MAX_LOWER = 128 };
enum { TREE_CLONE = 1, TREE_EMPTY_PATH = 0x1000, MOVE_FROM_FD = 4 };

struct mount_attributes {
    uint64_t attr_set, attr_clr, propagation, userns_fd;
};

void mounts_staged_path(char *out, unsigned long size, const char *stage, const char *name)
{
    launch_path(out, size, "%s/%s", stage, name);
}

void mounts_begin(const char *stage)
{
    if (unshare(CLONE_NEWNS) < 0)
        launch_fail("unshare", "mount namespace");
    /* SAFETY: nothing that is mounted here may propagate to the host; leak snapshots around every create hold it. */
    if (sys_mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        launch_fail("make private", "/");
    if (sys_mount("sovereign", stage, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") < 0)
        launch_fail("mount tmpfs", stage);
}

void mounts_directory(const char *stage, const char *name)
{
    char target[4096];
    mounts_staged_path(target, sizeof target, stage, name);
    if (mkdir(target, 0755) < 0)
        launch_fail("mkdir", target);
}

static void make_mount_point_like(const struct stat *info, const char *target)
{
    if (S_ISDIR(info->st_mode)) {
        if (mkdir(target, 0755) < 0 && errno != EEXIST)
            launch_fail("mkdir", target);
        return;
    }
    int fd = open(target, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0)
        launch_fail("create", target);
    close(fd);
}

static void make_mount_point(const char *source, const char *target)
{
    struct stat info;
    if (stat(source, &info) < 0)
        launch_fail("stat", source);
    make_mount_point_like(&info, target);
}

bool mounts_stage(const char *stage, const char *source, const char *name, int idmap_fd)
{
    char target[4096];
    mounts_staged_path(target, sizeof target, stage, name);
    make_mount_point(source, target);
    if (idmap_fd < 0) {
        if (sys_mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
            launch_fail("bind", source);
        return true;
    }
    /* Submounts are left out: one that cannot be mapped (a tmpfs of old, NFS) would refuse the whole tree. */
    int tree = (int)syscall(SYS_OPEN_TREE, AT_FDCWD, source, TREE_CLONE | O_CLOEXEC);
    if (tree < 0)
        return false;
    struct mount_attributes attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)idmap_fd};
    if (syscall(SYS_MOUNT_SETATTR, tree, "", TREE_EMPTY_PATH, &attributes, sizeof attributes) < 0) {
        int saved = errno;
        close(tree);
        errno = saved;
        return false;
    }
    if (syscall(SYS_MOVE_MOUNT, tree, "", AT_FDCWD, target, MOVE_FROM_FD) < 0)
        launch_fail("attach", target);
    close(tree);
    return true;
}

void mounts_shield(const char *stage, const char *workspace, const char *relative, const char *name, bool pin)
{
    char target[4096];
    struct stat info;
    mounts_staged_path(target, sizeof target, stage, workspace);
    int root = open(target, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        launch_fail("open", target);
    /* SAFETY: the workspace belongs to guests, perhaps to one that runs now; no link in it may choose what is bound. */
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int found = (int)syscall(SYS_OPENAT2, root, relative, &how, sizeof how);
    close(root);
    if (found < 0)
        return;
    mounts_staged_path(target, sizeof target, stage, name);
    if (fstat(found, &info) < 0)
        launch_fail("stat", relative);
    make_mount_point_like(&info, target);
    int tree = (int)syscall(SYS_OPEN_TREE, found, "", TREE_CLONE | TREE_EMPTY_PATH | O_CLOEXEC);
    struct mount_attributes read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    if (tree >= 0 && pin && !S_ISDIR(info.st_mode) &&
        syscall(SYS_MOUNT_SETATTR, tree, "", TREE_EMPTY_PATH, &read_only, sizeof read_only) < 0)
        launch_fail("make read-only", relative);
    if (tree < 0 || syscall(SYS_MOVE_MOUNT, tree, "", AT_FDCWD, target, MOVE_FROM_FD) < 0)
        launch_fail("attach", target);
    close(tree);
    close(found);
}

/*
 * Opens a lower directory: a staged name, or a path below one. SAFETY: what stands below a staged name may be an image's;
 * no link in it chooses what is mounted.
 */
static int open_lower(int stage_fd, const char *name)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_OPENAT2, stage_fd, name, &how, sizeof how);
    if (fd < 0)
        launch_fail("open layer", name);
    return fd;
}

void mounts_overlay(const char *stage, const char *name, char *lowers, const char *layer)
{
    /* The mount namespace of mounts_begin() belongs to the host's user namespace; ours may not mount there. */
    if (unshare(CLONE_NEWNS) < 0)
        launch_fail("unshare", "mount namespace of the guest");
    char target[4096], options[4096] = "lowerdir=";
    int fds[MAX_LOWER], count = 0;
    int stage_fd = open(stage, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (stage_fd < 0)
        launch_fail("open", stage);
    /* By descriptor: the names of 127 layers would not fit into the one page that mount(2) takes of options. */
    for (char *lower; (lower = strsep(&lowers, ":")) != NULL; count++) {
        if (count == MAX_LOWER) {
            errno = E2BIG;
            launch_fail("mount overlay", "of so many layers");
        }
        fds[count] = open_lower(stage_fd, lower);
        size_t used = strlen(options);
        launch_path(options + used, sizeof options - used, "%s/proc/self/fd/%d", count > 0 ? ":" : "", fds[count]);
    }
    size_t used = strlen(options);
    mounts_staged_path(target, sizeof target, stage, layer);
    launch_path(options + used, sizeof options - used, ",upperdir=%s/upper,workdir=%s/work,userxattr", target, target);
    mounts_staged_path(target, sizeof target, stage, name);
    if (sys_mount("sovereign", target, "overlay", MS_NODEV, options) < 0)
        launch_fail("mount overlay", options);
    close(stage_fd);
    while (count > 0)
        close(fds[--count]);
}
