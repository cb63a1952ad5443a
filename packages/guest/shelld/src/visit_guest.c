#include "visit_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIELD_START = 22 }; /* of /proc/PID/stat, see proc(5) */

_Noreturn void visit_fail(int code, const char *what, const char *subject)
{
    dprintf(STDERR_FILENO, "shelld: %s %s: %s\n", what, subject, strerror(errno));
    _exit(code);
}

bool visit_name_option(struct visit_name *name, const char *option, const char *value)
{
    if (strcmp(option, "--pid") == 0)
        name->pid = value;
    else if (strcmp(option, "--start") == 0)
        name->start = value;
    else
        return false;
    return true;
}

static bool is_number(const char *text)
{
    return text != NULL && *text != '\0' && strlen(text) <= 20 && strspn(text, "0123456789") == strlen(text);
}

static unsigned long long start_of(int process_fd)
{
    char text[1024];
    int fd = openat(process_fd, "stat", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < FIELD_START; field++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

static int open_namespace(int process_fd, const char *kind)
{
    char path[32], own[32];
    struct stat theirs, ours;
    (void)snprintf(path, sizeof path, "ns/%s", kind);
    (void)snprintf(own, sizeof own, "/proc/self/ns/%s", kind);
    int fd = openat(process_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &theirs) < 0 || stat(own, &ours) < 0)
        visit_fail(1, "open namespace", kind);
    /* SAFETY: a guest never shares these with the host; what does is no guest, and nothing is done to it.
     * Held by tests/quilt/volumes.test.ts ("a process of the host is never visited"). */
    if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev) {
        errno = EPERM;
        visit_fail(1, "not a guest's namespace", kind);
    }
    return fd;
}

struct visited visit_open(const struct visit_name *name)
{
    char path[48];
    if (!is_number(name->pid) || !is_number(name->start)) {
        errno = EINVAL;
        visit_fail(2, "needs", "--pid and --start");
    }
    (void)snprintf(path, sizeof path, "/proc/%s", name->pid);
    /* SAFETY: this descriptor is of one process for good: all below goes through it and fails once that has ended, so
     * that a pid that comes back is never taken for the guest's. */
    int process_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (process_fd < 0)
        visit_fail(VISIT_NOT_THERE, "find guest", name->pid);
    if (start_of(process_fd) != strtoull(name->start, NULL, 10)) {
        errno = ESRCH;
        visit_fail(VISIT_NOT_THERE, "find guest", name->pid);
    }
    struct visited visited = {
        .user_fd = open_namespace(process_fd, "user"),
        .mount_fd = open_namespace(process_fd, "mnt"),
        .net_fd = open_namespace(process_fd, "net"),
    };
    close(process_fd);
    return visited;
}

void visit_become(const struct visited *guest)
{
    if (setns(guest->user_fd, CLONE_NEWUSER) < 0)
        visit_fail(1, "enter", "user namespace");
    /* Without root there is one id, and groups that may not be dropped. */
    if ((setgroups(0, NULL) < 0 && errno != EPERM) || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
        visit_fail(1, "become", "root of the guest");
}
