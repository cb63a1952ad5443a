/*
 * A keeper: a small process between shelld and one command. As sub-reaper it inherits whatever the command leaves
 * behind, so everything the command ever started stays below it, also after setsid and double forks, and can be
 * killed without a cgroup. Idle keepers wait for the next command: a fork each would cost as much as the exec.
 *
 * shelld and a keeper share a slot of memory, in which the command is laid out, and a SOCK_SEQPACKET pair: an order
 * with the descriptors one way, reports the other way. End of file on the socket means: leave.
 */
#ifndef SOVEREIGN_KEEP_H
#define SOVEREIGN_KEEP_H

#include "spawn.h"

#include <stdatomic.h>
#include <stdnoreturn.h>

enum { SLOT_BYTES = 2 * 1048576, KEEPER_FD = 3, ORDER_MAX_DESCRIPTORS = 3 };

struct slot {
    struct command command;
    _Atomic uint32_t kill_order;  /* id of the order whose tree is to die; SIGUSR1 makes the keeper look */
    _Alignas(16) char memory[];   /* the pointers and strings of the command */
};

/* Which of the descriptors sent along is 0, 1 and 2; -1 is /dev/null. */
struct order {
    uint32_t id;
    int8_t places[3];
};

enum report_kind {
    REPORT_STARTED,  /* pid */
    REPORT_FAILED,   /* failure; the keeper is idle again */
    REPORT_EXITED,   /* status, usage; idle when nothing else is left */
    REPORT_EMPTY,    /* nothing is left; idle */
    REPORT_LOST,     /* made by shelld: the keeper is gone, and what it kept is loose */
};

struct report {
    uint32_t id;
    uint8_t kind;
    bool idle;
    pid_t pid;
    int status;
    struct spawn_failure failure;
    uint64_t user_us, system_us, max_rss_kib;
    uint64_t killed;  /* descendants that ended by our SIGKILL */
};

/* Runs a keeper in a process just forked for it, whose parent is (and stays) `parent`. */
noreturn void keep(int socket, struct slot *slot, pid_t parent);

#endif
