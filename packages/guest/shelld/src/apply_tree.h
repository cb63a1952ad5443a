/* Steps of an application: each is below a directory that is open, and follows no link. */
#ifndef SOVEREIGN_APPLY_TREE_H
#define SOVEREIGN_APPLY_TREE_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

enum { TREE_PATH_BYTES = 4096, TREE_MAX_DEPTH = 400 };

/*
 * What is put somewhere is whole before it has its name; until then it is called `.sovereign-STEP`, which nobody can
 * foresee, so that what a crash left of it can be told from all else. False for a step that is no name.
 */
bool tree_name_partial(const char *step);
bool tree_is_partial(const char *name);

/* Deletes what a crash of this step left in a directory. */
bool tree_clear_partial(int directory);

/*
 * Opens the directory that is worked on, and keeps everybody else who works on it out for as long as it is open: also what
 * a killed client left running for a moment more. -1 with errno set, EWOULDBLOCK after half a minute.
 */
int tree_open_locked(const char *path);

/* Opens the directory that holds a relative path, and points `name` at its last component; -1 with errno set. */
int tree_parent(int root, const char *path, char *copy, const char **name);

/*
 * Is asked about a name right before what has it is replaced or removed; where it says no, nothing of it is, and errno is
 * ESTALE. Until one is set everything may.
 */
typedef bool tree_may_replace(int parent, const char *name);
void tree_ask(tree_may_replace *may_replace);

/* Deletes whatever has that name, a directory with all that is in it; true also where nothing has it. */
bool tree_remove(int parent, const char *name);

/*
 * Puts something in the place of what has that name; in that of a directory with all that is in it only where it may. A file
 * is read from its beginning, and on the disk before it has its name. It is as old as `modified` says, where that is not NULL
 * and the file system can.
 */
bool tree_put_file(int source, mode_t mode, const struct timespec *modified, int to, const char *name,
                   bool may_replace_tree);
bool tree_put_link(const char *target, const struct timespec *modified, int to, const char *name, bool may_replace_tree);
bool tree_put_node(mode_t type_and_mode, const struct timespec *modified, int to, const char *name);

/* Makes a directory, or gives the one that is there this mode. */
bool tree_put_directory(mode_t mode, int to, const char *name);

/* Gives a name its time of modification back, where the file system can; no link is followed. */
void tree_set_modified(int parent, const char *name, const struct timespec *modified);

/* Makes `to` what `from` is: a file at once, with its mode but without setuid, setgid and sticky; a directory; a link. */
bool tree_copy(int from, const char *from_name, int to, const char *to_name);

#endif
