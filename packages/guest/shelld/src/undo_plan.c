#include "undo_plan.h"
#include "apply_tree.h"
#include "path_state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int by_path(const void *left, const void *right)
{
    return strcmp((*(struct undo_entry *const *)left)->path, (*(struct undo_entry *const *)right)->path);
}

/* Cuts the next word off. */
static const char *next_word(char **rest)
{
    char *word = *rest, *space = word == NULL ? NULL : strchr(word, ' ');
    if (space != NULL)
        *space = '\0';
    *rest = space == NULL ? NULL : space + 1;
    return word;
}

static bool parse(struct undo_plan *plan, char *text, size_t size)
{
    for (size_t at = 0; at < size; at++)
        plan->count += text[at] == '\0';
    plan->entries = calloc(plan->count + 1, sizeof *plan->entries);
    plan->by_path = calloc(plan->count + 1, sizeof(struct undo_entry *));
    if (plan->entries == NULL || plan->by_path == NULL)
        return false;
    errno = EBADMSG;
    for (size_t index = 0; index < plan->count; index++) {
        struct undo_entry *entry = &plan->entries[index];
        char *rest = text;
        text += strlen(text) + 1;
        entry->before = next_word(&rest);
        entry->after = next_word(&rest);
        entry->number = next_word(&rest);
        entry->path = rest;
        if (rest == NULL || *rest == '\0' || *rest == '/' || strchr(entry->number, '/') != NULL)
            return false;
        plan->by_path[index] = entry;
    }
    qsort(plan->by_path, plan->count, sizeof(struct undo_entry *), by_path);
    return true;
}

/* Maps a file of lines, each with a zero byte behind it; an empty one has no text. */
static bool map_lines(int record, const char *name, char **text, size_t *size)
{
    struct stat info;
    int file = openat(record, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    *text = NULL;
    *size = 0;
    if (file < 0 || fstat(file, &info) < 0)
        return false;
    if (info.st_size > 0)
        *text = mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    close(file);
    if (*text == MAP_FAILED)
        return false;
    *size = (size_t)info.st_size;
    if (*size == 0 || (*text)[*size - 1] == '\0')
        return true;
    errno = EBADMSG;
    return false;
}

/* One line for each path, in the same order. */
static bool parse_stats(struct undo_plan *plan, const char *text, size_t size)
{
    size_t count = 0;
    for (const char *line = text; line < text + size; line += strlen(line) + 1, count++)
        if (count < plan->count)
            plan->entries[count].stats = line;
    errno = EBADMSG;
    return count == plan->count;
}

bool undo_plan_read(struct undo_plan *plan, int record)
{
    char *text;
    size_t size;
    *plan = (struct undo_plan){0};
    if (!map_lines(record, "paths", &text, &size))
        return false;
    if (size == 0)
        return true;
    if (!parse(plan, text, size))
        return false;
    if (!map_lines(record, "stats", &text, &size))
        return errno == ENOENT;
    return parse_stats(plan, text, size);
}

const struct undo_entry *undo_plan_find(const struct undo_plan *plan, const char *path)
{
    struct undo_entry wanted = {.path = path}, *pointer = &wanted;
    struct undo_entry **found = bsearch(&pointer, plan->by_path, plan->count, sizeof pointer, by_path);
    return found == NULL ? NULL : *found;
}

/* Whether the directory that holds it comes back with it. */
static bool is_parent_put_back(const struct undo_plan *plan, const char *path)
{
    char parent[TREE_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || (size_t)(slash - path) >= sizeof parent)
        return false;
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    const struct undo_entry *found = undo_plan_find(plan, parent);
    return found != NULL && found->before[0] == 'd';
}

/*
 * A path on its way from one kind to another is nothing for a moment, and a new directory is its owner's alone until it is
 * given its mode. Neither holds anything of anybody's.
 */
static bool is_between(const struct undo_entry *entry, const char *now)
{
    bool is_replaced = entry->before[0] != '-' && entry->after[0] != '-' && entry->before[0] != entry->after[0];
    bool has_directory = entry->before[0] == 'd' || entry->after[0] == 'd';
    return (is_replaced && strcmp(now, "-") == 0) || (has_directory && strcmp(now, "d0700") == 0);
}

bool undo_must_clear(const struct undo_entry *entry)
{
    return entry->now != '-' && (entry->before[0] == '-' || (entry->now == 'd') != (entry->before[0] == 'd'));
}

bool undo_is_as_judged(const struct undo_entry *entry, int parent, const char *name)
{
    struct stat info;
    if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT && entry->now == '-';
    if (entry->now == 'd')
        return S_ISDIR(info.st_mode) && info.st_ino == entry->inode;
    return entry->now != '-' && info.st_ino == entry->inode && info.st_ctim.tv_sec == entry->changed.tv_sec &&
           info.st_ctim.tv_nsec == entry->changed.tv_nsec;
}

static bool find_strangers(const struct undo_plan *plan, int parent, const char *name, const char *path,
                           undo_stranger *stranger)
{
    char below[TREE_PATH_BYTES];
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = directory < 0 ? NULL : fdopendir(directory);
    if (entries == NULL)
        return false;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || tree_is_partial(entry->d_name))
            continue;
        if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) >= (int)sizeof below || undo_plan_find(plan, below) == NULL)
            stranger(below);
    }
    closedir(entries);
    return true;
}

static bool judge(struct undo_plan *plan, struct undo_entry *entry, int parent, const char *name, bool is_interrupted)
{
    struct path_state now = {.text = "-"};
    struct stat info = {0};
    if (parent >= 0) {
        if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
            return false;
        if (!path_state_read(parent, name, 07777, &now, NULL, NULL))
            return false;
    }
    entry->now = now.text[0];
    entry->inode = info.st_ino;
    entry->changed = info.st_ctim;
    if (path_state_is(&now, entry->before))
        entry->verdict = UNDO_DONE;
    else if (parent < 0 && entry->before[0] != '-' && !is_parent_put_back(plan, entry->path))
        entry->verdict = UNDO_BLOCKED;
    else if (path_state_is(&now, entry->after) || (is_interrupted && is_between(entry, now.text)))
        entry->verdict = UNDO_REVERT;
    else
        entry->verdict = UNDO_CHANGED;
    return true;
}

bool undo_plan_judge(struct undo_plan *plan, int target, bool is_interrupted, undo_stranger *stranger, const char **at)
{
    static char copy[TREE_PATH_BYTES];
    for (size_t index = 0; index < plan->count; index++) {
        struct undo_entry *entry = &plan->entries[index];
        const char *name;
        *at = entry->path;
        int parent = tree_parent(target, entry->path, copy, &name);
        /* SAFETY: what a link leads to, or out of the directory, is not there for us. Held by tests/quilt/undo-faults.test.ts. */
        if (parent < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != EXDEV)
            return false;
        bool is_judged = judge(plan, entry, parent, name, is_interrupted);
        if (is_judged && entry->verdict != UNDO_DONE && entry->now == 'd' && entry->before[0] != 'd')
            is_judged = find_strangers(plan, parent, name, entry->path, stranger);
        int reason = errno;
        if (parent >= 0)
            close(parent);
        errno = reason;
        if (!is_judged)
            return false;
    }
    return true;
}
