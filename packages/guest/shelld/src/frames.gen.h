/* Generated from packages/protocol/src/frame-table.ts by `npm run generate`. Do not edit. */
#ifndef SOVEREIGN_FRAMES_GEN_H
#define SOVEREIGN_FRAMES_GEN_H
#include "codec.h"

enum {
    LIMIT_MAX_PAYLOAD_BYTES = 1048576,
    LIMIT_HEADER_BYTES = 9,
    LIMIT_MAX_LIST_ENTRIES = 16384,
    LIMIT_STDIN_WINDOW_BYTES = 262144,
    LIMIT_FILE_WINDOW_BYTES = 1048576,
    LIMIT_OUTPUT_WINDOW_BYTES = 2097152,
    LIMIT_DEFAULT_RING_BYTES = 1048576,
    LIMIT_MIN_RING_BYTES = 4096,
    LIMIT_MAX_RING_BYTES = 4194304,
    LIMIT_MAX_PROCESSES = 1024,
    LIMIT_MAX_RETAINED_PROCESSES = 64,
    LIMIT_MAX_SESSIONS = 256,
    LIMIT_MAX_CONNECTIONS = 64,
    LIMIT_MAX_CHANNELS_PER_CONNECTION = 4096,
    LIMIT_MAX_PATH_BYTES = 4096,
    LIMIT_MAX_LISTED_ENTRIES = 10000,
    LIMIT_TUNNEL_WINDOW_BYTES = 1048576,
    LIMIT_MAX_TUNNELS = 512,
    LIMIT_MAX_TUNNEL_LISTENERS = 128,
    LIMIT_MAX_TUNNEL_BACKLOG = 64,
    LIMIT_MAX_TUNNEL_NAMES = 8,
    LIMIT_MAX_TUNNEL_NAME_BYTES = 128,
    LIMIT_TIMEOUT_GRACE_MS = 0,
    LIMIT_DEFAULT_DRAIN_MS = 50,
};

_Static_assert(FRAME_HEADER_BYTES == (int)LIMIT_HEADER_BYTES && FRAME_MAX_PAYLOAD == (int)LIMIT_MAX_PAYLOAD_BYTES &&
                   FRAME_MAX_LIST == (int)LIMIT_MAX_LIST_ENTRIES,
               "codec.h and the frame table agree");

enum {
    GENERATION_CURRENT = 1,
    GENERATION_LOWEST = 1,
};

enum {
    FRAME_HELLO = 1,
    FRAME_WELCOME = 2,
    FRAME_LAYER = 3,
    FRAME_PING = 4,
    FRAME_PONG = 5,
    FRAME_CREDIT = 6,
    FRAME_CANCEL = 7,
    FRAME_REFUSED = 8,
    FRAME_DONE = 9,
    FRAME_SESSION_OPEN = 16,
    FRAME_SESSION_OPENED = 17,
    FRAME_SESSION_KILL = 18,
    FRAME_EXEC_START = 32,
    FRAME_EXEC_STARTED = 33,
    FRAME_EXEC_STDIN = 34,
    FRAME_EXEC_STDIN_END = 35,
    FRAME_EXEC_STDOUT = 36,
    FRAME_EXEC_STDERR = 37,
    FRAME_EXEC_EXITED = 38,
    FRAME_EXEC_SIGNAL = 39,
    FRAME_EXEC_RESIZE = 40,
    FRAME_EXEC_KILL = 41,
    FRAME_EXEC_ATTACH = 42,
    FRAME_EXEC_ATTACHED = 43,
    FRAME_EXEC_LIST = 44,
    FRAME_EXEC_LISTED = 45,
    FRAME_EXEC_FORGET = 46,
    FRAME_FILE_READ = 64,
    FRAME_FILE_DATA = 65,
    FRAME_FILE_WRITE = 66,
    FRAME_FILE_COMMIT = 67,
    FRAME_FILE_STAT = 68,
    FRAME_FILE_INFO = 69,
    FRAME_FILE_LIST = 70,
    FRAME_FILE_MAKE_DIRECTORY = 71,
    FRAME_FILE_RENAME = 72,
    FRAME_FILE_REMOVE = 73,
    FRAME_FILE_WATCH = 74,
    FRAME_FILE_WATCHING = 75,
    FRAME_FILE_CHANGED = 76,
    FRAME_SYSTEM_IDENTIFY = 80,
    FRAME_SYSTEM_MOUNT = 81,
    FRAME_SYSTEM_UNMOUNT = 82,
    FRAME_SYSTEM_SYNC = 83,
    FRAME_SYSTEM_SHUTDOWN = 84,
    FRAME_SYSTEM_USAGE = 85,
    FRAME_SYSTEM_USED = 86,
    FRAME_TUNNEL_LISTEN = 96,
    FRAME_TUNNEL_LISTENING = 97,
    FRAME_TUNNEL_INCOMING = 98,
    FRAME_TUNNEL_REFUSE = 99,
    FRAME_TUNNEL_ACCEPT = 100,
    FRAME_TUNNEL_DIAL = 101,
    FRAME_TUNNEL_OPEN = 102,
    FRAME_TUNNEL_DATA = 103,
    FRAME_TUNNEL_END = 104,
    FRAME_TUNNEL_RESET = 105,
};

enum {
    EXEC_PTY = 1,
    EXEC_STDIN = 2,
    EXEC_UNTRACKED = 4,
    EXEC_DETACHED = 8,
    EXEC_USER = 16,
};

enum {
    CAUSE_EXITED = 0,
    CAUSE_SIGNALLED = 1,
    CAUSE_TIMEOUT = 2,
    CAUSE_IDLE_TIMEOUT = 3,
    CAUSE_KILLED = 4,
    CAUSE_NOT_FOUND = 5,
    CAUSE_NOT_EXECUTABLE = 6,
    CAUSE_BAD_DIRECTORY = 7,
    CAUSE_SPAWN_FAILED = 8,
    CAUSE_LOST = 9,
};

enum {
    SCOPE_CHILD = 0,
    SCOPE_GROUP = 1,
    SCOPE_TREE = 2,
};

enum {
    FILE_FLAG_EXCLUSIVE = 1,
    FILE_FLAG_PARENTS = 2,
    FILE_FLAG_NO_FOLLOW = 4,
    FILE_FLAG_APPEND = 8,
};

enum {
    MOUNT_FLAG_READ_ONLY = 1,
};

enum {
    FILE_KIND_FILE = 1,
    FILE_KIND_DIRECTORY = 2,
    FILE_KIND_LINK = 3,
    FILE_KIND_OTHER = 4,
};

enum {
    CHANGE_CREATED = 1,
    CHANGE_MODIFIED = 2,
    CHANGE_REMOVED = 3,
    CHANGE_RENAMED_FROM = 4,
    CHANGE_RENAMED_TO = 5,
    CHANGE_ATTRIBUTES = 6,
    CHANGE_OVERFLOW = 7,
    CHANGE_GONE = 8,
};

enum {
    LAYER_ACTIVE = 0,
    LAYER_FAILED = 1,
    LAYER_UNSUPPORTED = 2,
    LAYER_NOT_REQUESTED = 3,
};

enum {
    TUNNEL_TCP = 1,
    TUNNEL_UNIX = 2,
};

/* First frame of a connection. Requests may follow at once, before the welcome. */
struct frame_hello {
    uint16_t generation;
    uint16_t lowest_generation;
    struct slice client;
};

static inline bool decode_hello(struct slice payload, struct frame_hello *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u16(&reader, &frame->generation) &&
           read_u16(&reader, &frame->lowest_generation) &&
           read_str(&reader, &frame->client);
}

/* Answer to hello: the lower of both generations, a random id of this shelld, the roots of file operations. */
struct frame_welcome {
    uint16_t generation;
    uint32_t pid;
    struct slice instance;
    struct slice version;
    struct strings roots;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_welcome(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_welcome *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u16(&writer, frame->generation);
    write_u32(&writer, frame->pid);
    write_str(&writer, frame->instance);
    write_str(&writer, frame->version);
    write_strs(&writer, frame->roots);
    return end_frame(&writer, FRAME_WELCOME, channel);
}

/* One layer of isolation as seen from inside; all of them come before the welcome. */
struct frame_layer {
    struct slice name;
    uint8_t state;
    struct slice detail;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_layer(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_layer *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_str(&writer, frame->name);
    write_u8(&writer, frame->state);
    write_str(&writer, frame->detail);
    return end_frame(&writer, FRAME_LAYER, channel);
}

/* Round trip through the event loop of shelld. */
struct frame_ping {
    uint64_t nonce;
};

static inline bool decode_ping(struct slice payload, struct frame_ping *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u64(&reader, &frame->nonce);
}

/* Answer to ping with the same nonce. */
struct frame_pong {
    uint64_t nonce;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_pong(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_pong *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u64(&writer, frame->nonce);
    return end_frame(&writer, FRAME_PONG, channel);
}

/* The other side may send so many more bytes of data (stdin, output, file content) on this channel. */
struct frame_credit {
    uint32_t bytes;
};

static inline bool decode_credit(struct slice payload, struct frame_credit *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u32(&reader, &frame->bytes);
}

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_credit(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_credit *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u32(&writer, frame->bytes);
    return end_frame(&writer, FRAME_CREDIT, channel);
}

/* The request was not carried out. errno is that of Linux; subject is the path, program or id concerned. */
struct frame_refused {
    uint16_t errno_;
    struct slice operation;
    struct slice subject;
    struct slice message;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_refused(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_refused *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u16(&writer, frame->errno_);
    write_str(&writer, frame->operation);
    write_str(&writer, frame->subject);
    write_str(&writer, frame->message);
    return end_frame(&writer, FRAME_REFUSED, channel);
}

/* The request was carried out. count: entries listed, bytes read, processes killed …; 0 where there is nothing to count. */
struct frame_done {
    uint64_t count;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_done(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_done *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u64(&writer, frame->count);
    return end_frame(&writer, FRAME_DONE, channel);
}

/* Open a session: a scope for processes with its own working directory and environment. Ids count up from 1. */
struct frame_session_open {
    struct slice cwd;
    struct strings env;
};

static inline bool decode_session_open(struct slice payload, struct frame_session_open *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_str(&reader, &frame->cwd) &&
           read_strs(&reader, &frame->env);
}

/* Answer to session.open. */
struct frame_session_opened {
    uint32_t session;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_session_opened(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_session_opened *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u32(&writer, frame->session);
    return end_frame(&writer, FRAME_SESSION_OPENED, channel);
}

/* Kill every process of the session and close it. Answer: done, count = processes killed. */
struct frame_session_kill {
    uint32_t session;
};

static inline bool decode_session_kill(struct slice payload, struct frame_session_kill *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u32(&reader, &frame->session);
}

/* Run argv[0] (found by PATH of env when it has no slash). 0 for a timeout means none; session 0 means none. env is whole, NAME=value. user counts with execFlags.user only. On the channel follow started, output, exited. */
struct frame_exec_start {
    uint32_t session;
    uint32_t flags;
    uint32_t timeout_ms;
    uint32_t idle_timeout_ms;
    uint32_t drain_ms;
    uint32_t ring_bytes;
    uint32_t credit;
    uint16_t rows;
    uint16_t columns;
    struct slice cwd;
    struct strings argv;
    struct strings env;
    struct slice stdin_;
    struct slice user;
};

static inline bool decode_exec_start(struct slice payload, struct frame_exec_start *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u32(&reader, &frame->session) &&
           read_u32(&reader, &frame->flags) &&
           read_u32(&reader, &frame->timeout_ms) &&
           read_u32(&reader, &frame->idle_timeout_ms) &&
           read_u32(&reader, &frame->drain_ms) &&
           read_u32(&reader, &frame->ring_bytes) &&
           read_u32(&reader, &frame->credit) &&
           read_u16(&reader, &frame->rows) &&
           read_u16(&reader, &frame->columns) &&
           read_str(&reader, &frame->cwd) &&
           read_strs(&reader, &frame->argv) &&
           read_strs(&reader, &frame->env) &&
           read_bytes(&reader, &frame->stdin_) &&
           read_added_str(&reader, &frame->user);
}

/* The process runs. process counts up from 1 in each guest; pid is that inside the guest. */
struct frame_exec_started {
    uint32_t process;
    uint32_t pid;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_exec_started(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_exec_started *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u32(&writer, frame->process);
    write_u32(&writer, frame->pid);
    return end_frame(&writer, FRAME_EXEC_STARTED, channel);
}

/* Bytes for stdin, within the credit granted (stdinWindowBytes at the start). */
struct frame_exec_stdin {
    struct slice data;
};

static inline bool decode_exec_stdin(struct slice payload, struct frame_exec_stdin *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_rest(&reader, &frame->data);
}

/* Bytes of stdout, in order, within the credit granted. A PTY has only stdout. */
struct frame_exec_stdout {
    struct slice data;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_exec_stdout(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_exec_stdout *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_rest(&writer, frame->data);
    return end_frame(&writer, FRAME_EXEC_STDOUT, channel);
}

/* Bytes of stderr, in order, within the same credit. */
struct frame_exec_stderr {
    struct slice data;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_exec_stderr(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_exec_stderr *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_rest(&writer, frame->data);
    return end_frame(&writer, FRAME_EXEC_STDERR, channel);
}

/* How the direct child ended, after all output that was drained. stdoutBytes and stderrBytes count what the process wrote, sent or not. */
struct frame_exec_exited {
    uint32_t process;
    uint8_t cause;
    int32_t code;
    uint8_t signal;
    uint64_t stdout_bytes;
    uint64_t stderr_bytes;
    uint64_t wall_us;
    uint64_t user_us;
    uint64_t system_us;
    uint64_t max_rss_kib;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_exec_exited(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_exec_exited *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u32(&writer, frame->process);
    write_u8(&writer, frame->cause);
    write_i32(&writer, frame->code);
    write_u8(&writer, frame->signal);
    write_u64(&writer, frame->stdout_bytes);
    write_u64(&writer, frame->stderr_bytes);
    write_u64(&writer, frame->wall_us);
    write_u64(&writer, frame->user_us);
    write_u64(&writer, frame->system_us);
    write_u64(&writer, frame->max_rss_kib);
    return end_frame(&writer, FRAME_EXEC_EXITED, channel);
}

/* Send a signal to the direct child, its process group, or everything it started. Answer: done or refused. */
struct frame_exec_signal {
    uint32_t process;
    uint8_t signal;
    uint8_t scope;
};

static inline bool decode_exec_signal(struct slice payload, struct frame_exec_signal *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u32(&reader, &frame->process) &&
           read_u8(&reader, &frame->signal) &&
           read_u8(&reader, &frame->scope);
}

/* New size of the PTY. Answer: done or refused. */
struct frame_exec_resize {
    uint32_t process;
    uint16_t rows;
    uint16_t columns;
};

static inline bool decode_exec_resize(struct slice payload, struct frame_exec_resize *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u32(&reader, &frame->process) &&
           read_u16(&reader, &frame->rows) &&
           read_u16(&reader, &frame->columns);
}

/* SIGKILL for everything the process started, until nothing is left. Answer: done, count = processes killed. */
struct frame_exec_kill {
    uint32_t process;
};

static inline bool decode_exec_kill(struct slice payload, struct frame_exec_kill *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u32(&reader, &frame->process);
}

/* Follow a process from byte cursors. Answer: attached, then output and exited as after exec.start. The latest attachment gets the output; an earlier one is ended by done. */
struct frame_exec_attach {
    uint32_t process;
    uint32_t flags;
    uint64_t stdout_cursor;
    uint64_t stderr_cursor;
    uint32_t credit;
};

static inline bool decode_exec_attach(struct slice payload, struct frame_exec_attach *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u32(&reader, &frame->process) &&
           read_u32(&reader, &frame->flags) &&
           read_u64(&reader, &frame->stdout_cursor) &&
           read_u64(&reader, &frame->stderr_cursor) &&
           read_u32(&reader, &frame->credit);
}

/* Where the output begins: later than asked for where the ring no longer holds it. */
struct frame_exec_attached {
    uint32_t process;
    uint32_t pid;
    uint32_t flags;
    uint64_t stdout_cursor;
    uint64_t stderr_cursor;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_exec_attached(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_exec_attached *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u32(&writer, frame->process);
    write_u32(&writer, frame->pid);
    write_u32(&writer, frame->flags);
    write_u64(&writer, frame->stdout_cursor);
    write_u64(&writer, frame->stderr_cursor);
    return end_frame(&writer, FRAME_EXEC_ATTACHED, channel);
}

/* One process. startedMs is Unix time; argv is cut to 4 KiB. Fields of the exit are 0 while it runs. */
struct frame_exec_listed {
    uint32_t process;
    uint32_t session;
    uint32_t pid;
    uint32_t flags;
    uint8_t running;
    uint8_t cause;
    int32_t code;
    uint8_t signal;
    uint64_t started_ms;
    uint64_t stdout_bytes;
    uint64_t stderr_bytes;
    struct strings argv;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_exec_listed(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_exec_listed *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u32(&writer, frame->process);
    write_u32(&writer, frame->session);
    write_u32(&writer, frame->pid);
    write_u32(&writer, frame->flags);
    write_u8(&writer, frame->running);
    write_u8(&writer, frame->cause);
    write_i32(&writer, frame->code);
    write_u8(&writer, frame->signal);
    write_u64(&writer, frame->started_ms);
    write_u64(&writer, frame->stdout_bytes);
    write_u64(&writer, frame->stderr_bytes);
    write_strs(&writer, frame->argv);
    return end_frame(&writer, FRAME_EXEC_LISTED, channel);
}

/* Drop the retained output of an exited process. Answer: done or refused. */
struct frame_exec_forget {
    uint32_t process;
};

static inline bool decode_exec_forget(struct slice payload, struct frame_exec_forget *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u32(&reader, &frame->process);
}

/* Read a regular file; length 0 means to its end. Answer: info, data …, done (count = bytes). */
struct frame_file_read {
    struct slice path;
    uint64_t offset;
    uint64_t length;
    uint32_t credit;
};

static inline bool decode_file_read(struct slice payload, struct frame_file_read *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_str(&reader, &frame->path) &&
           read_u64(&reader, &frame->offset) &&
           read_u64(&reader, &frame->length) &&
           read_u32(&reader, &frame->credit);
}

/* Content of a file, within the credit granted (fileWindowBytes at the start of a write). */
struct frame_file_data {
    struct slice data;
};

static inline bool decode_file_data(struct slice payload, struct frame_file_data *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_rest(&reader, &frame->data);
}

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_file_data(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_file_data *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_rest(&writer, frame->data);
    return end_frame(&writer, FRAME_FILE_DATA, channel);
}

/* Write a file through a temporary neighbour that replaces it on commit; until then the old content stays. mode 0 keeps the mode of an existing file, else 0644. */
struct frame_file_write {
    struct slice path;
    uint32_t mode;
    uint32_t flags;
};

static inline bool decode_file_write(struct slice payload, struct frame_file_write *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_str(&reader, &frame->path) &&
           read_u32(&reader, &frame->mode) &&
           read_u32(&reader, &frame->flags);
}

/* Answer: info, done. fileFlags.noFollow describes a link itself. */
struct frame_file_stat {
    struct slice path;
    uint32_t flags;
};

static inline bool decode_file_stat(struct slice payload, struct frame_file_stat *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_str(&reader, &frame->path) &&
           read_u32(&reader, &frame->flags);
}

/* One file. mode is the permission bits; name is the last component; target is where a link points. */
struct frame_file_info {
    uint8_t kind;
    uint32_t mode;
    uint64_t size;
    uint64_t modified_ms;
    uint32_t uid;
    uint32_t gid;
    uint32_t links;
    struct slice name;
    struct slice target;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_file_info(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_file_info *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u8(&writer, frame->kind);
    write_u32(&writer, frame->mode);
    write_u64(&writer, frame->size);
    write_u64(&writer, frame->modified_ms);
    write_u32(&writer, frame->uid);
    write_u32(&writer, frame->gid);
    write_u32(&writer, frame->links);
    write_str(&writer, frame->name);
    write_str(&writer, frame->target);
    return end_frame(&writer, FRAME_FILE_INFO, channel);
}

/* Entries of a directory sorted by name (bytes). Answer: info each, done (count = entries in the whole directory). */
struct frame_file_list {
    struct slice path;
    uint32_t offset;
    uint32_t limit;
};

static inline bool decode_file_list(struct slice payload, struct frame_file_list *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_str(&reader, &frame->path) &&
           read_u32(&reader, &frame->offset) &&
           read_u32(&reader, &frame->limit);
}

/* Answer: done. fileFlags.parents makes missing parents and accepts an existing directory. */
struct frame_file_make_directory {
    struct slice path;
    uint32_t mode;
    uint32_t flags;
};

static inline bool decode_file_make_directory(struct slice payload, struct frame_file_make_directory *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_str(&reader, &frame->path) &&
           read_u32(&reader, &frame->mode) &&
           read_u32(&reader, &frame->flags);
}

/* Answer: done. fileFlags.exclusive refuses an existing target. */
struct frame_file_rename {
    struct slice from;
    struct slice to;
    uint32_t flags;
};

static inline bool decode_file_rename(struct slice payload, struct frame_file_rename *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_str(&reader, &frame->from) &&
           read_str(&reader, &frame->to) &&
           read_u32(&reader, &frame->flags);
}

/* Answer: done (count = entries removed). fileFlags.parents removes a directory with what it holds. */
struct frame_file_remove {
    struct slice path;
    uint32_t flags;
};

static inline bool decode_file_remove(struct slice payload, struct frame_file_remove *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_str(&reader, &frame->path) &&
           read_u32(&reader, &frame->flags);
}

/* Follow one directory or file. Answer: watching, then changed for each event, until cancel (done). */
struct frame_file_watch {
    struct slice path;
};

static inline bool decode_file_watch(struct slice payload, struct frame_file_watch *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_str(&reader, &frame->path);
}

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_file_watching(uint8_t *out, size_t capacity, uint32_t channel)
{
    struct writer writer = begin_frame(out, capacity);
    return end_frame(&writer, FRAME_FILE_WATCHING, channel);
}

/* One change below the watched path. kind overflow: events were lost, look again. */
struct frame_file_changed {
    uint8_t kind;
    struct slice name;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_file_changed(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_file_changed *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u8(&writer, frame->kind);
    write_str(&writer, frame->name);
    return end_frame(&writer, FRAME_FILE_CHANGED, channel);
}

/* Only to the init of a virtual machine: who it is from now on. Entropy is added and the random generator reseeded, then the clock, host name, machine id and boot id are set. Before anything runs in a machine that was resumed. Answer: done. */
struct frame_system_identify {
    struct slice entropy;
    uint64_t realtime_us;
    struct slice host_name;
    struct slice machine_id;
};

static inline bool decode_system_identify(struct slice payload, struct frame_system_identify *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_bytes(&reader, &frame->entropy) &&
           read_u64(&reader, &frame->realtime_us) &&
           read_str(&reader, &frame->host_name) &&
           read_str(&reader, &frame->machine_id);
}

/* Only to the init of a virtual machine: mount a directory that the host shares (9p). Answer: done. */
struct frame_system_mount {
    struct slice tag;
    struct slice path;
    uint32_t flags;
};

static inline bool decode_system_mount(struct slice payload, struct frame_system_mount *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_str(&reader, &frame->tag) &&
           read_str(&reader, &frame->path) &&
           read_u32(&reader, &frame->flags);
}

/* Undo system.mount; refused with EBUSY while a process uses it. Answer: done. */
struct frame_system_unmount {
    struct slice path;
};

static inline bool decode_system_unmount(struct slice payload, struct frame_system_unmount *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_str(&reader, &frame->path);
}

/* Only to the init of a virtual machine: SIGTERM to everything, SIGKILL after the grace, write to disk, end the machine. Answer: done, at once. */
struct frame_system_shutdown {
    uint32_t grace_ms;
};

static inline bool decode_system_shutdown(struct slice payload, struct frame_system_shutdown *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u32(&reader, &frame->grace_ms);
}

/* Processes without threads of the kernel, and memory that is neither free nor cache. */
struct frame_system_used {
    uint32_t processes;
    uint64_t memory_bytes;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_system_used(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_system_used *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u32(&writer, frame->processes);
    write_u64(&writer, frame->memory_bytes);
    return end_frame(&writer, FRAME_SYSTEM_USED, channel);
}

/* Listen inside the guest: on a loopback address (empty: 127.0.0.1) and port (0: any), or on the path of a unix socket. names resolve to the address while it lasts. Answer: listening, then incoming for each connection, until cancel (done). */
struct frame_tunnel_listen {
    uint8_t kind;
    uint16_t port;
    uint16_t backlog;
    struct slice address;
    struct strings names;
};

static inline bool decode_tunnel_listen(struct slice payload, struct frame_tunnel_listen *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u8(&reader, &frame->kind) &&
           read_u16(&reader, &frame->port) &&
           read_u16(&reader, &frame->backlog) &&
           read_str(&reader, &frame->address) &&
           read_strs(&reader, &frame->names);
}

/* It listens; port is the one taken. isNamed is 1 when the names were entered in the hosts file. */
struct frame_tunnel_listening {
    uint16_t port;
    uint8_t is_named;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_tunnel_listening(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_tunnel_listening *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u16(&writer, frame->port);
    write_u8(&writer, frame->is_named);
    return end_frame(&writer, FRAME_TUNNEL_LISTENING, channel);
}

/* A connection waits to be taken or refused by its id, which counts up from 1 on each listener. At most backlog of them wait so. */
struct frame_tunnel_incoming {
    uint32_t connection;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_tunnel_incoming(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_tunnel_incoming *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u32(&writer, frame->connection);
    return end_frame(&writer, FRAME_TUNNEL_INCOMING, channel);
}

/* On the channel of its listener: reset a connection that waits. */
struct frame_tunnel_refuse {
    uint32_t connection;
};

static inline bool decode_tunnel_refuse(struct slice payload, struct frame_tunnel_refuse *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u32(&reader, &frame->connection);
}

/* Take a connection that waits; listener is the channel it was announced on. Answer: open, then as after tunnel.dial. */
struct frame_tunnel_accept {
    uint32_t listener;
    uint32_t connection;
    uint32_t credit;
};

static inline bool decode_tunnel_accept(struct slice payload, struct frame_tunnel_accept *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u32(&reader, &frame->listener) &&
           read_u32(&reader, &frame->connection) &&
           read_u32(&reader, &frame->credit);
}

/* Connect inside the guest, to what tunnel.listen could listen on. Answer: open, then data and end both ways; done when both sides have ended, or reset. A cancel resets it. */
struct frame_tunnel_dial {
    uint8_t kind;
    uint16_t port;
    struct slice address;
    uint32_t credit;
};

static inline bool decode_tunnel_dial(struct slice payload, struct frame_tunnel_dial *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_u8(&reader, &frame->kind) &&
           read_u16(&reader, &frame->port) &&
           read_str(&reader, &frame->address) &&
           read_u32(&reader, &frame->credit);
}

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_tunnel_open(uint8_t *out, size_t capacity, uint32_t channel)
{
    struct writer writer = begin_frame(out, capacity);
    return end_frame(&writer, FRAME_TUNNEL_OPEN, channel);
}

/* Bytes of the connection, within the credit granted (tunnelWindowBytes at the start for the host). */
struct frame_tunnel_data {
    struct slice data;
};

static inline bool decode_tunnel_data(struct slice payload, struct frame_tunnel_data *frame)
{
    struct reader reader = {payload.data, payload.length};
    return read_rest(&reader, &frame->data);
}

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_tunnel_data(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_tunnel_data *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_rest(&writer, frame->data);
    return end_frame(&writer, FRAME_TUNNEL_DATA, channel);
}

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_tunnel_end(uint8_t *out, size_t capacity, uint32_t channel)
{
    struct writer writer = begin_frame(out, capacity);
    return end_frame(&writer, FRAME_TUNNEL_END, channel);
}

/* The connection broke inside the guest. */
struct frame_tunnel_reset {
    uint16_t errno_;
};

/* Returns the bytes written, or 0 when they do not fit. */
static inline size_t encode_tunnel_reset(uint8_t *out, size_t capacity, uint32_t channel, const struct frame_tunnel_reset *frame)
{
    struct writer writer = begin_frame(out, capacity);
    write_u16(&writer, frame->errno_);
    return end_frame(&writer, FRAME_TUNNEL_RESET, channel);
}

#endif
