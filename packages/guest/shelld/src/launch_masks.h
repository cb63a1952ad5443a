/*
 * For hosts without bubblewrap: the host's own root stays, but directories that hold what is nobody's business are
 * covered with empty ones, and what the guest is to see is put back at its place.
 */
#ifndef SOVEREIGN_LAUNCH_MASKS_H
#define SOVEREIGN_LAUNCH_MASKS_H

#include <stdbool.h>

/* Covers a directory with an empty tmpfs that anybody may write to, as /tmp is; nothing where there is no directory. */
void masks_cover(const char *path);

/* Binds a staged thing to a path below a covered directory, or over itself. Missing parents are made. */
void masks_place(const char *stage, const char *name, const char *target, bool is_read_only);

#endif
