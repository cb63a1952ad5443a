/*
 * Who a command runs as: `user` or `user:group`, each a name or a number, as `docker run --user` and USER of an image
 * have it. Names, the group of a user, its home and its supplementary groups come from /etc/passwd and /etc/group of
 * the guest, read anew each time; nothing stays in memory.
 *
 * Both files may be hostile: they are read up to a bound, a line that is not whole or whose numbers are none is as if
 * it were not there, and the first line that fits counts. A number needs no line: its group is then 0, its home "/".
 */
#ifndef SOVEREIGN_USER_H
#define SOVEREIGN_USER_H

#include "codec.h"

#include <sys/types.h>

enum { USER_MAX_GROUPS = 256, USER_HOME_BYTES = 1024, USER_NAME_BYTES = 256, USER_FILE_BYTES = 1048576 };

struct user {
    uid_t uid;
    gid_t gid;
    gid_t groups[USER_MAX_GROUPS];  /* gid first */
    uint32_t group_count;
    char home[USER_HOME_BYTES];
};

/* What a name means by the content of these files. Returns NULL, or what is wrong for a person, with errno. */
const char *user_resolve(struct slice name, struct slice passwd, struct slice group, struct user *user);

/* The same by the files of this guest; also refuses ids that this guest does not have, or that we may not become. */
const char *user_find(struct slice name, struct user *user);

/*
 * Becomes it, for good, between vfork and execve: descriptors 0 to 2 that are pipes or a terminal of ours are made its
 * own, and anybody but root loses every capability. Returns false with errno; the caller must then end.
 */
bool user_become(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count);

#endif
