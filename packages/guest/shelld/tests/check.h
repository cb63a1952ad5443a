/* The whole test harness: CHECK counts what failed, check_result() is what main returns. */
#ifndef SOVEREIGN_CHECK_H
#define SOVEREIGN_CHECK_H

#include <stdio.h>

static int check_failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            check_failures++;                                                                                          \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
        }                                                                                                              \
    } while (0)

static inline int check_result(const char *name)
{
    printf("%s: %s\n", name, check_failures ? "FAILED" : "ok");
    return check_failures != 0;
}

#endif
