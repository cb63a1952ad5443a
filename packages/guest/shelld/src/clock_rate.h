/* `shelld clock-rate`: frequency of the host's time stamp counter, for guests that cannot measure it. */
#ifndef SOVEREIGN_CLOCK_RATE_H
#define SOVEREIGN_CLOCK_RATE_H

/* Prints kHz, or 0 where there is no such counter. Takes 20 ms. */
int clock_rate_main(int argc, char **argv);

#endif
