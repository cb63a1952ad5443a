/*
 * The system call filter: a classic BPF program built at start from the table that is generated from
 * packages/guest/seccomp/profile.json. Building it here keeps one source for both architectures and costs
 * microseconds.
 */
#ifndef SOVEREIGN_SECCOMP_H
#define SOVEREIGN_SECCOMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layer.h"

/* An instruction as the kernel takes it (struct sock_filter; musl ships no linux/filter.h). */
struct bpf_instruction {
    uint16_t code;
    uint8_t jump_true;
    uint8_t jump_false;
    uint32_t operand;
};

enum { SECCOMP_MAX_INSTRUCTIONS = 1024 };

struct bpf_program {
    struct bpf_instruction code[SECCOMP_MAX_INSTRUCTIONS];
    size_t length;
    bool failed;
};

/* With deny_network, socket() gives AF_UNIX only, and EACCES for all else. False when the program does not fit. */
bool seccomp_build(struct bpf_program *program, bool deny_network);

/* Puts the filter on this process and its descendants for good. Needs no_new_privs. */
void seccomp_apply(struct layer *layer, bool deny_network);

#endif
