#include "hosts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_BASE_BYTES = 16384 };

static const char localhost[] = "127.0.0.1\tlocalhost\n::1\tlocalhost\n";
static const char mark[] = "# links of this sandbox\n";

static int hosts_fd = -1;
static struct hosts_line *lines;
static char text[MAX_BASE_BYTES + sizeof mark + LIMIT_MAX_TUNNEL_LISTENERS * sizeof(((struct hosts_line *)0)->text)];
static size_t base_length;

/* What stands before our part, which others of ours may have changed meanwhile (`shelld write-hosts`); whether we have one. */
static bool read_base(int fd)
{
    ssize_t got = pread(fd, text, sizeof text, 0);
    base_length = got > 0 ? (size_t)got : 0;
    char *own = memmem(text, base_length, mark, sizeof mark - 1);
    if (own)
        base_length = (size_t)(own - text);
    if (base_length > MAX_BASE_BYTES)
        base_length = 0;
    return own != NULL;
}

bool hosts_open(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size > MAX_BASE_BYTES) {
        close(fd);
        errno = EINVAL;
        return false;
    }
    bool old = read_base(fd);
    hosts_fd = fd;
    if (base_length == 0) {
        memcpy(text, localhost, sizeof localhost - 1);
        base_length = sizeof localhost - 1;
    } else if (!old) {
        return true;
    }
    return pwrite(fd, text, base_length, 0) == (ssize_t)base_length && ftruncate(fd, (off_t)base_length) == 0;
}

static bool is_name(struct slice name)
{
    if (name.length == 0 || name.length > LIMIT_MAX_TUNNEL_NAME_BYTES || name.data[0] == '-' || name.data[0] == '.')
        return false;
    for (uint32_t index = 0; index < name.length; index++) {
        uint8_t byte = name.data[index];
        bool is_letter = (byte | 32) >= 'a' && (byte | 32) <= 'z';
        if (!is_letter && !(byte >= '0' && byte <= '9') && byte != '.' && byte != '-' && byte != '_')
            return false;
    }
    return true;
}

bool hosts_compose(struct hosts_line *line, const char *address, struct strings names)
{
    struct slice name;
    if (names.count > LIMIT_MAX_TUNNEL_NAMES)
        return false;
    int used = snprintf(line->text, 64, "%s", address);
    while (next_string(&names, &name)) {
        if (!is_name(name))
            return false;
        line->text[used++] = ' ';
        memcpy(line->text + used, name.data, name.length);
        used += (int)name.length;
    }
    line->text[used++] = '\n';
    line->length = (uint16_t)used;
    return true;
}

/* In place, since a bind mount takes no rename; the base comes first and never moves. */
static bool write_out(void)
{
    (void)flock(hosts_fd, LOCK_EX | LOCK_NB);
    (void)read_base(hosts_fd);
    size_t length = base_length;
    if (lines) {
        memcpy(text + length, mark, sizeof mark - 1);
        length += sizeof mark - 1;
    }
    for (const struct hosts_line *line = lines; line; line = line->next) {
        memcpy(text + length, line->text, line->length);
        length += line->length;
    }
    bool is_written = pwrite(hosts_fd, text, length, 0) == (ssize_t)length && ftruncate(hosts_fd, (off_t)length) == 0;
    (void)flock(hosts_fd, LOCK_UN);
    return is_written;
}

bool hosts_enter(struct hosts_line *line)
{
    if (hosts_fd < 0)
        return false;
    line->next = lines;
    lines = line;
    line->is_entered = true;
    if (write_out())
        return true;
    hosts_remove(line);
    return false;
}

void hosts_remove(struct hosts_line *line)
{
    if (!line->is_entered)
        return;
    line->is_entered = false;
    struct hosts_line **link = &lines;
    while (*link != line)
        link = &(*link)->next;
    *link = line->next;
    write_out();
}
