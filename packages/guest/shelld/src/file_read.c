#define _GNU_SOURCE 1
/*
 * file.read: info, content under the credit of the host, done. The file is read as it is at each moment: one that
 * grows or shrinks meanwhile is no error, and done tells how many bytes were sent.
 */
#include "file_info.h"
#include "file_operation.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct read_operation {
    struct file_operation base;
    int fd;
    uint64_t offset;
    uint64_t left; /* UINT64_MAX: to the end. */
    uint64_t sent;
};

static void release(struct read_operation *read)
{
    if (read->fd >= 0)
        close(read->fd);
    file_operation_free(&read->base);
}

static void refuse(struct read_operation *read, int refusal)
{
    file_operation_refuse(&read->base, refusal);
    release(read);
}

static void finish(struct read_operation *read)
{
    channel_done(&read->base.channel, read->sent);
    release(read);
}

static bool at_end(const struct read_operation *read)
{
    char byte;
    return read->left == 0 || pread(read->fd, &byte, 1, (off_t)read->offset) == 0;
}

static void send_content(struct channel *channel)
{
    struct read_operation *read = container_of(channel, struct read_operation, base.channel);
    uint32_t size = 0;
    uint8_t *space = channel_data_space(channel, &size);
    if (size > read->left)
        size = (uint32_t)read->left;
    if (size == 0) {
        /* Out of credit, which the end of the file does not need; otherwise more credit calls again. */
        if (at_end(read))
            finish(read);
        return;
    }
    ssize_t got = pread(read->fd, space, size, (off_t)read->offset);
    if (got < 0 && errno != EINTR)
        return refuse(read, -errno);
    if (got == 0)
        return finish(read);
    if (got > 0) {
        channel_data_commit(channel, FRAME_FILE_DATA, (uint32_t)got);
        read->offset += (uint64_t)got;
        read->sent += (uint64_t)got;
        if (read->left != UINT64_MAX)
            read->left -= (uint64_t)got;
    }
    channel_want_write(channel);
}

static bool no_frame(struct channel *channel, uint8_t type, struct slice payload)
{
    (void)channel, (void)type, (void)payload;
    return false;
}

static void on_close(struct channel *channel) { release(container_of(channel, struct read_operation, base.channel)); }

static const struct channel_ops ops = {.on_frame = no_frame, .on_writable = send_content, .on_close = on_close};

/* Opens a regular file only: O_NONBLOCK, so that a FIFO without a writer or a device does not hold the loop. */
static int open_regular(struct slice path)
{
    struct stat facts;
    int fd = jail_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return fd;
    int refusal = fstat(fd, &facts) == 0 ? -EINVAL : -errno;
    if (refusal == -EINVAL && S_ISREG(facts.st_mode))
        return fd;
    if (refusal == -EINVAL && S_ISDIR(facts.st_mode))
        refusal = -EISDIR;
    close(fd);
    return refusal;
}

bool file_read(const struct file_request *request)
{
    struct frame_file_read frame;
    if (!decode_file_read(request->payload, &frame))
        return false;
    if (frame.offset > FILE_MAX_WIRE_INTEGER || frame.length > FILE_MAX_WIRE_INTEGER)
        return false;
    struct read_operation *read = file_operation_start(request, frame.path, &ops, frame.credit, sizeof *read);
    if (read == NULL)
        return true;
    read->offset = frame.offset;
    read->left = frame.length > 0 ? frame.length : UINT64_MAX;
    read->fd = open_regular(frame.path);
    if (read->fd < 0) {
        refuse(read, read->fd);
        return true;
    }
    struct slice shown = file_last_component(frame.path);
    long info = file_info_encode(conn_space(request->conn).at, request->id, read->fd, "", shown);
    if (info < 0) {
        refuse(read, (int)info);
        return true;
    }
    conn_commit(request->conn, (size_t)info);
    channel_want_write(&read->base.channel);
    return true;
}
