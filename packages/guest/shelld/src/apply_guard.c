#include "apply_guard.h"
#include "apply_tree.h"
#include "path_state.h"
#include "path_stats.h"
#include "undo_plan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct undo_plan recorded;
static bool is_read;

bool guard_read(int record)
{
    is_read = undo_plan_read(&recorded, record);
    return is_read;
}

/* By its time of change where that tells, else by what is in it: a link to the same file changes the one and not the other. */
static bool is_as_recorded(const struct undo_entry *entry, int parent, const char *name)
{
    struct stat info;
    struct path_stats stats;
    struct path_state now = {.text = "-"};
    bool is_file = entry->before[0] == 'f' && fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode);
    if (is_file && path_stats_parse(&stats, entry->stats) && path_stats_are(&stats, &info))
        return true;
    return path_state_read(parent, name, 07777, &now, NULL, NULL) && path_state_is(&now, entry->before);
}

static bool goes_with_all(const struct undo_entry *entry)
{
    return entry->before[0] == 'd' && entry->after[0] != 'd';
}

/* Whether everything in a directory was recorded, and with is_deep is as it was. */
static bool is_inside_recorded(int parent, const char *name, const char *path, bool is_deep)
{
    char below[TREE_PATH_BYTES];
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = directory < 0 ? NULL : fdopendir(directory);
    bool is_recorded = entries != NULL;
    for (struct dirent *item; is_recorded && (item = readdir(entries)) != NULL;) {
        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0 || tree_is_partial(item->d_name))
            continue;
        is_recorded = snprintf(below, sizeof below, "%s/%s", path, item->d_name) < (int)sizeof below &&
                      (is_deep ? guard_allows(dirfd(entries), item->d_name, below) : undo_plan_find(&recorded, below) != NULL);
    }
    if (entries != NULL)
        closedir(entries);
    return is_recorded;
}

bool guard_allows(int parent, const char *name, const char *path)
{
    if (!is_read)
        return true;
    const struct undo_entry *entry = undo_plan_find(&recorded, path);
    return entry != NULL && is_as_recorded(entry, parent, name) &&
           (!goes_with_all(entry) || is_inside_recorded(parent, name, path, true));
}

const char *guard_first_changed(int target)
{
    static char copy[TREE_PATH_BYTES];
    for (size_t index = 0; index < recorded.count; index++) {
        const struct undo_entry *entry = &recorded.entries[index];
        const char *name;
        int parent = tree_parent(target, entry->path, copy, &name);
        bool is_same = parent < 0 ? entry->before[0] == '-'
                                  : is_as_recorded(entry, parent, name) &&
                                        (!goes_with_all(entry) || is_inside_recorded(parent, name, entry->path, false));
        if (parent >= 0)
            close(parent);
        if (!is_same)
            return entry->path;
    }
    return NULL;
}
