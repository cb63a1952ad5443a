#include "name_heap.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_TEXT_BYTES = 16384, FIRST_SLOTS = 1024 };

static size_t bytes_in_use;

/* Doubles memory on account of all heaps. */
static void *grow(void *memory, size_t *size, size_t first)
{
    size_t wanted = *size == 0 ? first : *size * 2;
    if (wanted - *size > NAME_HEAP_BYTES - bytes_in_use)
        return NULL;
    void *grown = realloc(memory, wanted);
    if (grown != NULL) {
        bytes_in_use += wanted - *size;
        *size = wanted;
    }
    return grown;
}

static bool make_room(struct name_heap *heap, size_t bytes)
{
    while (heap->text_size - heap->text_used < bytes) {
        char *text = grow(heap->text, &heap->text_size, FIRST_TEXT_BYTES);
        if (text == NULL)
            return false;
        heap->text = text;
    }
    if (heap->slots_size / sizeof *heap->slots == heap->count) {
        uint32_t *slots = grow(heap->slots, &heap->slots_size, FIRST_SLOTS * sizeof *heap->slots);
        if (slots == NULL)
            return false;
        heap->slots = slots;
    }
    return true;
}

/* strcmp compares bytes as unsigned char, which is the order of the wire. */
static bool is_smaller(const struct name_heap *heap, uint32_t left, uint32_t right)
{
    return strcmp(heap->text + left, heap->text + right) < 0;
}

bool name_heap_push(struct name_heap *heap, const char *name)
{
    size_t bytes = strlen(name) + 1;
    if (!make_room(heap, bytes))
        return false;
    uint32_t added = (uint32_t)heap->text_used;
    memcpy(heap->text + added, name, bytes);
    heap->text_used += bytes;
    size_t slot = heap->count++;
    while (slot > 0 && is_smaller(heap, added, heap->slots[(slot - 1) / 2])) {
        heap->slots[slot] = heap->slots[(slot - 1) / 2];
        slot = (slot - 1) / 2;
    }
    heap->slots[slot] = added;
    return true;
}

const char *name_heap_pop(struct name_heap *heap)
{
    if (heap->count == 0)
        return NULL;
    uint32_t smallest = heap->slots[0];
    uint32_t last = heap->slots[--heap->count];
    size_t slot = 0;
    for (size_t child; (child = 2 * slot + 1) < heap->count; slot = child) {
        if (child + 1 < heap->count && is_smaller(heap, heap->slots[child + 1], heap->slots[child]))
            child++;
        if (!is_smaller(heap, heap->slots[child], last))
            break;
        heap->slots[slot] = heap->slots[child];
    }
    heap->slots[slot] = last;
    return heap->text + smallest;
}

void name_heap_free(struct name_heap *heap)
{
    bytes_in_use -= heap->text_size + heap->slots_size;
    free(heap->text);
    free(heap->slots);
    *heap = (struct name_heap){0};
}
