/*
 * The file operations of shelld. Every path goes through the jail (jail.h); every operation is bounded in memory
 * and works in slices, so that none of them stalls the others.
 */
#ifndef SOVEREIGN_FILES_H
#define SOVEREIGN_FILES_H

#include "conn.h"

/* Serves one file.* request. Returns false when the frame is malformed or is no request of this family. */
bool files_open(struct conn *conn, uint32_t id, uint8_t type, struct slice payload);

#endif
