#include "serve.h"

#include "closing.h"
#include "confine.h"
#include "conn.h"
#include "hello.h"
#include "hosts.h"
#include "jail.h"
#include "killing.h"
#include "listen.h"
#include "mount_checks.h"
#include "number.h"
#include "ports.h"
#include "process.h"
#include "system.h"
#include "vsock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KERNEL_SIGNALS = 64 };

static const char usage[] =
    "usage: shelld serve (--stdio | --listen-fd N | --listen PATH | --ports N | --listen-vsock PORT) [options]\n"
    "  --stdio                  serve one client on stdin and stdout\n"
    "  --listen-fd N            serve on an inherited socket, listening or connected\n"
    "  --listen PATH            serve on a new unix socket, in a directory of mode 0700\n"
    "  --listen-vsock PORT      serve the host on a vsock port of this virtual machine\n"
    "  --ports N                serve N virtio-serial ports of a virtual machine\n"
    "  --listen-private PATH    the same, and make that directory\n"
    "  --peer-uid N             with --listen: also accept this user, who may own the directory\n"
    "  --check-mounts PATH      do not serve unless every line DEVICE INODE PATH of this file is true\n"
    "  --root PATH              file operations may work below PATH (repeatable; without one they are refused)\n"
    "  --make-directory PATH    make this directory, and what it lies in, where it is missing\n"
    "  --hosts PATH             names of tunnel listeners are entered in this file\n"
    "  --exit-on-disconnect     kill everything and exit when the last connection has closed\n"
    "  --accept-timeout-ms N    exit when nobody has connected by then\n";

static struct {
    bool uses_stdio, exits_on_disconnect, has_client, makes_directory;
    int listen_fd;
    uint64_t port_count;
    const char *listen_path, *hosts_path, *checks_path, *made_path;
    uint64_t vsock_port; /* 0: none */
    uint64_t accept_timeout_ms;
    const char *roots[JAIL_MAX_ROOTS];
    size_t root_count;
    int stdio[2];
} options = {.listen_fd = -1};

static void on_accepted(void);
static void on_closed(void *owner);
static struct listen_policy policy = {.peer_uid = (uid_t)-1, .on_accepted = on_accepted, .on_closed = on_closed};

static struct source signals;
static struct timer accept_timer;
static int exit_status;

/* ---- command line ---- */

/* Takes one of our options; how many entries it used, 0 when it is not ours, -1 when its value is bad. */
static int take_option(int argc, char **argv, int index)
{
    const char *name = argv[index], *value = index + 1 < argc ? argv[index + 1] : NULL;
    uint64_t number;
    if (strcmp(name, "--stdio") == 0)
        return options.uses_stdio = true, 1;
    if (strcmp(name, "--exit-on-disconnect") == 0)
        return options.exits_on_disconnect = true, 1;
    if (strcmp(name, "--listen") == 0)
        return value ? (options.listen_path = value, 2) : -1;
    if (strcmp(name, "--hosts") == 0)
        return value ? (options.hosts_path = value, 2) : -1;
    if (strcmp(name, "--make-directory") == 0)
        return value && value[0] == '/' ? (options.made_path = value, 2) : -1;
    if (strcmp(name, "--listen-private") == 0)
        return value ? (options.listen_path = value, options.makes_directory = true, 2) : -1;
    if (strcmp(name, "--check-mounts") == 0)
        return value ? (options.checks_path = value, 2) : -1;
    if (strcmp(name, "--root") == 0) {
        if (!value || options.root_count == JAIL_MAX_ROOTS)
            return -1;
        options.roots[options.root_count++] = value;
        return 2;
    }
    if (strcmp(name, "--listen-fd") == 0)
        return value && number_is_whole(value, 1 << 20, &number) ? (options.listen_fd = (int)number, 2) : -1;
    if (strcmp(name, "--ports") == 0)
        return value && number_is_whole(value, PORTS_MAX, &options.port_count) ? 2 : -1;
    if (strcmp(name, "--listen-vsock") == 0)
        return value && number_is_whole(value, UINT32_MAX - 1, &options.vsock_port) && options.vsock_port > 0 ? 2 : -1;
    if (strcmp(name, "--peer-uid") == 0)
        return value && number_is_whole(value, UINT32_MAX - 1, &number) ? (policy.peer_uid = (uid_t)number, 2) : -1;
    if (strcmp(name, "--accept-timeout-ms") == 0)
        return value && number_is_whole(value, UINT32_MAX, &options.accept_timeout_ms) ? 2 : -1;
    return 0;
}

static bool parse(int argc, char **argv)
{
    for (int index = 0, used; index < argc; index += used) {
        used = take_option(argc, argv, index);
        if (used == 0)
            used = confine_option(argc, argv, index);
        if (used <= 0) {
            fprintf(stderr, "shelld: %s: %s\n%s%s", used == 0 ? "unknown option" : "bad value", argv[index], usage, confine_usage);
            return false;
        }
    }
    int ways = options.uses_stdio + (options.listen_fd >= 0) + (options.listen_path != NULL) + (options.port_count > 0) +
               (options.vsock_port > 0);
    if (ways == 1)
        return true;
    fprintf(stderr, "shelld: exactly one of --stdio, --listen-fd, --listen, --ports and --listen-vsock is needed.\n%s%s", usage, confine_usage);
    return false;
}

/* ---- a clean process ---- */

/* 0 and 1 become /dev/null, which is also what a command without stdin gets; the channel of --stdio moves away, so
 * that nothing writes into it by mistake. */
static bool settle_descriptors(void)
{
    int null = open("/dev/null", O_RDWR);
    if (null < 0)
        return false;
    for (int fd = 0; options.uses_stdio && fd < 2; fd++)
        if ((options.stdio[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3)) < 0)
            return false;
    dup2(null, 0);
    dup2(null, 1);
    if (null > 2)
        close(null);
    return fcntl(2, F_GETFD) >= 0 || dup2(0, 2) == 2;
}

/* Many processes need many descriptors; commands get the limit we were given. */
static void raise_open_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    process_set_open_files(&limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* Every signal is blocked and none has a handler; those that matter are read in the loop. What we execute gets
 * default dispositions and an empty mask. By system call: the C library does not let us at signals it keeps for itself,
 * which we may have inherited ignored. */
static void block_signals(void)
{
    static const long by_default[8];
    sigset_t all;
    for (int number = 1; number <= KERNEL_SIGNALS; number++)
        syscall(SYS_rt_sigaction, number, by_default, NULL, KERNEL_SIGNALS / 8);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

/* ---- life ---- */

static void stop(void)
{
    loop_stop();
}

static void on_accepted(void)
{
    options.has_client = true;
    timer_clear(&accept_timer);
}

static void on_closed(void *owner)
{
    (void)owner;
    if (conn_count() > 0 || !(options.exits_on_disconnect || options.uses_stdio))
        return;
    listen_stop();
    killing_shutdown(stop);
}

static void on_signal(struct source *source, uint32_t ready)
{
    struct signalfd_siginfo info;
    (void)ready;
    while (read(source->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            process_reap();
        } else if (killing_is_shutdown()) {
            killing_shutdown(stop);
        } else {
            listen_stop();
            killing_farewell(stop);
        }
    }
}

static struct timer grace;

static void on_grace_over(struct timer *timer)
{
    (void)timer;
    killing_shutdown(stop);
}

static void on_shutdown(uint32_t grace_ms)
{
    if (grace_ms > 0)
        killing_farewell(stop);
    timer_set(&grace, (uint64_t)grace_ms * 1000, on_grace_over);
}

static void on_accept_timeout(struct timer *timer)
{
    (void)timer;
    fprintf(stderr, "shelld: nobody has connected within %llu ms.\n", (unsigned long long)options.accept_timeout_ms);
    exit_status = 1;
    loop_stop();
}

static bool watch_signals(void)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGTERM);
    sigaddset(&wanted, SIGINT);
    int fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 && source_add(&signals, fd, EPOLLIN, on_signal);
}

static bool open_roots(void)
{
    for (size_t index = 0; index < options.root_count; index++)
        if (!jail_add_root(options.roots[index])) {
            fprintf(stderr, "shelld: cannot open root: %s (%s).\n", options.roots[index], strerror(errno));
            return false;
        }
    return hello_prepare();
}

static bool open_door(void)
{
    if (options.uses_stdio)
        return conn_serve(options.stdio[0], options.stdio[1], on_closed, NULL) && (on_accepted(), true);
    if (options.port_count > 0 ? !ports_serve(options.port_count, on_accepted, on_closed)
                               : !listen_serve(options.listen_fd, &policy))
        return false;
    if (options.accept_timeout_ms > 0 && !options.has_client)
        timer_set(&accept_timer, options.accept_timeout_ms * 1000, on_accept_timeout);
    return true;
}

static bool make_directory(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (!slash || (size_t)(slash - path) >= sizeof directory)
        return false;
    (void)snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
    return mkdir(directory, 0700) == 0 || errno == EEXIST;
}

/* As mkdir -p. What stands in the way is found by the command that wants to work there. */
static void make_working_directory(const char *path)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof part)
        return;
    memcpy(part, path, length + 1);
    for (size_t at = 1; at <= length; at++) {
        if (part[at] != '/' && part[at] != '\0')
            continue;
        part[at] = '\0';
        mkdir(part, 0755);
        part[at] = path[at];
    }
}

int serve_main(int argc, char **argv)
{
    if (!parse(argc, argv))
        return 2;
    close_others(options.listen_fd);
    if (options.checks_path && !mount_checks_hold(options.checks_path))
        return 1;
    policy.checks_peers = options.listen_path != NULL;
    if (options.makes_directory && !make_directory(options.listen_path)) {
        perror("shelld: directory of the socket");
        return 1;
    }
    if (options.listen_path && (options.listen_fd = listen_at(options.listen_path, policy.peer_uid)) < 0)
        return 1;
    if (options.vsock_port > 0 && (options.listen_fd = vsock_listen((uint32_t)options.vsock_port)) < 0)
        return 1;
    if (!settle_descriptors()) {
        perror("shelld: descriptors");
        return 1;
    }
    umask(022);
    if (options.made_path)
        make_working_directory(options.made_path);
    /* Before Landlock, which would take an entry in its rules for it. A guest without the file has no names, that is all. */
    if (options.hosts_path && !hosts_open(options.hosts_path))
        fprintf(stderr, "shelld: cannot use hosts file: %s (%s).\n", options.hosts_path, strerror(errno));
    if (!confine_apply())
        return 1;
    block_signals();
    raise_open_files();
    /* SAFETY: commands of the same uid must not trace us, read our memory or take our descriptors. */
    prctl(PR_SET_DUMPABLE, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    system_on_shutdown(on_shutdown);
    if (!loop_start() || !watch_signals() || !open_roots() || !open_door()) {
        perror("shelld: cannot serve");
        return 1;
    }
    loop_run();
    conn_close_all();
    if (options.listen_path)
        unlink(options.listen_path);
    return exit_status;
}
