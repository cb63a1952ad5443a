/* The input of a connection: its frames, and the channels they belong to. */
#include "conn_private.h"
#include "hello.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    /* Frames are read in bulk up to here; of a longer one exactly the rest is read, into its place. */
    READ_AHEAD = 65536,
    CONN_INPUT_BYTES = FRAME_HEADER_BYTES + FRAME_MAX_PAYLOAD + READ_AHEAD,
    SOCKET_BUFFER_BYTES = 1048576,
};

static struct conn conns[LIMIT_MAX_CONNECTIONS];
static size_t used_conns;

size_t conn_count(void)
{
    return used_conns;
}

/* ---- channels ---- */

static struct channel **bucket_of(struct conn *conn, uint32_t id)
{
    return &conn->buckets[id % CHANNEL_BUCKETS];
}

static struct channel *find_channel(struct conn *conn, uint32_t id)
{
    struct channel *channel = *bucket_of(conn, id);
    while (channel && channel->id != id)
        channel = channel->next_in_bucket;
    return channel;
}

bool channel_open(struct channel *channel, struct conn *conn, uint32_t id, const struct channel_ops *ops, uint64_t credit)
{
    if (conn->channel_count >= LIMIT_MAX_CHANNELS_PER_CONNECTION) {
        conn_refused(conn, id, EMFILE, "open a channel", slice_of(""), "this connection has too many open channels");
        return false;
    }
    struct channel **bucket = bucket_of(conn, id);
    *channel = (struct channel){.conn = conn, .ops = ops, .id = id, .credit = credit, .next_in_bucket = *bucket};
    *bucket = channel;
    conn->channel_count++;
    return true;
}

static void stop_wanting(struct channel *channel)
{
    struct conn *conn = channel->conn;
    if (!channel->wanting)
        return;
    channel->wanting = false;
    struct channel **link = &conn->first_wanting;
    while (*link != channel)
        link = &(*link)->next_wanting;
    *link = channel->next_wanting;
    if (conn->last_wanting == &channel->next_wanting)
        conn->last_wanting = link;
}

void channel_end(struct channel *channel)
{
    struct conn *conn = channel->conn;
    if (!conn)
        return;
    channel_unpin(channel);
    stop_wanting(channel);
    struct channel **link = bucket_of(conn, channel->id);
    while (*link != channel)
        link = &(*link)->next_in_bucket;
    *link = channel->next_in_bucket;
    conn->channel_count--;
    channel->conn = NULL;
}

static void cancel(struct channel *channel)
{
    struct conn *conn = channel->conn;
    uint32_t id = channel->id;
    channel_end(channel);
    channel->ops->on_close(channel);
    conn_done(conn, id, 0);
}

/* ---- frames ---- */

/* Where a frame belongs. What the table does not know may come from a newer host: it is answered, not punished. */
enum frame_kind { OPENS, CONTINUES, GREETS, FROM_GUEST };

static enum frame_kind kind_of(uint8_t type)
{
    switch (type) {
    case FRAME_HELLO: case FRAME_PING:
        return GREETS;
    case FRAME_CREDIT: case FRAME_CANCEL: case FRAME_EXEC_STDIN: case FRAME_EXEC_STDIN_END: case FRAME_FILE_DATA:
    case FRAME_FILE_COMMIT: case FRAME_TUNNEL_REFUSE: case FRAME_TUNNEL_DATA: case FRAME_TUNNEL_END:
        return CONTINUES;
    case FRAME_WELCOME: case FRAME_LAYER: case FRAME_PONG: case FRAME_REFUSED: case FRAME_DONE:
    case FRAME_SESSION_OPENED: case FRAME_EXEC_STARTED: case FRAME_EXEC_STDOUT: case FRAME_EXEC_STDERR:
    case FRAME_EXEC_EXITED: case FRAME_EXEC_ATTACHED: case FRAME_EXEC_LISTED: case FRAME_FILE_INFO:
    case FRAME_FILE_WATCHING: case FRAME_FILE_CHANGED: case FRAME_TUNNEL_LISTENING: case FRAME_TUNNEL_INCOMING:
    case FRAME_TUNNEL_OPEN: case FRAME_TUNNEL_RESET: case FRAME_SYSTEM_USED:
        return FROM_GUEST;
    default:
        return OPENS;
    }
}

/* Channel 0: hello once and first, ping whenever. */
static bool on_greeting(struct conn *conn, uint8_t type, struct slice payload)
{
    struct frame_hello hello;
    struct frame_ping ping;
    if (type == FRAME_HELLO) {
        if (conn->greeted || !decode_hello(payload, &hello))
            return false;
        conn->greeted = hello_answer(conn, &hello);
        return true;
    }
    if (!decode_ping(payload, &ping))
        return false;
    struct conn_space space = conn_space(conn);
    conn_commit(conn, encode_pong(space.at, space.size, 0, &(struct frame_pong){ping.nonce}));
    return true;
}

/* Frames that go on with an open channel. For one that has ended they crossed its end on the wire. */
static bool on_continued(struct channel *channel, uint8_t type, struct slice payload)
{
    struct frame_credit credit;
    if (type == FRAME_CREDIT && !decode_credit(payload, &credit))
        return false;
    if (!channel)
        return true;
    if (type == FRAME_CREDIT) {
        channel->credit += credit.bytes;
        channel_want_write(channel);
        return true;
    }
    if (type == FRAME_CANCEL) {
        cancel(channel);
        return true;
    }
    return channel->ops->on_frame(channel, type, payload);
}

static bool on_frame(struct conn *conn, uint8_t type, uint32_t id, struct slice payload)
{
    enum frame_kind kind = kind_of(type);
    if (!conn->greeted && type != FRAME_HELLO)
        return false;
    if ((kind == GREETS) != (id == 0))
        return false;
    if (kind == GREETS)
        return on_greeting(conn, type, payload);
    if (kind == CONTINUES)
        return on_continued(find_channel(conn, id), type, payload);
    return kind == OPENS && !find_channel(conn, id) && request_open(conn, id, type, payload);
}

/* ---- bytes ---- */

/* Length of the whole frame that begins at in_start, 0 while its header is not there. */
static size_t frame_size(const struct conn *conn)
{
    uint32_t length;
    if (conn->in_end - conn->in_start < FRAME_HEADER_BYTES)
        return 0;
    memcpy(&length, conn->in + conn->in_start, sizeof length);
    return FRAME_HEADER_BYTES + (size_t)length;
}

/* Handles every whole frame there is while replies have room. Returns false when the connection has to end. */
static bool parse(struct conn *conn)
{
    size_t size;
    while (output_room(conn) >= CONN_REPLY_ROOM && (size = frame_size(conn)) > 0) {
        if (size > FRAME_HEADER_BYTES + FRAME_MAX_PAYLOAD)
            return false;
        if (size > conn->in_end - conn->in_start)
            break;
        const uint8_t *frame = conn->in + conn->in_start;
        uint32_t id;
        memcpy(&id, frame + 5, sizeof id);
        conn->in_start += size;
        struct slice payload = {frame + FRAME_HEADER_BYTES, (uint32_t)(size - FRAME_HEADER_BYTES)};
        if (!on_frame(conn, frame[4], id, payload) || conn->broken)
            return false;
        /* A long frame has made the buffer large: the memory goes back once nothing is left in it. */
        if (size > READ_AHEAD && conn->in_start == conn->in_end)
            madvise(conn->in + READ_AHEAD, CONN_INPUT_BYTES - READ_AHEAD, MADV_DONTNEED);
    }
    if (conn->in_start == conn->in_end)
        conn->in_start = conn->in_end = 0;
    return true;
}

/* Makes room for what comes next and says how much to read: the rest of a long frame, or in bulk. */
static size_t prepare_read(struct conn *conn)
{
    size_t have = conn->in_end - conn->in_start;
    size_t size = frame_size(conn);
    if (conn->in_start > 0) {
        memmove(conn->in, conn->in + conn->in_start, have);
        conn->in_start = 0;
        conn->in_end = have;
    }
    return size > have + READ_AHEAD ? size - have : READ_AHEAD;
}

/*
 * A descriptor is watched once, for both directions. The poll of a virtio-serial port takes what has come out of its ring, and
 * the interrupt that was to tell of it is not raised any more: where that was done for one who waited for room to write, the
 * one who waited for input never heard of it, and a request hung until the next came (one in some thousands).
 */
static void watch(struct conn *conn)
{
    uint32_t input = conn->wants_input ? EPOLLIN : 0, output = conn->wants_output ? EPOLLOUT : 0;
    if (conn->output.added)
        source_set(&conn->output, output);
    source_set(&conn->input, conn->output.added ? input : input | output);
}

static void want_input(struct conn *conn, bool wants_input)
{
    conn->wants_input = wants_input;
    watch(conn);
}

void conn_want_output(struct conn *conn, bool wants_output)
{
    conn->wants_output = wants_output;
    watch(conn);
}

/* Returns false when that was the end of the connection. */
static bool take_input(struct conn *conn)
{
    size_t wanted = prepare_read(conn);
    ssize_t got = read(conn->input.fd, conn->in + conn->in_end, wanted);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got > 0)
        conn->in_end += (size_t)got;
    if (got <= 0 || !parse(conn)) {
        conn_close(conn);
        return false;
    }
    want_input(conn, output_room(conn) >= CONN_REPLY_ROOM);
    return true;
}

static void take_output(struct conn *conn, uint32_t ready)
{
    if (ready & (EPOLLERR | EPOLLHUP))
        conn->broken = true;
    output_defer(conn);
}

static void on_input(struct source *source, uint32_t ready)
{
    struct conn *conn = container_of(source, struct conn, input);
    uint32_t end = ready & (EPOLLERR | EPOLLHUP);
    /* While reading is paused only the end can have come. */
    if (end && !conn->wants_input) {
        conn_close(conn);
        return;
    }
    if ((end || ready & EPOLLIN) && !take_input(conn))
        return;
    if (!conn->output.added && (end || ready & EPOLLOUT))
        take_output(conn, ready);
}

/* There is room for replies again: handle what was left unparsed, then read on. */
void input_resume(struct conn *conn)
{
    if (conn->wants_input || output_room(conn) < CONN_REPLY_ROOM)
        return;
    want_input(conn, true);
    if (!parse(conn))
        conn_close(conn);
    else if (output_room(conn) < CONN_REPLY_ROOM)
        want_input(conn, false);
}

static void on_output(struct source *source, uint32_t ready)
{
    take_output(container_of(source, struct conn, output), ready);
}

/* ---- life ---- */

static uint8_t *map_buffer(size_t size)
{
    void *buffer = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (buffer == MAP_FAILED)
        return NULL;
    madvise(buffer, size, MADV_DONTFORK);
    return buffer;
}

static void make_nonblocking(int fd)
{
    int size = SOCKET_BUFFER_BYTES;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

/* Never called from inside a handler: only pump(), on_input() and input_resume() end a connection, as their last act. */
void conn_close(struct conn *conn)
{
    void (*on_closed)(void *owner) = conn->on_closed;
    void *owner = conn->owner;
    task_cancel(&conn->pump);
    output_forget(conn);
    for (size_t index = 0; index < CHANNEL_BUCKETS; index++)
        while (conn->buckets[index]) {
            struct channel *channel = conn->buckets[index];
            channel_end(channel);
            channel->ops->on_close(channel);
        }
    task_cancel(&conn->pump);
    source_remove(&conn->input);
    source_remove(&conn->output);
    close(conn->input.fd);
    if (conn->output_fd != conn->input.fd)
        close(conn->output_fd);
    munmap(conn->in, CONN_INPUT_BYTES);
    munmap(conn->out, CONN_OUTPUT_BYTES);
    conn->used = false;
    used_conns--;
    if (on_closed)
        on_closed(owner);
}

static bool start(struct conn *conn, int input_fd, int output_fd)
{
    conn->in = map_buffer(CONN_INPUT_BYTES);
    conn->out = map_buffer(CONN_OUTPUT_BYTES);
    make_nonblocking(input_fd);
    make_nonblocking(output_fd);
    conn->output_fd = output_fd;
    conn->wants_input = true;
    if (conn->in && conn->out && source_add(&conn->input, input_fd, EPOLLIN, on_input) &&
        (output_fd == input_fd || source_add(&conn->output, output_fd, 0, on_output)))
        return true;
    source_remove(&conn->input);
    if (conn->in)
        munmap(conn->in, CONN_INPUT_BYTES);
    if (conn->out)
        munmap(conn->out, CONN_OUTPUT_BYTES);
    return false;
}

bool conn_serve(int input_fd, int output_fd, void (*on_closed)(void *owner), void *owner)
{
    struct conn *conn = conns;
    while (conn < conns + LIMIT_MAX_CONNECTIONS && conn->used)
        conn++;
    if (conn < conns + LIMIT_MAX_CONNECTIONS) {
        *conn = (struct conn){.used = true, .on_closed = on_closed, .owner = owner};
        conn->last_wanting = &conn->first_wanting;
        if (start(conn, input_fd, output_fd)) {
            used_conns++;
            return true;
        }
        conn->used = false;
    }
    close(input_fd);
    if (output_fd != input_fd)
        close(output_fd);
    return false;
}

void conn_close_all(void)
{
    for (size_t index = 0; index < LIMIT_MAX_CONNECTIONS; index++)
        if (conns[index].used)
            conn_close(&conns[index]);
}
