/*
 * Acting on a guest that runs, from the host: its namespaces are entered by a process of ours that does one thing and
 * ends. The guest is given no capability for it, and nothing of the guest is executed.
 */
#ifndef SOVEREIGN_VISIT_H
#define SOVEREIGN_VISIT_H

/* `shelld mount`, `unmount`, `enter`, `pin-network` and `write-hosts`; the arguments begin after that word. */
int visit_mount_main(int argc, char **argv);
int visit_unmount_main(int argc, char **argv);
int visit_enter_main(int argc, char **argv);
int visit_pin_main(int argc, char **argv);
int visit_hosts_main(int argc, char **argv);

#endif
