#define _GNU_SOURCE 1
#include "tunnel_socket.h"

#include "frames.gen.h"
#include "jail.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { PROC_MAGIC = 0x9fa0, SERVE_UMASK = 022 };

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
};

/* SAFETY: only loopback, so that a tunnel cannot be used to reach what the guest can reach (test_tunnel_socket.c). */
static int loopback(uint16_t port, struct slice text, union any_address *address, socklen_t *length)
{
    char name[TUNNEL_ADDRESS_BYTES] = "127.0.0.1";
    if (text.length >= sizeof name)
        return -EINVAL;
    if (text.length > 0) {
        memcpy(name, text.data, text.length);
        name[text.length] = '\0';
    }
    *address = (union any_address){0};
    if (inet_pton(AF_INET, name, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        *length = sizeof address->v4;
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127 ? 0 : -EACCES;
    }
    if (inet_pton(AF_INET6, name, &address->v6.sin6_addr) == 1) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(port);
        *length = sizeof address->v6;
        return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr) ? 0 : -EACCES;
    }
    return -EINVAL;
}

/* The kernel takes a path only; one through the descriptor leads to what the jail opened (as in watch.c). */
static int local(int fd, const char *name, union any_address *address)
{
    struct statfs proc;
    if (statfs("/proc/self/fd", &proc) != 0 || proc.f_type != PROC_MAGIC)
        return -ENOSYS;
    *address = (union any_address){.local.sun_family = AF_UNIX};
    size_t size = sizeof address->local.sun_path;
    int used = snprintf(address->local.sun_path, size, "/proc/self/fd/%d%s%s", fd, name ? "/" : "", name ? name : "");
    return used < 0 || (size_t)used >= size ? -ENAMETOOLONG : 0;
}

static int open_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? -errno : fd;
}

static int listen_tcp(struct tunnel_door *door, uint16_t port, struct slice text, uint16_t backlog)
{
    union any_address address;
    socklen_t length;
    int on = 1, refusal = loopback(port, text, &address, &length);
    if (refusal < 0)
        return refusal;
    int fd = open_socket(address.any.sa_family);
    if (fd < 0)
        return fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool is_v6 = address.any.sa_family == AF_INET6;
    if (bind(fd, &address.any, length) != 0 || listen(fd, backlog) != 0 || getsockname(fd, &address.any, &length) != 0) {
        refusal = -errno;
        close(fd);
        return refusal;
    }
    door->fd = fd;
    door->port = ntohs(is_v6 ? address.v6.sin6_port : address.v4.sin_port);
    inet_ntop(address.any.sa_family, is_v6 ? (void *)&address.v6.sin6_addr : (void *)&address.v4.sin_addr, door->address,
              sizeof door->address);
    return 0;
}

/* Whoever may enter the directory may connect: the mode of the socket keeps nobody out that its directory lets in. */
static int listen_local(struct tunnel_door *door, struct slice path, uint16_t backlog)
{
    struct jail_place place;
    union any_address address;
    int refusal = jail_open_place(path, false, &place);
    if (refusal < 0)
        return refusal;
    refusal = local(place.directory, place.name, &address);
    int fd = refusal < 0 ? refusal : open_socket(AF_UNIX);
    if (fd >= 0) {
        umask(0111);
        refusal = bind(fd, &address.any, sizeof address.local) == 0 && listen(fd, backlog) == 0 ? 0 : -errno;
        umask(SERVE_UMASK);
        if (refusal == 0) {
            door->fd = fd;
            door->directory = place.directory;
            memcpy(door->name, place.name, sizeof door->name);
            return 0;
        }
        close(fd);
    }
    close(place.directory);
    return fd < 0 ? fd : refusal;
}

int tunnel_door_open(struct tunnel_door *door, uint8_t kind, uint16_t port, struct slice address, uint16_t backlog)
{
    *door = (struct tunnel_door){.fd = -1, .directory = -1};
    if (kind == TUNNEL_TCP)
        return listen_tcp(door, port, address, backlog);
    return kind == TUNNEL_UNIX ? listen_local(door, address, backlog) : -EINVAL;
}

void tunnel_door_close(struct tunnel_door *door)
{
    struct stat status;
    if (door->fd >= 0)
        close(door->fd);
    if (door->directory >= 0) {
        if (fstatat(door->directory, door->name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(status.st_mode))
            unlinkat(door->directory, door->name, 0);
        close(door->directory);
    }
    door->fd = door->directory = -1;
}

static int begin(int fd, const union any_address *address, socklen_t length, bool *is_pending)
{
    *is_pending = false;
    if (fd < 0 || connect(fd, &address->any, length) == 0)
        return fd;
    if (errno == EINPROGRESS) {
        *is_pending = true;
        return fd;
    }
    int refusal = -errno;
    close(fd);
    return refusal;
}

static int connect_local(struct slice path, bool *is_pending)
{
    union any_address address;
    struct stat status;
    int target = jail_open(path, O_PATH | O_NOFOLLOW);
    if (target < 0)
        return target;
    int refusal = fstat(target, &status) == 0 && S_ISSOCK(status.st_mode) ? local(target, NULL, &address) : -ECONNREFUSED;
    int fd = refusal < 0 ? refusal : begin(open_socket(AF_UNIX), &address, sizeof address.local, is_pending);
    close(target);
    return fd;
}

int tunnel_connect(uint8_t kind, uint16_t port, struct slice text, bool *is_pending)
{
    union any_address address;
    socklen_t length;
    *is_pending = false;
    if (kind == TUNNEL_UNIX)
        return connect_local(text, is_pending);
    int refusal = kind == TUNNEL_TCP && port > 0 ? loopback(port, text, &address, &length) : -EINVAL;
    return refusal < 0 ? refusal : begin(open_socket(address.any.sa_family), &address, length, is_pending);
}

void tunnel_prepare(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void tunnel_abort(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}
