/*
 * How fast it is, seen from a client in C: `bench PATH_OF_SHELLD`. Prints medians of one exec after the other, execs
 * a second with 32 in flight, and the rate of 1 GiB of output.
 */
#include "frames.gen.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SERIAL = 3000, PARALLEL = 20000, IN_FLIGHT = 32, BUFFER = 4 << 20 };

static int fd;
static uint8_t buffer[BUFFER];
static size_t start, end;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void send_all(const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = write(fd, data, size);
        if (sent <= 0)
            fail("write");
        data += sent;
        size -= (size_t)sent;
    }
}

/* The next frame; its payload stays valid until the one after. */
static uint8_t next_frame(uint32_t *channel, struct slice *payload)
{
    for (;;) {
        uint32_t length;
        if (end - start >= FRAME_HEADER_BYTES) {
            memcpy(&length, buffer + start, 4);
            if (end - start >= FRAME_HEADER_BYTES + length) {
                const uint8_t *frame = buffer + start;
                memcpy(channel, frame + 5, 4);
                *payload = (struct slice){frame + FRAME_HEADER_BYTES, length};
                start += FRAME_HEADER_BYTES + length;
                return frame[4];
            }
        }
        if (start > 0) {
            memmove(buffer, buffer + start, end - start);
            end -= start;
            start = 0;
        }
        ssize_t got = read(fd, buffer + end, 262144 + FRAME_HEADER_BYTES > BUFFER - end ? BUFFER - end : 524288);
        if (got <= 0)
            fail("read");
        end += (size_t)got;
    }
}

static void send_start(uint32_t channel, char *const *argv, uint32_t credit)
{
    uint8_t frame[1024];
    struct writer writer = begin_frame(frame, sizeof frame);
    const uint32_t zero[6] = {0};
    uint32_t count = 0;
    while (argv[count])
        count++;
    write_raw(&writer, zero, sizeof zero);
    write_u32(&writer, credit);
    write_u32(&writer, 0);
    write_str(&writer, slice_of(""));
    write_u32(&writer, count);
    for (uint32_t index = 0; index < count; index++)
        write_str(&writer, slice_of(argv[index]));
    write_u32(&writer, 1);
    write_str(&writer, slice_of("PATH=/usr/bin:/bin"));
    write_bytes(&writer, (struct slice){0});
    send_all(frame, end_frame(&writer, FRAME_EXEC_START, channel));
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void serial(const char *name, char *const *argv)
{
    static double times[SERIAL];
    uint32_t channel;
    struct slice payload;
    for (int index = 0; index < SERIAL; index++) {
        double begun = now();
        send_start(1, argv, 1 << 20);
        while (next_frame(&channel, &payload) != FRAME_EXEC_EXITED)
            ;
        times[index] = now() - begun;
    }
    qsort(times, SERIAL, sizeof times[0], by_value);
    printf("%-28s median %.3f ms, p99 %.3f ms\n", name, times[SERIAL / 2] * 1e3, times[SERIAL * 99 / 100] * 1e3);
}

static void parallel(const char *name, char *const *argv)
{
    uint32_t channel;
    struct slice payload;
    double begun = now();
    for (uint32_t index = 1; index <= IN_FLIGHT; index++)
        send_start(index, argv, 1 << 20);
    for (int ended = 0; ended < PARALLEL;) {
        if (next_frame(&channel, &payload) != FRAME_EXEC_EXITED)
            continue;
        if (++ended <= PARALLEL - IN_FLIGHT)
            send_start(channel, argv, 1 << 20);
    }
    printf("%-28s %.0f /s\n", name, PARALLEL / (now() - begun));
}

static void stream(const char *name, char *const *argv)
{
    uint32_t channel;
    struct slice payload;
    uint64_t total = 0;
    uint32_t owed = 0;
    uint8_t type;
    double begun = now();
    send_start(1, argv, LIMIT_OUTPUT_WINDOW_BYTES);
    while ((type = next_frame(&channel, &payload)) != FRAME_EXEC_EXITED) {
        if (type != FRAME_EXEC_STDOUT)
            continue;
        uint8_t credit[16];
        total += payload.length;
        owed += payload.length;
        if (owed < LIMIT_OUTPUT_WINDOW_BYTES / 4)
            continue;
        send_all(credit, encode_credit(credit, sizeof credit, 1, &(struct frame_credit){owed}));
        owed = 0;
    }
    double seconds = now() - begun;
    printf("%-28s %.2f GiB/s (%llu bytes)\n", name, (double)total / seconds / (1 << 30), (unsigned long long)total);
}

/* The floor: the same bytes through a plain pipe. */
static void plain_pipe(void)
{
    uint64_t total = 0;
    double begun = now();
    FILE *pipe = popen("head -c 1G /dev/zero", "r");
    for (ssize_t got; pipe && (got = read(fileno(pipe), buffer, 262144)) > 0;)
        total += (uint64_t)got;
    printf("%-28s %.2f GiB/s\n", "  (a plain pipe)", (double)total / (now() - begun) / (1 << 30));
    if (pipe)
        pclose(pipe);
}

/* The floor: vfork, exec and wait from here. */
static void plain_spawn(const char *name, char *const *argv)
{
    static double times[SERIAL];
    for (int index = 0; index < SERIAL; index++) {
        double begun = now();
        pid_t pid = vfork();
        if (pid == 0) {
            execv(argv[0], argv);
            _exit(127);
        }
        waitpid(pid, NULL, 0);
        times[index] = now() - begun;
    }
    qsort(times, SERIAL, sizeof times[0], by_value);
    printf("%-28s median %.3f ms, p99 %.3f ms\n", name, times[SERIAL / 2] * 1e3, times[SERIAL * 99 / 100] * 1e3);
}

static void print_memory(pid_t pid)
{
    char path[64], line[128];
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "Pss:", 4) == 0 || strncmp(line, "Private_Dirty:", 14) == 0)
            printf("idle %s", line);
    if (file)
        fclose(file);
}

int main(int argc, char **argv)
{
    int pair[2];
    if (argc < 2 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        fail("usage: bench PATH_OF_SHELLD [STATIC_PROGRAM]");
    pid_t pid = fork();
    if (pid == 0) {
        dup2(pair[1], 0);
        dup2(pair[1], 1);
        execl(argv[1], argv[1], "serve", "--stdio", (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    fd = pair[0];
    static const uint8_t hello[] = {8, 0, 0, 0, FRAME_HELLO, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0};
    uint32_t channel;
    struct slice payload;
    send_all(hello, sizeof hello);
    while (next_frame(&channel, &payload) != FRAME_WELCOME)
        ;
    print_memory(pid);
    char *static_program[] = {argc > 2 ? argv[2] : argv[1], "--version", NULL};
    char *dynamic_true[] = {"/bin/true", NULL}, *shell[] = {"sh", "-c", "true", NULL};
    char *zeros[] = {"head", "-c", "1G", "/dev/zero", NULL};
    serial("static program", static_program);
    plain_spawn("  (vfork and exec alone)", static_program);
    serial("/bin/true", dynamic_true);
    plain_spawn("  (vfork and exec alone)", dynamic_true);
    serial("sh -c true", shell);
    parallel("static program, 32 in flight", static_program);
    parallel("/bin/true, 32 in flight", dynamic_true);
    for (int round = 0; round < 3; round++) {
        stream("1 GiB of output", zeros);
        plain_pipe();
    }
    sleep(3);
    print_memory(pid);
    close(fd);
    waitpid(pid, NULL, 0);
    return 0;
}
