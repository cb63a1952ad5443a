/* Pseudo terminals. */
#ifndef SOVEREIGN_PTY_H
#define SOVEREIGN_PTY_H

#include <stdbool.h>
#include <stdint.h>

/* Opens a pair of rows × columns (0 means 24 × 80), both ends close-on-exec and the master non-blocking. */
bool pty_open(uint16_t rows, uint16_t columns, int *master, int *slave);

bool pty_resize(int master, uint16_t rows, uint16_t columns);

#endif
