#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLOSE_RANGE = 436 };

static const struct {
    const char *name;
    int flag;
} kinds[NAMESPACE_KINDS] = {
    [NAMESPACE_MOUNT] = {"mnt", CLONE_NEWNS},   [NAMESPACE_PID] = {"pid", CLONE_NEWPID},
    [NAMESPACE_NET] = {"net", CLONE_NEWNET},    [NAMESPACE_USER] = {"user", CLONE_NEWUSER},
    [NAMESPACE_IPC] = {"ipc", CLONE_NEWIPC},    [NAMESPACE_UTS] = {"uts", CLONE_NEWUTS},
    [NAMESPACE_CGROUP] = {"cgroup", CLONE_NEWCGROUP},
};

bool namespace_kind_of(const char *name, size_t length, enum namespace_kind *kind)
{
    for (size_t index = 0; index < NAMESPACE_KINDS; index++)
        if (strlen(kinds[index].name) == length && memcmp(kinds[index].name, name, length) == 0) {
            *kind = (enum namespace_kind)index;
            return true;
        }
    return false;
}

uint64_t namespace_inode(enum namespace_kind kind)
{
    char path[32];
    struct stat status;
    (void)snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[kind].name);
    return stat(path, &status) == 0 ? status.st_ino : 0;
}

static void note(struct namespaces_outcome *outcome, enum namespace_kind kind, const char *what)
{
    (void)snprintf(outcome->problems[kind], sizeof outcome->problems[kind], "%.60s: %s", what, strerror(errno));
}

/* Waits outside for PID 1. Holds no descriptor, so that the end of a stream is the end of it. */
__attribute__((noreturn)) static void wait_outside(pid_t child, int alive)
{
    int status = 0;
    if (alive > 0)
        (void)syscall(CLOSE_RANGE, 0, (unsigned)alive - 1, 0);
    (void)syscall(CLOSE_RANGE, (unsigned)alive + 1, ~0u, 0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/*
 * SAFETY: PID 1 never outlives the process that its launcher knows. The death signal is armed first and the pipe,
 * whose other end only the waiting process holds, is looked at after, so no order of events is missed. Held by
 * test_confine.py (`pid1_dies_with_waiter`).
 */
static void become_init(struct namespaces_outcome *outcome)
{
    int alive[2];
    if (pipe2(alive, O_CLOEXEC) != 0) {
        note(outcome, NAMESPACE_PID, "pipe");
        return;
    }
    pid_t child = fork();
    if (child > 0)
        wait_outside(child, alive[1]);
    close(alive[1]);
    if (child < 0) {
        note(outcome, NAMESPACE_PID, "fork");
    } else {
        struct pollfd watch = {.fd = alive[0], .events = POLLIN};
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (poll(&watch, 1, 0) != 0)
            _exit(1);
    }
    close(alive[0]);
}

static bool mask(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno == ENOENT;
    if (S_ISDIR(status.st_mode))
        return mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=16m,nr_inodes=16k") == 0;
    return mount("/dev/null", path, NULL, MS_BIND, NULL) == 0;
}

/* SAFETY: sockets with a path are reachable in spite of Landlock and the net namespace. /run holds D-Bus, Docker and
 * the like and is always masked; a path that could not be masked fails the mount layer. Held by test_confine.py
 * (`masked_socket`, `run_is_masked`). */
static void arrange_mounts(const struct namespaces_request *request, struct namespaces_outcome *outcome)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        note(outcome, NAMESPACE_MOUNT, "private mounts");
        return;
    }
    if (!mask("/run"))
        note(outcome, NAMESPACE_MOUNT, "/run");
    for (size_t index = 0; index < request->mask_count; index++)
        if (!mask(request->masks[index]))
            note(outcome, NAMESPACE_MOUNT, request->masks[index]);
}

/* The kernel refuses a fresh /proc where the present one is partly covered, as in most containers. */
static void remount_proc(struct namespaces_outcome *outcome)
{
    bool is_mounted = mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0;
    (void)snprintf(outcome->process_view, sizeof outcome->process_view, "%s",
                   is_mounted ? ", own /proc" : ", /proc of the host");
}

static void raise_loopback(struct namespaces_outcome *outcome)
{
    struct ifreq request = {.ifr_name = "lo"};
    int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (handle < 0 || ioctl(handle, SIOCSIFFLAGS, &request) != 0)
        note(outcome, NAMESPACE_NET, "lo");
    if (handle >= 0)
        close(handle);
}

void namespaces_enter(const struct namespaces_request *request, struct namespaces_outcome *outcome)
{
    bool has[NAMESPACE_KINDS] = {false};
    memset(outcome, 0, sizeof *outcome);
    has[NAMESPACE_USER] =
        userns_unshare(&request->user, outcome->problems[NAMESPACE_USER], sizeof outcome->problems[NAMESPACE_USER]);
    for (size_t index = 0; index < NAMESPACE_KINDS; index++) {
        if (index == NAMESPACE_USER || (index == NAMESPACE_NET && request->keeps_network))
            continue;
        has[index] = unshare(kinds[index].flag) == 0;
        if (!has[index])
            note(outcome, (enum namespace_kind)index, "unshare");
    }
    if (has[NAMESPACE_PID])
        become_init(outcome);
    if (has[NAMESPACE_MOUNT])
        arrange_mounts(request, outcome);
    if (has[NAMESPACE_MOUNT] && has[NAMESPACE_PID])
        remount_proc(outcome);
    if (has[NAMESPACE_NET])
        raise_loopback(outcome);
}
