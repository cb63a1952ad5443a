#include "visit.h"
#include "visit_guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char usage[] =
    "usage: shelld enter (--pid PID --start TICKS | --network FILE) -- PROGRAM [argument ...]\n"
    "       shelld pin-network FILE\n"
    "\n"
    "`enter` runs a program of the host in the network namespace of a guest, or in one that was pinned to FILE.\n"
    "`pin-network` makes a network namespace that lives as long as FILE is mounted.\n";

enum { MS_BIND_FLAG = 4096 };

static _Noreturn void bad_usage(void)
{
    dprintf(STDERR_FILENO, "%s", usage);
    _exit(2);
}

int visit_enter_main(int argc, char **argv)
{
    struct visit_name name = {0};
    const char *network = NULL;
    int index = 0;
    for (; index + 1 < argc && strcmp(argv[index], "--") != 0; index += 2) {
        if (strcmp(argv[index], "--network") == 0)
            network = argv[index + 1];
        else if (!visit_name_option(&name, argv[index], argv[index + 1]))
            bad_usage();
    }
    if (index + 1 >= argc || strcmp(argv[index], "--") != 0)
        bad_usage();
    int fd = network != NULL ? open(network, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : visit_open(&name).net_fd;
    /* SAFETY: a file that is no network namespace is refused by the kernel, so nothing is run in the host's by mistake. */
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        visit_fail(1, "enter network", network != NULL ? network : name.pid);
    execvp(argv[index + 1], argv + index + 1);
    visit_fail(127, "execute", argv[index + 1]);
}

/* Devices made in it from then on speak IPv4 only: there is no IPv6 address that anybody chose. */
static void disable_ipv6(void)
{
    static const char *const files[] = {"/proc/sys/net/ipv6/conf/all/disable_ipv6",
                                        "/proc/sys/net/ipv6/conf/default/disable_ipv6"};
    for (size_t index = 0; index < sizeof files / sizeof *files; index++) {
        int fd = open(files[index], O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (write(fd, "1", 1) != 1)
            visit_fail(1, "write", files[index]);
        close(fd);
    }
}

int visit_pin_main(int argc, char **argv)
{
    if (argc != 1 || argv[0][0] != '/')
        bad_usage();
    int fd = open(argv[0], O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        visit_fail(errno == EEXIST ? VISIT_TAKEN : 1, "make", argv[0]);
    close(fd);
    if (unshare(CLONE_NEWNET) < 0)
        visit_fail(1, "unshare", "network namespace");
    disable_ipv6();
    if (syscall(SYS_mount, "/proc/self/ns/net", argv[0], NULL, MS_BIND_FLAG, NULL) < 0) {
        int reason = errno;
        unlink(argv[0]);
        errno = reason;
        visit_fail(1, "mount", argv[0]);
    }
    return 0;
}
