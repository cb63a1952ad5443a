/* Where something is mounted in a guest. The guest owns every name on the way, so none of them is followed blindly. */
#ifndef SOVEREIGN_VISIT_TARGET_H
#define SOVEREIGN_VISIT_TARGET_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Opens an absolute path below the root directory of this process, and makes what is missing of it: directories, and a
 * file at its end where that is asked for. Ends the program where a link, or something else than a directory, is in the
 * way.
 */
int target_make(const char *path, bool is_file);

/*
 * Opens the directory above an absolute path and points `name` at the last component of it; -1 with errno set where it
 * is not there.
 */
int target_parent(const char *path, const char **name);

/* Whether something is mounted at the descriptor of O_PATH; fills in what. */
bool target_is_mount(int fd, struct stat *info);

#endif
