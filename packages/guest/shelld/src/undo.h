/* Putting back what an application replaced. Runs inside a guest that holds the directory and the record and nothing else. */
#ifndef SOVEREIGN_UNDO_H
#define SOVEREIGN_UNDO_H

/* `shelld undo`; the arguments begin after that word. */
int undo_main(int argc, char **argv);

#endif
