/*
 * The event loop: one thread, one epoll instance. Three kinds of things wake it:
 *
 *     source   a descriptor is ready
 *     timer    a moment has come
 *     task     something was put off to the end of this turn (output is gathered, long work is cut in slices)
 *
 * All three are embedded in what they serve, so the loop allocates nothing. Each may be removed at any moment, also
 * from inside its own callback or that of another: a removed one is not called again, not even in the same turn.
 */
#ifndef SOVEREIGN_LOOP_H
#define SOVEREIGN_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

/* The structure that embeds a source, timer, task or channel. */
#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* A descriptor with level-triggered interest. All zero is "not added". */
struct source {
    void (*on_ready)(struct source *source, uint32_t events);
    int fd;
    uint32_t events;
    bool added;
};

/* Says on whose behalf on_ready is called. Returns false (errno set) when the kernel cannot poll this descriptor. */
bool source_add(struct source *source, int fd, uint32_t events, void (*on_ready)(struct source *, uint32_t));

/* Changes interest (EPOLLIN, EPOLLOUT or 0). Costs nothing when it stays the same. EPOLLHUP and EPOLLERR always come. */
void source_set(struct source *source, uint32_t events);

/* Ends interest; does nothing for a source that is not added. Whoever opened the descriptor closes it, afterwards. */
void source_remove(struct source *source);

/* Fires once, at or after its deadline. All zero is "not set". */
struct timer {
    void (*on_due)(struct timer *timer);
    uint64_t deadline_us;
    struct timer *next, *previous;
    bool set;
};

/* (Re)sets the timer to fire delay_us from now. */
void timer_set(struct timer *timer, uint64_t delay_us, void (*on_due)(struct timer *));
void timer_clear(struct timer *timer);

/* Runs once, after the events of this turn and before the loop waits. Deferred again from inside itself, it runs in
 * the next turn, after events that are ready by then. All zero is "not deferred". */
struct task {
    void (*run)(struct task *task);
    struct task *next;
    bool deferred;
};

void task_defer(struct task *task, void (*run)(struct task *));
void task_cancel(struct task *task);

/* Microseconds of CLOCK_MONOTONIC. */
uint64_t loop_now_us(void);

bool loop_start(void);

/* Turns until loop_stop(). */
void loop_run(void);
void loop_stop(void);

#endif
