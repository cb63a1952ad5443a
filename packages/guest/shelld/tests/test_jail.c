/*
 * The jail from the inside: prefixes, escapes by link and by "..", places, and a race against a swapped directory.
 * Every case runs twice, through openat2 and through the walk. Each refusal has a twin that is allowed.
 */
#define _GNU_SOURCE 1
#include "../src/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../src/jail_path.h"

enum { RACE_OPENS = 200000, RACE_MS = 2000, EXCHANGE = 2 };

static int failures;
static char base[64]; /* The world: base/a and base/deep/er are roots, base/ab and base/outside are not. */

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            failures++;                                                                                                \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
        }                                                                                                              \
    } while (0)

static const char *at(const char *path)
{
    static char full[4][512];
    static unsigned turn;
    char *slot = full[turn++ % 4];
    snprintf(slot, sizeof full[0], "%s%s", base, path);
    return slot;
}

static void put(const char *path, const char *content)
{
    int fd = open(at(path), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, content, strlen(content)) < 0)
        perror(path), exit(2);
    close(fd);
}

/* First byte of the file that the jail opens, or -errno. */
static int first_byte(const char *path)
{
    char byte = 0;
    int fd = jail_open(slice_of(path), O_RDONLY | O_NONBLOCK);
    if (fd < 0)
        return fd;
    ssize_t got = read(fd, &byte, 1);
    close(fd);
    return got == 1 ? byte : -EIO;
}

static void build_world(void)
{
    strcpy(base, "/tmp/shelld-jail-XXXXXX");
    if (mkdtemp(base) == NULL)
        perror(base), exit(2);
    const char *directories[] = {"/a", "/a/sub", "/a/sub/deeper", "/ab", "/outside", "/deep", "/deep/er", "/a/swap"};
    for (size_t index = 0; index < sizeof directories / sizeof *directories; index++)
        mkdir(at(directories[index]), 0755);
    put("/a/file", "inside");
    put("/a/sub/file", "inside");
    put("/a/swap/file", "inside");
    put("/ab/file", "outside");
    put("/outside/file", "outside");
    put("/deep/er/file", "deeper");
    symlink(at("/outside/file"), at("/a/absolute"));
    symlink("../outside/file", at("/a/relative"));
    symlink("../outside", at("/a/directory"));
    symlink("sub/file", at("/a/good"));
    symlink(at("/a/sub/file"), at("/a/good-absolute"));
    symlink("missing", at("/a/dangling"));
    symlink("/proc/self/root", at("/a/magic"));
}

static void test_path_text(void)
{
    struct slice rest;
    CHECK(path_is_below(slice_of("/work/a/x"), slice_of("/work/a"), &rest) && path_is(rest, "x"));
    CHECK(path_is_below(slice_of("//work/./a//x/"), slice_of("/work/a/"), &rest) && path_is(rest, "x/"));
    CHECK(path_is_below(slice_of("/work/a"), slice_of("/work/a"), &rest) && rest.length == 0);
    CHECK(path_is_below(slice_of("/anything"), slice_of("/"), &rest) && path_is(rest, "anything"));
    CHECK(!path_is_below(slice_of("/work/ab"), slice_of("/work/a"), &rest));
    CHECK(!path_is_below(slice_of("/work"), slice_of("/work/a"), &rest));
    CHECK(!path_is_below(slice_of("/work/a.."), slice_of("/work/a"), &rest));
}

static void test_without_roots(void)
{
    CHECK(jail_open(slice_of(at("/a/file")), O_RDONLY) == -JAIL_OUTSIDE);
    CHECK(jail_open(slice_of("/"), O_PATH) == -JAIL_OUTSIDE);
    CHECK(!jail_add_root("relative") && !jail_add_root("/tmp/..") && !jail_add_root(at("/missing")));
    CHECK(!jail_add_root(at("/a/file")));
    CHECK(jail_root_count() == 0);
}

static void test_prefixes(void)
{
    CHECK(first_byte(at("/a/file")) == 'i');
    CHECK(first_byte(at("//a/.//file")) == 'i');
    CHECK(first_byte(at("/ab/file")) == -JAIL_OUTSIDE);
    CHECK(first_byte(at("/outside/file")) == -JAIL_OUTSIDE);
    CHECK(first_byte(at("/deep/er/file")) == 'd');
    CHECK(first_byte(at("/deep/file")) == -JAIL_OUTSIDE);
    CHECK(first_byte("a/file") == -EINVAL);
    CHECK(first_byte("") == -ENOENT);
    CHECK(first_byte(at("/a/missing")) == -ENOENT);
    CHECK(first_byte(at("/a/file/")) == -ENOTDIR);
    char *endless = malloc(5000);
    memset(endless, '/', 4999);
    endless[4999] = 0;
    CHECK(first_byte(endless) == -ENAMETOOLONG);
    memset(endless, 'x', 4999);
    memcpy(endless, at("/a/"), strlen(at("/a/")));
    endless[400] = 0;
    CHECK(first_byte(endless) == -ENAMETOOLONG);
    free(endless);
    int root = jail_open(slice_of(at("/a")), O_PATH | O_DIRECTORY);
    CHECK(root >= 0);
    close(root);
}

static void test_escapes(bool walk)
{
    CHECK(first_byte(at("/a/../outside/file")) == -JAIL_OUTSIDE);
    CHECK(first_byte(at("/a/sub/../../outside/file")) == -JAIL_OUTSIDE);
    CHECK(first_byte(at("/a/sub/../file")) == (walk ? -JAIL_OUTSIDE : 'i'));
    CHECK(first_byte(at("/a/absolute")) == (walk ? -ELOOP : -JAIL_OUTSIDE));
    CHECK(first_byte(at("/a/good-absolute")) == (walk ? -ELOOP : -JAIL_OUTSIDE));
    CHECK(first_byte(at("/a/relative")) == (walk ? -ELOOP : -JAIL_OUTSIDE));
    CHECK(first_byte(at("/a/directory/file")) == (walk ? -ELOOP : -JAIL_OUTSIDE));
    CHECK(first_byte(at("/a/good")) == (walk ? -ELOOP : 'i'));
    int magic = first_byte(at("/a/magic/etc/passwd"));
    CHECK(magic == -ELOOP || magic == -JAIL_OUTSIDE);
    /* A link may be opened as itself, which reaches nothing. */
    int link = jail_open(slice_of(at("/a/absolute")), O_PATH | O_NOFOLLOW);
    CHECK(link >= 0);
    close(link);
    int through = jail_open(slice_of(at("/a/absolute")), O_PATH);
    CHECK(through == (walk ? -ELOOP : -JAIL_OUTSIDE));
}

static void test_places(void)
{
    struct jail_place place;
    CHECK(jail_open_place(slice_of(at("/a/sub/new")), false, &place) == 0 && strcmp(place.name, "new") == 0);
    CHECK(!place.wants_directory && faccessat(place.directory, "file", F_OK, 0) == 0);
    close(place.directory);
    CHECK(jail_open_place(slice_of(at("/a/new//")), false, &place) == 0 && strcmp(place.name, "new") == 0);
    CHECK(place.wants_directory);
    close(place.directory);
    CHECK(jail_open_place(slice_of(at("/a")), false, &place) == -EBUSY);
    CHECK(jail_open_place(slice_of(at("/a/")), false, &place) == -EBUSY);
    CHECK(jail_open_place(slice_of(at("/a/sub/..")), false, &place) == -EINVAL);
    CHECK(jail_open_place(slice_of(at("/a/sub/.")), false, &place) == -EINVAL);
    CHECK(jail_open_place(slice_of(at("/a/..")), false, &place) == -EINVAL);
    CHECK(jail_open_place(slice_of(at("/a/missing/new")), false, &place) == -ENOENT);
    CHECK(jail_open_place(slice_of(at("/a/file/new")), false, &place) == -ENOTDIR);
    CHECK(jail_open_place(slice_of(at("/a/directory/new")), false, &place) < 0);
    CHECK(jail_open_place(slice_of(at("/ab/new")), false, &place) == -JAIL_OUTSIDE);
}

static void test_parents(bool walk)
{
    struct jail_place place;
    struct stat facts;
    mode_t before = umask(077);
    CHECK(jail_open_place(slice_of(at("/a/p/q//./r/name")), true, &place) == 0);
    umask(before);
    close(place.directory);
    CHECK(stat(at("/a/p/q/r"), &facts) == 0 && (facts.st_mode & 07777) == 0755);
    CHECK(stat(at("/a/p/q/r/name"), &facts) != 0);
    CHECK(jail_open_place(slice_of(at("/a/p/q/r/name")), true, &place) == 0);
    close(place.directory);
    rmdir(at("/a/p/q/r")), rmdir(at("/a/p/q")), rmdir(at("/a/p"));

    CHECK(jail_open_place(slice_of(at("/a/n/../m/name")), true, &place) == -EINVAL);
    rmdir(at("/a/n"));
    CHECK(jail_open_place(slice_of(at("/a/directory/made/name")), true, &place) == (walk ? -ELOOP : -JAIL_OUTSIDE));
    CHECK(stat(at("/outside/made"), &facts) != 0);
    CHECK(jail_open_place(slice_of(at("/a/../outside/made/name")), true, &place) == -JAIL_OUTSIDE);
    CHECK(stat(at("/outside/made"), &facts) != 0);
    CHECK(jail_open_place(slice_of(at("/a/dangling/name")), true, &place) < 0);
    CHECK(stat(at("/a/missing"), &facts) != 0);
    CHECK(jail_open_place(slice_of(at("/a/file/name")), true, &place) == -ENOTDIR);
}

static void test_children(bool walk)
{
    int parent = open(at("/a"), O_PATH | O_DIRECTORY), child = jail_open_child(parent, "sub");
    CHECK(child >= 0);
    close(child);
    CHECK(jail_open_child(parent, "directory") < 0 && jail_open_child(parent, "file") == -ENOTDIR);
    CHECK(jail_open_child(parent, "missing") == -ENOENT);
    if (mount("tmpfs", at("/a/sub/deeper"), "tmpfs", 0, NULL) != 0) {
        printf("skipped: children that are mount points (mounting: %s)\n", strerror(errno));
    } else {
        int middle = open(at("/a/sub"), O_PATH | O_DIRECTORY);
        CHECK(jail_open_child(middle, "deeper") == -EBUSY);
        umount2(at("/a/sub/deeper"), MNT_DETACH);
        mount(at("/outside"), at("/a/sub/deeper"), NULL, MS_BIND, NULL);
        if (!walk)
            CHECK(jail_open_child(middle, "deeper") == -EBUSY);
        umount2(at("/a/sub/deeper"), MNT_DETACH);
        child = jail_open_child(middle, "deeper");
        CHECK(child >= 0);
        close(child);
        close(middle);
    }
    close(parent);
}

static double now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* A child swaps a directory with a link to the outside as fast as it can, while we open a file below it. */
static void test_race(const char *label)
{
    unsigned long opens = 0, inside = 0, escapes = 0, refused = 0;
    symlink("../outside", at("/a/decoy"));
    pid_t child = fork();
    if (child == 0) {
        const char *swap = at("/a/swap"), *decoy = at("/a/decoy");
        while (getppid() != 1)
            syscall(SYS_renameat2, AT_FDCWD, swap, AT_FDCWD, decoy, EXCHANGE);
        _exit(0);
    }
    const char *path = at("/a/swap/file");
    double start = now_ms();
    while (opens < RACE_OPENS || now_ms() - start < RACE_MS) {
        int byte = first_byte(path);
        opens++;
        inside += byte == 'i';
        escapes += byte == 'o';
        refused += byte < 0;
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    printf("race, %s: %lu opens, %lu inside, %lu refused, %lu escapes\n", label, opens, inside, refused, escapes);
    CHECK(escapes == 0);
    CHECK(inside > 0 && refused > 0); /* Else nothing raced. */
    struct stat facts;
    if (lstat(at("/a/swap"), &facts) == 0 && S_ISLNK(facts.st_mode))
        syscall(SYS_renameat2, AT_FDCWD, at("/a/swap"), AT_FDCWD, at("/a/decoy"), EXCHANGE);
    unlink(at("/a/decoy"));
}

/* A child puts a link to the outside where parents are being made, and takes it away again. */
static void test_parents_race(void)
{
    unsigned long made = 0, refused = 0, escapes = 0;
    struct stat outside, found;
    stat(at("/outside"), &outside);
    pid_t child = fork();
    if (child == 0) {
        const char *racy = at("/a/racy");
        while (getppid() != 1) {
            symlink("../outside", racy);
            unlink(racy);
            rmdir(racy);
        }
        _exit(0);
    }
    char path[512];
    strcpy(path, at("/a/racy/name"));
    for (double start = now_ms(); now_ms() - start < RACE_MS;) {
        struct jail_place place;
        int outcome = jail_open_place(slice_of(path), true, &place);
        refused += outcome < 0;
        if (outcome < 0)
            continue;
        made++;
        escapes += fstat(place.directory, &found) == 0 && found.st_ino == outside.st_ino;
        close(place.directory);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    unlink(at("/a/racy"));
    rmdir(at("/a/racy"));
    printf("race, parents: %lu made, %lu refused, %lu escapes\n", made, refused, escapes);
    CHECK(escapes == 0);
    CHECK(made > 0 && refused > 0);
}

/* The root "/" is a process of its own, since roots are never taken back. */
static void test_root_of_everything(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        failures = 0;
        CHECK(jail_add_root("/"));
        CHECK(first_byte(at("/outside/file")) == 'o');
        CHECK(first_byte(at("/a/absolute")) == -JAIL_OUTSIDE); /* The longer root still rules below it. */
        symlink(at("/outside/file"), at("/outside/link"));
        CHECK(first_byte(at("/outside/link")) == 'o');
        CHECK(first_byte("/../../../../../../../../proc/self/root/etc/passwd") == -ELOOP);
        CHECK(first_byte("/proc/self/cwd/file") == -ELOOP);
        CHECK(first_byte("/proc/self/fd/0") == -ELOOP);
        CHECK(first_byte("/proc/version") == 'L');
        _exit(failures > 0);
    }
    int status;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    static char first[80], second[80];
    build_world();
    test_path_text();
    test_without_roots();
    strcpy(first, at("/a"));
    strcpy(second, at("/deep/er/"));
    CHECK(jail_add_root(first) && jail_add_root(second) && jail_root_count() == 2);
    for (int walk = 0; walk < 2; walk++) {
        jail_use_walk(walk);
        test_prefixes();
        test_escapes(walk);
        test_places();
        test_parents(walk);
        test_children(walk);
        test_race(walk ? "walk" : "openat2");
        test_parents_race();
    }
    jail_use_walk(false);
    test_root_of_everything();

    char command[128];
    snprintf(command, sizeof command, "rm -rf --one-file-system %s", base);
    if (system(command) != 0)
        failures++;
    printf("jail: %s\n", failures ? "FAILED" : "ok");
    return failures > 0;
}
