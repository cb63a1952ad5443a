/* Everything that descends from a process, found in /proc. */
#ifndef SOVEREIGN_TREE_H
#define SOVEREIGN_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Sends the signal to every descendant of root, except to those that `spared` (may be NULL) names and what descends
 * from them. Returns how many it was news to: zombies do not count, nor do stopped ones for SIGSTOP. What is born
 * while we look is missed: repeat until 0. Also 0 when there is no /proc.
 */
size_t tree_signal(pid_t root, int signal, bool (*spared)(pid_t pid));

#endif
