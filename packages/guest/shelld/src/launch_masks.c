#include "launch_masks.h"
#include "launch_error.h"
#include "launch_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

void masks_cover(const char *path)
{
    struct stat info;
    /* A link, as /var/run is, leads to a directory that is covered by its own name. */
    if (lstat(path, &info) < 0 || !S_ISDIR(info.st_mode))
        return;
    if (mount("sovereign", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
        launch_fail("cover", path);
}

static void make_parents(const char *path)
{
    char part[4096];
    launch_path(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            launch_fail("mkdir", part);
        *slash = '/';
    }
}

void masks_place(const char *stage, const char *name, const char *target, bool is_read_only)
{
    char source[4096];
    struct stat info;
    mounts_staged_path(source, sizeof source, stage, name);
    /* What was staged only if it is there, as a shield, may be absent. */
    if (stat(source, &info) < 0)
        return;
    make_parents(target);
    if (S_ISDIR(info.st_mode)) {
        if (mkdir(target, 0755) < 0 && errno != EEXIST)
            launch_fail("mkdir", target);
    } else {
        int fd = open(target, O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0 && errno != EACCES && errno != EROFS)
            launch_fail("create", target);
        if (fd >= 0)
            close(fd);
    }
    if (mount(source, target, NULL, MS_BIND | MS_REC, NULL) < 0)
        launch_fail("bind", target);
    if (is_read_only && mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL) < 0)
        launch_fail("make read-only", target);
}
