#include "apply.h"
#include "apply_guard.h"
#include "apply_lines.h"
#include "apply_tree.h"
#include "layer_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: shelld apply [--record RECORD] STEP UPPER TARGET\n"
    "\n"
    "Makes paths in TARGET what they are in UPPER, the upper layer of an overlay. They come on stdin, each as a line\n"
    "`STAMP PATH` with a zero byte behind it; the stamp is that of `shelld changes`, `-` for one that is removed. One that\n"
    "has been changed since, that a link leads to, or that is neither file, directory nor a link that stays in the\n"
    "directory, ends it. Prints every path that was applied, with a zero byte behind it. STEP names what is half written. With\n"
    "--record nothing is replaced that is not what `record` has kept: what somebody has changed since then ends it as well,\n"
    "before anything is applied where it was changed by then.\n";

enum { CHANGED = 20, REFUSED = 21, CONFLICT = 23 };

static const char *applying; /* path at hand */

static int fail(int code, const char *what, const char *path)
{
    dprintf(STDERR_FILENO, "shelld: %s %s: %s\n", what, path, strerror(errno));
    return code;
}

static bool has_stamp(const struct stat *info, const char *stamp)
{
    char now[128];
    (void)snprintf(now, sizeof now, "%llu:%lld.%09ld:%lld", (unsigned long long)info->st_ino,
                   (long long)info->st_ctim.tv_sec, info->st_ctim.tv_nsec, (long long)info->st_size);
    return strcmp(now, stamp) == 0;
}

/* Whether the layer says that the path is not there: by a whiteout, or by a directory that hides what is below. */
static bool is_removed(int upper_parent, const char *name)
{
    struct stat info;
    if (fstatat(upper_parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0)
        return layer_is_whiteout(&info);
    return layer_is_opaque(upper_parent);
}

static int conflict(const char *path)
{
    dprintf(STDERR_FILENO, "shelld: somebody else has changed %s\n", path);
    return CONFLICT;
}

static bool may_replace(int parent, const char *name)
{
    return guard_allows(parent, name, applying);
}

/* What went wrong with a path that was to be changed. */
static int failure(const char *what, const char *path)
{
    if (errno == ESTALE)
        return conflict(path);
    return fail(errno == EXDEV || errno == EOPNOTSUPP ? REFUSED : 1, what, path);
}

static int apply(int upper, int target, const char *stamp, const char *path)
{
    static char upper_copy[TREE_PATH_BYTES], target_copy[TREE_PATH_BYTES];
    const char *upper_name, *target_name;
    struct stat info;
    int from = tree_parent(upper, path, upper_copy, &upper_name);
    if (from < 0)
        return fail(CHANGED, "changed since it was reviewed:", path);
    int to = tree_parent(target, path, target_copy, &target_name), code = 0;
    if (to < 0) {
        code = fail(REFUSED, "there is no directory for", path);
    } else if (strcmp(stamp, "-") == 0) {
        if (!is_removed(from, upper_name))
            code = fail(CHANGED, "changed since it was reviewed:", path);
        else if (!tree_remove(to, target_name))
            code = failure("remove", path);
    } else if (fstatat(from, upper_name, &info, AT_SYMLINK_NOFOLLOW) < 0 || !has_stamp(&info, stamp)) {
        code = fail(CHANGED, "changed since it was reviewed:", path);
    } else if (!tree_copy(from, path, to, target_name)) {
        code = failure("apply", path);
    }
    close(from);
    if (to >= 0)
        close(to);
    return code;
}

int apply_main(int argc, char **argv)
{
    const char *stamp, *path;
    int record = -1;
    bool has_record = argc > 2 && strcmp(argv[0], "--record") == 0;
    if (has_record) {
        record = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        argc -= 2;
        argv += 2;
    }
    if (argc != 3 || !tree_name_partial(argv[0])) {
        dprintf(STDERR_FILENO, "%s", usage);
        return 2;
    }
    int upper = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int target = tree_open_locked(argv[2]);
    if (upper < 0 || target < 0)
        return fail(1, "open", upper < 0 ? argv[1] : argv[2]);
    if (has_record && (record < 0 || !guard_read(record)))
        return fail(1, "read", "the record");
    const char *changed = has_record ? guard_first_changed(target) : NULL;
    if (changed != NULL)
        return conflict(changed);
    tree_ask(may_replace);
    int more;
    while ((more = apply_lines_next(&stamp, &path)) > 0) {
        applying = path;
        int code = apply(upper, target, stamp, path);
        if (code != 0)
            return code;
        printf("%s%c", path, '\0');
        fflush(stdout);
    }
    return more == 0 ? 0 : 2;
}
