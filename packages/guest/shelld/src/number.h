/* Decimal numbers in lines of text. Not by sscanf, which brings floating point with it: 11 KiB in the text of every guest. */
#ifndef SOVEREIGN_NUMBER_H
#define SOVEREIGN_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Reads the number at *at, after blanks, and moves *at behind its last digit. False, with *at where it was, when there is
 * none or it is above max.
 */
bool number_read(const char **at, uint64_t max, uint64_t *value);

/* The same for 32 bits. */
bool number_read_32(const char **at, uint32_t *value);

/* Reads a text that is a number and nothing else, up to max. */
bool number_is_whole(const char *text, uint64_t max, uint64_t *value);

/* Moves *at behind this character; false when another is there. */
bool number_skip(const char **at, char expected);

#endif
