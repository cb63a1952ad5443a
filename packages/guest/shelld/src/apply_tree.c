#include "apply_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SYS_OPENAT2 = 437, BLOCK = 65536, PATH_BYTES = TREE_PATH_BYTES, LOCK_TRIES = 3000, NAME_BYTES = 64 };

static char partial[NAME_BYTES];
static tree_may_replace *asked;

void tree_ask(tree_may_replace *may_replace)
{
    asked = may_replace;
}

static bool may_replace(int parent, const char *name)
{
    if (asked == NULL || asked(parent, name))
        return true;
    errno = ESTALE;
    return false;
}

bool tree_name_partial(const char *step)
{
    if (*step == '\0' || strchr(step, '/') != NULL || strlen(step) + sizeof ".sovereign-" > sizeof partial)
        return false;
    (void)snprintf(partial, sizeof partial, ".sovereign-%s", step);
    return true;
}

bool tree_is_partial(const char *name)
{
    return strcmp(name, partial) == 0;
}

bool tree_clear_partial(int directory)
{
    return unlinkat(directory, partial, 0) == 0 || errno == ENOENT;
}

int tree_open_locked(const char *path)
{
    int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int tries = 0; root >= 0 && flock(root, LOCK_EX | LOCK_NB) < 0; tries++) {
        if ((errno != EWOULDBLOCK && errno != EINTR) || tries == LOCK_TRIES) {
            int reason = errno;
            close(root);
            errno = reason;
            return -1;
        }
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return root;
}

int tree_parent(int root, const char *path, char *copy, const char **name)
{
    if (strlen(path) >= PATH_BYTES) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(copy, path);
    char *slash = strrchr(copy, '/');
    *name = slash == NULL ? copy : slash + 1;
    if (slash != NULL)
        *slash = '\0';
    /* SAFETY: no link on the way is followed, whoever made it and when. Held by tests/quilt/review.test.ts. */
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_OPENAT2, root, slash == NULL ? "." : copy, &how, sizeof how);
}

static bool remove_below(int parent, const char *name, int depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return true;
    if ((errno != EISDIR && errno != EPERM) || depth > TREE_MAX_DEPTH)
        return false;
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = directory < 0 ? NULL : fdopendir(directory);
    if (entries == NULL)
        return false;
    bool is_removed = true;
    for (struct dirent *entry; is_removed && (entry = readdir(entries)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            is_removed = remove_below(dirfd(entries), entry->d_name, depth + 1);
    closedir(entries);
    return is_removed && (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

bool tree_remove(int parent, const char *name)
{
    return may_replace(parent, name) && remove_below(parent, name, 0);
}

static bool copy_content(int from, int to)
{
    static char block[BLOCK];
    for (;;) {
        ssize_t got = read(from, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0;
        for (ssize_t written = 0, more; written < got; written += more)
            if ((more = write(to, block + written, (size_t)(got - written))) < 0)
                return false;
    }
}

static bool make_way(int to, const char *name)
{
    struct stat info;
    return fstatat(to, name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(info.st_mode) || remove_below(to, name, 0);
}

/* Gives what is whole its name; on failure nothing of it stays. */
static bool put_in_place(int to, const char *name, bool may_replace_tree)
{
    if (may_replace(to, name) && (!may_replace_tree || make_way(to, name)) && renameat(to, partial, to, name) == 0)
        return true;
    int reason = errno;
    unlinkat(to, partial, 0);
    errno = reason;
    return false;
}

void tree_set_modified(int parent, const char *name, const struct timespec *modified)
{
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}};
    if (modified == NULL)
        return;
    times[1] = *modified;
    (void)utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW);
}

bool tree_put_file(int source, mode_t mode, const struct timespec *modified, int to, const char *name,
                   bool may_replace_tree)
{
    if (!tree_clear_partial(to))
        return false;
    int target = openat(to, partial, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (target < 0)
        return false;
    bool is_whole = copy_content(source, target) && fchmod(target, mode) == 0;
    tree_set_modified(to, partial, modified);
    is_whole = is_whole && fsync(target) == 0;
    int reason = errno;
    close(target);
    if (is_whole)
        return put_in_place(to, name, may_replace_tree);
    unlinkat(to, partial, 0);
    errno = reason;
    return false;
}

bool tree_put_link(const char *target, const struct timespec *modified, int to, const char *name, bool may_replace_tree)
{
    if (!tree_clear_partial(to) || symlinkat(target, to, partial) < 0)
        return false;
    tree_set_modified(to, partial, modified);
    return put_in_place(to, name, may_replace_tree);
}

bool tree_put_node(mode_t type_and_mode, const struct timespec *modified, int to, const char *name)
{
    if (!tree_clear_partial(to) || mknodat(to, partial, type_and_mode, 0) < 0 ||
        fchmodat(to, partial, type_and_mode & 07777, 0) < 0)
        return false;
    tree_set_modified(to, partial, modified);
    return put_in_place(to, name, false);
}

bool tree_put_directory(mode_t mode, int to, const char *name)
{
    if (mkdirat(to, name, 0700) < 0 && errno != EEXIST)
        return false;
    int directory = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool is_set = directory >= 0 && fchmod(directory, mode) == 0;
    int reason = errno;
    if (directory >= 0)
        close(directory);
    errno = reason;
    return is_set;
}

static bool copy_file(int from, const char *from_name, int to, const char *to_name)
{
    struct stat info;
    int source = openat(from, from_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool is_copied = source >= 0 && fstat(source, &info) == 0 && S_ISREG(info.st_mode) &&
                     tree_put_file(source, info.st_mode & 0777, NULL, to, to_name, true);
    int reason = errno;
    if (source >= 0)
        close(source);
    errno = reason;
    return is_copied;
}

static bool copy_directory(const struct stat *info, int to, const char *name)
{
    struct stat present;
    bool is_there = fstatat(to, name, &present, AT_SYMLINK_NOFOLLOW) == 0;
    if (!may_replace(to, name) || (is_there && !S_ISDIR(present.st_mode) && !remove_below(to, name, 0)))
        return false;
    return tree_put_directory(info->st_mode & 0777, to, name);
}

/* SAFETY: a link that leads out of the directory would have programs of the host follow it one day. */
static bool leads_out(const char *path, const char *target)
{
    int depth = 0;
    char copy[PATH_BYTES * 2], *rest = copy;
    if (target[0] == '/' || target[0] == '\0' || strlen(path) + strlen(target) + 2 > sizeof copy)
        return true;
    for (const char *at = path; (at = strchr(at, '/')) != NULL; at++)
        depth++;
    strcpy(copy, target);
    for (char *part; (part = strsep(&rest, "/")) != NULL;) {
        if (*part == '\0' || strcmp(part, ".") == 0)
            continue;
        depth += strcmp(part, "..") == 0 ? -1 : 1;
        if (depth < 0)
            return true;
    }
    return false;
}

static bool copy_link(int from, const char *from_name, int to, const char *path, const char *to_name)
{
    char target[PATH_BYTES];
    ssize_t length = readlinkat(from, from_name, target, sizeof target - 1);
    if (length < 0)
        return false;
    target[length] = '\0';
    if (leads_out(path, target)) {
        errno = EXDEV;
        return false;
    }
    return tree_put_link(target, NULL, to, to_name, true);
}

bool tree_copy(int from, const char *path, int to, const char *to_name)
{
    struct stat info;
    const char *slash = strrchr(path, '/'), *from_name = slash == NULL ? path : slash + 1;
    if (fstatat(from, from_name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    if (S_ISREG(info.st_mode))
        return copy_file(from, from_name, to, to_name);
    if (S_ISDIR(info.st_mode))
        return copy_directory(&info, to, to_name);
    if (S_ISLNK(info.st_mode))
        return copy_link(from, from_name, to, path, to_name);
    errno = EOPNOTSUPP;
    return false;
}
