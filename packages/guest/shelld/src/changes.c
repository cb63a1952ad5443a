#include "changes.h"
#include "layer_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: shelld changes [--content-only] UPPER LOWER\n"
    "       shelld whiteouts UPPER\n"
    "\n"
    "`changes` prints what the upper layer of an overlay changes against what is below it: `added`, `modified` or\n"
    "`removed` as A, M or R, the kind of file it is now as f, d, l or o (- when it is removed), a stamp that differs when\n"
    "it has been changed again, and its path: `A f 12:345:6 /path`, sorted by path, each with a zero byte behind it. With\n"
    "--content-only owners and times do not count.\n"
    "`whiteouts` prints what a layer of an image says by names, `dir/.wh.name` and `dir/.wh..wh..opq`, the same way.\n";

enum { BLOCK = 65536, MAX_DEPTH = 512, MAX_PATH = 65536 };

struct walk {
    char path[MAX_PATH];
    size_t length;
    int depth;
    bool is_content_only;
};

static _Noreturn void fail(const char *what, const char *subject)
{
    dprintf(STDERR_FILENO, "shelld: %s %s: %s\n", what, subject, strerror(errno));
    exit(1);
}

/* Adds a component; what the length was is given back to leave(). */
static size_t enter(struct walk *walk, const char *name)
{
    size_t before = walk->length, length = strlen(name);
    if (before + length + 2 > sizeof walk->path || walk->depth >= MAX_DEPTH) {
        errno = ENAMETOOLONG;
        fail("walk", walk->path);
    }
    walk->path[before] = '/';
    memcpy(walk->path + before + 1, name, length + 1);
    walk->length = before + 1 + length;
    return before;
}

static void leave(struct walk *walk, size_t before)
{
    walk->length = before;
    walk->path[before] = '\0';
}

static char kind_of(mode_t mode)
{
    return S_ISREG(mode) ? 'f' : S_ISDIR(mode) ? 'd' : S_ISLNK(mode) ? 'l' : 'o';
}

/* The time of the last change of an inode is the kernel's: nobody inside can set it. */
static void report(const struct walk *walk, char change, const struct stat *now)
{
    if (now == NULL)
        printf("%c - - %s", change, walk->path);
    else
        printf("%c %c %llu:%lld.%09ld:%lld %s", change, kind_of(now->st_mode), (unsigned long long)now->st_ino,
               (long long)now->st_ctim.tv_sec, now->st_ctim.tv_nsec, (long long)now->st_size, walk->path);
    putchar('\0');
    if (ferror(stdout))
        fail("write", "stdout");
}

/* SAFETY: nothing below either directory is ever reached through a link. */
static int open_below(int directory, const char *name, int flags)
{
    return openat(directory, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static ssize_t read_full(int fd, char *block)
{
    ssize_t used = 0;
    while (used < BLOCK) {
        ssize_t got = read(fd, block + used, (size_t)(BLOCK - used));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        used += got;
    }
    return used;
}

static bool same_content(int upper, int lower, const char *name)
{
    static char ours[BLOCK], theirs[BLOCK];
    int one = open_below(upper, name, O_RDONLY), other = open_below(lower, name, O_RDONLY);
    bool is_same = one >= 0 && other >= 0;
    for (ssize_t got = 1; is_same && got > 0;) {
        got = read_full(one, ours);
        is_same = got >= 0 && read_full(other, theirs) == got && memcmp(ours, theirs, (size_t)got) == 0;
    }
    if (one >= 0)
        close(one);
    if (other >= 0)
        close(other);
    return is_same;
}

static bool same_link(int upper, int lower, const char *name)
{
    static char ours[BLOCK], theirs[BLOCK];
    ssize_t one = readlinkat(upper, name, ours, sizeof ours), other = readlinkat(lower, name, theirs, sizeof theirs);
    return one >= 0 && one == other && memcmp(ours, theirs, (size_t)one) == 0;
}

static bool is_same(const struct walk *walk, int upper, const struct stat *now, int lower, const struct stat *before,
                    const char *name)
{
    if (now->st_mode != before->st_mode)
        return false;
    if (!walk->is_content_only && (now->st_uid != before->st_uid || now->st_gid != before->st_gid))
        return false;
    /* What is made and deleted in a directory changes its times, and is reported by itself. */
    if (S_ISDIR(now->st_mode))
        return true;
    if (now->st_size != before->st_size)
        return false;
    if (!walk->is_content_only && (now->st_mtim.tv_sec != before->st_mtim.tv_sec ||
                                   now->st_mtim.tv_nsec != before->st_mtim.tv_nsec))
        return false;
    if (S_ISLNK(now->st_mode))
        return same_link(upper, lower, name);
    return !S_ISREG(now->st_mode) || same_content(upper, lower, name);
}

static void walk_directory(struct walk *walk, int upper, int lower);

static void walk_subtree(struct walk *walk, int upper, int lower, const char *name)
{
    int above = open_below(upper, name, O_RDONLY | O_DIRECTORY);
    int below = lower < 0 ? -1 : open_below(lower, name, O_RDONLY | O_DIRECTORY);
    if (above < 0)
        fail("open", walk->path);
    walk->depth++;
    walk_directory(walk, above, below);
    walk->depth--;
    close(above);
    if (below >= 0)
        close(below);
}

static void walk_entry(struct walk *walk, int upper, int lower, const char *name)
{
    struct stat now, before;
    if (fstatat(upper, name, &now, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    bool was_there = lower >= 0 && fstatat(lower, name, &before, AT_SYMLINK_NOFOLLOW) == 0;
    if (layer_is_whiteout(&now)) {
        if (was_there)
            report(walk, 'R', NULL);
    } else if (!was_there) {
        report(walk, 'A', &now);
    } else if (!is_same(walk, upper, &now, lower, &before, name)) {
        report(walk, 'M', &now);
    }
}

static void walk_directory(struct walk *walk, int upper, int lower)
{
    struct layer_names names;
    if (!layer_names_read(upper, &names))
        fail("list", walk->path);
    if (lower >= 0 && layer_is_opaque(upper) && !layer_names_add_hidden(&names, upper, lower))
        fail("list below", walk->path);
    for (size_t index = 0; index < names.count; index++) {
        struct layer_name *item = &names.items[index];
        if (item->is_subtree)
            item->text[strlen(item->text) - 1] = '\0';
        size_t before = enter(walk, item->text);
        if (item->is_hidden)
            report(walk, 'R', NULL);
        else if (item->is_subtree)
            walk_subtree(walk, upper, lower, item->text);
        else
            walk_entry(walk, upper, lower, item->text);
        leave(walk, before);
    }
    layer_names_free(&names);
}

int changes_main(int argc, char **argv)
{
    static struct walk walk;
    if (argc > 0 && strcmp(argv[0], "--content-only") == 0) {
        walk.is_content_only = true;
        argc--;
        argv++;
    }
    if (argc != 2) {
        dprintf(STDERR_FILENO, "%s", usage);
        return 2;
    }
    int upper = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int lower = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (upper < 0 || lower < 0)
        fail("open", upper < 0 ? argv[0] : argv[1]);
    walk_directory(&walk, upper, lower);
    return fflush(stdout) == 0 ? 0 : 1;
}

static void print_whiteouts(struct walk *walk, int directory)
{
    struct layer_names names;
    if (!layer_names_read(directory, &names))
        fail("list", walk->path);
    if (layer_is_opaque(directory))
        printf(".%s/.wh..wh..opq%c", walk->path, '\0');
    for (size_t index = 0; index < names.count; index++) {
        struct stat info;
        const char *name = names.items[index].text;
        if (names.items[index].is_subtree || fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (layer_is_whiteout(&info))
            printf(".%s/.wh.%s%c", walk->path, name, '\0');
        if (!S_ISDIR(info.st_mode))
            continue;
        int below = open_below(directory, name, O_RDONLY | O_DIRECTORY);
        size_t before = enter(walk, name);
        if (below < 0)
            fail("open", walk->path);
        walk->depth++;
        print_whiteouts(walk, below);
        walk->depth--;
        leave(walk, before);
        close(below);
    }
    layer_names_free(&names);
    if (ferror(stdout))
        fail("write", "stdout");
}

int whiteouts_main(int argc, char **argv)
{
    static struct walk walk;
    int directory = argc == 1 ? open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (argc != 1) {
        dprintf(STDERR_FILENO, "%s", usage);
        return 2;
    }
    if (directory < 0)
        fail("open", argv[0]);
    print_whiteouts(&walk, directory);
    return fflush(stdout) == 0 ? 0 : 1;
}
