#define _GNU_SOURCE 1
#include "jail_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jail_path.h"

/*
 * Opens one component.
 * SAFETY: what is judged is the descriptor that goes on being used, never a name that could be swapped in between
 * (test_jail.c: race).
 */
static int open_component(int directory, struct slice component, int flags, bool may_be_link)
{
    char name[NAME_MAX + 1];
    struct stat facts;
    if (component.length > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(name, component.data, component.length);
    name[component.length] = 0;
    /* A ".." means the parent of now, which a rename may have put outside the root: there is no safe way to step up. */
    if (path_is(component, ".."))
        return -JAIL_OUTSIDE;
    int fd = openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        /* With O_DIRECTORY a link is "not a directory"; the second look only explains the refusal. */
        if (errno == ENOTDIR && fstatat(directory, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(facts.st_mode))
            return -ELOOP;
        return -errno;
    }
    if (may_be_link || (fstat(fd, &facts) == 0 && !S_ISLNK(facts.st_mode)))
        return fd;
    close(fd);
    return -ELOOP;
}

int jail_walk(int root, const char *path, int flags)
{
    struct slice left = slice_of(path), component, following;
    if (left.length > 0 && left.data[left.length - 1] == '/')
        flags |= O_DIRECTORY;
    if (!path_next(&left, &component)) {
        int fd = openat(root, ".", flags | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
    }
    int at = root;
    while (path_next(&left, &following)) {
        int next = open_component(at, component, O_PATH, false);
        if (at != root)
            close(at);
        if (next < 0)
            return next;
        at = next;
        component = following;
    }
    int fd = open_component(at, component, flags, (flags & O_PATH) && (flags & O_NOFOLLOW));
    if (at != root)
        close(at);
    return fd;
}
