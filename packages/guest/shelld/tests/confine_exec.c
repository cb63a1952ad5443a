/*
 * Confines itself by its options, tells the layers to CONFINE_REPORT_FD, one `name state detail` a line after the
 * microseconds it took, and executes what follows `--`: the confinement of shelld without its protocol.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../src/confine.h"

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void report(double took_us)
{
    const char *number = getenv("CONFINE_REPORT_FD");
    size_t count;
    const struct layer *layers = confine_layers(&count);
    if (number == NULL)
        return;
    dprintf(atoi(number), "%.1f\n", took_us);
    for (size_t index = 0; index < count; index++)
        dprintf(atoi(number), "%s %u %s\n", layers[index].name, layers[index].state, layers[index].detail);
    close(atoi(number));
}

int main(int argc, char **argv)
{
    int index = 1;
    while (index < argc && strcmp(argv[index], "--") != 0) {
        int used = confine_option(argc, argv, index);
        if (used <= 0)
            return 64;
        index += used;
    }
    double start = now_us();
    bool is_confined = confine_apply();
    report(now_us() - start);
    if (!is_confined)
        return 65;
    if (index + 1 < argc)
        execvp(argv[index + 1], argv + index + 1);
    return 127;
}
