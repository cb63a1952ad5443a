#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEPT_BYTES = 65536, FILE_BYTES = 2 * KEPT_BYTES };

static const char usage[] =
    "usage: shelld console PROGRAM [argument ...]\n"
    "\n"
    "Runs PROGRAM, whose output goes to our stdout, a file opened for appending. When that has 128 KiB, it is cut to the\n"
    "last 64: a program that floods its console costs no more. SIGTERM is passed on; we end when PROGRAM does.\n";

/* The last bytes that were written, to begin the file anew with. */
static char kept[KEPT_BYTES];
static size_t kept_end, kept_bytes, file_bytes;

static void write_all(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, text, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        text += written;
        size -= (size_t)written;
    }
}

static void keep(const char *text, size_t size)
{
    for (size_t index = 0; index < size; index++) {
        kept[kept_end] = text[index];
        kept_end = (kept_end + 1) % KEPT_BYTES;
    }
    kept_bytes = kept_bytes + size < KEPT_BYTES ? kept_bytes + size : KEPT_BYTES;
}

static void append(const char *text, size_t size)
{
    keep(text, size);
    if (file_bytes + size > FILE_BYTES && ftruncate(STDOUT_FILENO, 0) == 0) {
        size_t first = kept_bytes < KEPT_BYTES ? 0 : kept_end;
        size_t upper = kept_bytes < KEPT_BYTES ? kept_bytes : KEPT_BYTES - first;
        write_all(kept + first, upper);
        write_all(kept, kept_bytes - upper);
        file_bytes = kept_bytes;
        return;
    }
    write_all(text, size);
    file_bytes += size;
}

static bool copy_some(int fd)
{
    char text[16384];
    ssize_t got = read(fd, text, sizeof text);
    if (got > 0)
        append(text, (size_t)got);
    return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

static void say_end(const char *program, int status)
{
    char text[512];
    const char *name = strrchr(program, '/') ? strrchr(program, '/') + 1 : program;
    int size = 0;
    if (WIFSIGNALED(status))
        size = snprintf(text, sizeof text, "%.200s was killed by signal %d\n", name, WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        size = snprintf(text, sizeof text, "%.200s ended with exit code %d\n", name, WEXITSTATUS(status));
    if (size > 0)
        append(text, (size_t)size);
}

/* Returns true when the program has ended. Others that end are those that it left to us as PID 1. */
static bool take_signals(int fd, pid_t child, int *status)
{
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        if (info.ssi_signo == SIGTERM)
            kill(child, SIGTERM);
    int ended;
    for (pid_t pid; (pid = waitpid(-1, &ended, WNOHANG)) > 0;)
        if (pid == child) {
            *status = ended;
            return true;
        }
    return false;
}

static int follow(pid_t child, int output, int signals, const char *program)
{
    int status = 0;
    struct pollfd ready[2] = {{.fd = signals, .events = POLLIN}, {.fd = output, .events = POLLIN}};
    for (bool ended = false; !ended;) {
        if (poll(ready, 2, -1) < 0 && errno != EINTR)
            break;
        if (ready[1].revents && !copy_some(output))
            ready[1].fd = -1;
        if (ready[0].revents)
            ended = take_signals(signals, child, &status);
    }
    fcntl(output, F_SETFL, O_NONBLOCK);
    for (char text[4096]; true;) {
        ssize_t got = read(output, text, sizeof text);
        if (got <= 0)
            break;
        append(text, (size_t)got);
    }
    say_end(program, status);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int console_main(int argc, char **argv)
{
    int output[2];
    sigset_t wanted, none;
    if (argc < 1)
        return fprintf(stderr, "%s", usage), 2;
    sigemptyset(&none);
    sigemptyset(&wanted);
    sigaddset(&wanted, SIGCHLD);
    sigaddset(&wanted, SIGTERM);
    sigprocmask(SIG_SETMASK, &wanted, NULL);
    int signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0 || pipe2(output, O_CLOEXEC) < 0)
        return perror("shelld console"), 1;
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigprocmask(SIG_SETMASK, &none, NULL);
        dup2(output[1], STDOUT_FILENO);
        dup2(output[1], STDERR_FILENO);
        execv(argv[0], argv);
        fprintf(stderr, "shelld console: cannot execute %s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    close(output[1]);
    /* What the program inherited is its own: a socket that we kept open would outlive it. */
    close(3);
    return child < 0 ? 1 : follow(child, output[0], signals, argv[0]);
}
