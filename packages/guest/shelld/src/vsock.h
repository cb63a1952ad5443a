/* Connections of the host over AF_VSOCK, for a shelld in a virtual machine. See vsock(7). */
#ifndef SOVEREIGN_VSOCK_H
#define SOVEREIGN_VSOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Listens on a port of this machine. Returns -1 after saying on stderr what is wrong. */
int vsock_listen(uint32_t port);

/* Whether a connection came over vsock and not from the host: from a process of this machine, or from another one. */
bool vsock_is_stranger(int fd);

#endif
