/* `shelld console`: runs a program and keeps the last of what it prints in a file of bounded size. */
#ifndef SOVEREIGN_CONSOLE_H
#define SOVEREIGN_CONSOLE_H

int console_main(int argc, char **argv);

#endif
