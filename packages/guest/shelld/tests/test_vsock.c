/* vsock: a port is listened on once, what comes over other sockets is no stranger, and a peer that is not the host is. */
#include "../src/vsock.h"

#include "check.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

enum { PORT = 0x5347, OTHER_PORT = 0x5348 };

static void test_listen(void)
{
    int listening = 0;
    socklen_t length = sizeof listening;
    int fd = vsock_listen(PORT);
    CHECK(fd >= 0);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening);
    CHECK(vsock_listen(PORT) < 0);
    int other = vsock_listen(OTHER_PORT);
    CHECK(other >= 0);
    close(other);
    close(fd);
    int again = vsock_listen(PORT);
    CHECK(again >= 0);
    close(again);
}

static void test_unix_peers(void)
{
    int pair[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    CHECK(!vsock_is_stranger(pair[0]));
    close(pair[0]);
    close(pair[1]);
}

static void test_unconnected(void)
{
    int fd = vsock_listen(PORT);
    CHECK(vsock_is_stranger(fd));
    close(fd);
}

/* Needs the loopback transport of the kernel (vsock_loopback), which not every kernel has. */
static void test_loopback(void)
{
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL, .svm_port = PORT};
    struct timeval patience = {.tv_sec = 1};
    int listener = vsock_listen(PORT), client = socket(AF_VSOCK, SOCK_STREAM, 0);
    setsockopt(client, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &patience, sizeof patience);
    if (connect(client, (struct sockaddr *)&address, sizeof address) != 0) {
        printf("skipped: vsock loopback (%s)\n", strerror(errno));
    } else {
        int accepted = accept(listener, NULL, NULL);
        CHECK(accepted >= 0 && vsock_is_stranger(accepted));
        close(accepted);
    }
    close(client);
    close(listener);
}

int main(void)
{
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (fd < 0) {
        printf("skipped: vsock (%s)\n", strerror(errno));
        return 0;
    }
    close(fd);
    test_listen();
    test_unix_peers();
    test_unconnected();
    test_loopback();
    return check_result("vsock");
}
