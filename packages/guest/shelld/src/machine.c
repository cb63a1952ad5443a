#include "machine.h"

#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COMMAND_LINE_BYTES = 4096, DISK_WAIT_US = 1000, DISK_WAITS = 5000 };

/* Where the image, its writable layer and the whole root are put together, in the initramfs. */
static const char image[] = "/image", layer[] = "/layer", root[] = "/machine";

static bool is_ours;

bool machine_is_ours(void)
{
    return is_ours;
}

static bool complain(const char *what, const char *subject)
{
    fprintf(stderr, "shelld: cannot %s %s: %s.\n", what, subject, strerror(errno));
    return false;
}

static bool make_directories(const char *path)
{
    char part[1024];
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) {
        errno = ENAMETOOLONG;
        return false;
    }
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return mkdir(part, 0755) == 0 || errno == EEXIST;
}

static bool mount_at(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
    if (!make_directories(target) || mount(source, target, type, flags, data) != 0)
        return complain("mount", target);
    return true;
}

bool machine_mount_share(const char *tag, const char *path, bool is_read_only)
{
    /* What only we change may be cached for good; what the host changes too must be asked for again each time. */
    const char *options = is_read_only ? "trans=virtio,version=9p2000.L,msize=512000,cache=loose"
                                       : "trans=virtio,version=9p2000.L,msize=512000,cache=mmap";
    return make_directories(path) &&
           mount(tag, path, "9p", MS_NODEV | (is_read_only ? MS_RDONLY : 0), options) == 0;
}

/* The disks are there as soon as their drivers are; a slow host may take a moment longer. */
static bool wait_for(const char *device)
{
    for (int waited = 0; waited < DISK_WAITS && access(device, F_OK) != 0; waited++)
        usleep(DISK_WAIT_US);
    return access(device, F_OK) == 0 || complain("find", device);
}

static bool mount_root(void)
{
    if (!wait_for("/dev/vda") || !wait_for("/dev/vdb"))
        return false;
    if (!mount_at("/dev/vda", image, "squashfs", MS_RDONLY | MS_NODEV, NULL) ||
        !mount_at("/dev/vdb", layer, "ext4", MS_NODEV | MS_NOATIME, NULL))
        return false;
    if ((mkdir("/layer/upper", 0755) != 0 && errno != EEXIST) || (mkdir("/layer/work", 0755) != 0 && errno != EEXIST))
        return complain("make", "/layer/upper");
    return mount_at("sovereign", root, "overlay", MS_NODEV,
                    "lowerdir=/image,upperdir=/layer/upper,workdir=/layer/work");
}

static bool mount_kernel_file_systems(void)
{
    return mount_at("proc", "/machine/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) &&
           mount_at("sysfs", "/machine/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) &&
           mount_at("cgroup2", "/machine/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) &&
           mount_at("devtmpfs", "/machine/dev", "devtmpfs", MS_NOSUID, "mode=0755") &&
           mount_at("devpts", "/machine/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666") &&
           mount_at("tmpfs", "/machine/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") &&
           mount_at("tmpfs", "/machine/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") &&
           mount_at("/sovereign", "/machine/run/sovereign", NULL, MS_BIND, NULL) &&
           mount_at(NULL, "/machine/run/sovereign", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
}

/* One TAG:PATH of the command line. */
static bool mount_share(char *share)
{
    char path[512];
    char *colon = strchr(share, ':');
    if (!colon || colon[1] != '/')
        return true;
    *colon = '\0';
    (void)snprintf(path, sizeof path, "%s%s", root, colon + 1);
    return machine_mount_share(share, path, true) || complain("mount", path);
}

static bool mount_shares(const char *command_line)
{
    char words[COMMAND_LINE_BYTES];
    (void)snprintf(words, sizeof words, "%s", command_line);
    char *save = NULL;
    for (char *word = strtok_r(words, " \n", &save); word; word = strtok_r(NULL, " \n", &save))
        if (strncmp(word, "sovereign.share=", 16) == 0 && !mount_share(word + 16))
            return false;
    return true;
}

static bool change_root(void)
{
    if (chdir(root) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
        return complain("change to", root);
    return true;
}

static void raise_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        complain("raise", "lo");
    if (fd >= 0)
        close(fd);
}

static void link_devices(void)
{
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"},
                                           {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"},
                                           {"/dev/pts/ptmx", "/dev/ptmx"}};
    (void)unlink("/dev/ptmx");
    for (size_t index = 0; index < sizeof links / sizeof links[0]; index++)
        if (symlink(links[index][0], links[index][1]) != 0 && errno != EEXIST)
            complain("link", links[index][1]);
}

static bool read_command_line(char *text, size_t size)
{
    int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    if (length < 0)
        return complain("read", "/proc/cmdline");
    text[length] = '\0';
    return true;
}

static bool bring_up(char *command_line, size_t size)
{
    umask(0);
    if (!mount_at("proc", "/proc", "proc", 0, NULL) || !mount_at("devtmpfs", "/dev", "devtmpfs", 0, NULL) ||
        !read_command_line(command_line, size) || !mount_root() || !mount_shares(command_line) ||
        !mount_kernel_file_systems() || !change_root())
        return false;
    link_devices();
    raise_loopback();
    umask(022);
    return true;
}

/* Everything that still runs is killed, so that what it held is on the disk; restarting is how the machine ends. */
static void end_machine(void)
{
    kill(-1, SIGKILL);
    sync();
    reboot(RB_AUTOBOOT);
}

int machine_main(void)
{
    static char command_line[COMMAND_LINE_BYTES], door[16] = "1";
    is_ours = true;
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    if (bring_up(command_line, sizeof command_line)) {
        const char *found = strstr(command_line, "sovereign.ports="), *vsock = strstr(command_line, "sovereign.vsock=");
        if (found || vsock)
            (void)snprintf(door, sizeof door, "%d", atoi((vsock ? vsock : found) + 16));
        char *options[] = {vsock ? "--listen-vsock" : "--ports", door, "--root", "/", "--allow-new-privs",
                           "--accept-timeout-ms", "60000", "--hosts", "/etc/hosts"};
        size_t count = sizeof options / sizeof options[0];
        serve_main((int)(access("/etc/hosts", W_OK) == 0 ? count : count - 2), options);
    }
    end_machine();
    return 1;
}
