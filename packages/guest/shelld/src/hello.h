/* The answer to hello: who we are, and what isolation was found from inside. */
#ifndef SOVEREIGN_HELLO_H
#define SOVEREIGN_HELLO_H

#include "conn.h"

extern const char shelld_version[];

/* Draws the random id of this shelld and lays out the roots of file operations. Returns false when these are too long. */
bool hello_prepare(void);

/* Sends every layer, then the welcome; or says that no generation is common, and returns false. */
bool hello_answer(struct conn *conn, const struct frame_hello *hello);

#endif
