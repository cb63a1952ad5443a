/* What a path is, as a word that differs when it is something else. */
#ifndef SOVEREIGN_PATH_STATE_H
#define SOVEREIGN_PATH_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

enum { PATH_STATE_TEXT = 96 };

/*
 * `-` where nothing is; else the kind and mode, and the SHA-256 of what is in it: `f0644:HEX` a file, `l:HEX` a link,
 * `d0755` a directory, `p0644` a pipe, `s0755` a socket, `o` anything else. Owners and times do not count.
 */
struct path_state {
    char text[PATH_STATE_TEXT];
};

/* Takes what is in a file or a link, piece by piece; false ends it, with errno set. */
typedef bool path_sink(void *context, const void *data, size_t length);

/*
 * Reads the state of a name in a directory, following no link; `mode_mask` is what of a file's or directory's mode counts.
 * False with errno set when it cannot be read, or the sink refused. The sink may be NULL.
 */
bool path_state_read(int parent, const char *name, mode_t mode_mask, struct path_state *state, path_sink *sink,
                     void *context);

bool path_state_is(const struct path_state *state, const char *text);

/* The mode in the text of a state. */
mode_t path_state_mode(const char *text);

#endif
