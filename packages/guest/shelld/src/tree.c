#include "tree.h"

#include "number.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More processes than this are seen only once others have gone. The memory is touched as far as it is used. */
enum { MAX_SEEN = 32768 };

static struct seen {
    pid_t pid, parent;
    char state;
    bool inside;
} seen[MAX_SEEN];

/* "pid (name) S parent …": the name may contain anything, also parentheses. */
static bool read_stat(int proc, const char *pid, struct seen *entry)
{
    char path[32], text[512];
    snprintf(path, sizeof path, "%.16s/stat", pid);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return false;
    text[length] = '\0';
    const char *after_name = strrchr(text, ')');
    if (!after_name || after_name[1] != ' ' || after_name[2] == '\0')
        return false;
    entry->state = after_name[2];
    const char *at = after_name + 3;
    uint64_t parent;
    if (!number_read(&at, INT32_MAX, &parent))
        return false;
    entry->parent = (pid_t)parent;
    return true;
}

static size_t look_around(void)
{
    size_t count = 0;
    DIR *proc = opendir("/proc");
    if (!proc)
        return 0;
    for (struct dirent *item; count < MAX_SEEN && (item = readdir(proc));) {
        struct seen *entry = &seen[count];
        *entry = (struct seen){.pid = atoi(item->d_name)};
        if (entry->pid > 0 && read_stat(dirfd(proc), item->d_name, entry))
            count++;
    }
    closedir(proc);
    return count;
}

static int by_pid(const void *left, const void *right)
{
    pid_t a = ((const struct seen *)left)->pid, b = ((const struct seen *)right)->pid;
    return (a > b) - (a < b);
}

/* Parents mostly have the lower pid, so that two rounds do. */
static void mark_descendants(size_t count, pid_t root, bool (*spared)(pid_t))
{
    qsort(seen, count, sizeof seen[0], by_pid);
    for (bool found = true; found;) {
        found = false;
        for (size_t index = 0; index < count; index++) {
            struct seen *entry = &seen[index];
            if (entry->inside || entry->pid == root || (spared && spared(entry->pid)))
                continue;
            const struct seen *parent = bsearch(&(struct seen){.pid = entry->parent}, seen, count, sizeof seen[0], by_pid);
            if (entry->parent == root || (parent && parent->inside))
                found = entry->inside = true;
        }
    }
}

size_t tree_signal(pid_t root, int signal, bool (*spared)(pid_t))
{
    size_t count = look_around(), told = 0;
    mark_descendants(count, root, spared);
    for (size_t index = 0; index < count; index++) {
        const struct seen *entry = &seen[index];
        bool is_stopped = entry->state == 'T' || entry->state == 't';
        if (!entry->inside || entry->state == 'Z' || entry->state == 'X' || (signal == SIGSTOP && is_stopped))
            continue;
        if (kill(entry->pid, signal) == 0)
            told++;
    }
    return told;
}
