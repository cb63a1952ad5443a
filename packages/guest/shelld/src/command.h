/* From the strings of a request to the arrays of execve(2), in memory that is given. */
#ifndef SOVEREIGN_COMMAND_H
#define SOVEREIGN_COMMAND_H

#include "session.h"
#include "spawn.h"
#include "user.h"

extern const char default_search_path[];

/*
 * Lays out argv, environment and directory of the request in memory. The environment is that of the request, and that
 * of the session (which may be NULL) where the request does not set the same name. A relative directory starts at that of the session.
 * With a user (NULL: none) the command becomes it, and HOME is its home where nothing else says what HOME is.
 * Returns false when it does not fit.
 */
bool command_build(struct command *command, char *memory, size_t size, const struct frame_exec_start *frame,
                   const struct session *session, const struct user *user);

#endif
