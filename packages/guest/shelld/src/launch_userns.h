/* User namespaces of a launch: who is root inside, and whose files are whose. */
#ifndef SOVEREIGN_LAUNCH_USERNS_H
#define SOVEREIGN_LAUNCH_USERNS_H

#include <stdbool.h>
#include <stdint.h>

/* One line of uid_map or gid_map, several separated by newlines. */
struct userns_map {
    char uid[96];
    char gid[96];
};

/* Inside 0 … count-1 are `base` … on the host: nobody outside owns anything by these ids. */
struct userns_map userns_shifted(uint32_t base, uint32_t count);

/* As above, but inside 0 is `uid`/`gid` of the host: where files cannot be mapped, the owner of the workspace is root inside. */
struct userns_map userns_shifted_with_owner(uint32_t base, uint32_t count, uint32_t uid, uint32_t gid);

/* For an idmapped mount: files of `uid`/`gid` on disk appear as owned by `base`, which is root inside. */
struct userns_map userns_owner_to_base(uint32_t uid, uint32_t gid, uint32_t base);

/*
 * Makes a user namespace with this map and returns a descriptor of it. The caller needs CAP_SETUID in its own.
 * The namespace lives as long as the descriptor, or whatever enters it.
 */
int userns_create(const struct userns_map *map);

/* Becomes root of the namespace: ids 0, all capabilities in it, none outside. */
void userns_enter(int userns_fd);

/*
 * Rootless: enters a new user namespace in which the caller's own ids are 0, with the ids that /etc/subuid
 * grants from 1 on when newuidmap(1) is installed and `with_subids` asks for them.
 */
void userns_enter_rootless(bool with_subids);

#endif
