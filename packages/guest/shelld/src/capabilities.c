#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "capabilities.h"

#include <inttypes.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/capability.h, which musl does not ship. */
enum { VERSION_3 = 0x20080522 };

struct header {
    uint32_t version;
    int32_t pid;
};

struct half {
    uint32_t effective;
    uint32_t permitted;
    uint32_t inheritable;
};

static const char *const names[] = {
    "CHOWN",           "DAC_OVERRIDE",  "DAC_READ_SEARCH", "FOWNER",       "FSETID",         "KILL",
    "SETGID",          "SETUID",        "SETPCAP",         "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST",
    "NET_ADMIN",       "NET_RAW",       "IPC_LOCK",        "IPC_OWNER",    "SYS_MODULE",     "SYS_RAWIO",
    "SYS_CHROOT",      "SYS_PTRACE",    "SYS_PACCT",       "SYS_ADMIN",    "SYS_BOOT",       "SYS_NICE",
    "SYS_RESOURCE",    "SYS_TIME",      "SYS_TTY_CONFIG",  "MKNOD",        "LEASE",          "AUDIT_WRITE",
    "AUDIT_CONTROL",   "SETFCAP",       "MAC_OVERRIDE",    "MAC_ADMIN",    "SYSLOG",         "WAKE_ALARM",
    "BLOCK_SUSPEND",   "AUDIT_READ",    "PERFMON",         "BPF",          "CHECKPOINT_RESTORE",
};

enum { NAME_COUNT = sizeof names / sizeof *names, BIT_COUNT = 64 };

bool capability_bit(const char *name, uint64_t *bit)
{
    if (strncmp(name, "CAP_", 4) != 0)
        return false;
    for (size_t index = 0; index < NAME_COUNT; index++)
        if (strcmp(name + 4, names[index]) == 0) {
            *bit = UINT64_C(1) << index;
            return true;
        }
    return false;
}

static bool read_sets(struct capability_sets *sets, struct half halves[2])
{
    struct header header = {VERSION_3, 0};
    memset(sets, 0, sizeof *sets);
    if (syscall(SYS_capget, &header, halves) != 0)
        return false;
    sets->effective = halves[0].effective | (uint64_t)halves[1].effective << 32;
    sets->permitted = halves[0].permitted | (uint64_t)halves[1].permitted << 32;
    /* A number the kernel does not know ends the set. */
    for (unsigned index = 0; index < BIT_COUNT; index++) {
        int is_held = prctl(PR_CAPBSET_READ, index, 0, 0, 0);
        if (is_held < 0)
            break;
        sets->bounding |= (uint64_t)is_held << index;
    }
    return true;
}

/* SAFETY: the bounding set goes first, while CAP_SETPCAP is still held; it is what a later exec as uid 0 would refill
 * the other sets from. Held by test_confine.py (`capabilities_after_exec`). */
void capabilities_drop(uint64_t keep)
{
    struct capability_sets sets;
    struct half halves[2];
    struct header header = {VERSION_3, 0};
    if (!read_sets(&sets, halves))
        return;
    for (unsigned index = 0; index < BIT_COUNT; index++)
        if (sets.bounding & ~keep & UINT64_C(1) << index)
            (void)prctl(PR_CAPBSET_DROP, index, 0, 0, 0);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned word = 0; word < 2; word++) {
        uint32_t kept = (uint32_t)(keep >> 32 * word);
        halves[word].effective &= kept;
        halves[word].permitted &= kept;
        halves[word].inheritable &= kept;
    }
    (void)syscall(SYS_capset, &header, halves);
}

bool capabilities_clear(void)
{
    struct header header = {VERSION_3, 0};
    const struct half nothing[2] = {{0, 0, 0}, {0, 0, 0}};
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, nothing) == 0;
}

/* Appends the names of a set, cut where the detail ends. */
static void append_names(struct layer *layer, uint64_t set)
{
    size_t used = strlen(layer->detail);
    for (size_t index = 0; index < NAME_COUNT && used < sizeof layer->detail; index++)
        if (set & UINT64_C(1) << index)
            used += (size_t)snprintf(layer->detail + used, sizeof layer->detail - used, " %s", names[index]);
}

void capabilities_verify(struct layer *layer, uint64_t keep, bool is_requested)
{
    struct capability_sets sets;
    struct half halves[2];
    if (!read_sets(&sets, halves)) {
        layer_set(layer, LAYER_FAILED, "capget failed");
        return;
    }
    uint64_t beyond = (sets.effective | sets.permitted | sets.bounding) & ~keep;
    uint8_t state = beyond == 0 ? LAYER_ACTIVE : is_requested ? LAYER_FAILED : LAYER_NOT_REQUESTED;
    layer_set(layer, state, "effective %" PRIx64 ", bounding %" PRIx64 ":", sets.effective, sets.bounding);
    append_names(layer, sets.effective);
}
