/* The names in a directory of a layer, in the order of whole paths. */
#ifndef SOVEREIGN_LAYER_NAMES_H
#define SOVEREIGN_LAYER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/*
 * An entry, or the subtree of one: sorted by its path, `a-b` comes between the directory `a` and what is in it, as `/` is
 * greater than `-`. So each directory is there twice, the second time with a slash at its end.
 */
struct layer_name {
    char *text;
    bool is_subtree;
    bool is_hidden; /* it is not in the layer: an opaque directory hides it */
};

struct layer_names {
    struct layer_name *items;
    size_t count, room;
};

/* Reads a directory; false with errno set when that fails, also when it has more than a million entries. */
bool layer_names_read(int directory, struct layer_names *names);

/* Adds, in order, what `lower` holds and an opaque `upper`, whose names these are, hides. */
bool layer_names_add_hidden(struct layer_names *names, int upper, int lower);

void layer_names_free(struct layer_names *names);

/* Whether an overlay shows nothing of this name, whatever is below. */
bool layer_is_whiteout(const struct stat *info);

/* Whether an overlay shows nothing of what is below this directory. */
bool layer_is_opaque(int directory);

#endif
