#include "process_private.h"

#include "follow.h"
#include "killing.h"
#include "orphans.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

/* A keeper that has not killed its tree by then is itself killed, and its tree by other means. */
enum { KILL_PATIENCE_US = 5000000 };

static struct process *processes, **last_process = &processes;
static uint32_t process_count, retained_count, last_id;
static struct task forgetting;

struct process *process_first(void)
{
    return processes;
}

struct process *process_find(uint32_t id)
{
    struct process *process = processes;
    while (process && (process->id != id || process->is_forgotten))
        process = process->next;
    return process;
}

bool process_is_kept(const struct process *process)
{
    return process->keeper || process->is_loose;
}

bool process_has_tree(const struct process *process)
{
    return process_is_kept(process) || ((process->flags & EXEC_UNTRACKED) && process->is_running);
}

bool process_enter(struct process *process)
{
    if (process_count >= LIMIT_MAX_PROCESSES)
        return false;
    process->id = ++last_id;
    *last_process = process;
    last_process = &process->next;
    process_count++;
    return true;
}

/* ---- the end ---- */

static void release(struct process *process)
{
    struct process **link = &processes;
    while (*link != process)
        link = &(*link)->next;
    *link = process->next;
    if (last_process == &process->next)
        last_process = link;
    process_count--;
    free(process->argv_text);
    free(process);
}

void process_forget(struct process *process)
{
    follow_release(process);
    stream_close(&process->streams[0]);
    stream_close(&process->streams[1]);
    feed_close(&process->feed);
    if (!process->is_forgotten) {
        process->is_forgotten = true;
        retained_count--;
    }
    if (!process_has_tree(process))
        release(process);
}

/* The oldest go first; one that is being followed, or has something running in the background, has to be let go of. */
static void forget_oldest(struct task *task)
{
    (void)task;
    for (struct process *process = processes, *next; process && retained_count > LIMIT_MAX_RETAINED_PROCESSES; process = next) {
        next = process->next;
        if (process->is_complete && !process->is_forgotten && !process->follower && !process_has_tree(process))
            process_forget(process);
    }
}

static void complete_if_drained(struct process *process)
{
    if (process->is_running || process->is_complete || !process->streams[0].is_ended || !process->streams[1].is_ended)
        return;
    if (process->is_killed && process_has_tree(process))
        return;
    process->is_complete = true;
    timer_clear(&process->drain_timer);
    retained_count++;
    follow_notify(process);
    task_defer(&forgetting, forget_oldest);
}

static void settle(struct timer *timer)
{
    struct process *process = container_of(timer, struct process, drain_timer);
    for (int index = 0; index < 2; index++)
        stream_settle(&process->streams[index]);
    complete_if_drained(process);
}

static void on_ended(struct process *process, uint8_t cause, int status)
{
    process->is_running = false;
    process->wall_us = loop_now_us() - process->started_us;
    process->signal = WIFSIGNALED(status) ? (uint8_t)WTERMSIG(status) : 0;
    process->code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (process->cause == CAUSE_EXITED)
        process->cause = cause;
    timer_clear(&process->total_timer);
    timer_clear(&process->idle_timer);
    feed_close(&process->feed);
    for (int index = 0; index < 2; index++) {
        stream_release(&process->streams[index]);
        stream_read(&process->streams[index]);
    }
    if (!process->streams[0].is_ended || !process->streams[1].is_ended)
        timer_set(&process->drain_timer, (uint64_t)process->drain_ms * 1000, settle);
    complete_if_drained(process);
}

/* ---- killing ---- */

static void abandon_keeper(struct timer *timer)
{
    struct process *process = container_of(timer, struct process, kill_timer);
    if (process->keeper)
        keeper_abandon(process->keeper);
}

void process_kill(struct process *process, uint8_t cause)
{
    if (process->is_running && process->cause == CAUSE_EXITED)
        process->cause = cause;
    if (process->keeper) {
        process->is_killed = true;
        keeper_kill(process->keeper);
        if (!process->kill_timer.set)
            timer_set(&process->kill_timer, KILL_PATIENCE_US, abandon_keeper);
    } else if (process->is_running && process->pid > 0) {
        kill(-process->pid, SIGKILL);
        kill(process->pid, SIGKILL);
    }
}

static void on_total_timeout(struct timer *timer)
{
    process_kill(container_of(timer, struct process, total_timer), CAUSE_TIMEOUT);
}

/* Set once and looked at again when due, for output comes more often than timeouts. Who waits for a slow follower
 * is not idle. */
static void on_idle_timeout(struct timer *timer)
{
    struct process *process = container_of(timer, struct process, idle_timer);
    uint64_t limit_us = (uint64_t)process->idle_timeout_ms * 1000;
    uint64_t idle_us = loop_now_us() - process->last_output_us;
    if (stream_is_blocked(&process->streams[0]) || stream_is_blocked(&process->streams[1]))
        idle_us = 0;
    if (idle_us >= limit_us)
        process_kill(process, CAUSE_IDLE_TIMEOUT);
    else
        timer_set(timer, limit_us - idle_us, on_idle_timeout);
}

void process_set_timeouts(struct process *process, uint32_t timeout_ms, uint32_t idle_timeout_ms)
{
    process->idle_timeout_ms = idle_timeout_ms;
    if (timeout_ms > 0)
        timer_set(&process->total_timer, (uint64_t)timeout_ms * 1000, on_total_timeout);
    if (idle_timeout_ms > 0)
        timer_set(&process->idle_timer, (uint64_t)idle_timeout_ms * 1000, on_idle_timeout);
}

/* ---- what is heard of it ---- */

static void on_output(struct process *process)
{
    if (process->idle_timeout_ms > 0)
        process->last_output_us = loop_now_us();
    follow_notify(process);
    complete_if_drained(process);
}

void process_on_stdout(struct stream *stream)
{
    on_output(container_of(stream, struct process, streams[0]));
}

void process_on_stderr(struct stream *stream)
{
    on_output(container_of(stream, struct process, streams[1]));
}

void process_on_consumed(struct feed *feed, uint32_t bytes)
{
    follow_grant(container_of(feed, struct process, feed), bytes);
}

static uint8_t cause_of(const struct spawn_failure *failure)
{
    if (failure->step == SPAWN_DIRECTORY)
        return CAUSE_BAD_DIRECTORY;
    if (failure->step != SPAWN_EXECUTE)
        return CAUSE_SPAWN_FAILED;
    switch (failure->error) {
    case ENOENT: case ENOTDIR:
        return CAUSE_NOT_FOUND;
    case EACCES: case ENOEXEC: case EPERM: case EISDIR: case ELOOP: case ETXTBSY: case ENAMETOOLONG:
        return CAUSE_NOT_EXECUTABLE;
    default:
        return CAUSE_SPAWN_FAILED;
    }
}

/* As a shell says it: 127 for what is not there, 126 for what cannot be run. */
void process_on_failure(struct process *process, const struct spawn_failure *failure)
{
    uint8_t cause = cause_of(failure);
    on_ended(process, cause, (cause == CAUSE_NOT_FOUND ? 127 : 126) << 8);
}

static void on_empty(struct process *process)
{
    process->keeper = NULL;
    process->is_loose = false;
    timer_clear(&process->kill_timer);
    killing_notify(process);
    complete_if_drained(process);
    if (process->is_forgotten)
        release(process);
    else
        task_defer(&forgetting, forget_oldest);
}

static void on_swept(void)
{
    for (struct process *process = processes, *next; process; process = next) {
        next = process->next;
        if (process->is_loose)
            on_empty(process);
    }
}

static void on_lost(struct process *process)
{
    if (process->pid > 0)
        kill(-process->pid, SIGKILL);
    process->keeper = NULL;
    process->is_loose = true;
    if (process->is_running)
        on_ended(process, CAUSE_LOST, SIGKILL);
    orphans_sweep(on_swept);
}

void process_on_report(void *owner, const struct report *report)
{
    struct process *process = owner;
    process->killed = report->killed;
    switch (report->kind) {
    case REPORT_STARTED:
        process->pid = report->pid;
        follow_notify(process);
        break;
    case REPORT_FAILED:
        process_on_failure(process, &report->failure);
        break;
    case REPORT_EXITED:
        process->user_us = report->user_us;
        process->system_us = report->system_us;
        process->max_rss_kib = report->max_rss_kib;
        on_ended(process, WIFSIGNALED(report->status) ? CAUSE_SIGNALLED : CAUSE_EXITED, report->status);
        break;
    case REPORT_LOST:
        on_lost(process);
        return;
    }
    if (report->idle)
        on_empty(process);
}

static void on_untracked_exit(pid_t pid, int status, const struct rusage *usage)
{
    struct process *process = processes;
    while (process && !(process->pid == pid && (process->flags & EXEC_UNTRACKED) && process->is_running))
        process = process->next;
    if (!process)
        return;
    process->user_us = (uint64_t)usage->ru_utime.tv_sec * 1000000 + (uint64_t)usage->ru_utime.tv_usec;
    process->system_us = (uint64_t)usage->ru_stime.tv_sec * 1000000 + (uint64_t)usage->ru_stime.tv_usec;
    process->max_rss_kib = (uint64_t)usage->ru_maxrss;
    on_ended(process, WIFSIGNALED(status) ? CAUSE_SIGNALLED : CAUSE_EXITED, status);
    on_empty(process);
}

void process_reap(void)
{
    struct rusage usage;
    int status;
    for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;)
        on_untracked_exit(pid, status, &usage);
}
