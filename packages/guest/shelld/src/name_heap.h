/*
 * Names in byte order, smallest first: pushed while a directory is read, popped while it is told. A heap, because each
 * step is short (sorting a million names at once would stall the loop) and it needs no memory besides.
 *
 * All heaps together hold at most NAME_HEAP_BYTES, which is some two million ordinary names: what the file system
 * holds sizes them, and nothing that the peer says.
 */
#ifndef SOVEREIGN_NAME_HEAP_H
#define SOVEREIGN_NAME_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAME_HEAP_BYTES = 67108864 };

/* All zero is empty. */
struct name_heap {
    char *text;       /* The names one after the other, each with its NUL. */
    size_t text_used, text_size;
    uint32_t *slots;  /* Where each name begins; slot k is not larger than slots 2k + 1 and 2k + 2. */
    size_t count, slots_size;
};

/* Returns false when the memory of all heaps is used up. */
bool name_heap_push(struct name_heap *heap, const char *name);

/* The smallest name, valid until the next push; NULL when there is none. */
const char *name_heap_pop(struct name_heap *heap);

void name_heap_free(struct name_heap *heap);

#endif
