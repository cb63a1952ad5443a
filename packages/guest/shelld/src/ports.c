#include "ports.h"

#include "conn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum {
    GREETING_BYTES = 16,
    NONCE_BYTES = 16,
    EXCHANGE_BYTES = GREETING_BYTES + NONCE_BYTES,
    SEARCH_US = 1000,
    SEARCHES = 5000,
};

static const uint8_t greeting[GREETING_BYTES + 1] = "SOVEREIGN\r\nPORT\n";

enum port_state { UNUSED, WAITING, GREETED, SERVING };

static struct port {
    struct source source;
    enum port_state state;
    int fd;
    char name[32];
    uint8_t heard[EXCHANGE_BYTES];
    size_t heard_bytes;
} ports[PORTS_MAX];

static struct timer search;
static size_t wanted_ports, searches_left;
static void (*accepted)(void);
static void (*closed)(void *owner);

static void on_ready(struct source *source, uint32_t ready);

/* Edge-triggered: a port without a host would report its hang-up for ever. */
static bool watch(struct port *port)
{
    return source_add(&port->source, port->fd, EPOLLIN | EPOLLOUT | EPOLLET, on_ready);
}

/* A host that is still there is greeted again: one that we turned away takes that for what it is, the end. */
static void wait_for_host(struct port *port)
{
    port->state = WAITING;
    port->heard_bytes = 0;
    if (!watch(port)) {
        close(port->fd);
        port->state = UNUSED;
    }
}

static void on_conn_closed(void *owner)
{
    wait_for_host(owner);
    closed(owner);
}

static void serve(struct port *port)
{
    source_remove(&port->source);
    int fd = fcntl(port->fd, F_DUPFD_CLOEXEC, 3);
    port->state = SERVING;
    if (fd >= 0 && conn_serve(fd, fd, on_conn_closed, port)) {
        accepted();
        return;
    }
    wait_for_host(port);
}

/* Takes one byte of the host's part; true when it is complete. Anything else before it is stale. */
static bool hear(struct port *port, uint8_t byte)
{
    if (port->heard_bytes < GREETING_BYTES && byte != greeting[port->heard_bytes])
        port->heard_bytes = 0;
    if (port->heard_bytes >= GREETING_BYTES || byte == greeting[port->heard_bytes])
        port->heard[port->heard_bytes++] = byte;
    return port->heard_bytes == EXCHANGE_BYTES;
}

static void listen_to_host(struct port *port)
{
    uint8_t byte;
    while (read(port->fd, &byte, 1) == 1)
        if (hear(port, byte)) {
            port->heard_bytes = 0;
            /* The echo invites the host to speak, so the conversation is in place by then: what came between the two was lost
             * once in a hundred connections. A host that gets no echo takes another port. */
            serve(port);
            ssize_t echoed = port->state == SERVING ? write(port->fd, port->heard, EXCHANGE_BYTES) : 0;
            (void)echoed;
            return;
        }
}

static void discard(struct port *port)
{
    uint8_t stale[4096];
    while (read(port->fd, stale, sizeof stale) > 0)
        ;
}

static void on_ready(struct source *source, uint32_t ready)
{
    struct port *port = container_of(source, struct port, source);
    if (ready & (EPOLLHUP | EPOLLERR)) {
        discard(port);
        port->state = WAITING;
        port->heard_bytes = 0;
        return;
    }
    if (port->state == WAITING) {
        if (write(port->fd, greeting, GREETING_BYTES) != GREETING_BYTES)
            return;
        port->state = GREETED;
        port->heard_bytes = 0;
    }
    if (port->state == GREETED && (ready & EPOLLIN))
        listen_to_host(port);
}

static bool is_known(const char *name)
{
    for (size_t index = 0; index < PORTS_MAX; index++)
        if (ports[index].state != UNUSED && strcmp(ports[index].name, name) == 0)
            return true;
    return false;
}

/* A port that has just appeared gives ENXIO for a moment: the next search takes it. */
static void take_port(const char *name)
{
    struct port *port = ports;
    char path[64];
    while (port < ports + PORTS_MAX && port->state != UNUSED)
        port++;
    if (port == ports + PORTS_MAX || snprintf(port->name, sizeof port->name, "%s", name) >= (int)sizeof port->name)
        return;
    (void)snprintf(path, sizeof path, "/dev/%s", port->name);
    port->fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (port->fd < 0)
        return;
    wait_for_host(port);
}

static size_t used_ports(void)
{
    size_t used = 0;
    for (size_t index = 0; index < PORTS_MAX; index++)
        used += ports[index].state != UNUSED;
    return used;
}

static void look(struct timer *timer)
{
    (void)timer;
    DIR *directory = opendir("/dev");
    for (struct dirent *item; directory && (item = readdir(directory));)
        if (strncmp(item->d_name, "vport", 5) == 0 && !is_known(item->d_name))
            take_port(item->d_name);
    if (directory)
        closedir(directory);
    if (used_ports() < wanted_ports && --searches_left > 0)
        timer_set(&search, SEARCH_US, look);
    else if (used_ports() < wanted_ports)
        fprintf(stderr, "shelld: %zu of %zu virtio-serial ports appeared.\n", used_ports(), wanted_ports);
}

bool ports_serve(size_t count, void (*on_accepted)(void), void (*on_closed)(void *owner))
{
    wanted_ports = count < PORTS_MAX ? count : PORTS_MAX;
    searches_left = SEARCHES;
    accepted = on_accepted;
    closed = on_closed;
    look(&search);
    return true;
}
