/*
 * What an application may replace: what was recorded of it, so that nothing is lost that somebody else has written since.
 * Runs inside a guest that holds the directory and the record and nothing else.
 */
#ifndef SOVEREIGN_APPLY_GUARD_H
#define SOVEREIGN_APPLY_GUARD_H

#include <stdbool.h>

/* Reads a record; until then everything may be replaced. False with errno set. */
bool guard_read(int record);

/* The first path of the record that is not in `target` as it was recorded; NULL where all are. */
const char *guard_first_changed(int target);

/* Whether a path, and all that is in it where it goes with all of that, is as it was recorded. */
bool guard_allows(int parent, const char *name, const char *path);

#endif
