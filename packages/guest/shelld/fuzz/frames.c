/*
 * Bytes from anywhere into the input of a connection, through the real parser, dispatch, channels and output. Nothing is
 * executed and nothing on this host is connected to: process_start.c and tunnel_socket.c are left out and stand-ins linked
 * below. Files are refused, since there is no root.
 */
#include "machine.h"
#include "../src/conn.h"
#include "../src/files.h"
#include "../src/hello.h"
#include "../src/process_private.h"
#include "../src/tunnel_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A process that has ended before it began, with some output of every size. */
struct process *process_start(const struct frame_exec_start *frame, const struct user *user)
{
    (void)user;
    struct process *process = calloc(1, sizeof *process);
    if (!process)
        return NULL;
    process->flags = frame->flags;
    process->session = frame->session;
    process->is_running = true;
    process->pid = frame->timeout_ms & 1 ? 0 : 999999;
    process->argv_text = malloc(1);
    process->feed.fd = -1;
    for (int index = 0; index < 2; index++) {
        struct stream *stream = &process->streams[index];
        *stream = (struct stream){.fd = -1, .is_ended = true, .keep = 0, .ring.capacity = ring_capacity(frame->ring_bytes)};
        uint32_t bytes = frame->drain_ms % stream->ring.capacity;
        if (bytes > 0 && ring_open(&stream->ring))
            ring_put(&stream->ring, bytes);
    }
    if (!process_enter(process)) {
        free(process->argv_text);
        free(process);
        errno = EAGAIN;
        return NULL;
    }
    process_on_failure(process, &(struct spawn_failure){SPAWN_EXECUTE, ENOENT});
    return process;
}

void process_set_open_files(const struct rlimit *limit)
{
    (void)limit;
}

/* The other ends of tunnels, closed when the input has been served. */
enum { MAX_ENDS = 64 };
static int ends[MAX_ENDS];
static size_t end_count;

static bool remember(int fd)
{
    if (end_count == MAX_ENDS)
        return close(fd), false;
    ends[end_count++] = fd;
    return true;
}

/* A socket of its own with somebody at the door already, under a name that the kernel picks. */
int tunnel_door_open(struct tunnel_door *door, uint8_t kind, uint16_t port, struct slice address, uint16_t backlog)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    socklen_t length = sizeof name;
    *door = (struct tunnel_door){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .port = port, .directory = -1};
    strcpy(door->address, "127.0.0.1");
    if (kind == 0 || address.length > 16 || bind(door->fd, (struct sockaddr *)&name, sizeof(sa_family_t)) != 0 ||
        listen(door->fd, backlog) != 0 || getsockname(door->fd, (struct sockaddr *)&name, &length) != 0)
        return close(door->fd), -EINVAL;
    for (int knocks = 0; knocks < 1 + port % 4; knocks++) {
        int knock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(knock, (struct sockaddr *)&name, length) != 0)
            close(knock);
        else
            remember(knock);
    }
    return 0;
}

void tunnel_door_close(struct tunnel_door *door)
{
    close(door->fd);
}

/* A pair whose other end says something, or is shut already. */
int tunnel_connect(uint8_t kind, uint16_t port, struct slice address, bool *is_pending)
{
    int pair[2];
    *is_pending = port & 4;
    if (kind == 0 || address.length > 16 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return -EINVAL;
    if (remember(pair[1])) {
        if ((port & 1) && write(pair[1], "hello", 5) < 0)
            abort();
        if (port & 2)
            shutdown(pair[1], SHUT_RDWR);
    }
    return pair[0];
}

void tunnel_prepare(int fd)
{
    (void)fd;
}

void tunnel_abort(int fd)
{
    close(fd);
}

static struct timer end;
static int peer;

static void stop(struct timer *timer)
{
    (void)timer;
    loop_stop();
}

/* The fuzzer is no machine: requests to one are refused. */
bool machine_is_ours(void)
{
    return false;
}

bool machine_mount_share(const char *tag, const char *path, bool is_read_only)
{
    (void)tag, (void)path, (void)is_read_only;
    return false;
}

static void on_closed(void *owner)
{
    (void)owner;
    loop_stop();
}

/* Takes whatever is answered; what it says does not matter here. */
static struct source answers;

static void on_answer(struct source *source, uint32_t ready)
{
    static uint8_t sink[1 << 20];
    (void)ready;
    if (read(source->fd, sink, sizeof sink) <= 0)
        source_remove(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t hello[] = {8, 0, 0, 0, FRAME_HELLO, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0};
    static bool is_started;
    int pair[2];
    if (!is_started) {
        is_started = loop_start() && hello_prepare();
        if (!is_started)
            abort();
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        abort();
    peer = pair[1];
    source_add(&answers, peer, EPOLLIN, on_answer);
    if (!conn_serve(pair[0], pair[0], on_closed, NULL))
        abort();
    /* Every other input begins after a good hello, or nearly all of them would end at once. */
    if (size > 0 && (data[0] & 1) && write(peer, hello, sizeof hello) < 0)
        abort();
    if (size > 1 && write(peer, data + 1, size - 1) < 0)
        abort();
    shutdown(peer, SHUT_WR);
    timer_set(&end, 1000000, stop);
    loop_run();
    timer_clear(&end);
    source_remove(&answers);
    close(peer);
    if (conn_count() != 0)
        abort();
    while (end_count > 0)
        close(ends[--end_count]);
    while (process_first())
        process_forget(process_first());
    return 0;
}
