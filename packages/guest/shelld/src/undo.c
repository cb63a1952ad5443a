#include "undo.h"
#include "apply_tree.h"
#include "path_state.h"
#include "path_stats.h"
#include "undo_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: shelld undo [--dry-run] [--force] [--interrupted] STEP RECORD TARGET\n"
    "\n"
    "Makes paths in TARGET what they were when `record` filled RECORD. Prints each as A (it is put back), M or R (it is\n"
    "removed), `-` or `!` where it has been changed since, and the path: `M - src/file`, with a zero byte behind it. With\n"
    "changes since, only those are printed and nothing is done, unless --force gives them up. --dry-run prints all and does\n"
    "nothing. --interrupted is for what a crash of apply or undo left. STEP is that of apply.\n";

enum { CHANGED = 20, REFUSED = 21 };

static struct undo_plan plan;
static bool is_dry, is_forced, has_strangers;

static int fail(const char *what, const char *path)
{
    dprintf(STDERR_FILENO, "shelld: %s %s: %s\n", what, path, strerror(errno));
    return 1;
}

static void print(const struct undo_entry *entry, char mark)
{
    printf("%c %c %s%c", entry->before[0] == '-' ? 'R' : entry->now == '-' ? 'A' : 'M', mark, entry->path, '\0');
    fflush(stdout);
}

static void print_stranger(const char *path)
{
    has_strangers = true;
    if (!is_forced || is_dry)
        printf("R ! %s%c", path, '\0');
}

/* Whether the plan stands in the way of what was asked for: says which paths do. */
static int show(void)
{
    int code = has_strangers && !is_forced ? CHANGED : 0;
    for (size_t index = 0; index < plan.count; index++) {
        struct undo_entry *entry = &plan.entries[index];
        bool is_blocked = entry->verdict == UNDO_BLOCKED;
        bool is_in_the_way = is_blocked || (entry->verdict == UNDO_CHANGED && !is_forced);
        if (is_in_the_way)
            code = is_blocked || code == REFUSED ? REFUSED : CHANGED;
        if (is_in_the_way || (is_dry && entry->verdict == UNDO_CHANGED))
            print(entry, '!');
        else if (is_dry && entry->verdict == UNDO_REVERT)
            print(entry, '-');
    }
    return is_dry ? 0 : code;
}

static bool is_to_do(const struct undo_entry *entry)
{
    return entry->verdict == UNDO_REVERT || entry->verdict == UNDO_CHANGED;
}

static bool check(const struct undo_entry *entry, int parent, const char *name)
{
    if (undo_is_as_judged(entry, parent, name))
        return true;
    errno = ESTALE;
    return false;
}

static bool clear(const struct undo_entry *entry, int parent, const char *name)
{
    if (!check(entry, parent, name))
        return false;
    if (entry->now == 'd' && is_forced)
        return tree_remove(parent, name);
    /* SAFETY: a directory that somebody put something into since then does not go with it: it is not empty. */
    return unlinkat(parent, name, entry->now == 'd' ? AT_REMOVEDIR : 0) == 0;
}

/* Removes what has to go, deepest first, and what a crash left half written. */
static int clear_all(int target)
{
    static char copy[TREE_PATH_BYTES];
    for (size_t index = plan.count; index-- > 0;) {
        struct undo_entry *entry = &plan.entries[index];
        const char *name;
        int parent = tree_parent(target, entry->path, copy, &name);
        if (parent < 0)
            continue;
        bool must_clear = is_to_do(entry) && undo_must_clear(entry);
        bool is_cleared = tree_clear_partial(parent) && (!must_clear || clear(entry, parent, name));
        int reason = errno;
        close(parent);
        errno = reason;
        if (!is_cleared)
            return fail("remove", entry->path);
        if (must_clear && entry->before[0] == '-')
            print(entry, '-');
    }
    return 0;
}

/* NULL where the record says nothing of it, as one of an older version. */
static const struct timespec *modified_before(const struct undo_entry *entry)
{
    static struct path_stats stats;
    return path_stats_parse(&stats, entry->stats) ? &stats.modified : NULL;
}

static bool put_file(const struct undo_entry *entry, int record, int parent, const char *name)
{
    int content = openat(record, entry->number, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    bool is_put = content >= 0 && tree_put_file(content, path_state_mode(entry->before), modified_before(entry), parent, name, false);
    int reason = errno;
    if (content >= 0)
        close(content);
    errno = reason;
    return is_put;
}

static bool put_link(const struct undo_entry *entry, int record, int parent, const char *name)
{
    char target[TREE_PATH_BYTES];
    int content = openat(record, entry->number, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    ssize_t length = content < 0 ? -1 : read(content, target, sizeof target - 1);
    if (content >= 0)
        close(content);
    if (length < 0)
        return false;
    target[length] = '\0';
    return tree_put_link(target, modified_before(entry), parent, name, false);
}

static bool put(const struct undo_entry *entry, int record, int parent, const char *name)
{
    mode_t mode = path_state_mode(entry->before);
    if (!undo_must_clear(entry) && !check(entry, parent, name))
        return false;
    switch (entry->before[0]) {
    case 'f':
        return put_file(entry, record, parent, name);
    case 'l':
        return put_link(entry, record, parent, name);
    case 'd':
        return tree_put_directory(mode, parent, name);
    case 'p':
        return tree_put_node(S_IFIFO | mode, modified_before(entry), parent, name);
    case 's':
        return tree_put_node(S_IFSOCK | mode, modified_before(entry), parent, name);
    default:
        errno = EBADMSG;
        return false;
    }
}

/* Puts back what was there, what holds others first. */
static int put_all(int record, int target)
{
    static char copy[TREE_PATH_BYTES];
    for (size_t index = 0; index < plan.count; index++) {
        struct undo_entry *entry = &plan.entries[index];
        const char *name;
        if (!is_to_do(entry) || entry->before[0] == '-')
            continue;
        int parent = tree_parent(target, entry->path, copy, &name);
        bool is_put = parent >= 0 && put(entry, record, parent, name);
        int reason = errno;
        if (parent >= 0)
            close(parent);
        errno = reason;
        if (!is_put)
            return fail("put back", entry->path);
        print(entry, '-');
    }
    return 0;
}

/* Of directories at the end: what is put into them changes it. */
static void set_times_of_directories(int target)
{
    static char copy[TREE_PATH_BYTES];
    for (size_t index = plan.count; index-- > 0;) {
        struct undo_entry *entry = &plan.entries[index];
        const char *name;
        if (!is_to_do(entry) || entry->before[0] != 'd')
            continue;
        int parent = tree_parent(target, entry->path, copy, &name);
        if (parent < 0)
            continue;
        tree_set_modified(parent, name, modified_before(entry));
        close(parent);
    }
}

int undo_main(int argc, char **argv)
{
    bool is_interrupted = false;
    for (; argc > 3; argc--, argv++) {
        if (strcmp(argv[0], "--dry-run") == 0)
            is_dry = true;
        else if (strcmp(argv[0], "--force") == 0)
            is_forced = true;
        else if (strcmp(argv[0], "--interrupted") == 0)
            is_interrupted = true;
        else
            break;
    }
    if (argc != 3 || !tree_name_partial(argv[0])) {
        dprintf(STDERR_FILENO, "%s", usage);
        return 2;
    }
    const char *at = "paths";
    int record = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int target = tree_open_locked(argv[2]);
    if (record < 0 || target < 0)
        return fail("open", record < 0 ? argv[1] : argv[2]);
    if (!undo_plan_read(&plan, record) || !undo_plan_judge(&plan, target, is_interrupted, print_stranger, &at))
        return fail("read", at);
    int code = show();
    if (code == 0 && !is_dry)
        code = clear_all(target);
    if (code == 0 && !is_dry)
        code = put_all(record, target);
    if (code == 0 && !is_dry)
        set_times_of_directories(target);
    /* On the disk before anybody deletes the record. */
    if (code == 0 && !is_dry && syncfs(target) < 0)
        code = fail("write", argv[2]);
    return code;
}
