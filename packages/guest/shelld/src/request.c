/* Which request is served by whom. */
#include "exec.h"
#include "files.h"
#include "killing.h"
#include "session.h"
#include "system.h"
#include "tunnel.h"

#include <errno.h>

static const struct {
    uint8_t type;
    bool (*serve)(struct conn *conn, uint32_t channel, struct slice payload);
} table[] = {
    {FRAME_SESSION_OPEN, session_open_request}, {FRAME_SESSION_KILL, session_kill_request},
    {FRAME_EXEC_START, exec_start_request},     {FRAME_EXEC_SIGNAL, exec_signal_request},
    {FRAME_EXEC_RESIZE, exec_resize_request},   {FRAME_EXEC_KILL, exec_kill_request},
    {FRAME_EXEC_ATTACH, exec_attach_request},   {FRAME_EXEC_LIST, exec_list_request},
    {FRAME_EXEC_FORGET, exec_forget_request},   {FRAME_TUNNEL_LISTEN, tunnel_listen_request},
    {FRAME_TUNNEL_ACCEPT, tunnel_accept_request}, {FRAME_TUNNEL_DIAL, tunnel_dial_request},
};

bool request_open(struct conn *conn, uint32_t id, uint8_t type, struct slice payload)
{
    for (size_t index = 0; index < sizeof table / sizeof table[0]; index++)
        if (table[index].type == type)
            return table[index].serve(conn, id, payload);
    if (type >= FRAME_SYSTEM_IDENTIFY && type <= FRAME_SYSTEM_USAGE)
        return system_request(conn, id, type, payload);
    if (type >= FRAME_FILE_READ && type <= FRAME_FILE_CHANGED)
        return files_open(conn, id, type, payload);
    conn_refused(conn, id, ENOSYS, "serve a request", slice_of(""), "this shelld does not know requests of this type");
    return true;
}
