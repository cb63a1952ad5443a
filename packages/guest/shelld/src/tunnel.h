/*
 * Tunnels: connections between the inside of the guest and its host, each on a channel of its own. The host dials, or takes
 * what came to a listener of its own (tunnel_listen.c). Bytes to the guest wait in a ring of one window; bytes from it
 * are read when the connection has room for them, and not before: nobody is stalled by a slow peer but itself.
 */
#ifndef SOVEREIGN_TUNNEL_H
#define SOVEREIGN_TUNNEL_H

#include "conn.h"

/* The requests; each returns false when its frame is malformed. */
bool tunnel_listen_request(struct conn *conn, uint32_t id, struct slice payload);
bool tunnel_accept_request(struct conn *conn, uint32_t id, struct slice payload);
bool tunnel_dial_request(struct conn *conn, uint32_t id, struct slice payload);

/* Carries a connected socket (or one that is about to be), which belongs to the tunnel from now on, whatever it
 * answers. Refuses the request when there are too many tunnels. */
void tunnel_carry(struct conn *conn, uint32_t id, int fd, bool is_pending, uint32_t credit);

#endif
