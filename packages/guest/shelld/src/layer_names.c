#include "layer_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { MAX_NAMES = 1000000 };

static int by_path(const void *left, const void *right)
{
    return strcmp(((const struct layer_name *)left)->text, ((const struct layer_name *)right)->text);
}

static bool add(struct layer_names *names, const char *name, bool is_subtree)
{
    if (names->count == names->room) {
        size_t room = names->room == 0 ? 64 : names->room * 2;
        struct layer_name *items = room > MAX_NAMES * 2UL ? NULL : realloc(names->items, room * sizeof *items);
        if (items == NULL) {
            errno = ENOMEM;
            return false;
        }
        names->items = items;
        names->room = room;
    }
    size_t length = strlen(name);
    char *text = malloc(length + 2);
    if (text == NULL)
        return false;
    memcpy(text, name, length);
    memcpy(text + length, is_subtree ? "/" : "", is_subtree ? 2 : 1);
    names->items[names->count++] = (struct layer_name){.text = text, .is_subtree = is_subtree};
    return true;
}

bool layer_names_read(int directory, struct layer_names *names)
{
    *names = (struct layer_names){0};
    int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (entries == NULL)
        return false;
    bool is_whole = true;
    for (struct dirent *entry; is_whole && (entry = readdir(entries)) != NULL;) {
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (fstatat(directory, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        is_whole = add(names, entry->d_name, false) && (!S_ISDIR(info.st_mode) || add(names, entry->d_name, true));
    }
    closedir(entries);
    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, by_path);
    return is_whole;
}

bool layer_names_add_hidden(struct layer_names *names, int upper, int lower)
{
    struct layer_names below;
    struct stat info;
    bool is_whole = layer_names_read(lower, &below);
    for (size_t index = 0; is_whole && index < below.count; index++) {
        if (below.items[index].is_subtree || fstatat(upper, below.items[index].text, &info, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        is_whole = add(names, below.items[index].text, false);
        if (is_whole)
            names->items[names->count - 1].is_hidden = true;
    }
    layer_names_free(&below);
    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, by_path);
    return is_whole;
}

void layer_names_free(struct layer_names *names)
{
    for (size_t index = 0; index < names->count; index++)
        free(names->items[index].text);
    free(names->items);
}

bool layer_is_whiteout(const struct stat *info)
{
    return S_ISCHR(info->st_mode) && info->st_rdev == makedev(0, 0);
}

bool layer_is_opaque(int directory)
{
    char value;
    return fgetxattr(directory, "user.overlay.opaque", &value, sizeof value) == 1 && value == 'y';
}
