/* `shelld relay PATH`: stdin and stdout of a process that a container engine started, as a connection to shelld. */
#ifndef SOVEREIGN_RELAY_H
#define SOVEREIGN_RELAY_H

/*
 * Connects to the unix socket at PATH and carries bytes both ways until either side ends. Holds at most one buffer a
 * direction: what is not taken is not read.
 */
int relay_main(int argc, char **argv);

#endif
