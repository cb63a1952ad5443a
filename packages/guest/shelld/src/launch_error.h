/* Launching is a straight line of steps; the first that fails is reported in one line and ends the process. */
#ifndef SOVEREIGN_LAUNCH_ERROR_H
#define SOVEREIGN_LAUNCH_ERROR_H

/* Prints `shelld launch: WHAT SUBJECT: strerror(errno)` on stderr and exits with 1. */
_Noreturn void launch_fail(const char *what, const char *subject);

/* snprintf for paths that must fit: a path cut short would name something else. */
void launch_path(char *out, unsigned long size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Writes a whole small file such as uid_map or cgroup.procs; false with errno set when that fails. */
int launch_write_file(const char *path, const char *text);

#endif
