#include "launch_wait.h"
#include "launch_error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FIELD_PARENT = 4, FIELD_START = 22 }; /* of /proc/PID/stat, see proc(5) */
enum { ENDING_MS = 200, CONSOLE_MS = 1000 };

/* One field of a process, 0 when it is gone. The start time is in clock ticks since boot. */
static unsigned long long process_field(pid_t pid, int wanted)
{
    char path[64], text[1024];
    launch_path(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < wanted; field++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Reads until the other side closes, a newline where `line` says so, or the deadline. */
static void read_text(int fd, char *text, size_t size, bool line, long long deadline_ms)
{
    size_t used = 0;
    while (used + 1 < size) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        long long left_ms = deadline_ms - now_ms();
        if (left_ms <= 0 || poll(&ready, 1, (int)left_ms) == 0)
            break;
        ssize_t got = read(fd, text + used, size - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        used += (size_t)got;
        if (line && memchr(text, '\n', used) != NULL)
            break;
    }
    text[used] = '\0';
}

bool launch_wait(const struct launching *launching, struct launched *launched)
{
    char line[512];
    long long deadline_ms = now_ms() + launching->timeout_ms;
    read_text(launching->mode_fd, launched->workspace, sizeof launched->workspace, false, deadline_ms);
    if (launched->workspace[0] == '\0')
        return false;
    launched->pid = launching->child;
    /* Also where the launcher is the guest: its end closes when it has been executed, and says so when that failed. */
    read_text(launching->status_fd, line, sizeof line, true, deadline_ms);
    if (launching->status_from_launcher) {
        const char *found = strstr(line, "\"child-pid\":");
        launched->pid = found == NULL ? 0 : (pid_t)strtol(found + strlen("\"child-pid\":"), NULL, 10);
        /* SAFETY: this process will be killed one day, so it has to be a child of the launcher and nobody else's. */
        if (launched->pid <= 1 || process_field(launched->pid, FIELD_PARENT) != (unsigned long long)launching->child)
            return false;
    } else if (line[0] != '\0') {
        return false;
    }
    launched->start = process_field(launched->pid, FIELD_START);
    return launched->start != 0;
}

/* Leaves it a zombie, so that its pid is nobody else's yet. */
static bool has_ended(pid_t child)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

int launch_abandon(pid_t child, const char *console)
{
    int status = 0;
    char text[2048];
    /* One that has closed its pipes is often about to end by itself, and its own exit says more than our signal. */
    for (int waited_ms = 0; child > 0 && waited_ms < ENDING_MS && !has_ended(child); waited_ms++)
        usleep(1000);
    bool was_killed = child > 0 && !has_ended(child);
    if (child > 0) {
        kill(-child, SIGKILL);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
    int fd = open(console, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        read_text(fd, text, sizeof text, false, now_ms() + CONSOLE_MS);
        dprintf(STDERR_FILENO, "%s", text);
        close(fd);
    }
    if (child < 0)
        dprintf(STDERR_FILENO, "shelld launch: the launcher could not be forked\n");
    else if (was_killed)
        dprintf(STDERR_FILENO, "shelld launch: the launcher did not come up and was killed\n");
    else if (WIFSIGNALED(status))
        dprintf(STDERR_FILENO, "shelld launch: the launcher was killed by signal %d\n", WTERMSIG(status));
    return 1;
}
