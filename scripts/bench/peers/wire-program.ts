import { join } from 'node:path';
import { compileStatic } from '../compile.ts';
import type { Available } from '../figure.ts';

/** Name of the program in the workspace and in containers. */
export const wire = 'wire';

/**
 * Both ends of what is measured over a connection, the same program everywhere:
 *
 *     wire serve PORT                  answers what the others ask for, on all addresses
 *     wire send ADDRESS PORT MIB       prints GiB/s of so much sent and acknowledged
 *     wire turn ADDRESS PORT COUNT     prints ms of one byte there and back, the mean of COUNT
 *     wire get ADDRESS PORT HOST COUNT prints ms of one HTTP request on a new connection, the mean of COUNT
 */
const source = `
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
static char buffer[262144];
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e3 + t.tv_nsec / 1e6; }
static void fail(const char *what) { perror(what); exit(1); }
static int join(const char *address, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    inet_pton(AF_INET, address, &to.sin_addr);
    if (connect(fd, (void *)&to, sizeof to)) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}
static void all(int fd, size_t size) { while (size) { ssize_t sent = write(fd, buffer, size > sizeof buffer ? sizeof buffer : size); if (sent <= 0) fail("write"); size -= sent; } }
static void serve(int port) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (void *)&at, sizeof at) || listen(fd, 64)) fail("listen");
    puts("ready"); fflush(stdout);
    for (;;) {
        int peer = accept(fd, NULL, NULL);
        if (fork()) { close(peer); continue; }
        close(fd);
        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ssize_t got = read(peer, buffer, 1);
        if (got == 1 && buffer[0] == 's') { while ((got = read(peer, buffer, sizeof buffer)) > 0) ; write(peer, "k", 1); }
        else if (got == 1) while ((got = read(peer, buffer, sizeof buffer)) > 0) write(peer, buffer, got);
        _exit(0);
    }
}
int main(int argc, char **argv) {
    if (argc == 3) serve(atoi(argv[2]));
    if (argc < 5) return 2;
    int port = atoi(argv[3]), count = atoi(argv[argc - 1]);
    double start = now();
    if (argv[1][0] == 's') {
        int fd = join(argv[2], port);
        write(fd, "s", 1);
        start = now();
        all(fd, (size_t)count << 20);
        shutdown(fd, SHUT_WR);
        if (read(fd, buffer, 1) != 1) fail("acknowledge");
        printf("%f\\n", count / 1024.0 / ((now() - start) / 1e3));
    } else if (argv[1][0] == 't') {
        int fd = join(argv[2], port);
        write(fd, "t", 1);
        start = now();
        for (int turn = 0; turn < count; turn++) { write(fd, "x", 1); if (read(fd, buffer, 1) != 1) fail("turn"); }
        printf("%f\\n", (now() - start) / count);
    } else {
        char request[512];
        int size = snprintf(request, sizeof request, "GET http://%s/ HTTP/1.1\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n", argv[4], argv[4]);
        for (int turn = 0; turn < count; turn++) {
            int fd = join(argv[2], port);
            write(fd, request, size);
            ssize_t got, first = 0;
            while ((got = read(fd, buffer, sizeof buffer)) > 0) if (!first) { first = got; if (memcmp(buffer + 9, "200", 3)) { write(2, buffer, got); return 1; } }
            if (!first) fail("answer");
            close(fd);
        }
        printf("%f\\n", (now() - start) / count);
    }
}
`;

/** The program in a directory. */
export function compileWire(directory: string): Available<string> {
  return compileStatic(source, join(directory, wire));
}
