/*
 * The sockets of tunnels. They lead to the guest's own loopback or to a unix socket that the jail reaches, and nowhere
 * else: whatever the host asks for, a tunnel is no way out of the guest.
 */
#ifndef SOVEREIGN_TUNNEL_SOCKET_H
#define SOVEREIGN_TUNNEL_SOCKET_H

#include "codec.h"

#include <limits.h>

enum { TUNNEL_ADDRESS_BYTES = 46 };

struct tunnel_door {
    int fd;
    uint16_t port;                      /* the one taken */
    char address[TUNNEL_ADDRESS_BYTES]; /* as numbers; empty for a unix socket */
    int directory;                      /* of a unix socket, else -1 */
    char name[NAME_MAX + 1];
};

/* Opens a listening socket. Answers 0 or -errno; EACCES is an address that is not loopback. */
int tunnel_door_open(struct tunnel_door *door, uint8_t kind, uint16_t port, struct slice address, uint16_t backlog);

/* Closes it, and removes a unix socket from its directory. */
void tunnel_door_close(struct tunnel_door *door);

/* Begins to connect. Answers a descriptor or -errno; *is_pending is set when it is not there yet. */
int tunnel_connect(uint8_t kind, uint16_t port, struct slice address, bool *is_pending);

/* What every connection gets, accepted or dialled. */
void tunnel_prepare(int fd);

/* Closes so that the peer sees a reset where the protocol has one. */
void tunnel_abort(int fd);

#endif
