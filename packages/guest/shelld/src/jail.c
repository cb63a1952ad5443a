#define _GNU_SOURCE 1
#include "jail.h"

#include "frames.gen.h"
#include "jail_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From linux/openat2.h (Linux 5.6), which the headers of musl do not bring. The number is the same on every machine. */
enum { OPENAT2 = 437, NO_XDEV = 0x01, NO_MAGICLINKS = 0x02, BENEATH = 0x08, IN_ROOT = 0x10 };
struct how {
    uint64_t flags, mode, resolve;
};

/* The kernel answers EAGAIN when a rename anywhere crossed a ".."; so many in a row are no accident. */
enum { MAX_RETRIES = 256 };

struct root {
    const char *path;
    unsigned depth; /* Components. */
    int fd;
};

static struct root roots[JAIL_MAX_ROOTS];
static size_t root_count;
static bool walks; /* openat2 is missing, or a seccomp filter hides it. */

/* Where a path goes: its root, and what follows it. */
struct route {
    const struct root *root;
    char rest[LIMIT_MAX_PATH_BYTES];
};

/* The kernel resolves and opens in one step. Answers a descriptor or -errno. */
static int open_by_kernel(int directory, const char *path, int flags, unsigned resolve)
{
    struct how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC), .resolve = resolve};
    long fd = -1;
    for (int attempt = 0; attempt < MAX_RETRIES; attempt++) {
        fd = syscall(OPENAT2, directory, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd >= 0 ? (int)fd : -errno;
}

/* SAFETY: no link, no ".." and no rename leads out of the root (test_jail.c: escapes, race). */
static int open_below_by_kernel(const struct root *root, const char *path, int flags)
{
    int fd = open_by_kernel(root->fd, path, flags, NO_MAGICLINKS | (root->depth == 0 ? IN_ROOT : BENEATH));
    return fd == -EXDEV ? -JAIL_OUTSIDE : fd;
}

static int open_below(const struct root *root, const char *rest, int flags)
{
    const char *path = rest[0] == 0 ? "." : rest;
    return walks ? jail_walk(root->fd, path, flags) : open_below_by_kernel(root, path, flags);
}

bool jail_add_root(const char *path)
{
    struct slice left = slice_of(path), component;
    struct root root = {.path = path};
    errno = EINVAL;
    if (path[0] != '/' || root_count == JAIL_MAX_ROOTS)
        return false;
    while (path_next(&left, &component)) {
        if (path_is(component, ".."))
            return false;
        root.depth++;
    }
    root.fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root.fd < 0)
        return false;
    /* EPERM is what a seccomp profile says that does not know the call; opening "." has no other reason for it. */
    int probe = open_below_by_kernel(&root, ".", O_PATH | O_DIRECTORY);
    if (probe >= 0)
        close(probe);
    else if (probe == -ENOSYS || probe == -EPERM)
        walks = true;
    roots[root_count++] = root;
    return true;
}

size_t jail_root_count(void) { return root_count; }
const char *jail_root_path(size_t index) { return index < root_count ? roots[index].path : NULL; }
void jail_use_walk(bool use_walk) { walks = use_walk; }

static int find_route(struct slice path, struct route *route)
{
    struct slice rest, best = {NULL, 0};
    route->root = NULL;
    if (path.length == 0)
        return -ENOENT;
    if (path.data[0] != '/')
        return -EINVAL;
    if (path.length >= sizeof route->rest)
        return -ENAMETOOLONG;
    for (size_t index = 0; index < root_count; index++) {
        if (!path_is_below(path, slice_of(roots[index].path), &rest))
            continue;
        if (route->root == NULL || roots[index].depth > route->root->depth) {
            route->root = &roots[index];
            best = rest;
        }
    }
    if (route->root == NULL)
        return -JAIL_OUTSIDE;
    memcpy(route->rest, best.data, best.length);
    route->rest[best.length] = 0;
    return 0;
}

int jail_open(struct slice path, int flags)
{
    struct route route;
    int refusal = find_route(path, &route);
    return refusal < 0 ? refusal : open_below(route.root, route.rest, flags);
}

int jail_open_child(int directory, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    struct stat outer, inner;
    if (!walks) {
        int fd = open_by_kernel(directory, name, flags, NO_XDEV | BENEATH);
        return fd == -EXDEV ? -EBUSY : fd;
    }
    int fd = openat(directory, name, flags);
    if (fd < 0)
        return -errno;
    if (fstat(directory, &outer) == 0 && fstat(fd, &inner) == 0 && outer.st_dev == inner.st_dev)
        return fd;
    close(fd);
    return -EBUSY;
}

int jail_make_directory(int parent, const char *name, unsigned mode)
{
    mode_t before = umask(0);
    int outcome = mkdirat(parent, name, mode & 01777) == 0 ? 0 : -errno;
    umask(before);
    return outcome;
}

/* Takes the last component off a path without trailing slashes. Returns it, and leaves the directory in rest. */
static char *split_last(char *rest)
{
    char *slash = strrchr(rest, '/');
    if (slash == NULL)
        return rest;
    *slash = 0;
    return slash + 1;
}

/* Makes one directory if it is missing and steps into it; closes the one it comes from. */
static int make_and_enter(int directory, struct slice component)
{
    char name[NAME_MAX + 1];
    if (component.length > NAME_MAX || path_is(component, "..")) {
        close(directory);
        return component.length > NAME_MAX ? -ENAMETOOLONG : -EINVAL;
    }
    memcpy(name, component.data, component.length);
    name[component.length] = 0;
    int outcome = jail_make_directory(directory, name, 0755);
    /* SAFETY: O_NOFOLLOW, so that a link put in this place leads nowhere (test_jail.c: parents race). */
    if (outcome == 0 || outcome == -EEXIST) {
        outcome = openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (outcome < 0)
            outcome = -errno;
    }
    close(directory);
    return outcome;
}

/* Opens the longest part of a path that exists, and makes what follows below it, descriptor by descriptor. */
static int open_or_make(const struct root *root, char *path)
{
    struct slice missing, component;
    size_t length = strlen(path), kept = length;
    int directory = open_below(root, path, O_PATH | O_DIRECTORY);
    while (directory == -ENOENT && kept > 0) {
        while (kept > 0 && path[kept - 1] != '/')
            kept--;
        while (kept > 0 && path[kept - 1] == '/')
            kept--;
        char cut = path[kept];
        path[kept] = 0;
        directory = open_below(root, path, O_PATH | O_DIRECTORY);
        path[kept] = cut;
    }
    missing = (struct slice){(const uint8_t *)path + kept, (uint32_t)(length - kept)};
    while (directory >= 0 && path_next(&missing, &component))
        directory = make_and_enter(directory, component);
    return directory;
}

int jail_open_place(struct slice path, bool make_parents, struct jail_place *place)
{
    struct route route;
    int refusal = find_route(path, &route);
    if (refusal < 0)
        return refusal;
    size_t length = strlen(route.rest);
    place->wants_directory = length > 0 && route.rest[length - 1] == '/';
    while (length > 0 && route.rest[length - 1] == '/')
        route.rest[--length] = 0;
    if (length == 0)
        return -EBUSY;
    const char *name = split_last(route.rest);
    /* SAFETY: only a plain name, so that the calls that take it stay in this directory (test_jail.c: places). */
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return -EINVAL;
    if (strlen(name) > NAME_MAX)
        return -ENAMETOOLONG;
    strcpy(place->name, name);
    char *directory = name == route.rest ? route.rest + length : route.rest;
    place->directory = make_parents ? open_or_make(route.root, directory)
                                    : open_below(route.root, directory, O_PATH | O_DIRECTORY);
    return place->directory < 0 ? place->directory : 0;
}
