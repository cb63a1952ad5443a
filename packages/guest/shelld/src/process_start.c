#include "process_private.h"

#include "command.h"
#include "orphans.h"
#include "plumbing.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* Rings of at least this size get a large pipe. */
enum { LARGE_RING_BYTES = 262144 };

static struct rlimit open_files;

void process_set_open_files(const struct rlimit *limit)
{
    open_files = *limit;
}

static bool lay_out(struct slot *slot, const struct frame_exec_start *frame, const struct user *user)
{
    struct command *command = &slot->command;
    *command = (struct command){.terminal = frame->flags & EXEC_PTY, .open_files = open_files};
    errno = E2BIG;
    return command_build(command, slot->memory, SLOT_BYTES - sizeof *slot, frame, session_find(frame->session), user);
}

static bool run_untracked(struct process *process, const struct frame_exec_start *frame, const struct user *user,
                          const int descriptors[3])
{
    static struct slot *slot;
    struct spawn_failure failure;
    if ((!slot && !(slot = slot_map())) || !lay_out(slot, frame, user))
        return false;
    orphans_spare();
    pid_t pid = spawn_command(&slot->command, descriptors, &failure);
    if (pid < 0)
        process_on_failure(process, &failure);
    else
        process->pid = pid;
    return true;
}

static bool run_kept(struct process *process, const struct frame_exec_start *frame, const struct user *user,
                     const int descriptors[3])
{
    struct keeper *keeper = keeper_take();
    if (!keeper)
        return false;
    if (!lay_out(keeper->slot, frame, user)) {
        keeper_release(keeper);
        return false;
    }
    if (!keeper_run(keeper, descriptors, process, process_on_report))
        return false;
    process->keeper = keeper;
    return true;
}

static bool plumb(struct plumbing *plumbing, const struct process *process, const struct frame_exec_start *frame)
{
    if (frame->flags & EXEC_PTY)
        return plumb_terminal(plumbing, frame->rows, frame->columns);
    bool has_input = (frame->flags & EXEC_STDIN) || frame->stdin_.length > 0;
    return plumb_pipes(plumbing, has_input, process->streams[0].ring.capacity >= LARGE_RING_BYTES);
}

/* Our ends go to their owners before the command runs: an untracked one may have failed when its turn is over. */
static bool launch(struct process *process, const struct frame_exec_start *frame, const struct user *user)
{
    struct plumbing plumbing;
    if (!plumb(&plumbing, process, frame)) {
        plumbing_close_all(&plumbing);
        return false;
    }
    if (!stream_open(&process->streams[0], plumbing.output, process_on_stdout) ||
        (plumbing.errors >= 0 && !stream_open(&process->streams[1], plumbing.errors, process_on_stderr)))
        return false;
    process->streams[1].is_ended = plumbing.errors < 0;
    if (frame->flags & EXEC_PTY)
        stream_hold(&process->streams[0]);
    if (plumbing.input >= 0)
        feed_open(&process->feed, plumbing.input, frame->flags & EXEC_PTY, process_on_consumed);
    bool is_launched = feed_begin(&process->feed, frame->stdin_);
    if (!(frame->flags & EXEC_STDIN))
        feed_end(&process->feed);
    if (is_launched)
        is_launched = frame->flags & EXEC_UNTRACKED ? run_untracked(process, frame, user, plumbing.theirs)
                                                    : run_kept(process, frame, user, plumbing.theirs);
    plumbing_close_theirs(&plumbing);
    return is_launched;
}

/* For the list: whole strings, as far as PROCESS_ARGV_BYTES go. */
static bool remember_argv(struct process *process, struct strings argv)
{
    struct slice item;
    struct strings rest = argv;
    uint32_t length = 0, count = 0;
    while (next_string(&rest, &item)) {
        uint32_t end = (uint32_t)(item.data + item.length - argv.encoded.data);
        if (end > PROCESS_ARGV_BYTES)
            break;
        length = end;
        count++;
    }
    process->argv_text = malloc((size_t)length + 1);
    if (!process->argv_text)
        return false;
    memcpy(process->argv_text, argv.encoded.data, length);
    process->argv = (struct strings){{process->argv_text, length}, count};
    return true;
}

static uint64_t unix_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct process *new_process(const struct frame_exec_start *frame)
{
    struct process *process = calloc(1, sizeof *process);
    if (!process || !remember_argv(process, frame->argv)) {
        free(process);
        errno = ENOMEM;
        return NULL;
    }
    process->session = frame->session;
    process->flags = frame->flags;
    process->is_running = true;
    process->started_us = process->last_output_us = loop_now_us();
    process->started_ms = unix_ms();
    process->drain_ms = frame->drain_ms ? frame->drain_ms : LIMIT_DEFAULT_DRAIN_MS;
    process->feed.fd = -1;
    for (int index = 0; index < 2; index++)
        process->streams[index] = (struct stream){
            .fd = -1,
            .keep = frame->flags & EXEC_DETACHED ? KEEP_NOTHING : 0,
            .ring.capacity = ring_capacity(frame->ring_bytes),
        };
    if (process_enter(process))
        return process;
    free(process->argv_text);
    free(process);
    errno = EAGAIN;
    return NULL;
}

struct process *process_start(const struct frame_exec_start *frame, const struct user *user)
{
    struct process *process = new_process(frame);
    if (!process)
        return NULL;
    process_set_timeouts(process, frame->timeout_ms, frame->idle_timeout_ms);
    if (!launch(process, frame, user)) {
        for (int index = 0; index < 2; index++)
            process->streams[index].is_ended |= process->streams[index].fd < 0;
        process_on_failure(process, &(struct spawn_failure){SPAWN_SETUP, errno});
    }
    return process;
}
