#include "relay.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BUFFER_BYTES = 65536 };

/* One direction. */
struct flow {
    int from, to;
    size_t start, end;
    char bytes[BUFFER_BYTES];
};

static struct flow inward, outward;

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return -1;
    return fd;
}

/* Reads when the buffer is empty, writes when it is not. False at the end of either side. */
static bool move(struct flow *flow)
{
    if (flow->start == flow->end) {
        ssize_t count = read(flow->from, flow->bytes, sizeof flow->bytes);
        if (count <= 0)
            return count < 0 && (errno == EINTR || errno == EAGAIN);
        flow->start = 0;
        flow->end = (size_t)count;
    }
    ssize_t count = write(flow->to, flow->bytes + flow->start, flow->end - flow->start);
    if (count < 0)
        return errno == EINTR || errno == EAGAIN;
    flow->start += (size_t)count;
    return true;
}

/* What a flow waits for now: room when it holds bytes, else bytes. */
static struct pollfd wish(const struct flow *flow)
{
    bool holds = flow->start != flow->end;
    return (struct pollfd){.fd = holds ? flow->to : flow->from, .events = holds ? POLLOUT : POLLIN};
}

int relay_main(int argc, char **argv)
{
    if (argc != 1) {
        fprintf(stderr, "usage: shelld relay PATH\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int fd = connect_to(argv[0]);
    if (fd < 0) {
        fprintf(stderr, "shelld: cannot connect to %s: %s\n", argv[0], strerror(errno));
        return 1;
    }
    inward = (struct flow){.from = STDIN_FILENO, .to = fd};
    outward = (struct flow){.from = fd, .to = STDOUT_FILENO};
    for (;;) {
        /* That nobody reads our output any more has to be seen also while there is none: it is looked for with no events. */
        struct pollfd polled[] = {wish(&inward), wish(&outward), {.fd = STDOUT_FILENO}};
        if (poll(polled, sizeof polled / sizeof *polled, -1) < 0 && errno != EINTR)
            return 1;
        if (polled[0].revents && !move(&inward))
            return 0;
        if (polled[1].revents && !move(&outward))
            return 0;
        if (polled[2].revents & (POLLERR | POLLNVAL))
            return 0;
    }
}
