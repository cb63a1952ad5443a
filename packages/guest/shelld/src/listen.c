#include "listen.h"

#include "conn.h"
#include "vsock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* How long to leave the door alone when there are no descriptors left: the waiting client would wake us for ever. */
enum { REST_US = 100000 };

static struct source listener;
static struct timer rest;
static const struct listen_policy *policy;

static int complain(const char *path, const char *problem, int fd)
{
    fprintf(stderr, "shelld: cannot listen: %s (%s).\n", path, problem);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* SAFETY: the directory is what keeps strangers out between bind() and chmod(), so it must be closed to them. */
static const char *problem_of_directory(const char *path, uid_t peer)
{
    char directory[sizeof(((struct sockaddr_un *)0)->sun_path)] = ".";
    struct stat status;
    const char *slash = strrchr(path, '/');
    if (slash)
        snprintf(directory, sizeof directory, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    if (stat(directory, &status) != 0)
        return "its directory is not there";
    if (status.st_uid != geteuid() && (peer == (uid_t)-1 || status.st_uid != peer))
        return "its directory belongs to somebody else";
    if (status.st_mode & 077)
        return "its directory is open to others: chmod 0700 it";
    return NULL;
}

static bool is_abandoned(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_refused = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return is_refused;
}

/* It gets its name when it listens, so that whoever finds it may connect. */
int listen_at(const char *path, uid_t peer)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX}, young = {.sun_family = AF_UNIX};
    int length = snprintf(young.sun_path, sizeof young.sun_path, "%s~", path);
    if (length < 0 || (size_t)length >= sizeof young.sun_path)
        return complain(path, "the path of a socket may have 107 bytes at most, with the ~ that it has first", -1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    const char *problem = problem_of_directory(path, peer);
    if (problem)
        return complain(path, problem, -1);
    if (access(path, F_OK) == 0 && !is_abandoned(&address))
        return complain(path, strerror(EADDRINUSE), -1);
    if (is_abandoned(&young))
        unlink(young.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&young, sizeof young) != 0 || chmod(young.sun_path, 0600) != 0 ||
        (peer != (uid_t)-1 && peer != geteuid() && chown(young.sun_path, peer, (gid_t)-1) != 0) ||
        listen(fd, LIMIT_MAX_CONNECTIONS) != 0 || rename(young.sun_path, path) != 0)
        return complain(path, strerror(errno), fd);
    return fd;
}

/*
 * SAFETY: a socket made by ourselves takes root, our own user and whom we were told. One that was handed in by a
 * launcher takes anybody: from within a user namespace its peer may have no name but the overflow uid, and the path is
 * guarded from outside by a directory of mode 0700. Over vsock nobody is welcome but the host: commands of a virtual machine
 * reach its ports too where the kernel has the loopback transport (tests/test_vsock.c).
 */
static bool is_welcome(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (vsock_is_stranger(fd))
        return false;
    if (!policy->checks_peers)
        return true;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
        return false;
    return peer.uid == 0 || peer.uid == geteuid() || (policy->peer_uid != (uid_t)-1 && peer.uid == policy->peer_uid);
}

static void look_again(struct timer *timer)
{
    (void)timer;
    source_set(&listener, EPOLLIN);
}

static void on_ready(struct source *source, uint32_t ready)
{
    (void)ready;
    int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
            source_set(source, 0);
            timer_set(&rest, REST_US, look_again);
        }
        return;
    }
    if (!is_welcome(fd))
        close(fd);
    else if (conn_serve(fd, fd, policy->on_closed, NULL))
        policy->on_accepted();
}

bool listen_serve(int fd, const struct listen_policy *how)
{
    int is_listening = 0;
    socklen_t length = sizeof is_listening;
    policy = how;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &length) != 0)
        return false;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (is_listening) {
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        return source_add(&listener, fd, EPOLLIN, on_ready);
    }
    if (!conn_serve(fd, fd, policy->on_closed, NULL))
        return false;
    policy->on_accepted();
    return true;
}

void listen_stop(void)
{
    if (!listener.added)
        return;
    timer_clear(&rest);
    source_remove(&listener);
    close(listener.fd);
}
