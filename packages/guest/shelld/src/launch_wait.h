/* The waiting side of a launch: what the launched process reports, and what becomes of one that reports nothing. */
#ifndef SOVEREIGN_LAUNCH_WAIT_H
#define SOVEREIGN_LAUNCH_WAIT_H

#include <stdbool.h>
#include <sys/types.h>

/* A launcher that is on its way. */
struct launching {
    pid_t child;                /* it leads a process group of its own */
    int mode_fd, status_fd;     /* how the workspace was staged; what the launcher says of the guest */
    bool status_from_launcher;  /* the guest is a child that the launcher names, else the launcher itself */
    int timeout_ms;
};

/* A guest that is up. The pid and the start time name it for good. */
struct launched {
    pid_t pid;
    unsigned long long start;
    char workspace[16];
};

/* False when the launcher ended, says what makes no sense, or takes too long. */
bool launch_wait(const struct launching *launching, struct launched *launched);

/* Kills a launcher that did not come up, prints what it left on the console on stderr, and returns the exit code 1. */
int launch_abandon(pid_t child, const char *console);

#endif
