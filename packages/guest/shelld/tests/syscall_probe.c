/* Makes one system call by name and exits with its errno (0 when it succeeded), so that the filter's answer is seen. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UNKNOWN = 1000, X32_GETPID = 0x40000000 + 39 };

static long make(const char *name)
{
    if (strcmp(name, "unshare") == 0)
        return unshare(CLONE_NEWUSER);
    if (strcmp(name, "clone-newuser") == 0) {
        long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
        if (child == 0)
            _exit(0);
        return child;
    }
    if (strcmp(name, "clone") == 0) {
        long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        if (child == 0)
            _exit(0);
        return child;
    }
    if (strcmp(name, "clone3") == 0)
        return syscall(435, NULL, 0);
    if (strcmp(name, "keyctl") == 0)
        return syscall(SYS_keyctl, 0, -3, 0); /* KEYCTL_GET_KEYRING_ID of the session */
    if (strcmp(name, "bpf") == 0)
        return syscall(SYS_bpf, 5, NULL, 0);
    if (strcmp(name, "io_uring") == 0)
        return syscall(425, 1, NULL);
    if (strcmp(name, "userfaultfd") == 0)
        return syscall(SYS_userfaultfd, 0);
    if (strcmp(name, "mount") == 0)
        return syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL);
    if (strcmp(name, "fsopen") == 0)
        return syscall(430, "tmpfs", 0);
    if (strcmp(name, "setns") == 0)
        return syscall(SYS_setns, -1, 0);
    if (strcmp(name, "sethostname") == 0)
        return syscall(SYS_sethostname, "", -1);
    if (strcmp(name, "syslog") == 0)
        return syscall(SYS_syslog, 10, NULL, 0);
    if (strcmp(name, "ptrace") == 0)
        return syscall(SYS_ptrace, 0, 0, 0, 0); /* PTRACE_TRACEME */
    if (strcmp(name, "personality-aslr") == 0)
        return syscall(SYS_personality, 0x40000);
    if (strcmp(name, "personality-exec") == 0)
        return syscall(SYS_personality, 0x400000); /* READ_IMPLIES_EXEC */
    if (strcmp(name, "socket-unix") == 0)
        return socket(AF_UNIX, SOCK_STREAM, 0);
    if (strcmp(name, "socket-inet") == 0)
        return socket(AF_INET, SOCK_STREAM, 0);
    if (strcmp(name, "socket-inet6") == 0)
        return socket(AF_INET6, SOCK_STREAM, 0);
    if (strcmp(name, "socket-netlink") == 0)
        return socket(AF_NETLINK, SOCK_RAW, 0);
    if (strcmp(name, "socket-packet") == 0)
        return socket(17, SOCK_RAW, 0);
    if (strcmp(name, "socket-vsock") == 0)
        return socket(40, SOCK_STREAM, 0);
    if (strcmp(name, "socket-alg") == 0)
        return socket(38, 5, 0);
    if (strcmp(name, "tiocsti") == 0)
        return syscall(SYS_ioctl, 0, 0x5412, "x");
    if (strcmp(name, "tiocsti-high") == 0)
        return syscall(SYS_ioctl, 0, 0x100005412, "x");
    if (strcmp(name, "tioclinux") == 0)
        return syscall(SYS_ioctl, 0, 0x541C, "\x02");
    if (strcmp(name, "fionread") == 0) {
        int available;
        return syscall(SYS_ioctl, 0, 0x541B, &available);
    }
    if (strcmp(name, "unknown") == 0)
        return syscall(UNKNOWN);
#ifdef __x86_64__
    if (strcmp(name, "x32") == 0)
        return syscall(X32_GETPID);
    if (strcmp(name, "int80") == 0) {
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory"); /* getpid of i386 */
        errno = result < 0 ? (int)-result : 0;
        return result < 0 ? -1 : result;
    }
#endif
    fprintf(stderr, "no such probe: %s\n", name);
    _exit(255);
}

int main(int argc, char **argv)
{
    errno = 0;
    if (argc != 2)
        return 255;
    return make(argv[1]) < 0 ? errno : 0;
}
