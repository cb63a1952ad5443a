#define _GNU_SOURCE 1
/*
 * file.write: content goes to a temporary neighbour, and commit renames it over the target. Until then, and whenever
 * the write is cancelled, refused or cut off, the old content stays and the neighbour goes. The last component is
 * never followed: a link in its place is replaced. Nothing is flushed to the disk: a crash of the whole machine may
 * lose a write that was answered, a crash of processes does not. A shelld that is itself killed leaves its neighbours.
 *
 * fileFlags.append is the exception: it writes to the file itself as content arrives, and is not atomic. There a link
 * in place of the file is refused with ELOOP, and what was written stays.
 */
#include "file_info.h"
#include "file_operation.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct write_operation {
    struct file_operation base;
    struct jail_place place;
    char temporary[FILE_TEMPORARY_NAME_BYTES]; /* Empty when there is none (any more). */
    int fd;
    uint32_t mode, flags;
    uint64_t bytes;
};

static void release(struct write_operation *write)
{
    /* SAFETY: every way out but a commit removes the neighbour (test_files_content.py: leaves nothing). */
    if (write->temporary[0] != 0)
        unlinkat(write->place.directory, write->temporary, 0);
    if (write->fd >= 0)
        close(write->fd);
    if (write->place.directory >= 0)
        close(write->place.directory);
    file_operation_free(&write->base);
}

static bool refuse(struct write_operation *write, int refusal)
{
    file_operation_refuse(&write->base, refusal);
    release(write);
    return true;
}

/* Facts of what stands in the place now. Answers false when nothing does. */
static bool standing(const struct write_operation *write, struct stat *facts)
{
    return fstatat(write->place.directory, write->place.name, facts, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * Gives the new content the mode that was asked for, else that of the file it replaces, and its owner as far as we may.
 * SAFETY: a kept mode loses setuid, setgid and sticky, which were granted to other content
 * (test_files_content.py: modes).
 */
static int dress(const struct write_operation *write)
{
    struct stat old;
    mode_t mode = write->mode > 0 ? write->mode & 07777 : 0644;
    if (standing(write, &old) && S_ISREG(old.st_mode)) {
        if (fchown(write->fd, old.st_uid, old.st_gid) != 0 && fchown(write->fd, (uid_t)-1, old.st_gid) != 0)
            errno = 0; /* The owner is ours then. */
        if (write->mode == 0)
            mode = old.st_mode & 0777;
    }
    return fchmod(write->fd, mode) == 0 ? 0 : -errno;
}

static int put_in_place(struct write_operation *write)
{
    if (write->temporary[0] == 0)
        return 0;
    int outcome = dress(write);
    if (outcome == 0)
        outcome = file_move(write->place.directory, write->temporary, write->place.directory, write->place.name,
                            (write->flags & FILE_FLAG_EXCLUSIVE) != 0);
    if (outcome == 0)
        write->temporary[0] = 0;
    return outcome;
}

static bool commit(struct write_operation *write)
{
    struct channel *channel = &write->base.channel;
    int outcome = put_in_place(write);
    if (outcome < 0)
        return refuse(write, outcome);
    long info = file_info_encode(conn_space(channel->conn).at, channel->id, write->fd, "", slice_of(write->place.name));
    if (info < 0)
        return refuse(write, (int)info);
    conn_commit(channel->conn, (size_t)info);
    channel_done(channel, write->bytes);
    release(write);
    return true;
}

static int store(int fd, struct slice data)
{
    while (data.length > 0) {
        ssize_t stored = write(fd, data.data, data.length);
        if (stored < 0 && errno != EINTR)
            return -errno;
        if (stored > 0) {
            data.data += stored;
            data.length -= (uint32_t)stored;
        }
    }
    return 0;
}

static bool on_frame(struct channel *channel, uint8_t type, struct slice payload)
{
    struct write_operation *write = container_of(channel, struct write_operation, base.channel);
    if (type == FRAME_FILE_COMMIT)
        return commit(write);
    /* Content is stored as it comes, so all that the host lacks of a whole window is the grant still on its way. */
    if (type != FRAME_FILE_DATA || payload.length + channel->grant > LIMIT_FILE_WINDOW_BYTES)
        return false;
    int outcome = store(write->fd, payload);
    if (outcome < 0)
        return refuse(write, outcome);
    write->bytes += payload.length;
    channel_grant(channel, payload.length);
    return true;
}

static void on_close(struct channel *channel) { release(container_of(channel, struct write_operation, base.channel)); }

static void on_writable(struct channel *channel) { (void)channel; }

static const struct channel_ops ops = {.on_frame = on_frame, .on_writable = on_writable, .on_close = on_close};

static int open_temporary(struct write_operation *write)
{
    struct stat old;
    if (standing(write, &old)) {
        if (S_ISDIR(old.st_mode))
            return -EISDIR;
        if (write->flags & FILE_FLAG_EXCLUSIVE)
            return -EEXIST; /* Early, to spare the content; what decides is the rename. */
    }
    do {
        if (!file_temporary_name(write->temporary))
            return -errno;
        write->fd = openat(write->place.directory, write->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    } while (write->fd < 0 && errno == EEXIST);
    if (write->fd >= 0)
        return 0;
    write->temporary[0] = 0;
    return -errno;
}

/*
 * SAFETY: the file itself and no link, and a regular one: a FIFO or a device gets nothing
 * (test_files_content.py: append).
 */
static int open_appended(struct write_operation *write)
{
    const int flags = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    struct stat facts;
    bool exclusive = (write->flags & FILE_FLAG_EXCLUSIVE) != 0, is_new = exclusive;
    if (!exclusive) {
        write->fd = openat(write->place.directory, write->place.name, flags);
        is_new = write->fd < 0 && errno == ENOENT;
    }
    if (is_new)
        write->fd = openat(write->place.directory, write->place.name, flags | O_CREAT | O_EXCL, 0600);
    if (write->fd < 0)
        return -errno;
    if (fstat(write->fd, &facts) != 0)
        return -errno;
    if (!S_ISREG(facts.st_mode))
        return -EINVAL;
    if (is_new || write->mode > 0)
        return fchmod(write->fd, write->mode > 0 ? write->mode & 07777 : 0644) == 0 ? 0 : -errno;
    return 0;
}

static int begin(struct write_operation *write, struct slice path)
{
    int outcome = jail_open_place(path, (write->flags & FILE_FLAG_PARENTS) != 0, &write->place);
    if (outcome < 0) {
        write->place.directory = -1;
        return outcome;
    }
    if (write->place.wants_directory)
        return -EISDIR;
    return write->flags & FILE_FLAG_APPEND ? open_appended(write) : open_temporary(write);
}

bool file_write(const struct file_request *request)
{
    struct frame_file_write frame;
    if (!decode_file_write(request->payload, &frame))
        return false;
    struct write_operation *write = file_operation_start(request, frame.path, &ops, 0, sizeof *write);
    if (write == NULL)
        return true;
    write->fd = write->place.directory = -1;
    write->mode = frame.mode;
    write->flags = frame.flags;
    int outcome = begin(write, frame.path);
    if (outcome < 0)
        refuse(write, outcome);
    return true;
}
