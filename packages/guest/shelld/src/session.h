/* Sessions: a working directory and an environment that several commands share. Their processes know them by id. */
#ifndef SOVEREIGN_SESSION_H
#define SOVEREIGN_SESSION_H

#include "conn.h"

/* What a session may hold: more than any shell has, and little enough to keep LIMIT_MAX_SESSIONS of. */
enum { SESSION_MAX_BYTES = 262144, SESSION_MAX_VARIABLES = 1024 };

struct session {
    uint32_t id;
    struct slice cwd;
    struct strings env;
};

/* NULL when there is none (any more) by that id. */
const struct session *session_find(uint32_t id);

/* Forgets it; its processes are the caller's business. */
void session_close(uint32_t id);

bool session_open_request(struct conn *conn, uint32_t channel, struct slice payload);

#endif
