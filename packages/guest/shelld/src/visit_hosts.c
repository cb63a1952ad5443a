#include "visit.h"
#include "visit_guest.h"
#include "visit_target.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "usage: shelld write-hosts --pid PID --start TICKS --lines TEXT\n"
    "\n"
    "Puts lines into the hosts file of a guest that runs, in a part of their own; no lines take that part away. All else\n"
    "in the file stays, and the file stays the same one, since something may be mounted there.\n";

static const char path[] = "/etc/hosts";
static const char begin[] = "# networks of this sandbox\n", end[] = "# end of networks\n";
/* What shelld itself adds in the guest stands last, so our part comes before it. */
static const char links[] = "# links of this sandbox\n";

enum { MAX_BYTES = 262144, LOCK_MS = 200 };

/* Puts the present content, without our part, in two pieces around where that belongs. */
static void take_apart(char *content, size_t length, char **tail, size_t *head_length, size_t *tail_length)
{
    char *first = memmem(content, length, begin, sizeof begin - 1);
    char *last = first == NULL ? NULL : memmem(first, length - (size_t)(first - content), end, sizeof end - 1);
    if (last != NULL) {
        char *after = last + sizeof end - 1;
        memmove(first, after, length - (size_t)(after - content));
        length -= (size_t)(after - first);
    }
    char *at = memmem(content, length, links, sizeof links - 1);
    *head_length = at == NULL ? length : (size_t)(at - content);
    *tail = content + *head_length;
    *tail_length = length - *head_length;
}

static void rewrite(int fd, const char *lines)
{
    static char content[MAX_BYTES], whole[MAX_BYTES * 2 + 256];
    char *tail;
    size_t head_length, tail_length, used = 0;
    ssize_t got = pread(fd, content, sizeof content, 0);
    if (got < 0 || got == (ssize_t)sizeof content || strlen(lines) > MAX_BYTES) {
        errno = got < 0 ? errno : EFBIG;
        visit_fail(1, "read", path);
    }
    take_apart(content, (size_t)got, &tail, &head_length, &tail_length);
    memcpy(whole, content, head_length);
    used = head_length;
    if (used > 0 && whole[used - 1] != '\n')
        whole[used++] = '\n';
    if (*lines != '\0')
        used += (size_t)snprintf(whole + used, sizeof whole - used, "%s%s%s", begin, lines, end);
    memcpy(whole + used, tail, tail_length);
    used += tail_length;
    if (pwrite(fd, whole, used, 0) != (ssize_t)used || ftruncate(fd, (off_t)used) < 0)
        visit_fail(1, "write", path);
}

int visit_hosts_main(int argc, char **argv)
{
    struct visit_name name = {0};
    const char *lines = NULL;
    for (int index = 0; index + 1 < argc; index += 2) {
        if (strcmp(argv[index], "--lines") == 0)
            lines = argv[index + 1];
        else if (!visit_name_option(&name, argv[index], argv[index + 1]))
            lines = NULL;
    }
    if (lines == NULL || argc % 2 != 0) {
        dprintf(STDERR_FILENO, "%s", usage);
        return 2;
    }
    struct visited guest = visit_open(&name);
    visit_become(&guest);
    if (setns(guest.mount_fd, CLONE_NEWNS) < 0)
        visit_fail(1, "enter", "mount namespace");
    /* SAFETY: as root of the guest and below its root: what it has put there in place of its file is its own affair. */
    const char *last;
    close(target_make(path, true));
    int directory = target_parent(path, &last);
    int fd = directory < 0 ? -1 : openat(directory, last, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0 || !S_ISREG(info.st_mode))
        visit_fail(1, "open", path);
    /* The guest's shelld may be at it; one that is paused meanwhile, or a program inside, holds us up for so long only. */
    for (int waited_ms = 0; waited_ms < LOCK_MS && flock(fd, LOCK_EX | LOCK_NB) < 0; waited_ms++)
        usleep(1000);
    rewrite(fd, lines);
    return 0;
}
