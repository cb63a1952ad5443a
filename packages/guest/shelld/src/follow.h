/* The channel that follows a process: started, output under credit, exited. At most one per process; the latest. */
#ifndef SOVEREIGN_FOLLOW_H
#define SOVEREIGN_FOLLOW_H

#include "process.h"

struct follower {
    struct channel channel;
    struct process *process;      /* NULL once another one took over: then done is all that is left to say */
    bool has_announced;           /* started was sent, or attached in its place */
    bool may_feed;                /* stdin is ours */
    bool has_ended_stdin;
    int turn;                     /* which stream is next */
    int pinned;                   /* which stream the frame in flight is from */
    uint64_t sent[2];             /* cursors */
    uint64_t goal[2];             /* where to stop once the process is complete */
    bool has_goal;
};

/* Follows from the first byte; false when there was no room (the request was then refused). */
bool follow_start(struct process *process, struct conn *conn, uint32_t channel, uint32_t credit);

/* Follows from cursors, taking over from whoever follows now, and sends attached. */
bool follow_attach(struct process *process, struct conn *conn, uint32_t channel, const struct frame_exec_attach *frame);

/* Something happened: output, the start, the end. Does nothing when nobody follows. */
void follow_notify(struct process *process);

/* The process is about to be forgotten: whoever follows is told done. */
void follow_release(struct process *process);

/* stdin was taken up by the process: the host may send more. */
void follow_grant(struct process *process, uint32_t bytes);

#endif
