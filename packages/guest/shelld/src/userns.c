#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "userns.h"

#include "id_map.h"
#include "number.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAP_BYTES = 512, PATH_BYTES = 48 };

bool userns_parse(const char *text, struct userns_request *request)
{
    const char *at = text;
    *request = (struct userns_request){.kind = USERNS_ONE};
    if (strcmp(text, "one") == 0)
        return true;
    request->kind = strcmp(text, "identity") == 0 ? USERNS_IDENTITY : USERNS_RANGE;
    if (request->kind == USERNS_IDENTITY)
        return true;
    return number_read_32(&at, &request->inside) && number_skip(&at, ':') && number_read_32(&at, &request->outside) &&
           number_skip(&at, ':') && number_read_32(&at, &request->count) && *at == '\0' && request->count > 0;
}

static bool write_file(const char *path, const char *text)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    bool is_written = write(file, text, strlen(text)) == (ssize_t)strlen(text);
    int reason = errno;
    close(file);
    errno = reason;
    return is_written;
}

/* Each range of our own map onto itself: what we can name now, named the same inside. */
static bool identity_map(const char *source, char *map, size_t size)
{
    struct id_range range;
    size_t used = 0;
    FILE *lines = fopen(source, "re");
    if (lines == NULL)
        return false;
    while (id_map_next(lines, &range) && used < size)
        used += (size_t)snprintf(map + used, size - used, "%u %u %u\n", range.inside, range.inside, range.count);
    fclose(lines);
    return used > 0 && used < size;
}

static bool map_of(const struct userns_request *request, unsigned own_id, const char *source, char *map, size_t size)
{
    if (request->kind == USERNS_IDENTITY)
        return identity_map(source, map, size);
    if (request->kind == USERNS_RANGE)
        (void)snprintf(map, size, "%u %u %u", request->inside, request->outside, request->count);
    else
        (void)snprintf(map, size, "%u %u 1", own_id, own_id);
    return true;
}

static bool write_maps(pid_t pid, const char *uid_map, const char *gid_map)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "/proc/%d/gid_map", (int)pid);
    if (!write_file(path, gid_map))
        return false;
    (void)snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
    return write_file(path, uid_map);
}

/*
 * Root's way: whoever writes a map of more than its own id has to stand outside with CAP_SETUID, so a helper process is
 * forked before, waits until the namespace is there, and reports by its exit code.
 */
static int unshare_with_helper(const char *uid_map, const char *gid_map)
{
    int ready[2], status = 0;
    pid_t parent = getpid();
    if (pipe2(ready, O_CLOEXEC) != 0)
        return errno;
    pid_t helper = fork();
    if (helper == 0) {
        char byte;
        close(ready[1]);
        if (read(ready[0], &byte, 1) != 1)
            _exit(0);
        _exit(write_maps(parent, uid_map, gid_map) ? 0 : errno);
    }
    close(ready[0]);
    int reason = helper < 0 ? errno : unshare(CLONE_NEWUSER) != 0 ? errno : 0;
    if (reason == 0 && write(ready[1], "", 1) != 1)
        reason = errno;
    close(ready[1]);
    if (helper > 0 && waitpid(helper, &status, 0) == helper && reason == 0)
        reason = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
    return reason;
}

/* Anyone's way: one's own id only, and without setgroups() so that no group that denies access can be shed. */
static int unshare_alone(const char *uid_map, const char *gid_map)
{
    if (unshare(CLONE_NEWUSER) != 0)
        return errno;
    return write_file("/proc/self/setgroups", "deny") && write_maps(getpid(), uid_map, gid_map) ? 0 : errno;
}

/* The id we had has no name inside; take the first that has. The change clears the dumpable flag, and with it the
 * ownership of our own /proc entries. */
static int become(uint32_t id)
{
    if (setgroups(0, NULL) != 0 || setresgid(id, id, id) != 0 || setresuid(id, id, id) != 0)
        return errno;
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return 0;
}

bool userns_unshare(const struct userns_request *request, char *problem, size_t problem_size)
{
    char uid_map[MAP_BYTES], gid_map[MAP_BYTES];
    int reason = ENODATA;
    if (map_of(request, geteuid(), "/proc/self/uid_map", uid_map, sizeof uid_map) &&
        map_of(request, getegid(), "/proc/self/gid_map", gid_map, sizeof gid_map))
        reason = geteuid() == 0 ? unshare_with_helper(uid_map, gid_map) : unshare_alone(uid_map, gid_map);
    if (reason == 0 && request->kind == USERNS_RANGE)
        reason = become(request->inside);
    if (reason != 0)
        (void)snprintf(problem, problem_size, "user namespace: %s", strerror(reason));
    return reason == 0;
}
