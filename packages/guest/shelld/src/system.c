#include "system.h"

#include "hello.h"
#include "machine.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ENTROPY_BYTES = 512, MACHINE_ID_DIGITS = 32, HOST_NAME_BYTES = 64, PATH_BYTES = 1024 };
enum { KERNEL_THREAD = 0x200000 }; /* PF_KTHREAD in field 9 of /proc/PID/stat, see proc(5) */

static void (*shutdown_machine)(uint32_t grace_ms);

void system_on_shutdown(void (*shutdown)(uint32_t grace_ms))
{
    shutdown_machine = shutdown;
}

/* ---- identity ---- */

/* The number of bits is what the host vouches for: all of them. */
static bool add_entropy(struct slice entropy)
{
    /* The kernel's struct rand_pool_info: bits, size, then the bytes. */
    struct {
        int entropy_count, buf_size;
        uint8_t bytes[MAX_ENTROPY_BYTES];
    } pool = {.entropy_count = (int)entropy.length * 8, .buf_size = (int)entropy.length};
    memcpy(pool.bytes, entropy.data, entropy.length);
    int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    bool done = fd >= 0 && ioctl(fd, RNDADDENTROPY, &pool) == 0 && ioctl(fd, RNDRESEEDCRNG) == 0;
    explicit_bzero(&pool, sizeof pool);
    if (fd >= 0)
        close(fd);
    return done;
}

static bool set_clock(uint64_t realtime_us)
{
    struct timespec now = {.tv_sec = (time_t)(realtime_us / 1000000), .tv_nsec = (long)(realtime_us % 1000000) * 1000};
    return clock_settime(CLOCK_REALTIME, &now) == 0;
}

/* By a file that takes the place of the old one: an image may have a link there. */
static bool replace_file(const char *path, const char *text)
{
    char temporary[PATH_BYTES];
    (void)snprintf(temporary, sizeof temporary, "%s.sovereign", path);
    (void)unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    size_t length = strlen(text);
    bool written = write(fd, text, length) == (ssize_t)length;
    close(fd);
    return written && rename(temporary, path) == 0;
}

/*
 * A text of the same length is written over the old one, which a machine that was resumed has of its first identity: to
 * make a file takes an emulated processor, which has run none of that code yet, twenty milliseconds.
 */
static bool overwrite_file(const char *path, const char *text)
{
    struct stat info;
    size_t length = strlen(text);
    int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool written = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_nlink == 1 &&
                   info.st_size == (off_t)length && pwrite(fd, text, length, 0) == (ssize_t)length;
    close(fd);
    return written;
}

static bool put_file(const char *path, const char *text)
{
    return overwrite_file(path, text) || replace_file(path, text);
}

static bool is_same_file(const char *path, const char *other)
{
    struct stat one, two;
    return stat(path, &one) == 0 && stat(other, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

/* The kernel makes its boot id once, and forks of a machine would share it: ours is bound over it. */
static bool set_boot_id(void)
{
    static const char path[] = "/proc/sys/kernel/random/boot_id", own[] = "/run/boot_id";
    uint8_t random[16];
    char text[40];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return false;
    random[6] = (uint8_t)((random[6] & 0x0f) | 0x40);
    random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
    char *at = text;
    for (size_t index = 0; index < sizeof random; index++)
        at += sprintf(at, index == 4 || index == 6 || index == 8 || index == 10 ? "-%02x" : "%02x", random[index]);
    memcpy(at, "\n", 2);
    if (is_same_file(path, own) && overwrite_file(own, text))
        return true;
    (void)umount2(path, MNT_DETACH);
    return replace_file(own, text) && mount(own, path, NULL, MS_BIND, NULL) == 0 &&
           mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0;
}

static bool is_machine_id(struct slice id)
{
    for (uint32_t index = 0; index < id.length; index++)
        if (!isxdigit(id.data[index]))
            return false;
    return id.length == MACHINE_ID_DIGITS;
}

static const char *identify(const struct frame_system_identify *frame)
{
    char host_name[HOST_NAME_BYTES + 1], machine_id[MACHINE_ID_DIGITS + 2];
    (void)snprintf(host_name, sizeof host_name, "%.*s", (int)frame->host_name.length, (const char *)frame->host_name.data);
    (void)snprintf(machine_id, sizeof machine_id, "%.*s\n", MACHINE_ID_DIGITS, (const char *)frame->machine_id.data);
    /* SAFETY: first of all, or everything random below is the same in every fork. tests/microvm holds it. */
    if (!add_entropy(frame->entropy))
        return "the random generator took no entropy";
    if (!set_clock(frame->realtime_us))
        return "the clock could not be set";
    if (sethostname(host_name, strlen(host_name)) != 0)
        return "the host name could not be set";
    /* An image without /etc has nobody who would look. */
    if (access("/etc", F_OK) == 0 && (!put_file("/etc/machine-id", machine_id) || !put_file("/etc/hostname", host_name)))
        return "the machine id could not be written";
    if (!set_boot_id())
        return "the boot id could not be set";
    return hello_prepare() ? NULL : "no random id could be made";
}

static bool identify_request(struct conn *conn, uint32_t channel, struct slice payload)
{
    struct frame_system_identify frame;
    if (!decode_system_identify(payload, &frame))
        return false;
    if (frame.entropy.length < 32 || frame.entropy.length > MAX_ENTROPY_BYTES || frame.host_name.length == 0 ||
        frame.host_name.length > HOST_NAME_BYTES || !is_machine_id(frame.machine_id)) {
        conn_refused(conn, channel, EINVAL, "identify the machine", slice_of(""), "a field is out of bounds");
        return true;
    }
    const char *problem = identify(&frame);
    if (problem)
        conn_refused(conn, channel, errno, "identify the machine", slice_of(""), problem);
    else
        conn_done(conn, channel, 0);
    return true;
}

/* ---- shares ---- */

static bool copy_text(char *text, size_t size, struct slice from)
{
    return snprintf(text, size, "%.*s", (int)from.length, (const char *)from.data) < (int)size;
}

static bool mount_request(struct conn *conn, uint32_t channel, struct slice payload)
{
    struct frame_system_mount frame;
    char tag[32], path[PATH_BYTES];
    if (!decode_system_mount(payload, &frame))
        return false;
    if (!copy_text(tag, sizeof tag, frame.tag) || !copy_text(path, sizeof path, frame.path) || path[0] != '/')
        conn_refused(conn, channel, EINVAL, "mount a share", frame.path, "an absolute path is expected");
    else if (!machine_mount_share(tag, path, frame.flags & MOUNT_FLAG_READ_ONLY))
        conn_refused(conn, channel, errno, "mount a share", frame.path, strerror(errno));
    else
        conn_done(conn, channel, 0);
    return true;
}

static bool unmount_request(struct conn *conn, uint32_t channel, struct slice payload)
{
    struct frame_system_unmount frame;
    char path[PATH_BYTES];
    if (!decode_system_unmount(payload, &frame))
        return false;
    if (!copy_text(path, sizeof path, frame.path) || path[0] != '/')
        conn_refused(conn, channel, EINVAL, "unmount a share", frame.path, "an absolute path is expected");
    else if (umount2(path, UMOUNT_NOFOLLOW) != 0)
        conn_refused(conn, channel, errno, "unmount a share", frame.path, strerror(errno));
    else
        conn_done(conn, channel, 0);
    return true;
}

/* ---- use ---- */

static bool is_process(const char *name)
{
    char path[64], text[512];
    if (!isdigit((unsigned char)name[0]))
        return false;
    (void)snprintf(path, sizeof path, "/proc/%.20s/stat", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return false;
    text[length] = '\0';
    char *at = strrchr(text, ')');
    for (int field = 2; at && field < 9; field++)
        at = strchr(at + 1, ' ');
    return at && !(strtoul(at, NULL, 10) & KERNEL_THREAD);
}

static uint32_t count_processes(void)
{
    uint32_t count = 0;
    DIR *directory = opendir("/proc");
    for (struct dirent *item; directory && (item = readdir(directory));)
        count += is_process(item->d_name);
    if (directory)
        closedir(directory);
    return count;
}

static uint64_t memory_field(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    return found ? strtoull(found + strlen(name), NULL, 10) * 1024 : 0;
}

static uint64_t used_memory(void)
{
    char text[2048];
    int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    uint64_t total = memory_field(text, "MemTotal:"), available = memory_field(text, "MemAvailable:");
    return total > available ? total - available : 0;
}

static void answer_usage(struct conn *conn, uint32_t channel)
{
    struct frame_system_used used = {count_processes(), used_memory()};
    struct conn_space space = conn_space(conn);
    conn_commit(conn, encode_system_used(space.at, space.size, channel, &used));
}

bool system_request(struct conn *conn, uint32_t channel, uint8_t type, struct slice payload)
{
    struct frame_system_shutdown shutdown;
    if (!machine_is_ours()) {
        conn_refused(conn, channel, ENOSYS, "serve a request", slice_of(""), "this shelld is not the init of a virtual machine");
        return true;
    }
    switch (type) {
    case FRAME_SYSTEM_IDENTIFY:
        return identify_request(conn, channel, payload);
    case FRAME_SYSTEM_MOUNT:
        return mount_request(conn, channel, payload);
    case FRAME_SYSTEM_UNMOUNT:
        return unmount_request(conn, channel, payload);
    case FRAME_SYSTEM_SYNC:
        sync();
        conn_done(conn, channel, 0);
        return true;
    case FRAME_SYSTEM_SHUTDOWN:
        if (!decode_system_shutdown(payload, &shutdown))
            return false;
        conn_done(conn, channel, 0);
        shutdown_machine(shutdown.grace_ms);
        return true;
    case FRAME_SYSTEM_USAGE:
        answer_usage(conn, channel);
        return true;
    default:
        return false;
    }
}
