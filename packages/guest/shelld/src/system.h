/* Requests of the system.* family: what the host asks of the init of a virtual machine. */
#ifndef SOVEREIGN_SYSTEM_H
#define SOVEREIGN_SYSTEM_H

#include "conn.h"

/* Refused with ENOSYS where we are no such init. Returns false when the request is malformed. */
bool system_request(struct conn *conn, uint32_t channel, uint8_t type, struct slice payload);

/* Called for system.shutdown: SIGTERM to everything, SIGKILL after the grace. */
void system_on_shutdown(void (*shutdown)(uint32_t grace_ms));

#endif
