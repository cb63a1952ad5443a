#include "keep.h"

#include "closing.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Rounds of SIGSTOP before SIGKILL, so that a fork bomb stands still; a bomb that is quicker meets its process limit. */
enum { STOP_ROUNDS = 64 };

static struct slot *slot;
static pid_t parent;

/* Waits for the next order; false when shelld has gone or wants us gone. */
static bool receive_order(struct order *order, int received[ORDER_MAX_DESCRIPTORS], size_t *count)
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(ORDER_MAX_DESCRIPTORS * sizeof(int))];
    } control;
    struct iovec part = {order, sizeof *order};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t size;
    while ((size = recvmsg(KEEPER_FD, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
        ;
    *count = 0;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS) {
        *count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(received, CMSG_DATA(header), *count * sizeof(int));
    }
    return size == (ssize_t)sizeof *order;
}

static void send_report(const struct report *report)
{
    while (send(KEEPER_FD, report, sizeof *report, MSG_NOSIGNAL) < 0 && errno == EINTR)
        ;
}

static uint64_t microseconds(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

/* The reasons to kill are looked up, never taken from a signal: who may signal us (the command may) only makes us look. */
static bool is_to_die(uint32_t id)
{
    return atomic_load(&slot->kill_order) == id || getppid() != parent;
}

static void kill_everything(void)
{
    for (int round = 0; round < STOP_ROUNDS && tree_signal(getpid(), SIGSTOP, NULL) > 0; round++)
        ;
    tree_signal(getpid(), SIGKILL, NULL);
}

/* Waits for a child to end or a reason to look; while killing not for long, because the next round may be due. */
static void wait_for_news(bool is_killing)
{
    static const struct timespec round = {0, 10000000};
    sigset_t news;
    sigemptyset(&news);
    sigaddset(&news, SIGCHLD);
    sigaddset(&news, SIGUSR1);
    sigaddset(&news, SIGTERM);
    sigtimedwait(&news, NULL, is_killing ? &round : NULL);
}

/* Reaps what has ended. Returns false when there are no children any more. */
static bool reap(pid_t child, bool is_killing, struct report *report)
{
    struct rusage usage;
    int status;
    pid_t pid;
    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        if (is_killing && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
            report->killed++;
        if (pid == child) {
            report->kind = REPORT_EXITED;
            report->status = status;
            report->user_us = microseconds(usage.ru_utime);
            report->system_us = microseconds(usage.ru_stime);
            report->max_rss_kib = (uint64_t)usage.ru_maxrss;
        }
    }
    return pid == 0;
}

/* Stays with the command until nothing of it is left. */
static void keep_until_empty(uint32_t id, pid_t child)
{
    struct report report = {.id = id, .kind = REPORT_STARTED, .pid = child};
    send_report(&report);
    report.kind = REPORT_EMPTY;
    for (bool is_left = true; is_left;) {
        bool is_killing = is_to_die(id);
        if (is_killing)
            kill_everything();
        is_left = reap(child, is_killing, &report);
        report.idle = !is_left;
        if (report.kind == REPORT_EXITED || report.idle)
            send_report(&report);
        report.kind = REPORT_EMPTY;
        if (is_left)
            wait_for_news(is_killing);
    }
}

static void run(const struct order *order, const int *received)
{
    int descriptors[3];
    for (int index = 0; index < 3; index++)
        descriptors[index] = order->places[index] < 0 ? 0 : received[order->places[index]];
    struct report report = {.id = order->id, .kind = REPORT_FAILED, .idle = true};
    pid_t child = spawn_command(&slot->command, descriptors, &report.failure);
    for (int index = 0; index < 3; index++)
        if (order->places[index] >= 0)
            close(received[order->places[index]]);
    if (child < 0)
        send_report(&report);
    else
        keep_until_empty(order->id, child);
}

noreturn void keep(int socket, struct slot *shared, pid_t forked_by)
{
    struct order order;
    int received[ORDER_MAX_DESCRIPTORS];
    size_t count;
    slot = shared;
    parent = forked_by;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_NAME, "shelld-keeper");
    dup2(0, 2);
    dup3(socket, KEEPER_FD, O_CLOEXEC);
    close_from(KEEPER_FD + 1);
    while (getppid() == parent && receive_order(&order, received, &count)) {
        run(&order, received);
    }
    _exit(0);
}
