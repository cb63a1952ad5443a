#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/landlock.h, which musl does not ship and older kernels ship in part. Numbers are the same everywhere. */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };
enum { RULESET_VERSION = 1, RULE_PATH_BENEATH = 1 };
enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIRECTORY = 1 << 3,
    FS_MAKE_CHARACTER_DEVICE = 1 << 6,
    FS_MAKE_BLOCK_DEVICE = 1 << 11,
    FS_TRUNCATE = 1 << 14,
    FS_IOCTL_DEVICE = 1 << 15,
};
enum { NET_BIND_TCP = 1, NET_CONNECT_TCP = 2, SCOPE_ABSTRACT_SOCKET = 1, SCOPE_SIGNAL = 2 };

struct ruleset_attributes {
    uint64_t handled_fs;
    uint64_t handled_net;
    uint64_t scoped;
};

struct __attribute__((packed)) path_beneath {
    uint64_t allowed;
    int32_t parent;
};

/* What one ABI can be asked for. Each row names all file rights up to the highest that the ABI knows. */
static struct ruleset_attributes attributes_of(int abi, bool deny_tcp, size_t *size)
{
    static const uint64_t fs_rights[] = {0, (1 << 13) - 1, (1 << 14) - 1, (1 << 15) - 1, (1 << 15) - 1, (1 << 16) - 1};
    static const size_t sizes[] = {0, 8, 8, 8, 16, 16, 24};
    const size_t known_fs = sizeof fs_rights / sizeof *fs_rights - 1, known_size = sizeof sizes / sizeof *sizes - 1;
    const size_t version = (size_t)abi;
    *size = sizes[version < known_size ? version : known_size];
    return (struct ruleset_attributes){
        .handled_fs = fs_rights[version < known_fs ? version : known_fs],
        .handled_net = abi >= 4 && deny_tcp ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
        .scoped = abi >= 6 ? SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL : 0,
    };
}

/* 1 when granted, 0 when there is no such path, -1 with errno. */
static int grant(int ruleset, const char *path, uint64_t rights)
{
    struct stat status;
    struct path_beneath rule = {rights, open(path, O_PATH | O_CLOEXEC)};
    if (rule.parent < 0)
        return errno == ENOENT ? 0 : -1;
    /* The kernel refuses rights of a directory on anything else. */
    if (fstat(rule.parent, &status) == 0 && !S_ISDIR(status.st_mode))
        rule.allowed &= FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEVICE;
    int result = (int)syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0);
    int reason = errno;
    close(rule.parent);
    errno = reason;
    return result == 0 ? 1 : -1;
}

/* Grants all paths of a list. Returns how many exist, or -1 with *failed naming the path. */
static int grant_all(int ruleset, const char *const *paths, size_t count, uint64_t rights, const char **failed)
{
    int granted = 0;
    for (size_t index = 0; index < count; index++) {
        int result = grant(ruleset, paths[index], rights);
        if (result < 0) {
            *failed = paths[index];
            return -1;
        }
        granted += result;
    }
    return granted;
}

/* SAFETY: a rule that cannot be added leaves less allowed, never more, but the layer is then not what was asked for and
 * is reported failed without restricting. Held by test_confine.py (`landlock_unusable_path`). */
static void restrict_to(struct layer *layer, int abi, int ruleset, uint64_t handled, const struct landlock_rules *rules)
{
    const char *failed = "";
    const uint64_t readable = FS_EXECUTE | FS_READ_FILE | FS_READ_DIRECTORY;
    /* SAFETY: no device nodes, so that a root without a user namespace cannot make a disk appear in a workspace.
     * Held by test_confine.py (`landlock_device_node`). */
    const uint64_t writable = handled & ~(uint64_t)(FS_MAKE_CHARACTER_DEVICE | FS_MAKE_BLOCK_DEVICE);
    int read = grant_all(ruleset, rules->read, rules->read_count, readable, &failed);
    int written = read < 0 ? -1 : grant_all(ruleset, rules->write, rules->write_count, writable, &failed);
    if (written < 0) {
        layer_set(layer, LAYER_FAILED, "%.100s: %s", failed, strerror(errno));
        return;
    }
    if (syscall(RESTRICT_SELF, ruleset, 0) != 0) {
        layer_set(layer, LAYER_FAILED, "landlock_restrict_self: %s", strerror(errno));
        return;
    }
    int absent = (int)(rules->read_count + rules->write_count) - read - written;
    layer_set(layer, LAYER_ACTIVE, "ABI %d, %d paths read, %d write, %d absent%s%s", abi, read, written, absent,
              abi >= 6 ? ", scoped" : "", abi >= 4 && rules->deny_tcp ? ", no TCP" : "");
}

void landlock_apply(struct layer *layer, const struct landlock_rules *rules)
{
    int abi = (int)syscall(CREATE_RULESET, NULL, 0, RULESET_VERSION);
    if (abi < 1) {
        layer_set(layer, LAYER_UNSUPPORTED, "landlock: %s", strerror(errno));
        return;
    }
    size_t size;
    struct ruleset_attributes attributes = attributes_of(abi, rules->deny_tcp, &size);
    int ruleset = (int)syscall(CREATE_RULESET, &attributes, size, 0);
    if (ruleset < 0) {
        layer_set(layer, LAYER_FAILED, "landlock_create_ruleset: %s", strerror(errno));
        return;
    }
    restrict_to(layer, abi, ruleset, attributes.handled_fs, rules);
    close(ruleset);
}
