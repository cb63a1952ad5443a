#include "session.h"

#include <errno.h>
#include <stdlib.h>

static struct session *sessions[LIMIT_MAX_SESSIONS];
static uint32_t last_id;

static struct session **find_slot(uint32_t id)
{
    for (size_t index = 0; index < LIMIT_MAX_SESSIONS; index++)
        if (sessions[index] ? sessions[index]->id == id : id == 0)
            return &sessions[index];
    return NULL;
}

const struct session *session_find(uint32_t id)
{
    struct session **slot = id == 0 ? NULL : find_slot(id);
    return slot ? *slot : NULL;
}

void session_close(uint32_t id)
{
    struct session **slot = id == 0 ? NULL : find_slot(id);
    if (!slot)
        return;
    free(*slot);
    *slot = NULL;
}

/* One piece of memory: the session, then its directory, then its environment. */
static struct session *make_session(const struct frame_session_open *frame)
{
    struct session *session = malloc(sizeof *session + frame->cwd.length + frame->env.encoded.length);
    if (!session)
        return NULL;
    uint8_t *text = (uint8_t *)(session + 1);
    memcpy(text, frame->cwd.data, frame->cwd.length);
    memcpy(text + frame->cwd.length, frame->env.encoded.data, frame->env.encoded.length);
    session->id = ++last_id;
    session->cwd = (struct slice){text, frame->cwd.length};
    session->env = (struct strings){{text + frame->cwd.length, frame->env.encoded.length}, frame->env.count};
    return session;
}

bool session_open_request(struct conn *conn, uint32_t channel, struct slice payload)
{
    struct frame_session_open frame;
    if (!decode_session_open(payload, &frame))
        return false;
    struct session **slot = find_slot(0);
    int error = 0;
    const char *reason = "";
    if (frame.cwd.length > LIMIT_MAX_PATH_BYTES || frame.env.encoded.length > SESSION_MAX_BYTES ||
        frame.env.count > SESSION_MAX_VARIABLES)
        error = E2BIG, reason = "directory or environment is too large for a session: give it with each command";
    else if (!slot)
        error = EMFILE, reason = "too many sessions are open: kill one";
    else if (!(*slot = make_session(&frame)))
        error = ENOMEM, reason = "out of memory";
    if (error) {
        conn_refused(conn, channel, error, "open a session", frame.cwd, reason);
        return true;
    }
    struct conn_space space = conn_space(conn);
    conn_commit(conn, encode_session_opened(space.at, space.size, channel, &(struct frame_session_opened){(*slot)->id}));
    return true;
}
