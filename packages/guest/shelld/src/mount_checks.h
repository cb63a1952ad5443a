/* Whether what a container engine mounted is what whoever asked for it had looked at. */
#ifndef SOVEREIGN_MOUNT_CHECKS_H
#define SOVEREIGN_MOUNT_CHECKS_H

#include <stdbool.h>

/*
 * Reads lines of `DEVICE INODE PATH` and compares each with the file that is at PATH now. False after saying on stderr
 * which is another one, or that the list cannot be read.
 *
 * SAFETY: an engine resolves the source of a mount by name, when it starts the container; whoever can write there may
 * have put a link to anything of the host in its place meanwhile. Nothing has run inside yet, so the answer is true for
 * as long as the mount lives. Held by test_engine.py (`test_another_file`).
 */
bool mount_checks_hold(const char *path);

#endif
