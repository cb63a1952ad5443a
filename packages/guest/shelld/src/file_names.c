#define _GNU_SOURCE 1
/* Requests that are answered at once: file.stat, file.makeDirectory, file.rename; and the moving of names. */
#include "file_info.h"
#include "file_operation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

bool file_stat(const struct file_request *request)
{
    struct frame_file_stat frame;
    if (!decode_file_stat(request->payload, &frame))
        return false;
    int fd = jail_open(frame.path, O_PATH | (frame.flags & FILE_FLAG_NO_FOLLOW ? O_NOFOLLOW : 0));
    if (fd < 0)
        return file_refuse(request, frame.path, fd);
    long info = file_info_encode(conn_space(request->conn).at, request->id, fd, "", file_last_component(frame.path));
    close(fd);
    if (info < 0)
        return file_refuse(request, frame.path, (int)info);
    conn_commit(request->conn, (size_t)info);
    return file_answer(request, frame.path, 0);
}

static bool is_directory(struct slice path)
{
    int fd = jail_open(path, O_PATH | O_DIRECTORY);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* mode 0 means 0755. */
bool file_make_directory(const struct file_request *request)
{
    struct frame_file_make_directory frame;
    struct jail_place place;
    if (!decode_file_make_directory(request->payload, &frame))
        return false;
    bool parents = (frame.flags & FILE_FLAG_PARENTS) != 0;
    int outcome = jail_open_place(frame.path, parents, &place);
    if (outcome == 0) {
        outcome = jail_make_directory(place.directory, place.name, frame.mode > 0 ? frame.mode : 0755);
        close(place.directory);
    }
    if (outcome == -EBUSY)
        outcome = -EEXIST; /* A root. */
    if (parents && outcome == -EEXIST && is_directory(frame.path))
        outcome = 0;
    return file_answer(request, frame.path, outcome);
}

int file_move(int from_directory, const char *from, int to_directory, const char *to, bool exclusive)
{
    enum { NO_REPLACE = 1 };
    if (!exclusive)
        return renameat(from_directory, from, to_directory, to) == 0 ? 0 : -errno;
    if (syscall(SYS_renameat2, from_directory, from, to_directory, to, NO_REPLACE) == 0)
        return 0;
    /* Some file systems do not know NO_REPLACE; a second name for a file is as exclusive. */
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(from_directory, from, to_directory, to, 0) != 0)
        return -errno;
    return unlinkat(from_directory, from, 0) == 0 ? 0 : -errno;
}

bool file_rename(const struct file_request *request)
{
    struct frame_file_rename frame;
    struct jail_place from, to;
    if (!decode_file_rename(request->payload, &frame))
        return false;
    int outcome = jail_open_place(frame.from, false, &from);
    if (outcome < 0)
        return file_refuse(request, frame.from, outcome);
    outcome = jail_open_place(frame.to, false, &to);
    if (outcome < 0) {
        close(from.directory);
        return file_refuse(request, frame.to, outcome);
    }
    outcome = file_move(from.directory, from.name, to.directory, to.name, (frame.flags & FILE_FLAG_EXCLUSIVE) != 0);
    close(from.directory);
    close(to.directory);
    return file_answer(request, outcome == -EEXIST ? frame.to : frame.from, outcome);
}

bool file_temporary_name(char name[FILE_TEMPORARY_NAME_BYTES])
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    snprintf(name, FILE_TEMPORARY_NAME_BYTES, ".sovereign-%016llx", (unsigned long long)random);
    return true;
}
