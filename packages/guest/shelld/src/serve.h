/* `shelld serve`: the daemon. */
#ifndef SOVEREIGN_SERVE_H
#define SOVEREIGN_SERVE_H

int serve_main(int argc, char **argv);

#endif
