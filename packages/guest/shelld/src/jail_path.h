/* Paths as text: components, and which root a path belongs to. Nothing here touches the file system. */
#ifndef SOVEREIGN_JAIL_PATH_H
#define SOVEREIGN_JAIL_PATH_H

#include <stdbool.h>
#include <string.h>

#include "codec.h"

/* What a path is refused with that no root holds, or that leaves its root. Above every errno; peers see EACCES. */
enum { JAIL_OUTSIDE = 0x1000 };

static inline void path_skip(struct slice *path, uint32_t bytes)
{
    path->data += bytes;
    path->length -= bytes;
}

static inline bool path_is(struct slice component, const char *text)
{
    return component.length == strlen(text) && memcmp(component.data, text, component.length) == 0;
}

/* Takes the next component; slashes in a row and "." count for nothing. Returns false at the end. */
static inline bool path_next(struct slice *path, struct slice *component)
{
    do {
        while (path->length > 0 && path->data[0] == '/')
            path_skip(path, 1);
        component->data = path->data;
        component->length = 0;
        while (path->length > 0 && path->data[0] != '/') {
            path_skip(path, 1);
            component->length++;
        }
    } while (path_is(*component, "."));
    return component->length > 0;
}

/*
 * True when root is a prefix of path by whole components; rest is then what follows, without leading slashes.
 * SAFETY: "/work/a" does not own "/work/ab" (test_jail.c: prefixes).
 */
static inline bool path_is_below(struct slice path, struct slice root, struct slice *rest)
{
    struct slice expected, found;
    while (path_next(&root, &expected))
        if (!path_next(&path, &found) || found.length != expected.length ||
            memcmp(found.data, expected.data, found.length) != 0)
            return false;
    while (path.length > 0 && path.data[0] == '/')
        path_skip(&path, 1);
    *rest = path;
    return true;
}

#endif
