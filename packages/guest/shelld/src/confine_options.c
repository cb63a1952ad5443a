#include "confine_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capabilities.h"
#include "confine.h"

const char confine_usage[] =
    "  --landlock-read PATH        let PATH be read and executed; with any --landlock-*, nothing else is\n"
    "  --landlock-write PATH       let PATH be changed as well\n"
    "  --seccomp                   refuse the system calls that packages/guest/seccomp/profile.json leaves out\n"
    "  --deny-network              as --seccomp, and only AF_UNIX sockets; not in a network namespace that --namespaces made\n"
    "  --namespaces                make namespaces of our own, without a launcher\n"
    "  --keep-network              with --namespaces: stay in the host's network, which was granted\n"
    "  --mask PATH                 with --namespaces: cover PATH besides /run, so that sockets in it are out of reach\n"
    "  --uid-map MAP               with --namespaces: one (default), identity, or INSIDE:OUTSIDE:COUNT\n"
    "  --keep-capability NAME      give up all capabilities but those named (CAP_…, or none)\n"
    "  --expect-namespace KIND:N   KIND (mnt, pid, net, user, ipc, uts, cgroup) has inode N on the host\n"
    "  --expect-own KIND           KIND, and with mnt the root, are not the engine host's; judged from inside\n"
    "  --host-root DEVICE:INODE    the host's root directory, which is not to be ours\n"
    "  --outer-root ID             host id of root in the user namespace in which shelld's was made\n"
    "  --allow-new-privs           let set-uid programs gain: for the launch helper on the host, which runs newuidmap\n"
    "  --require LAYER             do not serve unless LAYER is active\n";

static bool add_value(struct values *values, const char *value)
{
    if (value[0] == '\0' || values->count == CONFINE_MAX_PATHS)
        return false;
    values->items[values->count++] = value;
    return true;
}

static bool landlock_read(struct confine_options *options, const char *value)
{
    return add_value(&options->landlock_read, value);
}

static bool landlock_write(struct confine_options *options, const char *value)
{
    return add_value(&options->landlock_write, value);
}

static bool mask(struct confine_options *options, const char *value)
{
    return value[0] == '/' && add_value(&options->masks, value);
}

static bool require(struct confine_options *options, const char *value)
{
    return add_value(&options->required, value);
}

static bool uid_map(struct confine_options *options, const char *value)
{
    return userns_parse(value, &options->user);
}

static bool keep_capability(struct confine_options *options, const char *value)
{
    uint64_t bit = 0;
    if (strcmp(value, "none") != 0 && !capability_bit(value, &bit))
        return false;
    options->has_kept_capabilities = true;
    options->kept_capabilities |= bit;
    return true;
}

static bool expect_namespace(struct confine_options *options, const char *value)
{
    enum namespace_kind kind;
    char *end;
    const char *colon = strchr(value, ':');
    if (colon == NULL || !namespace_kind_of(value, (size_t)(colon - value), &kind) || colon[1] < '1' || colon[1] > '9')
        return false;
    options->expected[kind] = strtoull(colon + 1, &end, 10);
    return *end == '\0';
}

static bool expect_own(struct confine_options *options, const char *value)
{
    enum namespace_kind kind;
    return namespace_kind_of(value, strlen(value), &kind) && (options->own[kind] = true);
}

static bool allow_new_privs(struct confine_options *options, const char *value)
{
    (void)value;
    return options->allows_new_privs = true;
}

static bool keep_network(struct confine_options *options, const char *value)
{
    (void)value;
    return options->keeps_network = true;
}

static bool host_root(struct confine_options *options, const char *value)
{
    char *colon, *end;
    options->host_root_device = strtoull(value, &colon, 10);
    if (value[0] < '0' || value[0] > '9' || *colon != ':' || colon[1] < '1' || colon[1] > '9')
        return false;
    options->host_root_inode = strtoull(colon + 1, &end, 10);
    return *end == '\0';
}

static bool outer_root(struct confine_options *options, const char *value)
{
    char *end;
    options->outer_root = strtoull(value, &end, 10);
    return value[0] >= '0' && value[0] <= '9' && *end == '\0' && options->outer_root <= UINT32_MAX;
}

static bool seccomp(struct confine_options *options, const char *value)
{
    (void)value;
    return options->has_seccomp = true;
}

static bool deny_network(struct confine_options *options, const char *value)
{
    (void)value;
    return options->has_seccomp = options->denies_network = true;
}

static bool namespaces(struct confine_options *options, const char *value)
{
    (void)value;
    return options->has_namespaces = true;
}

static const struct {
    const char *name;
    bool (*take)(struct confine_options *options, const char *value);
    bool has_value;
} table[] = {
    {"--landlock-read", landlock_read, true},
    {"--landlock-write", landlock_write, true},
    {"--seccomp", seccomp, false},
    {"--deny-network", deny_network, false},
    {"--namespaces", namespaces, false},
    {"--mask", mask, true},
    {"--uid-map", uid_map, true},
    {"--keep-capability", keep_capability, true},
    {"--expect-namespace", expect_namespace, true},
    {"--expect-own", expect_own, true},
    {"--keep-network", keep_network, false},
    {"--allow-new-privs", allow_new_privs, false},
    {"--host-root", host_root, true},
    {"--outer-root", outer_root, true},
    {"--require", require, true},
};

int confine_parse(struct confine_options *options, int argc, char **argv, int index)
{
    for (size_t row = 0; row < sizeof table / sizeof *table; row++) {
        if (strcmp(argv[index], table[row].name) != 0)
            continue;
        bool is_missing = table[row].has_value && index + 1 >= argc;
        const char *value = table[row].has_value && !is_missing ? argv[index + 1] : "";
        if (!is_missing && table[row].take(options, value))
            return table[row].has_value ? 2 : 1;
        fprintf(stderr, "shelld: %s: bad value: %s (see --help)\n", table[row].name, is_missing ? "none" : value);
        return -1;
    }
    return 0;
}
