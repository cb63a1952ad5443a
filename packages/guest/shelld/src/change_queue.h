/* Changes that wait to be sent, in a fixed ring of bytes: kind, length of the name, name. */
#ifndef SOVEREIGN_CHANGE_QUEUE_H
#define SOVEREIGN_CHANGE_QUEUE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "frames.gen.h"

enum { CHANGE_QUEUE_BYTES = 16384 };

struct change {
    uint8_t kind;
    uint8_t length;
    char name[NAME_MAX];
};

/* All zero is empty. */
struct change_queue {
    uint32_t first, used;      /* Where the oldest change begins, and the bytes of all. */
    uint32_t newest;           /* Where the newest one begins, meaningful while used > 0. */
    bool overflowed;           /* Changes were lost: the last thing that is told is that. */
    uint8_t bytes[CHANGE_QUEUE_BYTES];
};

/* A change equal to the newest one is told once. What does not fit empties the queue into one overflow. */
void change_queue_push(struct change_queue *queue, uint8_t kind, const char *name);

void change_queue_overflow(struct change_queue *queue);

/* Takes the oldest change. Returns false when there is none. */
bool change_queue_pop(struct change_queue *queue, struct change *change);

#endif
