/* Lines `STAMP PATH` on stdin, each with a zero byte behind it: what an application is told to do. */
#ifndef SOVEREIGN_APPLY_LINES_H
#define SOVEREIGN_APPLY_LINES_H

enum { APPLY_LINE_BYTES = 8192 };

/*
 * Reads the next one, and points into it. 1 when there is one, 0 at the end; -1 when it is too long or malformed, which has
 * been said on stderr.
 */
int apply_lines_next(const char **stamp, const char **path);

#endif
