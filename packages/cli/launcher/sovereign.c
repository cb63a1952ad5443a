/*
 * The `sovereign` command where it was built: has Node begin with the heap that the build left in sovereign.blob, in which the
 * program is evaluated already. Node takes that file in an option before the program's name, which a line `#!` cannot give.
 *
 * Node ends with an error when the heap is not one of its own, so sovereign.fit beside this program says what it fits: a directory,
 * a binary of Node, the heap, a processor, and the commands that gain by it. Where anything is different, Node runs sovereign.cjs,
 * which does the same.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { max_fit_bytes = 16384, max_cpuinfo_bytes = 8192, max_path = PATH_MAX + 32, max_options = 4 };

/* Reads the beginning of a file as a string; empty when there is none. */
static void read_text(const char *path, char *text, size_t size)
{
    size_t length = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        ssize_t got;
        while (length < size - 1 && (got = read(fd, text + length, size - 1 - length)) > 0)
            length += (size_t)got;
        close(fd);
    }
    text[length] = '\0';
}

/* Cuts off the next line of `*rest`; empty at the end. */
static char *next_line(char **rest)
{
    char *line = *rest, *end = strchr(line, '\n');

    *rest = end ? end + 1 : line + strlen(line);
    if (end)
        *end = '\0';
    return line;
}

/* True when the first processor has exactly these features: V8 takes no heap of another. */
static int has_features(const char *features)
{
    char text[max_cpuinfo_bytes], *rest = text;

    read_text("/proc/cpuinfo", text, sizeof text);
    while (*rest)
        if (strcmp(next_line(&rest), features) == 0)
            return 1;
    return 0;
}

/* True when `path` is the file of which `identity` was noted: inode, size, and times of its last changes. */
static int is_same_file(const char *path, const char *identity)
{
    struct stat info;
    char now[128];

    if (stat(path, &info) != 0)
        return 0;
    snprintf(now, sizeof now, "%llu %lld %lld %lld", (unsigned long long)info.st_ino, (long long)info.st_size,
             (long long)info.st_mtime, (long long)info.st_ctime);
    return strcmp(now, identity) == 0;
}

/* Options of V8 that a user sets make it refuse the heap. */
static int has_own_options(void)
{
    const char *options = getenv("NODE_OPTIONS");

    return options != NULL && *options != '\0';
}

/* True when the command is one of these words, which spaces separate. */
static int is_among(const char *command, const char *words)
{
    size_t length = strlen(command);

    for (const char *at = words; length > 0 && (at = strstr(at, command)) != NULL; at += length)
        if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return 1;
    return 0;
}

/* Replaces this process by Node with the heap; returns when it does not fit. */
static void start_from_snapshot(const char *directory, char *program, int argc, char **argv)
{
    char fit[max_fit_bytes], blob[max_path], *rest = fit;
    char *arguments[argc + max_options + 4];
    int count = 0;

    if (argc < 2 || has_own_options())
        return;
    snprintf(blob, sizeof blob, "%s/sovereign.fit", directory);
    read_text(blob, fit, sizeof fit);
    snprintf(blob, sizeof blob, "%s/sovereign.blob", directory);
    const char *built_in = next_line(&rest), *node = next_line(&rest), *node_identity = next_line(&rest);
    const char *blob_identity = next_line(&rest), *features = next_line(&rest), *commands = next_line(&rest);
    if (!is_among(argv[1], commands) || strcmp(built_in, directory) != 0 || !is_same_file(node, node_identity) ||
        !is_same_file(blob, blob_identity) || !has_features(features))
        return;
    arguments[count++] = (char *)node;
    for (char *option = next_line(&rest); *option; option = next_line(&rest)) {
        if (count > max_options)
            return;
        arguments[count++] = option;
    }
    arguments[count++] = "--snapshot-blob";
    arguments[count++] = blob;
    arguments[count++] = program;
    memcpy(arguments + count, argv + 1, (size_t)argc * sizeof *argv);
    /* Node reads the heap into memory of its own: in large pages, where the kernel gives them, that takes 3 ms less. */
    setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", 0);
    execv(node, arguments);
}

int main(int argc, char **argv)
{
    char directory[PATH_MAX], program[max_path];
    char *arguments[argc + 2];
    ssize_t length = readlink("/proc/self/exe", directory, sizeof directory - 1);
    char *slash = NULL;

    if (length > 0) {
        directory[length] = '\0';
        slash = strrchr(directory, '/');
    }
    if (slash == NULL) {
        fputs("sovereign: /proc is not mounted (expected /proc/self/exe). Run sovereign.cjs with Node.\n", stderr);
        return 1;
    }
    *slash = '\0';
    snprintf(program, sizeof program, "%s/sovereign.cjs", directory);
    start_from_snapshot(directory, program, argc, argv);
    arguments[0] = "node";
    arguments[1] = program;
    memcpy(arguments + 2, argv + 1, (size_t)argc * sizeof *argv);
    execvp("node", arguments);
    fputs("sovereign: node cannot be started. Install Node 20.19 or later, and put it on PATH.\n", stderr);
    return 127;
}
