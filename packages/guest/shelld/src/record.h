/* Noting what an application is about to replace, so that it can be undone. Runs inside a guest, as apply does. */
#ifndef SOVEREIGN_RECORD_H
#define SOVEREIGN_RECORD_H

/* `shelld record`; the arguments begin after that word. */
int record_main(int argc, char **argv);

#endif
