#include "clock_rate.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>

enum { MEASURED_NS = 20000000 };

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t ticks(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#else
    return 0;
#endif
}

int clock_rate_main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    uint64_t began_ns = now_ns(), first = ticks(), ended_ns;
    while ((ended_ns = now_ns()) - began_ns < MEASURED_NS)
        ;
    uint64_t counted = ticks() - first;
    return printf("%llu\n", (unsigned long long)(counted * 1000000 / (ended_ns - began_ns))) < 0;
}
