/*
 * What file operations have in common: how a request reaches them, how they refuse, and the state of those that
 * last longer than one frame. Refusals are -errno throughout, or -JAIL_OUTSIDE.
 */
#ifndef SOVEREIGN_FILE_OPERATION_H
#define SOVEREIGN_FILE_OPERATION_H

#include "conn.h"
#include "jail.h"

/* A number on the wire goes no higher; a larger one is malformed. */
#define FILE_MAX_WIRE_INTEGER ((UINT64_C(1) << 53) - 1)

struct file_request {
    struct conn *conn;
    uint32_t id;
    const char *operation; /* As in the frame table: "file.read". */
    struct slice payload;
};

/* One a request; each returns false when its frame is malformed. */
bool file_read(const struct file_request *request);
bool file_write(const struct file_request *request);
bool file_stat(const struct file_request *request);
bool file_list(const struct file_request *request);
bool file_make_directory(const struct file_request *request);
bool file_rename(const struct file_request *request);
bool file_remove(const struct file_request *request);

/* Answers a request that never opened a channel. Returns true: a refusal is a well-formed end. */
bool file_refuse(const struct file_request *request, struct slice path, int refusal);

/* Answers with done when outcome is 0, else refuses. Returns true. */
bool file_answer(const struct file_request *request, struct slice path, int outcome);

/*
 * State of an operation with a channel. It is the first member of whatever embeds it, and keeps the path for a
 * refusal that comes late. There are at most FILE_MAX_OPERATIONS at once, whatever the number of connections, so that
 * descriptors stay for others and memory is known.
 */
enum { FILE_MAX_OPERATIONS = 1024 };
struct file_operation {
    struct channel channel;
    const char *name;
    uint32_t path_length;
    uint8_t path[LIMIT_MAX_PATH_BYTES];
};

/*
 * Allocates size zeroed bytes that begin with a file_operation, and opens the channel of the request with it. NULL
 * means that the request was refused. size is a sizeof, never something the peer says.
 */
void *file_operation_start(const struct file_request *request, struct slice path, const struct channel_ops *ops,
                           uint64_t credit, size_t size);

/* Ends the channel with a refusal. The caller releases the operation afterwards. */
void file_operation_refuse(struct file_operation *operation, int refusal);

void file_operation_free(struct file_operation *operation);

/* renameat, or with exclusive never over something that exists. Answers 0 or -errno. */
int file_move(int from_directory, const char *from, int to_directory, const char *to, bool exclusive);

/* ".sovereign-" and 16 random hexadecimal digits: a name that nobody else takes by accident. */
enum { FILE_TEMPORARY_NAME_BYTES = 28 };
bool file_temporary_name(char name[FILE_TEMPORARY_NAME_BYTES]);

#endif
