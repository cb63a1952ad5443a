/* What is known about one layer of isolation, and how a layer writes it down. */
#ifndef SOVEREIGN_LAYER_H
#define SOVEREIGN_LAYER_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "frames.gen.h"

enum { LAYER_DETAIL_BYTES = 160 };

/* State is one of LAYER_* of frames.gen.h; detail is one line for a person, cut when it is longer. */
struct layer {
    const char *name;
    uint8_t state;
    char detail[LAYER_DETAIL_BYTES];
};

__attribute__((format(printf, 3, 4))) static inline void layer_set(struct layer *layer, uint8_t state,
                                                                   const char *format, ...)
{
    va_list values;
    va_start(values, format);
    layer->state = state;
    (void)vsnprintf(layer->detail, sizeof layer->detail, format, values);
    va_end(values);
}

#endif
