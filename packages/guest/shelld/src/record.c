#include "record.h"
#include "apply_lines.h"
#include "apply_tree.h"
#include "path_state.h"
#include "path_stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: shelld record UPPER TARGET RECORD MAX-BYTES\n"
    "\n"
    "Keeps in the empty directory RECORD what `apply` is about to replace in TARGET, and changes nothing else. The same\n"
    "lines come on stdin. RECORD/paths gets a line for each path, and for each below a directory that goes, parents first:\n"
    "`BEFORE AFTER NUMBER PATH` with a zero byte behind it; what was in a file or a link is in RECORD/NUMBER, and what it is\n"
    "known by and its time are in RECORD/stats, a line for each. All of it is on the disk at the end. Prints how many paths and bytes it\n"
    "holds.\n";

enum { REFUSED = 21, FULL = 22, MAX_ENTRIES = 1000000 };

struct record {
    int upper, target, directory;
    unsigned long long bytes, most_bytes;
    unsigned entries;
    FILE *paths, *stats;
    int content; /* where the file or link at hand is kept; -1 before there is anything of it */
};

static int fail(const char *what, const char *path)
{
    int code = errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? FULL : errno == EOPNOTSUPP ? REFUSED : 1;
    dprintf(STDERR_FILENO, "shelld: %s %s: %s\n", what, path,
            errno == EOPNOTSUPP ? "it could not be put back: it is no file, directory, link, pipe or socket"
            : errno == EFBIG    ? "there is too much to keep"
                                : strerror(errno));
    return code;
}

static bool keep(void *context, const void *data, size_t length)
{
    struct record *record = context;
    const char *bytes = data;
    if (length > record->most_bytes - record->bytes) {
        errno = EFBIG;
        return false;
    }
    if (record->content < 0) {
        char name[16];
        (void)snprintf(name, sizeof name, "%u", record->entries);
        record->content = openat(record->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (record->content < 0)
            return false;
    }
    for (ssize_t more; length > 0; bytes += more, length -= (size_t)more, record->bytes += (unsigned long long)more)
        if ((more = write(record->content, bytes, length)) < 0)
            return false;
    return true;
}

/* What is not there to be opened is nothing; apply has its own words for what it makes of that. */
static bool is_absent(int reason)
{
    return reason == ENOENT || reason == ENOTDIR || reason == ELOOP || reason == EXDEV;
}

static int add(struct record *record, int parent, const char *name, const char *after, const char *path, bool *is_tree);

/* Everything below a directory that goes. */
static int add_below(struct record *record, int parent, const char *name, const char *path, int depth)
{
    char below[TREE_PATH_BYTES];
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), code = 0;
    DIR *entries = directory < 0 ? NULL : fdopendir(directory);
    if (entries == NULL)
        return fail("open", path);
    for (struct dirent *entry; code == 0 && (errno = 0, entry = readdir(entries)) != NULL;) {
        bool is_tree = false;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (depth == TREE_MAX_DEPTH || strlen(path) + strlen(entry->d_name) + 2 > sizeof below) {
            errno = ENAMETOOLONG;
            code = fail("record", path);
            break;
        }
        (void)snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        code = add(record, dirfd(entries), entry->d_name, "-", below, &is_tree);
        if (code == 0 && is_tree)
            code = add_below(record, dirfd(entries), entry->d_name, below, depth + 1);
    }
    if (code == 0 && errno != 0)
        code = fail("list", path);
    closedir(entries);
    return code;
}

static int add(struct record *record, int parent, const char *name, const char *after, const char *path, bool *is_tree)
{
    struct path_state before = {.text = "-"};
    struct stat info;
    char stats[PATH_STATS_TEXT];
    record->content = -1;
    /* Before it is read: what is written to it meanwhile then shows. */
    bool is_there = parent >= 0 && fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0;
    path_stats_print(stats, sizeof stats, is_there ? &info : NULL);
    bool is_read = parent < 0 || path_state_read(parent, name, 07777, &before, keep, record);
    int reason = errno;
    if (record->content >= 0 && close(record->content) < 0 && is_read) {
        is_read = false;
        reason = errno;
    }
    errno = !is_read ? reason : path_state_is(&before, "o") ? EOPNOTSUPP : record->entries == MAX_ENTRIES ? EFBIG : 0;
    if (errno != 0)
        return fail("record", path);
    if (fprintf(record->paths, "%s %s %u %s%c", before.text, after, record->entries++, path, '\0') < 0 ||
        fprintf(record->stats, "%s%c", stats, '\0') < 0)
        return fail("write", "paths");
    *is_tree = before.text[0] == 'd' && after[0] != 'd';
    return 0;
}

static int record_path(struct record *record, const char *stamp, const char *path)
{
    static char upper_copy[TREE_PATH_BYTES], target_copy[TREE_PATH_BYTES];
    struct path_state after = {.text = "-"};
    const char *name;
    if (strcmp(stamp, "-") != 0) {
        int from = tree_parent(record->upper, path, upper_copy, &name);
        bool is_read = from >= 0 && path_state_read(from, name, 0777, &after, NULL, NULL);
        int reason = errno;
        if (from >= 0)
            close(from);
        errno = reason;
        if (!is_read)
            return fail("read what changed:", path);
    }
    bool is_tree = false;
    int to = tree_parent(record->target, path, target_copy, &name);
    if (to < 0 && !is_absent(errno))
        return fail("open what holds", path);
    int code = add(record, to, name, after.text, path, &is_tree);
    if (code == 0 && is_tree)
        code = add_below(record, to, name, path, 0);
    if (to >= 0)
        close(to);
    return code;
}

static FILE *make_file(int directory, const char *name)
{
    int file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return file < 0 ? NULL : fdopen(file, "w");
}

int record_main(int argc, char **argv)
{
    struct record record = {.most_bytes = argc == 4 ? strtoull(argv[3], NULL, 10) : 0};
    const char *stamp, *path;
    if (argc != 4) {
        dprintf(STDERR_FILENO, "%s", usage);
        return 2;
    }
    record.upper = open(argv[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    record.target = tree_open_locked(argv[1]);
    record.directory = open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (record.upper < 0 || record.target < 0 || record.directory < 0)
        return fail("open", record.upper < 0 ? argv[0] : record.target < 0 ? argv[1] : argv[2]);
    record.paths = make_file(record.directory, "paths");
    record.stats = record.paths == NULL ? NULL : make_file(record.directory, "stats");
    if (record.stats == NULL)
        return fail("make", record.paths == NULL ? "paths" : "stats");
    int more;
    while ((more = apply_lines_next(&stamp, &path)) > 0) {
        int code = record_path(&record, stamp, path);
        if (code != 0)
            return code;
    }
    if (more < 0)
        return 2;
    if (fflush(record.paths) != 0 || fflush(record.stats) != 0 || syncfs(record.directory) < 0)
        return fail("write", "paths");
    return printf("%u %llu\n", record.entries, record.bytes) < 0;
}
