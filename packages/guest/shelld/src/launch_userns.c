#include "launch_userns.h"
#include "launch_error.h"
#include "number.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct userns_map userns_shifted(uint32_t base, uint32_t count)
{
    struct userns_map map;
    snprintf(map.uid, sizeof map.uid, "0 %u %u", base, count);
    memcpy(map.gid, map.uid, sizeof map.gid);
    return map;
}

struct userns_map userns_shifted_with_owner(uint32_t base, uint32_t count, uint32_t uid, uint32_t gid)
{
    struct userns_map map;
    snprintf(map.uid, sizeof map.uid, "0 %u 1\n1 %u %u", uid, base + 1, count - 1);
    snprintf(map.gid, sizeof map.gid, "0 %u 1\n1 %u %u", gid, base + 1, count - 1);
    return map;
}

struct userns_map userns_owner_to_base(uint32_t uid, uint32_t gid, uint32_t base)
{
    struct userns_map map;
    snprintf(map.uid, sizeof map.uid, "%u %u 1", uid, base);
    snprintf(map.gid, sizeof map.gid, "%u %u 1", gid, base);
    return map;
}

/* A process that does nothing but hold a new user namespace until it is killed. */
static pid_t spawn_holder(void)
{
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) < 0)
        launch_fail("pipe", "of the user namespace");
    pid_t holder = fork();
    if (holder < 0)
        launch_fail("fork", "for the user namespace");
    if (holder == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int error = unshare(CLONE_NEWUSER) < 0 ? errno : 0;
        if (write(ready[1], &error, sizeof error) != sizeof error)
            _exit(1);
        for (;;)
            pause();
    }
    int error = EPIPE;
    ssize_t got = read(ready[0], &error, sizeof error);
    close(ready[0]);
    close(ready[1]);
    if (got != sizeof error || error != 0) {
        kill(holder, SIGKILL);
        waitpid(holder, NULL, 0);
        errno = error;
        launch_fail("unshare", "user namespace (is user.max_user_namespaces 0?)");
    }
    return holder;
}

int userns_create(const struct userns_map *map)
{
    char path[64];
    pid_t holder = spawn_holder();
    launch_path(path, sizeof path, "/proc/%d/uid_map", holder);
    if (!launch_write_file(path, map->uid))
        launch_fail("write uid_map", map->uid);
    launch_path(path, sizeof path, "/proc/%d/gid_map", holder);
    if (!launch_write_file(path, map->gid))
        launch_fail("write gid_map", map->gid);
    launch_path(path, sizeof path, "/proc/%d/ns/user", holder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        launch_fail("open", path);
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    return fd;
}

void userns_enter(int userns_fd)
{
    if (setns(userns_fd, CLONE_NEWUSER) < 0)
        launch_fail("setns", "user namespace");
    /* SAFETY: no id of the caller may survive into the guest; supplementary groups of the host are dropped first. */
    if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        launch_fail("become", "root of the user namespace");
}

/* Subordinate ids of a user. */
struct id_range {
    uint64_t start;
    uint64_t count;
};

static bool is_named(const char *line, size_t length, const char *name)
{
    return length == strlen(name) && memcmp(line, name, length) == 0;
}

/* What subuid(5) or subgid(5) grants the caller first, by name or by number. */
static bool read_subids(const char *path, struct id_range *range)
{
    struct passwd *user = getpwuid(getuid());
    FILE *file = user == NULL ? NULL : fopen(path, "re");
    if (file == NULL)
        return false;
    char line[256], number[16];
    snprintf(number, sizeof number, "%u", getuid());
    bool found = false;
    while (!found && fgets(line, sizeof line, file) != NULL) {
        size_t length = strcspn(line, ":");
        const char *at = line + length;
        found = (is_named(line, length, user->pw_name) || is_named(line, length, number)) && number_skip(&at, ':') &&
                number_read(&at, UINT32_MAX, &range->start) && number_skip(&at, ':') &&
                number_read(&at, UINT32_MAX, &range->count) && range->count > 0;
    }
    fclose(file);
    return found;
}

/* Runs newuidmap or newgidmap for the process: inside 0 is `own`, 1 … are the subordinate ids. */
static bool map_with_subids(const char *program, pid_t pid, uint32_t own, struct id_range range)
{
    char arguments[4][24];
    snprintf(arguments[0], sizeof arguments[0], "%d", pid);
    snprintf(arguments[1], sizeof arguments[1], "%u", own);
    snprintf(arguments[2], sizeof arguments[2], "%" PRIu64, range.start);
    snprintf(arguments[3], sizeof arguments[3], "%" PRIu64, range.count);
    pid_t mapper = fork();
    if (mapper == 0) {
        execlp(program, program, arguments[0], "0", arguments[1], "1", "1", arguments[2], arguments[3], (char *)NULL);
        _exit(127);
    }
    int status = 1;
    return mapper > 0 && waitpid(mapper, &status, 0) == mapper && status == 0;
}

static void map_self(uint32_t uid, uint32_t gid)
{
    char map[48];
    launch_write_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (!launch_write_file("/proc/self/uid_map", map))
        launch_fail("write uid_map", map);
    snprintf(map, sizeof map, "0 %u 1", gid);
    if (!launch_write_file("/proc/self/gid_map", map))
        launch_fail("write gid_map", map);
}

/* A child outside of the namespace-to-be maps its parent, once told to; its exit status says whether it could. */
static pid_t spawn_subid_mapper(int start_fd, uint32_t uid, uint32_t gid)
{
    pid_t target = getpid();
    pid_t mapper = fork();
    if (mapper != 0)
        return mapper;
    char go;
    if (read(start_fd, &go, 1) != 1)
        _exit(1);
    /* Both or neither: a map that is written once cannot be written again. */
    struct id_range uids, gids;
    bool mapped = read_subids("/etc/subuid", &uids) && read_subids("/etc/subgid", &gids) &&
                  map_with_subids("newuidmap", target, uid, uids) && map_with_subids("newgidmap", target, gid, gids);
    _exit(mapped ? 0 : 1);
}

void userns_enter_rootless(bool with_subids)
{
    uint32_t uid = geteuid(), gid = getegid();
    int start[2];
    if (pipe2(start, O_CLOEXEC) < 0)
        launch_fail("pipe", "of the user namespace");
    pid_t mapper = with_subids ? spawn_subid_mapper(start[0], uid, gid) : -1;
    if (unshare(CLONE_NEWUSER) < 0)
        launch_fail("unshare", "user namespace (unprivileged user namespaces may be disabled on this host)");
    bool mapped = false;
    if (mapper > 0) {
        int status = 1;
        mapped = write(start[1], "g", 1) == 1 && waitpid(mapper, &status, 0) == mapper && status == 0;
    }
    close(start[0]);
    close(start[1]);
    if (!mapped)
        map_self(uid, gid);
    if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        launch_fail("become", "root of the user namespace");
}
