/* What is told of one file: the facts of lstat, its name, and where a link points. */
#ifndef SOVEREIGN_FILE_INFO_H
#define SOVEREIGN_FILE_INFO_H

#include <sys/stat.h>

#include "frames.gen.h"

/* Room for one encoded info: the fixed fields, a name and a target of at most LIMIT_MAX_PATH_BYTES each. */
enum { FILE_INFO_BYTES = FRAME_HEADER_BYTES + 64 + 2 * LIMIT_MAX_PATH_BYTES };

/* The last component of a path as text; empty for "/". */
struct slice file_last_component(struct slice path);

/*
 * Encodes the info of a name in a directory, or, with an empty string for name_at, of the descriptor itself (opened
 * with O_PATH | O_NOFOLLOW where it may be a link). shown is the name that the frame carries. A target is cut at
 * LIMIT_MAX_PATH_BYTES. Answers the bytes written to out, which holds FILE_INFO_BYTES, or -errno.
 */
long file_info_encode(uint8_t *out, uint32_t channel, int directory, const char *name_at, struct slice shown);

#endif
