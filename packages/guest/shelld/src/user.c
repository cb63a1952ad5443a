#include "user.h"

#include "capabilities.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The largest id, as Docker has it: what is above means something else to some system calls. */
enum { MAX_ID = INT32_MAX, PASSWD_FIELDS = 7, GROUP_FIELDS = 4, LEAST_FIELDS = 4 };

static const char bad_form[] = "a user is NAME or UID, and after a colon a group: 1000, app, app:staff, 1000:1000";
static const char no_user[] = "there is no such user in /etc/passwd of the sandbox";
static const char no_group[] = "there is no such group in /etc/group of the sandbox";
static const char many_groups[] = "the user is in too many groups of /etc/group of the sandbox";
static const char long_home[] = "the home of the user in /etc/passwd of the sandbox is too long";
static const char no_file[] = "/etc/passwd or /etc/group of the sandbox is no file that can be read, or larger than 1 MiB";
static const char no_id[] = "this sandbox has no such id, or commands cannot change to it here";

static const char *problem(int error, const char *message)
{
    errno = error;
    return message;
}

/* ---- the files ---- */

/* Takes what is before the separator, and the separator. False at the end. */
static bool take_part(struct slice *rest, char separator, struct slice *part)
{
    if (!rest->data)
        return false;
    const uint8_t *end = rest->length ? memchr(rest->data, separator, rest->length) : NULL;
    *part = (struct slice){rest->data, end ? (uint32_t)(end - rest->data) : rest->length};
    *rest = end ? (struct slice){end + 1, rest->length - part->length - 1} : (struct slice){NULL, 0};
    return true;
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct slice trimmed(struct slice line)
{
    while (line.length > 0 && is_space(line.data[line.length - 1]))
        line.length--;
    for (; line.length > 0 && is_space(line.data[0]); line.length--)
        line.data++;
    return line;
}

/* The next line of at least four fields, without NUL; what it lacks behind them is empty. */
static bool next_line(struct slice *rest, struct slice *fields, size_t count)
{
    struct slice line;
    while (take_part(rest, '\n', &line)) {
        line = trimmed(line);
        if (line.length == 0 || memchr(line.data, 0, line.length))
            continue;
        size_t found = 0;
        while (found < count && take_part(&line, ':', &fields[found]))
            found++;
        for (size_t index = found; index < count; index++)
            fields[index] = (struct slice){NULL, 0};
        if (found >= LEAST_FIELDS)
            return true;
    }
    return false;
}

static bool is_same(struct slice one, struct slice other)
{
    return one.length == other.length && (one.length == 0 || memcmp(one.data, other.data, one.length) == 0);
}

/* SAFETY: what is no number is not 0, which is root; held by test_user.c. */
static bool read_id(struct slice text, uint32_t *id)
{
    uint64_t value = 0;
    if (text.length == 0 || text.length > 10)
        return false;
    for (uint32_t index = 0; index < text.length; index++) {
        if (text.data[index] < '0' || text.data[index] > '9')
            return false;
        value = value * 10 + text.data[index] - '0';
    }
    *id = (uint32_t)value;
    return value <= MAX_ID;
}

static bool is_member(struct slice members, struct slice name)
{
    for (struct slice member; take_part(&members, ',', &member);)
        if (is_same(member, name))
            return true;
    return false;
}

/* ---- resolving ---- */

static bool add_group(struct user *user, gid_t gid)
{
    for (uint32_t index = 0; index < user->group_count; index++)
        if (user->groups[index] == gid)
            return true;
    if (user->group_count == USER_MAX_GROUPS)
        return false;
    user->groups[user->group_count++] = gid;
    return true;
}

/* Whom the first half names; the name of its line, for the groups, when it has one. */
static const char *resolve_user(struct slice wanted, struct slice passwd, struct user *user, struct slice *name)
{
    struct slice fields[PASSWD_FIELDS];
    uint32_t number = 0, uid, gid;
    bool is_number = wanted.length == 0 || read_id(wanted, &number);
    *name = (struct slice){NULL, 0};
    user->uid = number;
    user->gid = 0;
    strcpy(user->home, "/");
    while (next_line(&passwd, fields, PASSWD_FIELDS)) {
        if (!read_id(fields[2], &uid) || !read_id(fields[3], &gid) || fields[0].length == 0)
            continue;
        if (!(is_number && uid == number) && !is_same(fields[0], wanted))
            continue;
        if (fields[5].length >= USER_HOME_BYTES)
            return problem(ENAMETOOLONG, long_home);
        *name = fields[0];
        user->uid = uid;
        user->gid = gid;
        if (fields[5].length > 0) {
            memcpy(user->home, fields[5].data, fields[5].length);
            user->home[fields[5].length] = '\0';
        }
        return NULL;
    }
    return is_number ? NULL : problem(EINVAL, no_user);
}

static const char *resolve_group(struct slice wanted, struct slice group, struct user *user)
{
    struct slice fields[GROUP_FIELDS];
    uint32_t number = 0, gid;
    bool is_number = read_id(wanted, &number);
    user->gid = number;
    while (next_line(&group, fields, GROUP_FIELDS)) {
        if (!read_id(fields[2], &gid) || (!(is_number && gid == number) && !is_same(fields[0], wanted)))
            continue;
        user->gid = gid;
        return NULL;
    }
    return is_number ? NULL : problem(EINVAL, no_group);
}

static const char *add_groups_of(struct slice name, struct slice group, struct user *user)
{
    struct slice fields[GROUP_FIELDS];
    uint32_t gid;
    while (name.length > 0 && next_line(&group, fields, GROUP_FIELDS))
        if (read_id(fields[2], &gid) && is_member(fields[3], name) && !add_group(user, gid))
            return problem(E2BIG, many_groups);
    return NULL;
}

static bool is_well_formed(struct slice name)
{
    uint32_t colons = 0;
    for (uint32_t index = 0; index < name.length; index++) {
        if (name.data[index] < ' ' || name.data[index] == 0x7f)
            return false;
        colons += name.data[index] == ':';
    }
    return name.length > 0 && name.length <= USER_NAME_BYTES && colons <= 1 && name.data[name.length - 1] != ':';
}

const char *user_resolve(struct slice name, struct slice passwd, struct slice group, struct user *user)
{
    struct slice wanted_user, wanted_group, found;
    const char *wrong;
    if (!is_well_formed(name))
        return problem(EINVAL, bad_form);
    take_part(&name, ':', &wanted_user);
    bool names_group = take_part(&name, ':', &wanted_group);
    user->group_count = 0;
    wrong = resolve_user(wanted_user, passwd, user, &found);
    if (!wrong && names_group)
        wrong = resolve_group(wanted_group, group, user);
    if (wrong)
        return wrong;
    add_group(user, user->gid);
    /* Who names a group wants that one, as in Docker. */
    return names_group ? NULL : add_groups_of(found, group, user);
}

/* ---- this guest ---- */

/* A file that is not there is an empty one. The caller unmaps. What is cut off while we read is zeros, and no line has those. */
static bool read_file(const char *path, struct slice *content)
{
    struct stat info;
    *content = (struct slice){(const uint8_t *)"", 0};
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR;
    bool is_read = fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= USER_FILE_BYTES;
    if (is_read && info.st_size > 0) {
        size_t size = (size_t)info.st_size, used = 0;
        uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        is_read = memory != MAP_FAILED;
        for (ssize_t count = 1; is_read && count > 0 && used < size; used += count > 0 ? (size_t)count : 0)
            count = read(fd, memory + used, size - used);
        if (is_read)
            *content = (struct slice){memory, (uint32_t)size};
    }
    close(fd);
    return is_read;
}

static void release(struct slice content)
{
    if (content.length > 0)
        munmap((void *)(uintptr_t)content.data, content.length);
}

/* Setting what is set needs the same right as setting anything. */
static bool may_set_groups(void)
{
    gid_t own[USER_MAX_GROUPS];
    int count = getgroups(USER_MAX_GROUPS, own);
    return count >= 0 && syscall(SYS_setgroups, count, own) == 0;
}

/* By trying with the ids of file access, which change nothing else and are put back: an id that the user namespace does
 * not map, or that we have no right to, is not taken. */
static bool may_become(const struct user *user)
{
    uid_t own_uid = (uid_t)setfsuid((uid_t)-1);
    gid_t own_gid = (gid_t)setfsgid((gid_t)-1);
    bool may = may_set_groups();
    for (uint32_t index = 0; may && index < user->group_count; index++) {
        setfsgid(user->groups[index]);
        may = (gid_t)setfsgid((gid_t)-1) == user->groups[index];
    }
    setfsgid(own_gid);
    setfsuid(user->uid);
    may = may && (uid_t)setfsuid((uid_t)-1) == user->uid;
    setfsuid(own_uid);
    return may;
}

const char *user_find(struct slice name, struct user *user)
{
    struct slice passwd, group = {NULL, 0};
    bool is_read = read_file("/etc/passwd", &passwd);
    is_read = read_file("/etc/group", &group) && is_read;
    const char *wrong = is_read ? user_resolve(name, passwd, group, user) : problem(EINVAL, no_file);
    int error = errno;
    release(passwd);
    release(group);
    errno = error;
    if (!wrong && !may_become(user))
        return problem(EINVAL, no_id);
    return wrong;
}

/* A terminal or a pipe that shelld made, so that the command may open /dev/stdout, too. /dev/null is everybody's. */
static void own_descriptors(uid_t uid)
{
    struct stat info;
    for (int fd = 0; fd < 3; fd++)
        if (fstat(fd, &info) == 0 && (S_ISFIFO(info.st_mode) || (S_ISCHR(info.st_mode) && isatty(fd))) &&
            fchown(fd, uid, (gid_t)-1) != 0)
            return;
}

/*
 * SAFETY: groups, then gid, then uid, each by system call, for the C library would look for threads in memory that is
 * not ours; nothing is executed unless all succeeded, and no capability is left to anybody but root, not even to inherit.
 * Held by cases_user.py (`user_has_nothing_of_root`).
 */
bool user_become(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count)
{
    own_descriptors(uid);
    if (syscall(SYS_setgroups, group_count, groups) != 0 || syscall(SYS_setresgid, gid, gid, gid) != 0 ||
        syscall(SYS_setresuid, uid, uid, uid) != 0)
        return false;
    return uid == 0 || capabilities_clear();
}
