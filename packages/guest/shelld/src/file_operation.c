#define _GNU_SOURCE 1
#include "file_operation.h"

#include <errno.h>
#include <stdlib.h>

static size_t operations;

static int error_of(int refusal) { return refusal == -JAIL_OUTSIDE ? EACCES : -refusal; }

static const char *message_of(int refusal)
{
    switch (refusal) {
    case -JAIL_OUTSIDE:
        return jail_root_count() == 0 ? "shelld was given no root for file operations"
                                      : "the path leaves the roots of file operations";
    case -ELOOP:
        return "a link on the way is circular, magic (/proc), or not to be followed here";
    case -EBUSY:
        return "a root or a mount point is not to be removed, replaced or crossed";
    case -EINVAL:
        return "not a regular file, not an absolute path, or not a plain name at its end";
    default:
        return strerror(-refusal);
    }
}

bool file_refuse(const struct file_request *request, struct slice path, int refusal)
{
    conn_refused(request->conn, request->id, error_of(refusal), request->operation, path, message_of(refusal));
    return true;
}

bool file_answer(const struct file_request *request, struct slice path, int outcome)
{
    if (outcome < 0)
        return file_refuse(request, path, outcome);
    conn_done(request->conn, request->id, 0);
    return true;
}

void *file_operation_start(const struct file_request *request, struct slice path, const struct channel_ops *ops,
                           uint64_t credit, size_t size)
{
    struct file_operation *operation = NULL;
    int refusal = 0;
    if (path.length > sizeof operation->path)
        refusal = -ENAMETOOLONG;
    else if (operations == FILE_MAX_OPERATIONS)
        refusal = -EMFILE;
    else if ((operation = calloc(1, size)) == NULL)
        refusal = -ENOMEM;
    if (refusal < 0) {
        file_refuse(request, path, refusal);
        return NULL;
    }
    if (!channel_open(&operation->channel, request->conn, request->id, ops, credit)) {
        free(operation);
        return NULL;
    }
    operations++;
    operation->name = request->operation;
    operation->path_length = path.length;
    if (path.length > 0)
        memcpy(operation->path, path.data, path.length);
    return operation;
}

void file_operation_refuse(struct file_operation *operation, int refusal)
{
    struct slice path = {operation->path, operation->path_length};
    channel_refused(&operation->channel, error_of(refusal), operation->name, path, message_of(refusal));
}

void file_operation_free(struct file_operation *operation)
{
    operations--;
    free(operation);
}
