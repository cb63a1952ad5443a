/* Steps of an application: each is below a directory that is open, and follows no link. */
#ifndef SOVEREIGN_APPLY_TREE_H
#define SOVEREIGN_APPLY_TREE_H

#include <stdbool.h>

/* Opens the directory that holds a relative path, and points `name` at its last component; -1 with errno set. */
int tree_parent(int root, const char *path, char *copy, const char **name);

/* Deletes whatever has that name, a directory with all that is in it; true also where nothing has it. */
bool tree_remove(int parent, const char *name);

/* Makes `to` what `from` is: a file at once, with its mode but without setuid, setgid and sticky; a directory; a link. */
bool tree_copy(int from, const char *from_name, int to, const char *to_name);

#endif
