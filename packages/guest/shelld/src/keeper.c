#include "keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    /* Idle keepers that stay for good, and when the others go: a guest at rest is one process of ours. */
    IDLE_KEPT = 0,
    IDLE_LINGER_US = 2000000,
    /* Between two that go: a hundred that end at once would keep a command that comes then waiting. */
    RETIRE_EVERY_US = 1000,
    /* What a slot may keep in memory while idle. */
    SLOT_IDLE_BYTES = 16384,
};

static struct keeper *idle, *all_busy;
static int idle_count;
static uint32_t last_order;
static struct timer retirement;

static void unlink_from(struct keeper **list, struct keeper *keeper)
{
    while (*list != keeper)
        list = &(*list)->next;
    *list = keeper->next;
}

/* The keeper reads the end of the socket and leaves; its exit is reaped with everybody else's. */
static void dismiss(struct keeper *keeper)
{
    source_remove(&keeper->source);
    close(keeper->source.fd);
    munmap(keeper->slot, SLOT_BYTES);
    free(keeper);
}

/* The one that has been idle longest goes first. */
static void retire(struct timer *timer)
{
    struct keeper *oldest = idle;
    if (idle_count <= IDLE_KEPT)
        return;
    while (oldest->next)
        oldest = oldest->next;
    unlink_from(&idle, oldest);
    idle_count--;
    dismiss(oldest);
    if (idle_count > IDLE_KEPT)
        timer_set(timer, RETIRE_EVERY_US, retire);
}

static void make_idle(struct keeper *keeper)
{
    unlink_from(&all_busy, keeper);
    keeper->busy = false;
    keeper->owner = NULL;
    keeper->next = idle;
    idle = keeper;
    if (++idle_count > IDLE_KEPT && !retirement.set)
        timer_set(&retirement, IDLE_LINGER_US, retire);
}

static void on_lost(struct keeper *keeper)
{
    struct report report = {.id = keeper->order_id, .kind = REPORT_LOST, .idle = true};
    unlink_from(keeper->busy ? &all_busy : &idle, keeper);
    idle_count -= !keeper->busy;
    if (keeper->owner)
        keeper->on_report(keeper->owner, &report);
    dismiss(keeper);
}

/* The memory of a long command goes back once it runs. */
static void shrink(struct slot *slot)
{
    if (sizeof *slot + slot->command.bytes > SLOT_IDLE_BYTES)
        madvise((char *)slot + SLOT_IDLE_BYTES, SLOT_BYTES - SLOT_IDLE_BYTES, MADV_REMOVE);
}

static void on_ready(struct source *source, uint32_t ready)
{
    struct keeper *keeper = container_of(source, struct keeper, source);
    struct report report;
    (void)ready;
    ssize_t size = recv(source->fd, &report, sizeof report, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size != (ssize_t)sizeof report) {
        on_lost(keeper);
        return;
    }
    void (*on_report)(void *, const struct report *) = keeper->on_report;
    void *owner = keeper->owner;
    if (report.kind == REPORT_STARTED || report.kind == REPORT_FAILED)
        shrink(keeper->slot);
    if (report.idle)
        make_idle(keeper);
    on_report(owner, &report);
}

struct slot *slot_map(void)
{
    void *slot = mmap(NULL, SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return slot == MAP_FAILED ? NULL : slot;
}

static struct keeper *fork_keeper(void)
{
    int pair[2];
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (!keeper)
        return NULL;
    keeper->slot = slot_map();
    if (!keeper->slot) {
        free(keeper);
        return NULL;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0) {
        pid_t shelld = getpid();
        keeper->pid = fork();
        if (keeper->pid == 0)
            keep(pair[1], keeper->slot, shelld);
        close(pair[1]);
        madvise(keeper->slot, SLOT_BYTES, MADV_DONTFORK);
        if (keeper->pid > 0 && source_add(&keeper->source, pair[0], EPOLLIN, on_ready))
            return keeper;
        close(pair[0]);
    }
    int error = errno;
    munmap(keeper->slot, SLOT_BYTES);
    free(keeper);
    errno = error;
    return NULL;
}

struct keeper *keeper_take(void)
{
    struct keeper *keeper = idle;
    if (keeper) {
        idle = keeper->next;
        idle_count--;
    } else if (!(keeper = fork_keeper())) {
        return NULL;
    }
    keeper->busy = true;
    keeper->next = all_busy;
    all_busy = keeper;
    return keeper;
}

void keeper_release(struct keeper *keeper)
{
    make_idle(keeper);
}

bool keeper_run(struct keeper *keeper, const int descriptors[3], void *owner, void (*on_report)(void *, const struct report *))
{
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(ORDER_MAX_DESCRIPTORS * sizeof(int))];
    } control;
    struct order order = {.id = ++last_order};
    int sent[3], count = 0;
    for (int index = 0; index < 3; index++) {
        order.places[index] = descriptors[index] < 0 ? -1 : (int8_t)count;
        if (descriptors[index] >= 0)
            sent[count++] = descriptors[index];
    }
    struct iovec part = {&order, sizeof order};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(&control.header), sent, (size_t)count * sizeof(int));
    }
    keeper->order_id = order.id;
    keeper->owner = owner;
    keeper->on_report = on_report;
    if (sendmsg(keeper->source.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof order)
        return true;
    int error = errno;
    make_idle(keeper);
    errno = error;
    return false;
}

/* SIGCONT first: the command may have stopped its keeper, which is of the same user. */
void keeper_kill(struct keeper *keeper)
{
    atomic_store(&keeper->slot->kill_order, keeper->order_id);
    kill(keeper->pid, SIGCONT);
    kill(keeper->pid, SIGUSR1);
}

void keeper_abandon(struct keeper *keeper)
{
    kill(keeper->pid, SIGKILL);
}

bool keeper_is(pid_t pid)
{
    for (const struct keeper *keeper = all_busy; keeper; keeper = keeper->next)
        if (keeper->pid == pid)
            return true;
    for (const struct keeper *keeper = idle; keeper; keeper = keeper->next)
        if (keeper->pid == pid)
            return true;
    return false;
}
