#define _GNU_SOURCE 1
/*
 * file.remove. One name is removed at once; a directory with what it holds (fileFlags.parents) in slices: down into the
 * first directory that is not empty, up when it is. Depth costs no descriptors and no stack: only the directory in
 * hand is open, and the way up is "..", believed only where it leads to the directory that we came from.
 *
 * Cancelled or refused half way, what was removed stays removed.
 */
#include "file_operation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STEPS_PER_TURN = 256,
    /* Levels that are remembered; from deeper down the way back leads to the top, and down again. */
    REMEMBERED_LEVELS = 1024,
    /* How often a directory may be found empty and refuse to go (somebody else is at work in it) before we do too. */
    MAX_FRUITLESS_VISITS = 64,
};

struct identity {
    dev_t device;
    ino_t inode;
};

struct remove_operation {
    struct file_operation base;
    struct task task;
    struct jail_place top;
    DIR *directory;                             /* In hand. */
    struct identity above[REMEMBERED_LEVELS];   /* Of the directories over it, the nearest last. */
    size_t levels;
    bool fruitful;                              /* Something was removed since this directory was opened. */
    unsigned fruitless_visits;
    uint64_t removed;
    int outcome;
};

enum { FINISHED = 0, MORE = 1 }; /* Of a step; below 0 it is a refusal. */

static void release(struct remove_operation *remove)
{
    task_cancel(&remove->task);
    if (remove->directory != NULL)
        closedir(remove->directory);
    if (remove->top.directory >= 0)
        close(remove->top.directory);
    file_operation_free(&remove->base);
}

/* A link goes itself; a mount point refuses with EBUSY. */
static int remove_name(int directory, const char *name, bool only_directory)
{
    if (!only_directory && unlinkat(directory, name, 0) == 0)
        return 0;
    if (!only_directory && errno != EISDIR)
        return -errno;
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0)
        return 0;
    return errno == EEXIST ? -ENOTEMPTY : -errno;
}

/* Takes a descriptor as the directory in hand. */
static int take(struct remove_operation *remove, int fd)
{
    if (fd < 0)
        return fd;
    DIR *opened = fdopendir(fd);
    if (opened == NULL) {
        close(fd);
        return -ENOMEM;
    }
    if (remove->directory != NULL)
        closedir(remove->directory);
    remove->directory = opened;
    remove->fruitful = false;
    return MORE;
}

static int identify(int fd, struct identity *identity)
{
    struct stat facts;
    if (fstat(fd, &facts) != 0)
        return -errno;
    *identity = (struct identity){facts.st_dev, facts.st_ino};
    return 0;
}

static int descend(struct remove_operation *remove, const char *name)
{
    struct identity here;
    int outcome = identify(dirfd(remove->directory), &here);
    if (outcome < 0)
        return outcome;
    /* SAFETY: no link and no mount point gets here, and one that is put here now is not entered
     * (test_files_removal.py: bind mount; test_jail.c: children). */
    outcome = take(remove, jail_open_child(dirfd(remove->directory), name));
    if (outcome < 0)
        return outcome == -ENOENT ? MORE : outcome;
    if (remove->levels == REMEMBERED_LEVELS) {
        remove->levels /= 2;
        memmove(remove->above, remove->above + REMEMBERED_LEVELS - remove->levels, remove->levels * sizeof here);
    }
    remove->above[remove->levels++] = here;
    return MORE;
}

static int enter_top(struct remove_operation *remove)
{
    return take(remove, jail_open_child(remove->top.directory, remove->top.name));
}

static int ascend(struct remove_operation *remove)
{
    struct identity found;
    int fd = openat(dirfd(remove->directory), "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int outcome = identify(fd, &found);
    struct identity expected = remove->above[--remove->levels];
    /* SAFETY: a directory moved away meanwhile does not lead us to another parent (test_files_removal.py: moved). */
    if (outcome == 0 && (found.device != expected.device || found.inode != expected.inode))
        outcome = -ESTALE;
    if (outcome == 0)
        return take(remove, fd);
    close(fd);
    return outcome;
}

/* The directory in hand is empty. */
static int leave(struct remove_operation *remove)
{
    if (!remove->fruitful && ++remove->fruitless_visits > MAX_FRUITLESS_VISITS)
        return -ENOTEMPTY;
    if (remove->levels > 0)
        return ascend(remove);
    /* Nothing remembered is over it: it is the top, or so deep that the way back begins at the top. */
    int outcome = remove_name(remove->top.directory, remove->top.name, true);
    if (outcome == -ENOTEMPTY)
        return enter_top(remove);
    remove->removed += outcome == 0;
    return outcome == -ENOENT ? FINISHED : outcome;
}

static int step(struct remove_operation *remove)
{
    errno = 0;
    struct dirent *entry = readdir(remove->directory);
    if (entry == NULL)
        return errno == 0 || errno == ENOENT ? leave(remove) : -errno;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return MORE;
    int outcome = remove_name(dirfd(remove->directory), entry->d_name, false);
    if (outcome == -ENOTEMPTY)
        return descend(remove, entry->d_name);
    if (outcome < 0)
        return outcome == -ENOENT ? MORE : outcome;
    remove->removed++;
    remove->fruitful = true;
    return MORE;
}

static void run(struct task *task)
{
    struct remove_operation *remove = container_of(task, struct remove_operation, task);
    for (int steps = 0; steps < STEPS_PER_TURN; steps++) {
        remove->outcome = step(remove);
        if (remove->outcome != MORE) {
            channel_want_write(&remove->base.channel);
            return;
        }
    }
    task_defer(task, run);
}

static void answer(struct channel *channel)
{
    struct remove_operation *remove = container_of(channel, struct remove_operation, base.channel);
    if (remove->outcome == MORE)
        return; /* Credit came, which means nothing here. */
    if (remove->outcome < 0)
        file_operation_refuse(&remove->base, remove->outcome);
    else
        channel_done(channel, remove->removed);
    release(remove);
}

static bool no_frame(struct channel *channel, uint8_t type, struct slice payload)
{
    (void)channel, (void)type, (void)payload;
    return false;
}

static void on_close(struct channel *channel) { release(container_of(channel, struct remove_operation, base.channel)); }

static const struct channel_ops ops = {.on_frame = no_frame, .on_writable = answer, .on_close = on_close};

/* Takes over the place. */
static void start_tree(const struct file_request *request, struct slice path, const struct jail_place *place)
{
    struct remove_operation *remove = file_operation_start(request, path, &ops, 0, sizeof *remove);
    if (remove == NULL) {
        close(place->directory);
        return;
    }
    remove->top = *place;
    remove->outcome = enter_top(remove);
    if (remove->outcome == MORE)
        task_defer(&remove->task, run);
    else
        channel_want_write(&remove->base.channel);
}

bool file_remove(const struct file_request *request)
{
    struct frame_file_remove frame;
    struct jail_place place;
    if (!decode_file_remove(request->payload, &frame))
        return false;
    int outcome = jail_open_place(frame.path, false, &place);
    if (outcome < 0)
        return file_refuse(request, frame.path, outcome);
    outcome = remove_name(place.directory, place.name, place.wants_directory);
    if (outcome == -ENOTEMPTY && (frame.flags & FILE_FLAG_PARENTS)) {
        start_tree(request, frame.path, &place);
        return true;
    }
    close(place.directory);
    if (outcome < 0)
        return file_refuse(request, frame.path, outcome);
    conn_done(request->conn, request->id, 1);
    return true;
}
