/*
 * Processes: what an exec started, from its request until it is forgotten.
 *
 *     started ── exits ──► draining ── output read ──► complete (retained) ──► forgotten
 *
 * It runs whether somebody follows or not; follow.c is the one who does. Its keeper may outlive it: what it left
 * in the background runs on, holds the process in the table, and dies with exec.kill, session.kill or shelld.
 */
#ifndef SOVEREIGN_PROCESS_H
#define SOVEREIGN_PROCESS_H

#include "conn.h"
#include "feed.h"
#include "keeper.h"
#include "stream.h"
#include "user.h"

struct follower;

struct process {
    struct process *next;
    uint32_t id, session, flags;
    pid_t pid;                   /* of the direct child; 0 until it has started */
    struct keeper *keeper;       /* NULL when untracked, loose, or nothing is left */

    bool is_running;             /* the direct child has not ended */
    bool is_complete;            /* it has, and all output that belongs to it was read */
    bool is_forgotten;           /* only its keeper still stands in the table */
    bool is_loose;               /* its keeper was lost, and what that kept is being swept up */
    bool is_killed;              /* we killed it: then it is complete only when nothing is left */
    uint8_t cause;               /* CAUSE_*; before the end: why we kill it, or CAUSE_EXITED */
    int32_t code;
    uint8_t signal;
    uint64_t wall_us, user_us, system_us, max_rss_kib;
    uint64_t killed;             /* how many ended by our SIGKILL */

    uint64_t started_us, started_ms, last_output_us;
    uint32_t idle_timeout_ms, drain_ms;
    struct timer total_timer, idle_timer, drain_timer, kill_timer;

    struct stream streams[2];    /* stdout and stderr */
    struct feed feed;
    struct follower *follower;
    uint8_t *argv_text;          /* encoded, cut to PROCESS_ARGV_BYTES */
    struct strings argv;
};

enum { PROCESS_ARGV_BYTES = 4096 };

/* In process_start.c: starts what the request asks for, as user (NULL: who shelld is). NULL with errno when there is no room for one more (EAGAIN) or no memory. When
 * the command cannot be started that is a way to end: the process is returned, complete. */
struct process *process_start(const struct frame_exec_start *frame, const struct user *user);

struct process *process_find(uint32_t id);
struct process *process_first(void);

/* Kills everything the process started. cause is why it will have ended, if it has not yet. */
void process_kill(struct process *process, uint8_t cause);

/* True while a keeper has what it started, or has lost it and that is being swept up. */
bool process_is_kept(const struct process *process);

/* True while anything the process started may be left: also of one that was never kept. */
bool process_has_tree(const struct process *process);

/* Output and record go, as soon as nothing of the tree is left (its keeper stays known until then). */
void process_forget(struct process *process);

/* Children have ended: keepers, untracked commands, orphans. */
void process_reap(void);

/* What commands may have of open files, for shelld raises its own limit. */
void process_set_open_files(const struct rlimit *limit);

#endif
