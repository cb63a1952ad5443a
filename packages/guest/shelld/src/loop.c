#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>

enum { EVENTS_PER_TURN = 64 };

static int epoll_fd = -1;
static bool running;

/* The events of this turn, so that a source removed half way can be struck out. */
static struct epoll_event events[EVENTS_PER_TURN];
static int event_count;

/* Timers in order of their deadline: the soonest first. */
static struct timer timers = {.next = &timers, .previous = &timers};

static struct task *first_task;
static struct task **last_task = &first_task;

bool source_add(struct source *source, int fd, uint32_t interest, void (*on_ready)(struct source *, uint32_t))
{
    struct epoll_event event = {.events = interest, .data.ptr = source};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return false;
    *source = (struct source){.on_ready = on_ready, .fd = fd, .events = interest, .added = true};
    return true;
}

void source_set(struct source *source, uint32_t interest)
{
    struct epoll_event event = {.events = interest, .data.ptr = source};
    if (!source->added || source->events == interest)
        return;
    source->events = interest;
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
}

void source_remove(struct source *source)
{
    if (!source->added)
        return;
    source->added = false;
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
    for (int index = 0; index < event_count; index++)
        if (events[index].data.ptr == source)
            events[index].data.ptr = NULL;
}

/* Searches from the far end: a new timer is most often the last to come. */
void timer_set(struct timer *timer, uint64_t delay_us, void (*on_due)(struct timer *))
{
    timer_clear(timer);
    timer->on_due = on_due;
    timer->deadline_us = loop_now_us() + delay_us;
    timer->set = true;
    struct timer *before = timers.previous;
    while (before != &timers && before->deadline_us > timer->deadline_us)
        before = before->previous;
    timer->previous = before;
    timer->next = before->next;
    timer->next->previous = timer;
    before->next = timer;
}

void timer_clear(struct timer *timer)
{
    if (!timer->set)
        return;
    timer->set = false;
    timer->previous->next = timer->next;
    timer->next->previous = timer->previous;
}

void task_defer(struct task *task, void (*run)(struct task *))
{
    task->run = run;
    if (task->deferred)
        return;
    task->deferred = true;
    task->next = NULL;
    *last_task = task;
    last_task = &task->next;
}

void task_cancel(struct task *task)
{
    if (!task->deferred)
        return;
    task->deferred = false;
    struct task **link = &first_task;
    while (*link != task)
        link = &(*link)->next;
    *link = task->next;
    if (last_task == &task->next)
        last_task = link;
}

uint64_t loop_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

bool loop_start(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return epoll_fd >= 0;
}

/* Rounded up to a millisecond, so that the loop does not spin through the last one. */
static int wait_ms(void)
{
    if (first_task)
        return 0;
    if (timers.next == &timers)
        return -1;
    uint64_t now = loop_now_us();
    if (timers.next->deadline_us <= now)
        return 0;
    uint64_t left_ms = (timers.next->deadline_us - now + 999) / 1000;
    return left_ms > 3600000 ? 3600000 : (int)left_ms;
}

static void run_timers(void)
{
    if (timers.next == &timers)
        return;
    uint64_t now = loop_now_us();
    while (timers.next != &timers && timers.next->deadline_us <= now) {
        struct timer *due = timers.next;
        timer_clear(due);
        due->on_due(due);
    }
}

/* Runs the tasks there are now; what they defer waits for the next turn behind this mark. */
static void run_tasks(void)
{
    static struct task mark;
    task_defer(&mark, NULL);
    while (first_task != &mark) {
        struct task *task = first_task;
        task_cancel(task);
        task->run(task);
    }
    task_cancel(&mark);
}

void loop_run(void)
{
    running = true;
    while (running) {
        int count = epoll_wait(epoll_fd, events, EVENTS_PER_TURN, wait_ms());
        event_count = count > 0 ? count : 0;
        for (int index = 0; index < event_count; index++) {
            struct source *source = events[index].data.ptr;
            if (source)
                source->on_ready(source, events[index].events);
        }
        event_count = 0;
        run_timers();
        run_tasks();
    }
}

void loop_stop(void)
{
    running = false;
}
