/* Resolution for kernels without openat2: one component at a time, and no links at all. */
#ifndef SOVEREIGN_JAIL_WALK_H
#define SOVEREIGN_JAIL_WALK_H

/*
 * Opens a relative path below root. A link anywhere in it is refused with ELOOP (with O_PATH | O_NOFOLLOW the last
 * component may be one, and is opened itself), ".." with JAIL_OUTSIDE. Answers a file descriptor or -errno.
 */
int jail_walk(int root, const char *path, int flags);

#endif
