#define _GNU_SOURCE 1
#include "change_queue.h"

static uint8_t *byte_at(struct change_queue *queue, uint32_t position)
{
    return &queue->bytes[position % CHANGE_QUEUE_BYTES];
}

/* Copies a change out of the ring. */
static void peek(struct change_queue *queue, uint32_t position, struct change *change)
{
    change->kind = *byte_at(queue, position);
    change->length = *byte_at(queue, position + 1);
    for (uint32_t index = 0; index < change->length; index++)
        change->name[index] = (char)*byte_at(queue, position + 2 + index);
}

static bool is_newest(struct change_queue *queue, uint8_t kind, const char *name, uint32_t length)
{
    struct change newest;
    if (queue->used == 0)
        return false;
    peek(queue, queue->newest, &newest);
    return newest.kind == kind && newest.length == length && memcmp(newest.name, name, length) == 0;
}

void change_queue_overflow(struct change_queue *queue)
{
    queue->used = 0;
    queue->overflowed = true;
}

void change_queue_push(struct change_queue *queue, uint8_t kind, const char *name)
{
    uint32_t length = (uint32_t)strnlen(name, NAME_MAX);
    if (queue->overflowed || is_newest(queue, kind, name, length))
        return;
    if (queue->used + 2 + length > CHANGE_QUEUE_BYTES) {
        change_queue_overflow(queue);
        return;
    }
    uint32_t end = queue->first + queue->used;
    *byte_at(queue, end) = kind;
    *byte_at(queue, end + 1) = (uint8_t)length;
    for (uint32_t index = 0; index < length; index++)
        *byte_at(queue, end + 2 + index) = (uint8_t)name[index];
    queue->newest = end % CHANGE_QUEUE_BYTES;
    queue->used += 2 + length;
}

bool change_queue_pop(struct change_queue *queue, struct change *change)
{
    if (queue->overflowed) {
        queue->overflowed = false;
        *change = (struct change){.kind = CHANGE_OVERFLOW};
        return true;
    }
    if (queue->used == 0)
        return false;
    peek(queue, queue->first, change);
    queue->first = (queue->first + 2 + change->length) % CHANGE_QUEUE_BYTES;
    queue->used -= 2u + change->length;
    return true;
}
