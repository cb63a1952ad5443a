#include "visit_target.h"
#include "visit_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SYS_OPENAT2 = 437, PATH_BYTES = 4096, STATX_BYTES = 256 };

/* SAFETY: the guest may swap any component at any moment; one component at a time, no link followed, nothing outside.
 * Held by tests/quilt/hostile-volumes.test.ts. */
static int open_component(int directory, const char *name)
{
    struct open_how how = {
        .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_OPENAT2, directory, name, &how, sizeof how);
}

static int make_component(int directory, const char *name, bool is_file)
{
    if (!is_file)
        return mkdirat(directory, name, 0755);
    int fd = openat(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static void check_kind(int fd, bool is_file, const char *path)
{
    struct stat info;
    if (fstat(fd, &info) < 0)
        visit_fail(1, "stat", path);
    errno = S_ISLNK(info.st_mode) ? ELOOP : is_file ? EISDIR : ENOTDIR;
    if (is_file ? !S_ISREG(info.st_mode) : !S_ISDIR(info.st_mode))
        visit_fail(S_ISLNK(info.st_mode) ? VISIT_LINK : 1, "a directory is expected in", path);
}

int target_make(const char *path, bool is_file)
{
    char copy[PATH_BYTES], *rest = copy;
    int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0 || strlen(path) >= sizeof copy)
        visit_fail(1, "resolve", path);
    strcpy(copy, path);
    for (char *name; (name = strsep(&rest, "/")) != NULL;) {
        if (*name == '\0')
            continue;
        bool is_end_file = is_file && rest == NULL;
        int next = open_component(at, name);
        if (next < 0 && errno == ENOENT) {
            if (make_component(at, name, is_end_file) < 0 && errno != EEXIST)
                visit_fail(1, "make", path);
            next = open_component(at, name);
        }
        if (next < 0)
            visit_fail(errno == ELOOP ? VISIT_LINK : 1, "resolve", path);
        check_kind(next, is_end_file, path);
        close(at);
        at = next;
    }
    return at;
}

int target_parent(const char *path, const char **name)
{
    static char copy[PATH_BYTES];
    char *last, *rest = copy;
    int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (at < 0 || strlen(path) >= sizeof copy || (last = strrchr(strcpy(copy, path), '/')) == NULL)
        visit_fail(1, "resolve", path);
    *last = '\0';
    *name = last + 1;
    for (char *component; (component = strsep(&rest, "/")) != NULL;) {
        if (*component == '\0')
            continue;
        int next = open_component(at, component);
        int reason = errno;
        close(at);
        errno = reason;
        if (next < 0)
            return -1;
        at = next;
    }
    return at;
}

bool target_is_mount(int fd, struct stat *info)
{
    /* statx(2) is newer than some libcs. */
    union {
        struct statx fields;
        char bytes[STATX_BYTES];
    } extended;
    memset(&extended, 0, sizeof extended);
    return fstat(fd, info) == 0 && syscall(SYS_statx, fd, "", AT_EMPTY_PATH, 0, &extended) == 0 &&
           (extended.fields.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}
