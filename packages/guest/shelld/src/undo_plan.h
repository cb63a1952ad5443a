/* What undoing a recorded application would do, path by path, judged by what is there now. */
#ifndef SOVEREIGN_UNDO_PLAN_H
#define SOVEREIGN_UNDO_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum undo_verdict {
    UNDO_DONE,    /* it is what it was before the application */
    UNDO_REVERT,  /* it is what the application made of it */
    UNDO_CHANGED, /* it is neither: somebody has worked on it since */
    UNDO_BLOCKED, /* what held it is no directory any more, and is not put back with it */
};

struct undo_entry {
    const char *before, *after, *number, *path; /* states as of path_state.h */
    const char *stats;                          /* of path_stats.h; NULL where the record has none */
    enum undo_verdict verdict;
    char now; /* kind of what is there */
    ino_t inode;
    struct timespec changed;
};

struct undo_plan {
    struct undo_entry *entries; /* parents before what they hold */
    struct undo_entry **by_path;
    size_t count;
};

/* Something in a directory that the application made, and that would go with it, which is not the application's. */
typedef void undo_stranger(const char *path);

/* Reads RECORD/paths and RECORD/stats; false with errno set, EBADMSG where one is malformed. */
bool undo_plan_read(struct undo_plan *plan, int record);

/* What was recorded of a path; NULL where nothing was. */
const struct undo_entry *undo_plan_find(const struct undo_plan *plan, const char *path);

/*
 * Gives every path its verdict; `stranger` hears of what nobody recorded. With is_interrupted, what an application or an
 * undo that was broken off may have left of a path counts as its own. False with errno set and `*at` the path.
 */
bool undo_plan_judge(struct undo_plan *plan, int target, bool is_interrupted, undo_stranger *stranger, const char **at);

/* Whether what is there must go before what was there can come: one of them is a directory, or nothing comes. */
bool undo_must_clear(const struct undo_entry *entry);

/* Whether what is there is still what was judged. Of a directory what is in it may have gone meanwhile. */
bool undo_is_as_judged(const struct undo_entry *entry, int parent, const char *name);

#endif
