/* Sockets of tunnels lead to loopback, or to a unix socket below a root, and nowhere else. */
#include "../src/tunnel_socket.h"

#include "../src/jail.h"
#include "check.h"
#include "frames.gen.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int dial(uint8_t kind, uint16_t port, const char *address)
{
    bool is_pending;
    int fd = tunnel_connect(kind, port, slice_of(address), &is_pending);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? fd : 0;
}

static int listen_at(struct tunnel_door *door, uint8_t kind, uint16_t port, const char *address)
{
    return tunnel_door_open(door, kind, port, slice_of(address), 4);
}

static void test_only_loopback(void)
{
    static const char *const outside[] = {"0.0.0.0", "10.0.0.1", "126.255.255.255", "128.0.0.0", "169.254.169.254",
                                          "::", "::2", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"};
    static const char *const malformed[] = {"localhost", "127.1", "0x7f.0.0.1", "127.0.0.1 ", "127.0.0.1%lo", "::1%lo", "[::1]"};
    struct tunnel_door door;
    for (size_t index = 0; index < sizeof outside / sizeof *outside; index++) {
        CHECK(dial(TUNNEL_TCP, 80, outside[index]) == -EACCES);
        CHECK(listen_at(&door, TUNNEL_TCP, 0, outside[index]) == -EACCES && door.fd == -1);
    }
    for (size_t index = 0; index < sizeof malformed / sizeof *malformed; index++) {
        CHECK(dial(TUNNEL_TCP, 80, malformed[index]) == -EINVAL);
        CHECK(listen_at(&door, TUNNEL_TCP, 0, malformed[index]) == -EINVAL);
    }
    CHECK(dial(TUNNEL_TCP, 0, "127.0.0.1") == -EINVAL);
    CHECK(dial(0, 80, "127.0.0.1") == -EINVAL && listen_at(&door, 9, 0, "") == -EINVAL);
    /* The twin that is allowed. */
    CHECK(listen_at(&door, TUNNEL_TCP, 0, "127.80.1.2") == 0);
    CHECK(door.port > 0 && strcmp(door.address, "127.80.1.2") == 0);
    CHECK(dial(TUNNEL_TCP, door.port, "127.80.1.2") == 0);
    struct tunnel_door second;
    CHECK(listen_at(&second, TUNNEL_TCP, door.port, "127.80.1.2") == -EADDRINUSE);
    uint16_t port = door.port;
    tunnel_door_close(&door);
    CHECK(listen_at(&door, TUNNEL_TCP, port, "127.80.1.2") == 0);
    tunnel_door_close(&door);
}

static void test_unix_below_the_root(void)
{
    char directory[] = "/tmp/shelld-tunnel-XXXXXX", root[64], path[128], outside[128], link[128];
    struct stat status;
    struct tunnel_door door, other;
    if (!mkdtemp(directory))
        abort();
    snprintf(root, sizeof root, "%s/root", directory);
    snprintf(path, sizeof path, "%s/socket", root);
    snprintf(link, sizeof link, "%s/link", root);
    snprintf(outside, sizeof outside, "%s/outside", directory);
    mkdir(root, 0700);
    CHECK(listen_at(&door, TUNNEL_UNIX, 0, path) == -JAIL_OUTSIDE);
    CHECK(jail_add_root(root));
    CHECK(listen_at(&door, TUNNEL_UNIX, 0, path) == 0);
    CHECK(stat(path, &status) == 0 && S_ISSOCK(status.st_mode));
    CHECK(dial(TUNNEL_UNIX, 0, path) == 0);
    CHECK(listen_at(&other, TUNNEL_UNIX, 0, path) == -EADDRINUSE);
    CHECK(listen_at(&other, TUNNEL_UNIX, 0, outside) == -JAIL_OUTSIDE);
    int stranger = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, outside, strlen(outside) + 1);
    CHECK(bind(stranger, (struct sockaddr *)&address, sizeof address) == 0 && listen(stranger, 1) == 0);
    CHECK(symlink(outside, link) == 0);
    CHECK(dial(TUNNEL_UNIX, 0, outside) == -JAIL_OUTSIDE);
    CHECK(dial(TUNNEL_UNIX, 0, link) == -ECONNREFUSED);
    CHECK(listen_at(&other, TUNNEL_UNIX, 0, link) == -EADDRINUSE);
    tunnel_door_close(&door);
    CHECK(stat(path, &status) != 0);
    close(stranger);
    unlink(link);
    unlink(outside);
    rmdir(root);
    rmdir(directory);
}

int main(void)
{
    test_only_loopback();
    test_unix_below_the_root();
    return check_result("tunnel_socket");
}
