#include "vsock.h"

#include "frames.gen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

int vsock_listen(uint32_t port)
{
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
    int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, LIMIT_MAX_CONNECTIONS) == 0)
        return fd;
    fprintf(stderr, "shelld: cannot listen: vsock port %u (%s).\n", port, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

bool vsock_is_stranger(int fd)
{
    struct sockaddr_vm peer = {0};
    socklen_t length = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0)
        return true;
    return peer.svm_family == AF_VSOCK && peer.svm_cid != VMADDR_CID_HOST;
}
