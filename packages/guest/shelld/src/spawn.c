#include "spawn.h"

#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void spawn_search(const struct command *command)
{
    const char *name = command->argv[0];
    size_t name_length = strlen(name);
    int refusal = ENOENT;
    char path[PATH_MAX];
    if (strchr(name, '/') || name_length == 0) {
        execve(name, command->argv, command->envp);
        return;
    }
    for (const char *directory = command->search_path; directory;) {
        const char *end = strchrnul(directory, ':');
        size_t length = (size_t)(end - directory);
        if (length + 1 + name_length < sizeof path) {
            memcpy(path, directory, length);
            path[length] = '/';
            memcpy(path + length + (length > 0), name, name_length + 1);
            execve(path, command->argv, command->envp);
            if (errno == EACCES)
                refusal = EACCES;
            else if (errno != ENOENT && errno != ENOTDIR)
                return;
        }
        directory = *end ? end + 1 : NULL;
    }
    errno = refusal;
}

/*
 * Puts the descriptors into place. They may stand anywhere, also on each other's places: those below 3 are first
 * moved out of the way. dup2 leaves the copies without close-on-exec.
 */
static bool place_descriptors(const int descriptors[3])
{
    int moved[3];
    for (int index = 0; index < 3; index++) {
        /* None means /dev/null, which is our own stdin. */
        moved[index] = descriptors[index] < 0 ? STDIN_FILENO : descriptors[index];
        if (moved[index] < 3 && (moved[index] = fcntl(moved[index], F_DUPFD_CLOEXEC, 3)) < 0)
            return false;
    }
    for (int index = 0; index < 3; index++)
        if (dup2(moved[index], index) < 0)
            return false;
    return true;
}

/* SAFETY: runs in the memory of the caller (vfork): it writes nothing but its own stack, errno and *failure. */
static void become_command(const struct command *command, const int descriptors[3], struct spawn_failure *failure)
{
    sigset_t none;
    sigemptyset(&none);
    failure->step = SPAWN_SETUP;
    if (setsid() >= 0 && place_descriptors(descriptors) && (!command->terminal || ioctl(0, TIOCSCTTY, 0) == 0)) {
        umask(022);
        setrlimit(RLIMIT_NOFILE, &command->open_files);
        failure->step = SPAWN_DIRECTORY;
        if (!command->directory || chdir(command->directory) == 0) {
            failure->step = SPAWN_USER;
            if (!command->changes_user || user_become(command->uid, command->gid, command->groups, command->group_count)) {
                failure->step = SPAWN_EXECUTE;
                sigprocmask(SIG_SETMASK, &none, NULL);
                spawn_search(command);
            }
        }
    }
    failure->error = errno;
    _exit(127);
}

pid_t spawn_command(const struct command *command, const int descriptors[3], struct spawn_failure *failure)
{
    /* Written by the child in our memory. */
    volatile struct spawn_failure outcome = {SPAWN_FORK, 0};
    pid_t pid = vfork();
    if (pid == 0)
        become_command(command, descriptors, (struct spawn_failure *)(void *)(uintptr_t)&outcome);
    if (pid < 0)
        outcome.error = errno;
    if (outcome.error == 0)
        return pid;
    if (pid > 0)
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    failure->step = outcome.step;
    failure->error = outcome.error;
    return -1;
}
