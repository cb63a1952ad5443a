#include "launch.h"
#include "launch_error.h"
#include "launch_masks.h"
#include "launch_mounts.h"
#include "launch_userns.h"
#include "launch_wait.h"
#include "number.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    LISTEN_FD = 3, /* what `shelld serve --listen-fd 3` accepts on */
    STATUS_FD = 4, /* what `bwrap --json-status-fd 4` reports on */
    MAPPED_IDS = 65536,
    MAX_STAGED = 16,
    MAX_CGROUPS = 16,
    MAX_OVERLAYS = 4,
    DEFAULT_TIMEOUT_MS = 20000,
    MAX_TIMEOUT_MS = 3600000,
};

static const char usage[] =
    "usage: shelld launch --stage DIR --listen PATH --console PATH [option ...] -- LAUNCHER [argument ...]\n"
    "\n"
    "Runs LAUNCHER with a listening socket on descriptor 3, in a user and mount namespace of its own, detached\n"
    "from the caller. Prints {\"pid\":N,\"start\":TICKS,\"workspace\":\"mapped|owner|plain\"} when it is up.\n"
    "\n"
    "  --stage DIR               an existing directory to mount things below, out of sight of the host\n"
    "  --listen PATH             unix socket to listen on (mode 0600; its directory is the guard)\n"
    "  --console PATH            file for what the launcher and shelld print\n"
    "  --cgroup DIR              join this cgroup first (repeatable)\n"
    "  --id-base N               as root: ids inside begin at N on the host; without it the caller is root inside\n"
    "  --bare                    no user or mount namespace: shelld confines itself\n"
    "  --no-subids               rootless: map only the caller's own ids\n"
    "  --workspace SOURCE=NAME   stage a directory so that its owner is root inside\n"
    "  --shield PATH=NAME        stage what the workspace has at PATH, if anything, to be bound read-only over it\n"
    "  --pin PATH=NAME           the same, to be bound over it as it is: a mount point can neither be moved nor replaced;\n"
    "                            what is not a directory becomes read-only\n"
    "  --shifted SOURCE=NAME     stage a directory so that root's files are root's inside\n"
    "  --plain SOURCE=NAME       stage a directory as it is: inside, its owners are nobody\n"
    "  --overlay NAME=LOWER[:LOWER...]@LAYER   stage an overlay of staged names, or of paths below them (repeatable)\n"
    "  --mask DIR                cover a directory with an empty one that anybody may write to (repeatable)\n"
    "  --place NAME=TARGET       bind a staged thing to a path, after the masks\n"
    "  --place-read-only NAME=TARGET\n"
    "  --status-from-launcher    the pid is that of the child that LAUNCHER reports on descriptor 4, as JSON\n"
    "  --timeout-ms N            a launcher that has not come up by then is killed, with its process group (default 20000)\n";

struct staged {
    const char *source;
    const char *name;
};

struct placement {
    const char *name, *target;
    bool is_read_only;
};

struct overlay {
    const char *name, *layer;
    char *lowers;
};

struct options {
    const char *stage, *listen, *console;
    const char *cgroups[MAX_CGROUPS];
    size_t cgroup_count;
    struct staged workspace;
    struct staged shifted[MAX_STAGED], plain[MAX_STAGED], shields[MAX_STAGED], pins[MAX_STAGED];
    size_t shifted_count, plain_count, shield_count, pin_count;
    const char *masks[MAX_STAGED];
    struct placement places[MAX_STAGED * 2];
    size_t mask_count, place_count;
    struct overlay overlays[MAX_OVERLAYS];
    size_t overlay_count;
    uint32_t id_base;
    int timeout_ms;
    bool bare, no_subids, status_from_launcher;
    char **launcher;
};

static _Noreturn void bad_usage(const char *what, const char *value)
{
    dprintf(STDERR_FILENO, "shelld launch: %s: %s\n\n%s", what, value, usage);
    _exit(2);
}

/* Splits SOURCE=NAME at the last `=`: names have none, paths may. No name begins with a dot, so none leads upwards. */
static struct staged split(char *text)
{
    char *equals = strrchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0' || equals[1] == '.' || strchr(equals + 1, '/') != NULL)
        bad_usage("not SOURCE=NAME", text);
    *equals = '\0';
    return (struct staged){text, equals + 1};
}

/* Splits NAME=TARGET at the first `=`. */
static struct placement split_placement(char *text, bool is_read_only)
{
    char *equals = strchr(text, '=');
    if (equals == NULL || equals == text || equals[1] != '/')
        bad_usage("not NAME=TARGET", text);
    *equals = '\0';
    return (struct placement){text, equals + 1, is_read_only};
}

/* Splits NAME=LOWER[:LOWER...]@LAYER. A LOWER is a staged name or a path below one. */
static struct overlay split_overlay(char *text)
{
    char *equals = strchr(text, '='), *at = strrchr(text, '@');
    if (equals == NULL || at == NULL || at < equals)
        bad_usage("not NAME=LOWER@LAYER", text);
    *equals = *at = '\0';
    return (struct overlay){.name = text, .layer = at + 1, .lowers = equals + 1};
}

static uint32_t parse_number(const char *what, const char *text, uint32_t lowest, uint32_t highest)
{
    uint64_t value;
    if (!number_is_whole(text, highest, &value) || value < lowest)
        bad_usage(what, text);
    return (uint32_t)value;
}

static void parse_options(int argc, char **argv, struct options *options)
{
    int index = 0;
    for (; index < argc && strcmp(argv[index], "--") != 0; index++) {
        const char *name = argv[index];
        if (strcmp(name, "--bare") == 0) {
            options->bare = true;
            continue;
        }
        if (strcmp(name, "--no-subids") == 0) {
            options->no_subids = true;
            continue;
        }
        if (strcmp(name, "--status-from-launcher") == 0) {
            options->status_from_launcher = true;
            continue;
        }
        if (index + 1 >= argc)
            bad_usage("needs a value", name);
        char *value = argv[++index];
        if (strcmp(name, "--stage") == 0)
            options->stage = value;
        else if (strcmp(name, "--listen") == 0)
            options->listen = value;
        else if (strcmp(name, "--console") == 0)
            options->console = value;
        else if (strcmp(name, "--cgroup") == 0 && options->cgroup_count < MAX_CGROUPS)
            options->cgroups[options->cgroup_count++] = value;
        else if (strcmp(name, "--id-base") == 0)
            options->id_base = parse_number("not an id base", value, MAPPED_IDS, UINT32_MAX - 2 * MAPPED_IDS);
        else if (strcmp(name, "--timeout-ms") == 0)
            options->timeout_ms = (int)parse_number("not a time in milliseconds", value, 1, MAX_TIMEOUT_MS);
        else if (strcmp(name, "--workspace") == 0)
            options->workspace = split(value);
        else if (strcmp(name, "--shifted") == 0 && options->shifted_count < MAX_STAGED)
            options->shifted[options->shifted_count++] = split(value);
        else if (strcmp(name, "--plain") == 0 && options->plain_count < MAX_STAGED)
            options->plain[options->plain_count++] = split(value);
        else if (strcmp(name, "--shield") == 0 && options->shield_count < MAX_STAGED)
            options->shields[options->shield_count++] = split(value);
        else if (strcmp(name, "--pin") == 0 && options->pin_count < MAX_STAGED)
            options->pins[options->pin_count++] = split(value);
        else if (strcmp(name, "--mask") == 0 && options->mask_count < MAX_STAGED)
            options->masks[options->mask_count++] = value;
        else if (strncmp(name, "--place", 7) == 0 && options->place_count < MAX_STAGED * 2)
            options->places[options->place_count++] = split_placement(value, strcmp(name + 7, "-read-only") == 0);
        else if (strcmp(name, "--overlay") == 0 && options->overlay_count < MAX_OVERLAYS)
            options->overlays[options->overlay_count++] = split_overlay(value);
        else
            bad_usage("unknown option, or too many of it", name);
    }
    if (options->stage == NULL || options->listen == NULL || options->console == NULL || index + 1 >= argc)
        bad_usage("missing", "--stage, --listen, --console or the launcher");
    options->launcher = argv + index + 1;
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        launch_fail("socket path", path);
    }
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t before = umask(0177);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0)
        launch_fail("listen on", path);
    umask(before);
    return fd;
}

/* Puts the descriptors on the numbers that survive exec, by way of high ones so that neither overwrites the other. */
static void place_fds(int listen_fd, int status_fd)
{
    int high_listen = fcntl(listen_fd, F_DUPFD_CLOEXEC, 16), high_status = fcntl(status_fd, F_DUPFD_CLOEXEC, 16);
    if (high_listen < 0 || high_status < 0 || dup2(high_listen, LISTEN_FD) < 0 || dup2(high_status, STATUS_FD) < 0)
        launch_fail("place", "descriptors");
}

static const char *stage_everything(struct options *options, int *userns_fd)
{
    struct userns_map map = userns_shifted(options->id_base, MAPPED_IDS);
    const char *workspace_mode = "plain";
    if (options->id_base > 0)
        *userns_fd = userns_create(&map);
    mounts_begin(options->stage);
    if (options->workspace.source != NULL && options->id_base > 0) {
        struct stat owner;
        if (stat(options->workspace.source, &owner) < 0)
            launch_fail("stat", options->workspace.source);
        struct userns_map owner_map = userns_owner_to_base(owner.st_uid, owner.st_gid, options->id_base);
        int owner_fd = userns_create(&owner_map);
        workspace_mode = "mapped";
        if (!mounts_stage(options->stage, options->workspace.source, options->workspace.name, owner_fd)) {
            workspace_mode = "owner";
            close(*userns_fd);
            map = userns_shifted_with_owner(options->id_base, MAPPED_IDS, owner.st_uid, owner.st_gid);
            *userns_fd = userns_create(&map);
            mounts_stage(options->stage, options->workspace.source, options->workspace.name, -1);
        }
        close(owner_fd);
    } else if (options->workspace.source != NULL) {
        mounts_stage(options->stage, options->workspace.source, options->workspace.name, -1);
    }
    for (size_t index = 0; index < options->shield_count && options->workspace.source != NULL; index++)
        mounts_shield(options->stage, options->workspace.name, options->shields[index].source,
                      options->shields[index].name, false);
    for (size_t index = 0; index < options->pin_count && options->workspace.source != NULL; index++)
        mounts_shield(options->stage, options->workspace.name, options->pins[index].source, options->pins[index].name,
                      true);
    for (size_t index = 0; index < options->overlay_count; index++)
        mounts_directory(options->stage, options->overlays[index].name);
    for (size_t index = 0; index < options->plain_count; index++)
        mounts_stage(options->stage, options->plain[index].source, options->plain[index].name, -1);
    for (size_t index = 0; index < options->shifted_count; index++) {
        struct staged *item = &options->shifted[index];
        if (!mounts_stage(options->stage, item->source, item->name, *userns_fd))
            mounts_stage(options->stage, item->source, item->name, -1);
    }
    for (size_t index = 0; index < options->mask_count; index++)
        masks_cover(options->masks[index]);
    for (size_t index = 0; index < options->place_count; index++)
        masks_place(options->stage, options->places[index].name, options->places[index].target,
                    options->places[index].is_read_only);
    return workspace_mode;
}

/*
 * Joins a control group. By `tasks` where there is one (version 1), and as ourselves: we have one thread, and moving a
 * whole process makes the kernel wait for a grace period, some 13 ms on an idle host.
 */
static void join_cgroup(const char *group)
{
    char path[4096];
    launch_path(path, sizeof path, "%s/tasks", group);
    if (launch_write_file(path, "0"))
        return;
    launch_path(path, sizeof path, "%s/cgroup.procs", group);
    if (!launch_write_file(path, "0"))
        launch_fail("join cgroup", group);
}

/* The launched process: from the caller's rights down to root of its own user namespace, then the launcher. */
static _Noreturn void run_launcher(struct options *options, int listen_fd, int status_fd, int mode_fd)
{
    int userns_fd = -1;
    setsid();
    for (size_t index = 0; index < options->cgroup_count; index++)
        join_cgroup(options->cgroups[index]);
    if (!options->bare && options->id_base == 0)
        userns_enter_rootless(!options->no_subids);
    const char *workspace_mode = options->bare ? "plain" : stage_everything(options, &userns_fd);
    if (userns_fd >= 0)
        userns_enter(userns_fd);
    for (size_t index = 0; !options->bare && index < options->overlay_count; index++) {
        struct overlay *overlay = &options->overlays[index];
        mounts_overlay(options->stage, overlay->name, overlay->lowers, overlay->layer);
    }
    if (write(mode_fd, workspace_mode, strlen(workspace_mode)) < 0)
        launch_fail("write", "status");
    close(mode_fd);
    place_fds(listen_fd, status_fd);
    if (!options->status_from_launcher)
        close(STATUS_FD);
    execv(options->launcher[0], options->launcher);
    int reason = errno;
    if (write(status_fd, "!", 1) < 0)
        _exit(1);
    errno = reason;
    launch_fail("execute", options->launcher[0]);
}

int launch_main(int argc, char **argv)
{
    struct options options = {.timeout_ms = DEFAULT_TIMEOUT_MS};
    parse_options(argc, argv, &options);
    int console_fd = open(options.console, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int status[2], mode[2];
    if (console_fd < 0 || null_fd < 0)
        launch_fail("open", options.console);
    if (pipe2(status, O_CLOEXEC) < 0 || pipe2(mode, O_CLOEXEC) < 0)
        launch_fail("pipe", "of the status");
    /* Last of all: a sandbox that was removed meanwhile has no place for its console, and is not to get a socket. */
    int listen_fd = listen_on(options.listen);
    pid_t child = fork();
    if (child == 0) {
        dup2(null_fd, STDIN_FILENO);
        dup2(console_fd, STDOUT_FILENO);
        dup2(console_fd, STDERR_FILENO);
        run_launcher(&options, listen_fd, status[1], mode[1]);
    }
    close(status[1]);
    close(mode[1]);
    struct launching launching = {child, mode[0], status[0], options.status_from_launcher, options.timeout_ms};
    struct launched launched;
    if (child < 0 || !launch_wait(&launching, &launched)) {
        unlink(options.listen);
        return launch_abandon(child, options.console);
    }
    printf("{\"pid\":%d,\"start\":%llu,\"workspace\":\"%s\"}\n", launched.pid, launched.start, launched.workspace);
    fflush(stdout);
    _exit(0);
}
