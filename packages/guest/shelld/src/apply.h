/* Putting what an upper layer changes into the directory below it. Runs inside a guest that holds both and nothing else. */
#ifndef SOVEREIGN_APPLY_H
#define SOVEREIGN_APPLY_H

/* `shelld apply`; the arguments begin after that word. */
int apply_main(int argc, char **argv);

#endif
