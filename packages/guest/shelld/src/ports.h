/*
 * Connections over virtio-serial ports, for a shelld that is init of a virtual machine.
 *
 * A port is a character device with one host on its other side at a time. It has no accept(2), and bytes of a host that
 * has gone may still be under way when the next one comes. So each conversation begins with an exchange that nothing
 * stale can imitate:
 *
 *     guest:  PORT_GREETING                        once it sees a host on the port
 *     host:   PORT_GREETING, 16 random bytes
 *     guest:  PORT_GREETING, the same 16 bytes     and from here on the guest channel
 *
 * Either side discards what comes before the greeting that it waits for.
 */
#ifndef SOVEREIGN_PORTS_H
#define SOVEREIGN_PORTS_H

#include <stdbool.h>
#include <stddef.h>

/* The kernel makes 31 at most. */
enum { PORTS_MAX = 31 };

/* Serves every virtio-serial port, also those that appear within the next seconds; `count` are expected. */
bool ports_serve(size_t count, void (*on_accepted)(void), void (*on_closed)(void *owner));

#endif
