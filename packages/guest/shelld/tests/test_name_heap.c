/* Names come out in byte order, and the memory of all heaps together has an end. */
#include "../src/name_heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            failures++;                                                                                                \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                    \
        }                                                                                                              \
    } while (0)

static void test_order(void)
{
    enum { NAMES = 20000 };
    struct name_heap heap = {0};
    char name[32], before[32] = "";
    CHECK(name_heap_pop(&heap) == NULL);
    for (unsigned index = 0; index < NAMES; index++) {
        /* Bytes over 127 come last, as unsigned. */
        snprintf(name, sizeof name, "%c%x", index % 3 == 0 ? 0xff : 'a', index * 2654435761u);
        CHECK(name_heap_push(&heap, name));
    }
    for (unsigned index = 0; index < NAMES; index++) {
        const char *next = name_heap_pop(&heap);
        if (next == NULL || strcmp(before, next) > 0) {
            CHECK(!"in order");
            break;
        }
        strcpy(before, next);
    }
    CHECK(name_heap_pop(&heap) == NULL);
    CHECK((unsigned char)before[0] == 0xff);
    name_heap_free(&heap);
}

static size_t fill(struct name_heap *heap)
{
    char name[256];
    size_t count = 0;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    while (name_heap_push(heap, name))
        count++;
    return count;
}

static void test_memory(void)
{
    struct name_heap first = {0}, second = {0};
    size_t count = fill(&first);
    CHECK(count > 100000 && count * 256 <= NAME_HEAP_BYTES);
    fill(&second);
    CHECK(first.text_size + first.slots_size + second.text_size + second.slots_size <= NAME_HEAP_BYTES);
    CHECK(name_heap_pop(&first) != NULL);
    name_heap_free(&first);
    name_heap_free(&second);
    CHECK(fill(&first) == count);
    name_heap_free(&first);
}

int main(void)
{
    test_order();
    test_memory();
    printf("name heap: %s\n", failures ? "FAILED" : "ok");
    return failures > 0;
}
