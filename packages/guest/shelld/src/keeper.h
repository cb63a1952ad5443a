/* The keepers as shelld sees them: taken from a pool, given a command, heard of until nothing of it is left. */
#ifndef SOVEREIGN_KEEPER_H
#define SOVEREIGN_KEEPER_H

#include "keep.h"
#include "loop.h"

struct keeper {
    struct source source;
    struct slot *slot;
    pid_t pid;
    uint32_t order_id;
    bool busy;
    void (*on_report)(void *owner, const struct report *report);
    void *owner;
    struct keeper *next;
};

/* Memory in which a command can be laid out, shared with children forked from now on; NULL when there is none. */
struct slot *slot_map(void);

/* An idle keeper, forked if there is none; NULL with errno. Lay the command out in its slot, then run or release it. */
struct keeper *keeper_take(void);
void keeper_release(struct keeper *keeper);

/*
 * Runs what the slot says, with these descriptors (-1 is /dev/null; the caller closes its own afterwards). Reports
 * follow; with the one that says idle (or REPORT_LOST) the keeper is no longer the caller's. Returns false with
 * errno when the order could not be sent; the keeper is then released.
 */
bool keeper_run(struct keeper *keeper, const int descriptors[3], void *owner, void (*on_report)(void *, const struct report *));

/* Kill everything below this keeper; reports follow. */
void keeper_kill(struct keeper *keeper);

/* The keeper does not answer: end it, which is reported as lost. */
void keeper_abandon(struct keeper *keeper);

bool keeper_is(pid_t pid);

#endif
