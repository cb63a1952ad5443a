/*
 * Runs the filter in a small interpreter, so that every number and both architectures are covered, also those that the
 * kernel at hand does not know. Under qemu-user this is how arm64 is tested.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../src/seccomp.h"
#include "../src/seccomp.gen.h"

#define ALLOW 0x7fff0000u
#define ERRNO(number) (0x00050000u | (number))
#define KILL_PROCESS 0x80000000u
#if defined(__x86_64__)
enum { OURS = (int)0xc000003e, OTHER = 0x40000003 /* i386 */ };
#else
enum { OURS = (int)0xc00000b7, OTHER = 0x40000028 /* arm */ };
#endif

/* struct seccomp_data. */
struct call {
    uint32_t number;
    uint32_t architecture;
    uint64_t instruction_pointer;
    uint64_t arguments[6];
};

static unsigned failures;

static uint32_t judge(const struct bpf_program *program, const struct call *call)
{
    uint32_t word = 0;
    for (size_t at = 0; at < program->length; at++) {
        const struct bpf_instruction *step = &program->code[at];
        bool holds = false;
        switch (step->code) {
        case 0x20:
            memcpy(&word, (const uint8_t *)call + step->operand, sizeof word);
            continue;
        case 0x54:
            word &= step->operand;
            continue;
        case 0x06:
            return step->operand;
        case 0x15:
            holds = word == step->operand;
            break;
        case 0x25:
            holds = word > step->operand;
            break;
        case 0x35:
            holds = word >= step->operand;
            break;
        default:
            abort();
        }
        at += holds ? step->jump_true : step->jump_false;
    }
    return 0; /* ran off the end */
}

static void expect(const struct bpf_program *program, struct call call, uint32_t wanted, const char *what)
{
    uint32_t got = judge(program, &call);
    if (got == wanted)
        return;
    fprintf(stderr, "%s, number %u: %08x (expected %08x)\n", what, call.number, got, wanted);
    failures++;
}

static void plain_numbers(const struct bpf_program *program)
{
    static const uint32_t returns[] = {ERRNO(EPERM), ALLOW, ERRNO(ENOSYS)};
    for (uint32_t number = 0; number <= SECCOMP_HIGHEST; number++)
        if (seccomp_verdicts[number] != VERDICT_BY_RULES)
            expect(program, (struct call){.number = number, .architecture = OURS}, returns[seccomp_verdicts[number]],
                   "plain");
}

static void unknown_numbers(const struct bpf_program *program)
{
    static const uint32_t numbers[] = {SECCOMP_HIGHEST + 1, 1000, 0x40000000, 0x40000000 + 39, 0x7fffffff, 0xffffffff};
    for (size_t index = 0; index < sizeof numbers / sizeof *numbers; index++)
        expect(program, (struct call){.number = numbers[index], .architecture = OURS}, ERRNO(ENOSYS), "unknown");
    for (uint32_t number = 0; number <= 500; number++)
        expect(program, (struct call){.number = number, .architecture = OTHER}, KILL_PROCESS, "other architecture");
}

static void judged_by_argument(const struct bpf_program *program, uint32_t network)
{
    static const uint64_t high = UINT64_C(1) << 32;
    const struct {
        uint32_t number;
        uint64_t first, second;
        uint32_t wanted;
    } rows[] = {
        {__NR_socket, AF_UNIX, 0, ALLOW},
        {__NR_socket, AF_INET, 0, network},
        {__NR_socket, AF_INET6, 0, network},
        {__NR_socket, 16, 0, network},
        {__NR_socket, 40, 0, network == ALLOW ? ERRNO(EPERM) : network},
        {__NR_socket, high | 40, 0, network == ALLOW ? ERRNO(EPERM) : network},
        {__NR_socketpair, AF_UNIX, 0, ALLOW},
        {__NR_socketpair, 30, 0, ERRNO(EPERM)},
        {__NR_clone, 0x11, 0, ALLOW},
        {__NR_clone, 0x3d0f00, 0, ALLOW},
        {__NR_clone, 0x10000011, 0, ERRNO(EPERM)},
        {__NR_clone, 0x20011, 0, ERRNO(EPERM)},
        {__NR_clone, 0x02000011, 0, ERRNO(EPERM)},
        {__NR_clone, 0x40000011, 0, ERRNO(EPERM)},
        {__NR_ioctl, 0, 0x5413, ALLOW},
        {__NR_ioctl, 0, 0x5412, ERRNO(EPERM)},
        {__NR_ioctl, 0, high | 0x5412, ERRNO(EPERM)},
        {__NR_ioctl, 0, 0x541c, ERRNO(EPERM)},
        {__NR_personality, 0xffffffff, 0, ALLOW},
        {__NR_personality, UINT64_MAX, 0, ALLOW},
        {__NR_personality, 0x400000, 0, ERRNO(EPERM)},
    };
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++)
        expect(program,
               (struct call){rows[index].number, OURS, 0, {rows[index].first, rows[index].second}},
               rows[index].wanted, "by argument");
}

int main(void)
{
    static struct bpf_program program;
    for (int deny_network = 0; deny_network <= 1; deny_network++) {
        if (!seccomp_build(&program, deny_network))
            return 1;
        plain_numbers(&program);
        unknown_numbers(&program);
        judged_by_argument(&program, deny_network ? ERRNO(EACCES) : ALLOW);
        printf("%zu instructions%s\n", program.length, deny_network ? " without network" : "");
    }
    return failures > 0;
}
