/* Starting one command: the few steps between vfork and execve. Used by keepers, and by shelld for untracked ones. */
#ifndef SOVEREIGN_SPAWN_H
#define SOVEREIGN_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

struct command {
    char **argv;               /* argv[0] is searched for in search_path when it has no slash */
    char **envp;
    const char *search_path;   /* directories between colons; an empty one is the working directory */
    const char *directory;     /* NULL: that of shelld */
    bool changes_user;         /* become uid, gid and groups; without it the command is who shelld is */
    uid_t uid;
    gid_t gid;
    gid_t *groups;             /* supplementary ones */
    size_t group_count;
    bool terminal;             /* descriptor 0 is the slave of a PTY: make it the controlling terminal */
    struct rlimit open_files;  /* what shelld was started with; it has raised its own */
    size_t bytes;              /* of the memory that it was laid out in */
};

enum spawn_step { SPAWN_FORK, SPAWN_DIRECTORY, SPAWN_SETUP, SPAWN_USER, SPAWN_EXECUTE };

struct spawn_failure {
    enum spawn_step step;
    int error;
};

/*
 * Runs the command with these three descriptors as 0, 1 and 2, in a session of its own, with no signal blocked or
 * ignored and umask 022; every other descriptor of ours is close-on-exec. Returns its pid once execve() has succeeded,
 * or -1 and what failed. All signals are blocked in the caller and none has a handler.
 */
pid_t spawn_command(const struct command *command, const int descriptors[3], struct spawn_failure *failure);

/* The search of execvp(3), for a path that is given: ENOENT when nothing is found, EACCES when what is found may
 * not be executed. Returns only when it fails, with errno. */
void spawn_search(const struct command *command);

#endif
