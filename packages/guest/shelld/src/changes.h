/* What the upper layer of an overlay changes against what is below it. Runs inside a guest that holds both, and only reads. */
#ifndef SOVEREIGN_CHANGES_H
#define SOVEREIGN_CHANGES_H

/* `shelld changes` and `shelld whiteouts`; the arguments begin after that word. */
int changes_main(int argc, char **argv);
int whiteouts_main(int argc, char **argv);

#endif
