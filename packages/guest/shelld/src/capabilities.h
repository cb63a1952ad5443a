/* The capabilities this process and its descendants may ever hold. */
#ifndef SOVEREIGN_CAPABILITIES_H
#define SOVEREIGN_CAPABILITIES_H

#include <stdbool.h>
#include <stdint.h>

#include "layer.h"

/* One bit a capability, numbered as the kernel does. */
struct capability_sets {
    uint64_t effective;
    uint64_t permitted;
    uint64_t bounding;
};

/* `CAP_CHOWN` → its bit. False for a name that is none of the kernel's. */
bool capability_bit(const char *name, uint64_t *bit);

/* Gives up what is outside of `keep` in every set, as far as the kernel allows; capabilities_verify() tells how far. */
void capabilities_drop(uint64_t keep);

/* Active when no set holds anything outside of `keep`; else failed when it was requested. Names what is effective. */
void capabilities_verify(struct layer *layer, uint64_t keep, bool is_requested);

/* Empties every set of this process but the bounding one, for good. Safe between vfork and execve. */
bool capabilities_clear(void);

#endif
