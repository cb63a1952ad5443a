/* Changes come out as they went in, repeated ones once, and too many become one overflow. */
#define _GNU_SOURCE 1
#include "../src/change_queue.h"

#include <stdio.h>

static int failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            failures++;                                                                                                \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
        }                                                                                                              \
    } while (0)

static struct change_queue queue;

static bool pops(uint8_t kind, const char *name)
{
    struct change change;
    return change_queue_pop(&queue, &change) && change.kind == kind && change.length == strlen(name) &&
           memcmp(change.name, name, change.length) == 0;
}

static bool is_empty(void)
{
    struct change change;
    return !change_queue_pop(&queue, &change);
}

int main(void)
{
    CHECK(is_empty());
    change_queue_push(&queue, CHANGE_CREATED, "a");
    change_queue_push(&queue, CHANGE_MODIFIED, "a");
    change_queue_push(&queue, CHANGE_MODIFIED, "a");
    change_queue_push(&queue, CHANGE_MODIFIED, "ab");
    change_queue_push(&queue, CHANGE_ATTRIBUTES, "");
    CHECK(pops(CHANGE_CREATED, "a") && pops(CHANGE_MODIFIED, "a") && pops(CHANGE_MODIFIED, "ab"));
    CHECK(pops(CHANGE_ATTRIBUTES, "") && is_empty());
    change_queue_push(&queue, CHANGE_ATTRIBUTES, "");
    CHECK(pops(CHANGE_ATTRIBUTES, "") && is_empty());

    /* Round and round, with names as long as they get. */
    char name[NAME_MAX + 1];
    for (unsigned turn = 0; turn < 5000; turn++) {
        for (unsigned index = 0; index < 3; index++) {
            memset(name, 'a' + (int)index, sizeof name);
            name[(turn * 7 + index * 50) % NAME_MAX + 1] = 0;
            change_queue_push(&queue, CHANGE_CREATED, name);
        }
        for (unsigned index = 0; index < 3; index++) {
            memset(name, 'a' + (int)index, sizeof name);
            name[(turn * 7 + index * 50) % NAME_MAX + 1] = 0;
            CHECK(pops(CHANGE_CREATED, name));
        }
    }

    for (unsigned index = 0; index < 10000; index++) {
        snprintf(name, sizeof name, "%u", index);
        change_queue_push(&queue, CHANGE_REMOVED, name);
    }
    CHECK(pops(CHANGE_OVERFLOW, "") && is_empty());
    change_queue_push(&queue, CHANGE_REMOVED, "later");
    CHECK(pops(CHANGE_REMOVED, "later") && is_empty());
    printf("change queue: %s\n", failures ? "FAILED" : "ok");
    return failures > 0;
}
