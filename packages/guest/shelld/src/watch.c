#define _GNU_SOURCE 1
#include "watch.h"

#include "change_queue.h"
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

struct watch_operation {
    struct file_operation base;
    struct watch_operation *next;
    struct change_queue queue;
    int descriptor; /* Of inotify; several channels share one when they watch the same inode. -1 once it is gone. */
    int pin;        /* Keeps what is watched in the kernel's cache of names, where that is needed; else -1. */
};

static struct watch_operation *watches;
static size_t watch_count;
static struct source inotify = {.fd = -1};
static struct timer pins;

static const struct {
    uint32_t event;
    uint8_t change;
} meanings[] = {
    {IN_CREATE, CHANGE_CREATED},
    {IN_MODIFY, CHANGE_MODIFIED},
    {IN_DELETE, CHANGE_REMOVED},
    {IN_MOVED_FROM, CHANGE_RENAMED_FROM},
    {IN_MOVED_TO, CHANGE_RENAMED_TO},
    {IN_ATTRIB, CHANGE_ATTRIBUTES},
};
static const uint32_t GONE = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED;
static const uint32_t EVENTS =
    IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

/* Ends the watch of the kernel unless another channel needs it. */
static void let_go(int descriptor)
{
    for (const struct watch_operation *watch = watches; watch != NULL; watch = watch->next)
        if (watch->descriptor == descriptor)
            return;
    if (descriptor >= 0)
        inotify_rm_watch(inotify.fd, descriptor);
}

static void release(struct watch_operation *watch)
{
    struct watch_operation **link = &watches;
    while (*link != watch)
        link = &(*link)->next;
    *link = watch->next;
    watch_count--;
    let_go(watch->descriptor);
    if (watch->pin >= 0)
        close(watch->pin);
    file_operation_free(&watch->base);
}

static void note(struct watch_operation *watch, const struct inotify_event *event)
{
    const char *name = event->len > 0 ? event->name : "";
    if (event->mask & IN_Q_OVERFLOW)
        change_queue_overflow(&watch->queue);
    for (size_t index = 0; index < sizeof meanings / sizeof *meanings; index++)
        if (event->mask & meanings[index].event)
            change_queue_push(&watch->queue, meanings[index].change, name);
    channel_want_write(&watch->base.channel);
}

static void dispatch(const struct inotify_event *event)
{
    for (struct watch_operation *watch = watches; watch != NULL; watch = watch->next) {
        if ((event->mask & IN_Q_OVERFLOW) == 0 && watch->descriptor != event->wd)
            continue;
        note(watch, event);
        if (event->mask & GONE)
            watch->descriptor = -1;
    }
    /* The kernel goes on watching what was moved away. */
    if (event->mask & IN_MOVE_SELF)
        let_go(event->wd);
}

static void on_events(struct source *source, uint32_t ready)
{
    static _Alignas(struct inotify_event) char buffer[65536];
    (void)ready;
    ssize_t got = read(source->fd, buffer, sizeof buffer);
    for (ssize_t at = 0; at < got;) {
        const struct inotify_event *event = (const void *)(buffer + at);
        at += (ssize_t)(sizeof *event + event->len);
        dispatch(event);
    }
}

/*
 * In a virtual machine the watched directory may be on a 9p share, which has another inode for it each time that its name
 * is looked up anew, and the old one hears nothing any more; a share says that it is one of the host's file systems, so all
 * are treated alike. With the directory open its name stays known, and so does the inode; but then the kernel does not
 * say when it is removed, which has to be asked.
 */
static void look_at_pins(struct timer *timer)
{
    enum { PIN_US = 250000 };
    struct stat status;
    bool has_pins = false;
    for (struct watch_operation *watch = watches; watch != NULL; watch = watch->next) {
        if (watch->pin < 0 || watch->descriptor < 0)
            continue;
        has_pins = true;
        if (fstat(watch->pin, &status) == 0 && status.st_nlink > 0)
            continue;
        watch->descriptor = -1;
        channel_want_write(&watch->base.channel);
    }
    if (has_pins)
        timer_set(timer, PIN_US, look_at_pins);
}

static void send_change(struct channel *channel, uint8_t kind, const char *name, uint32_t length)
{
    struct conn_space space = conn_space(channel->conn);
    struct frame_file_changed frame = {kind, {(const uint8_t *)name, length}};
    conn_commit(channel->conn, encode_file_changed(space.at, space.size, channel->id, &frame));
}

static void send_changes(struct channel *channel)
{
    enum { CHANGES_PER_TURN = 128 }; /* Of at most 9 + 5 + 255 bytes each: within CONN_REPLY_ROOM. */
    struct watch_operation *watch = container_of(channel, struct watch_operation, base.channel);
    struct change change;
    for (int sent = 0; sent < CHANGES_PER_TURN; sent++) {
        if (change_queue_pop(&watch->queue, &change)) {
            send_change(channel, change.kind, change.name, change.length);
            continue;
        }
        if (watch->descriptor < 0) {
            send_change(channel, CHANGE_GONE, "", 0);
            channel_done(channel, 0);
            release(watch);
        }
        return;
    }
    channel_want_write(channel);
}

static bool no_frame(struct channel *channel, uint8_t type, struct slice payload)
{
    (void)channel, (void)type, (void)payload;
    return false;
}

static void on_close(struct channel *channel) { release(container_of(channel, struct watch_operation, base.channel)); }

static const struct channel_ops ops = {.on_frame = no_frame, .on_writable = send_changes, .on_close = on_close};

static int start_inotify(void)
{
    if (inotify.added)
        return 0;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (source_add(&inotify, fd, EPOLLIN, on_events))
        return 0;
    int refusal = -errno;
    close(fd);
    return refusal;
}

/*
 * inotify takes a path only, and the one of a descriptor in /proc leads to what the jail opened and nowhere else.
 * SAFETY: that holds for the real /proc; without it a watch is refused with ENOSYS (test_files_watch.py: escapes).
 */
static int watch_path(struct slice path, int *pin)
{
    enum { PROC_MAGIC = 0x9fa0 };
    struct statfs proc;
    char link[32];
    int refusal = start_inotify();
    if (refusal < 0)
        return refusal;
    if (statfs("/proc/self/fd", &proc) != 0 || proc.f_type != PROC_MAGIC)
        return -ENOSYS;
    int fd = jail_open(path, O_PATH);
    if (fd < 0)
        return fd;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int descriptor = inotify_add_watch(inotify.fd, link, EVENTS);
    if (descriptor < 0)
        descriptor = -errno;
    if (descriptor >= 0 && machine_is_ours())
        *pin = fd;
    else
        close(fd);
    return descriptor;
}

bool file_watch(const struct file_request *request)
{
    struct frame_file_watch frame;
    if (!decode_file_watch(request->payload, &frame))
        return false;
    int pin = -1;
    int descriptor = watch_count < WATCH_MAX ? watch_path(frame.path, &pin) : -ENOSPC;
    if (descriptor < 0)
        return file_refuse(request, frame.path, descriptor);
    struct watch_operation *watch = file_operation_start(request, frame.path, &ops, 0, sizeof *watch);
    if (watch == NULL) {
        let_go(descriptor);
        if (pin >= 0)
            close(pin);
        return true;
    }
    watch->descriptor = descriptor;
    watch->pin = pin;
    watch->next = watches;
    watches = watch;
    watch_count++;
    if (pin >= 0)
        timer_set(&pins, 0, look_at_pins);
    struct conn_space space = conn_space(request->conn);
    conn_commit(request->conn, encode_file_watching(space.at, space.size, request->id));
    return true;
}
