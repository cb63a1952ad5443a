/*
 * `shelld launch`: what has to be done on the host, with the rights of the caller, before a launcher such as
 * bubblewrap takes over: a listening socket, cgroups, a user namespace, mounts in a mount namespace of their own.
 * Everything it makes belongs to the launched process and ends with it; only the socket, the console and the
 * state directory are files.
 */
#ifndef SOVEREIGN_LAUNCH_H
#define SOVEREIGN_LAUNCH_H

int launch_main(int argc, char **argv);

#endif
