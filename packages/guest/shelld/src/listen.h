/* Where connections come from. */
#ifndef SOVEREIGN_LISTEN_H
#define SOVEREIGN_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Makes a unix socket at path and listens: mode 0600, in a directory that nobody else may enter (which is checked).
 * A socket that nobody listens on any more is replaced. Returns -1 after saying on stderr what is wrong. A peer, who is
 * not (uid_t)-1, may own the directory, and is given the socket.
 */
int listen_at(const char *path, uid_t peer);

struct listen_policy {
    bool checks_peers;      /* accept only root, ourselves, and peer_uid */
    uid_t peer_uid;         /* (uid_t)-1: nobody else */
    void (*on_accepted)(void);
    void (*on_closed)(void *owner);
};

/* Serves whoever connects; on a socket that is already connected, its one peer. *policy is kept by reference. */
bool listen_serve(int fd, const struct listen_policy *policy);

/* No further connections. */
void listen_stop(void);

#endif
