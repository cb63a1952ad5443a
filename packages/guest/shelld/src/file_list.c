#define _GNU_SOURCE 1
/*
 * file.list: the names are gathered into a heap, those before the offset are dropped, the others are told with their
 * facts until the limit (taken literally: 0 tells none and only counts). A directory that needs more memory than
 * name_heap.h has is refused with EOVERFLOW.
 */
#include "file_info.h"
#include "file_operation.h"
#include "name_heap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Work of one turn: a millisecond or so. */
enum { NAMES_PER_TURN = 1024, FACTS_PER_TURN = 256 };

struct list_operation {
    struct file_operation base;
    struct task task;
    DIR *directory;
    struct name_heap names;
    uint64_t total;
    uint32_t to_skip, to_tell;
    int refusal;
};

static void release(struct list_operation *list)
{
    task_cancel(&list->task);
    if (list->directory != NULL)
        closedir(list->directory);
    name_heap_free(&list->names);
    file_operation_free(&list->base);
}

static void tell(struct channel *channel)
{
    struct list_operation *list = container_of(channel, struct list_operation, base.channel);
    if (list->task.deferred)
        return; /* Credit came before all was gathered. */
    if (list->refusal < 0) {
        file_operation_refuse(&list->base, list->refusal);
        return release(list);
    }
    for (int told = 0; told < FACTS_PER_TURN; told++) {
        const char *name = list->to_tell > 0 ? name_heap_pop(&list->names) : NULL;
        if (name == NULL) {
            channel_done(channel, list->total);
            return release(list);
        }
        struct conn_space space = conn_space(channel->conn);
        list->to_tell--;
        /* One that went away since it was gathered is left out. */
        long info = file_info_encode(space.at, channel->id, dirfd(list->directory), name, slice_of(name));
        if (info > 0)
            conn_commit(channel->conn, (size_t)info);
        if (space.size < CONN_REPLY_ROOM / 2)
            break;
    }
    channel_want_write(channel);
}

/* Takes one name from the directory. Returns false when it was the last, or the list is refused. */
static bool gather_one(struct list_operation *list)
{
    errno = 0;
    struct dirent *entry = readdir(list->directory);
    if (entry == NULL) {
        list->refusal = -errno;
        return false;
    }
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        return true;
    list->total++;
    if (name_heap_push(&list->names, entry->d_name))
        return true;
    list->refusal = -EOVERFLOW;
    return false;
}

static void skip(struct task *task)
{
    struct list_operation *list = container_of(task, struct list_operation, task);
    for (int popped = 0; popped < NAMES_PER_TURN; popped++) {
        if (list->to_skip == 0 || name_heap_pop(&list->names) == NULL) {
            channel_want_write(&list->base.channel);
            return;
        }
        list->to_skip--;
    }
    task_defer(task, skip);
}

static void gather(struct task *task)
{
    struct list_operation *list = container_of(task, struct list_operation, task);
    for (int gathered = 0; gathered < NAMES_PER_TURN; gathered++)
        if (!gather_one(list)) {
            if (list->refusal < 0)
                channel_want_write(&list->base.channel);
            else
                task_defer(task, skip);
            return;
        }
    task_defer(task, gather);
}

static bool no_frame(struct channel *channel, uint8_t type, struct slice payload)
{
    (void)channel, (void)type, (void)payload;
    return false;
}

static void on_close(struct channel *channel) { release(container_of(channel, struct list_operation, base.channel)); }

static const struct channel_ops ops = {.on_frame = no_frame, .on_writable = tell, .on_close = on_close};

bool file_list(const struct file_request *request)
{
    struct frame_file_list frame;
    if (!decode_file_list(request->payload, &frame))
        return false;
    struct list_operation *list = file_operation_start(request, frame.path, &ops, 0, sizeof *list);
    if (list == NULL)
        return true;
    list->to_skip = frame.offset;
    list->to_tell = frame.limit < LIMIT_MAX_LISTED_ENTRIES ? frame.limit : LIMIT_MAX_LISTED_ENTRIES;
    int fd = jail_open(frame.path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
    if (fd >= 0 && (list->directory = fdopendir(fd)) == NULL) {
        close(fd);
        fd = -ENOMEM;
    }
    if (fd < 0) {
        file_operation_refuse(&list->base, fd);
        release(list);
        return true;
    }
    task_defer(&list->task, gather);
    return true;
}
