#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "seccomp.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "seccomp.gen.h"

/* The kernel's side of the contract: linux/{bpf_common,seccomp,audit}.h, which musl does not ship. */
enum { LOAD_WORD = 0x20, AND = 0x54, JUMP_EQUAL = 0x15, JUMP_GREATER = 0x25, JUMP_GREATER_EQUAL = 0x35, RETURN = 0x06 };
enum { DATA_SYSCALL = 0, DATA_ARCHITECTURE = 4, DATA_ARGUMENTS = 16 };
enum { SET_MODE_FILTER = 1, FILTER_SPEC_ALLOW = 4 };
#define RETURN_KILL_PROCESS 0x80000000u
#define RETURN_ERRNO(number) (0x00050000u | (number))
#define RETURN_ALLOW 0x7fff0000u

#if defined(__x86_64__)
#define OUR_ARCHITECTURE 0xc000003eu
#elif defined(__aarch64__)
#define OUR_ARCHITECTURE 0xc00000b7u
#else
#error "the system call profile covers x86-64 and arm64"
#endif

/* Neighbouring system calls with one verdict; it ends where the next one starts. */
struct run {
    uint16_t start;
    uint8_t verdict;
};

static const uint32_t verdict_returns[] = {
    [VERDICT_EPERM] = RETURN_ERRNO(EPERM),
    [VERDICT_ALLOW] = RETURN_ALLOW,
    [VERDICT_ENOSYS] = RETURN_ERRNO(ENOSYS),
};

static size_t emit(struct bpf_program *program, uint16_t code, uint32_t operand, uint8_t jump_true, uint8_t jump_false)
{
    if (program->length == SECCOMP_MAX_INSTRUCTIONS) {
        program->failed = true;
        return 0;
    }
    program->code[program->length] = (struct bpf_instruction){code, jump_true, jump_false, operand};
    return program->length++;
}

/*
 * Loads the low half of an argument. SAFETY: the kernel takes each argument that the profile judges as a 32-bit int,
 * so the high half must not count: comparing all 64 bits is how CVE-2019-10063 passed TIOCSTI. Held by
 * test_confine_refusals.py (`tiocsti-high`).
 */
static void emit_load_argument(struct bpf_program *program, uint8_t argument)
{
    emit(program, LOAD_WORD, DATA_ARGUMENTS + 8u * argument, 0, 0);
}

/* AF_UNIX needs no network; every other family is refused as what a person understands, "permission denied". */
static void emit_no_network(struct bpf_program *program)
{
    emit_load_argument(program, 0);
    emit(program, JUMP_EQUAL, AF_UNIX, 0, 1);
    emit(program, RETURN, RETURN_ALLOW, 0, 0);
    emit(program, RETURN, RETURN_ERRNO(EACCES), 0, 0);
}

/* The first rule that holds decides, the default decides after the last. */
static void emit_rules(struct bpf_program *program, uint32_t syscall)
{
    for (size_t index = 0; index < sizeof seccomp_rules / sizeof *seccomp_rules; index++) {
        const struct seccomp_rule *rule = &seccomp_rules[index];
        if (rule->syscall != syscall)
            continue;
        emit_load_argument(program, rule->argument);
        emit(program, AND, rule->mask, 0, 0);
        emit(program, JUMP_EQUAL, rule->value, 0, 1);
        emit(program, RETURN, verdict_returns[rule->verdict], 0, 0);
    }
    emit(program, RETURN, verdict_returns[VERDICT_EPERM], 0, 0);
}

/* A binary search over the runs: about seven comparisons to any verdict, where a list would need a hundred. */
static void emit_tree(struct bpf_program *program, const struct run *runs, size_t count, bool deny_network)
{
    if (count == 1) {
        if (runs->verdict != VERDICT_BY_RULES)
            emit(program, RETURN, verdict_returns[runs->verdict], 0, 0);
        else if (runs->start == __NR_socket && deny_network)
            emit_no_network(program);
        else
            emit_rules(program, runs->start);
        return;
    }
    size_t half = count / 2;
    size_t branch = emit(program, JUMP_GREATER_EQUAL, runs[half].start, 0, 0);
    emit_tree(program, runs, half, deny_network);
    size_t skipped = program->length - branch - 1;
    if (skipped > UINT8_MAX)
        program->failed = true;
    program->code[branch].jump_true = (uint8_t)skipped;
    emit_tree(program, runs + half, count - half, deny_network);
}

static size_t find_runs(struct run *runs)
{
    size_t count = 0;
    for (uint16_t number = 0; number <= SECCOMP_HIGHEST; number++) {
        uint8_t verdict = seccomp_verdicts[number];
        if (count == 0 || verdict != runs[count - 1].verdict || verdict == VERDICT_BY_RULES)
            runs[count++] = (struct run){number, verdict};
    }
    return count;
}

/*
 * SAFETY: another architecture's numbers mean other calls, so its callers are killed; x32 numbers carry bit 30 and so
 * end, like what is newer than the profile, at ENOSYS, which makes libc fall back. Held by test_seccomp.c (`unknown`,
 * `other architecture`).
 */
bool seccomp_build(struct bpf_program *program, bool deny_network)
{
    struct run runs[SECCOMP_HIGHEST + 1];
    program->length = 0;
    program->failed = false;
    emit(program, LOAD_WORD, DATA_ARCHITECTURE, 0, 0);
    emit(program, JUMP_EQUAL, OUR_ARCHITECTURE, 1, 0);
    emit(program, RETURN, RETURN_KILL_PROCESS, 0, 0);
    emit(program, LOAD_WORD, DATA_SYSCALL, 0, 0);
    emit(program, JUMP_GREATER, SECCOMP_HIGHEST, 0, 1);
    emit(program, RETURN, RETURN_ERRNO(ENOSYS), 0, 0);
    emit_tree(program, runs, find_runs(runs), deny_network);
    return !program->failed;
}

void seccomp_apply(struct layer *layer, bool deny_network)
{
    struct bpf_program program;
    if (!seccomp_build(&program, deny_network)) {
        layer_set(layer, LAYER_FAILED, "the filter does not fit into %d instructions", SECCOMP_MAX_INSTRUCTIONS);
        return;
    }
    /* struct sock_fprog. */
    const struct {
        uint16_t length;
        const struct bpf_instruction *code;
    } kernel_program = {(uint16_t)program.length, program.code};
    /*
     * SPEC_ALLOW: kernels before 5.16 otherwise turn off store bypassing and indirect branch prediction for every
     * filtered process, which slows all it runs; newer ones do not, and container runtimes pass the same flag.
     */
    if (syscall(__NR_seccomp, SET_MODE_FILTER, FILTER_SPEC_ALLOW, &kernel_program) != 0 &&
        (errno != EINVAL || syscall(__NR_seccomp, SET_MODE_FILTER, 0, &kernel_program) != 0)) {
        layer_set(layer, errno == ENOSYS || errno == EINVAL ? LAYER_UNSUPPORTED : LAYER_FAILED, "seccomp: %s",
                  strerror(errno));
        return;
    }
    layer_set(layer, LAYER_ACTIVE, "%zu instructions%s", program.length, deny_network ? ", network refused" : "");
}
