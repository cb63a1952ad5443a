/*
 * file.watch: one inotify instance for all channels. Events wait in a queue of fixed size on each channel; when it is
 * full, because the host does not read, they become one overflow.
 */
#ifndef SOVEREIGN_WATCH_H
#define SOVEREIGN_WATCH_H

#include "file_operation.h"

enum { WATCH_MAX = 256 };

/*
 * Follows one directory or file until cancel. When the watched thing itself is removed, moved away or unmounted the
 * channel says gone and ends with done: nothing could follow. Returns false when the frame is malformed.
 */
bool file_watch(const struct file_request *request);

#endif
