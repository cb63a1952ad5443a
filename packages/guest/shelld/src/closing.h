/* Descriptors that came from somebody else. */
#ifndef SOVEREIGN_CLOSING_H
#define SOVEREIGN_CLOSING_H

/* Closes every descriptor from `first` on. */
void close_from(int first);

/* Closes every descriptor from 3 on except `kept` (-1: none). */
void close_others(int kept);

#endif
