#include "visit_loop.h"
#include "visit_guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than some libcs; the numbers are the same on every architecture. */
enum { SYS_FSOPEN = 430, SYS_FSCONFIG = 431, SYS_FSMOUNT = 432 };
enum { CONFIG_STRING = 1, CONFIG_CREATE = 6, FSOPEN_CLOEXEC_FLAG = 1, FSMOUNT_CLOEXEC_FLAG = 1 };
enum { ATTR_NOSUID = 2, ATTR_NODEV = 4 };
enum { PATH_BYTES = 64, MAX_TRIES = 32 };

static bool holds(int loop_fd, const struct stat *image)
{
    struct loop_info64 info;
    return ioctl(loop_fd, LOOP_GET_STATUS64, &info) == 0 && info.lo_device == image->st_dev &&
           info.lo_inode == image->st_ino;
}

/* Opens the loop device that holds the file; -1 when none does. */
static int find_loop(const struct stat *image, char *path)
{
    DIR *devices = opendir("/sys/block");
    int found = -1;
    for (struct dirent *entry; devices != NULL && found < 0 && (entry = readdir(devices)) != NULL;) {
        if (strncmp(entry->d_name, "loop", 4) != 0 || strlen(entry->d_name) > 16)
            continue;
        (void)snprintf(path, PATH_BYTES, "/dev/%.16s", entry->d_name);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && holds(fd, image))
            found = fd;
        else if (fd >= 0)
            close(fd);
    }
    if (devices != NULL)
        closedir(devices);
    return found;
}

static int make_loop(int image_fd, const char *image, char *path)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        visit_fail(1, "open", "/dev/loop-control");
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0)
            visit_fail(1, "get a loop device for", image);
        (void)snprintf(path, PATH_BYTES, "/dev/loop%d", number);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            visit_fail(1, "open", path);
        struct loop_config config = {.fd = (unsigned)image_fd, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
        if (ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
            close(control);
            return fd;
        }
        /* Somebody else was faster. */
        if (errno != EBUSY)
            visit_fail(1, "set up a loop device for", image);
        close(fd);
    }
    visit_fail(1, "get a loop device for", image);
}

int loop_mount(const char *image)
{
    char path[PATH_BYTES];
    struct stat info;
    int image_fd = open(image, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    /* Opened by itself: the loop device keeps the other one, and would keep a lock on it. */
    int lock_fd = open(image, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (image_fd < 0 || lock_fd < 0 || fstat(image_fd, &info) < 0)
        visit_fail(1, "open", image);
    /* SAFETY: two devices over one file would ruin its file system; the lock is held until this process ends, and by
     * then the mount keeps the device. Held by tests/quilt/volumes.test.ts ("two sandboxes at once"). */
    if (flock(lock_fd, LOCK_EX) < 0)
        visit_fail(1, "lock", image);
    int loop_fd = find_loop(&info, path);
    if (loop_fd < 0)
        loop_fd = make_loop(image_fd, image, path);
    int context = (int)syscall(SYS_FSOPEN, "ext4", FSOPEN_CLOEXEC_FLAG);
    if (context < 0 || syscall(SYS_FSCONFIG, context, CONFIG_STRING, "source", path, 0) < 0 ||
        syscall(SYS_FSCONFIG, context, CONFIG_CREATE, NULL, NULL, 0) < 0)
        visit_fail(1, "mount", image);
    int mount_fd = (int)syscall(SYS_FSMOUNT, context, FSMOUNT_CLOEXEC_FLAG, ATTR_NOSUID | ATTR_NODEV);
    if (mount_fd < 0)
        visit_fail(1, "mount", image);
    close(context);
    close(loop_fd);
    return mount_fd;
}

bool loop_device_of(const char *image, dev_t *device)
{
    char path[PATH_BYTES];
    struct stat info;
    if (stat(image, &info) < 0)
        return false;
    int loop_fd = find_loop(&info, path);
    if (loop_fd < 0 || fstat(loop_fd, &info) < 0)
        return false;
    *device = info.st_rdev;
    close(loop_fd);
    return true;
}
