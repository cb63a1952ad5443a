/*
 * The jail of file operations: every path of a request is resolved here, and nowhere else.
 *
 * A path is absolute. It belongs to the longest root that is its prefix, component by component ("/work/a" is no
 * prefix of "/work/ab"); what follows the root is resolved by the kernel in one step that cannot leave it. Nothing is
 * checked first and opened later. Without a root every path is refused.
 *
 * Inside "/" absolute links are ordinary and are followed from there. Inside any other root a link that is absolute,
 * or that climbs out, is refused. The magic links of /proc are refused everywhere with ELOOP. A kernel without
 * openat2, or a seccomp filter that hides it, makes us walk instead, and then no link is followed at all.
 *
 * Functions answer a file descriptor or 0, and -errno or -JAIL_OUTSIDE where they refuse.
 */
#ifndef SOVEREIGN_JAIL_H
#define SOVEREIGN_JAIL_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "codec.h"
#include "jail_path.h"

enum { JAIL_MAX_ROOTS = 32 };

/*
 * Opens a root, once, at start, after whatever changes the root directory or the mounts of this process. path is
 * absolute, free of "..", and lives as long as the process (argv does). Returns false with errno set.
 */
bool jail_add_root(const char *path);

size_t jail_root_count(void);
const char *jail_root_path(size_t index);

/* Opens what a path names. O_NOFOLLOW speaks of the last component only; O_CREAT is not for this function. */
int jail_open(struct slice path, int flags);

/* A name in a directory that is held open. The calls that end in "at" take both; the name is one plain component. */
struct jail_place {
    int directory;
    char name[NAME_MAX + 1];
    bool wants_directory; /* The path ended in a slash. */
};

/*
 * Opens the directory that holds the last component of a path, which need not exist. make_parents creates the missing
 * directories above it with mode 0755. The caller closes place->directory. A root itself has no place: EBUSY.
 */
int jail_open_place(struct slice path, bool make_parents, struct jail_place *place);

/*
 * Opens a directory by its name in another, to be read, and never across a mount point: EBUSY. Without openat2 a bind
 * mount of the same file system is not seen here; rmdir sees it, which callers try first.
 */
int jail_open_child(int directory, const char *name);

/* mkdirat with exactly this mode, whatever the umask is. */
int jail_make_directory(int parent, const char *name, unsigned mode);

/* Test seam: behave as on a kernel without openat2, or as on this one. */
void jail_use_walk(bool use_walk);

#endif
