/* shelld: one static binary. Inside a guest it serves, as init of a virtual machine when the kernel starts it as /init;
 * on the host it launches guests and acts on those that run. */
#include "apply.h"
#include "changes.h"
#include "clock_rate.h"
#include "console.h"
#include "copy_sparse.h"
#include "hello.h"
#include "launch.h"
#include "machine.h"
#include "record.h"
#include "relay.h"
#include "serve.h"
#include "undo.h"
#include "visit.h"

#include <stdio.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve", serve_main},
    {"launch", launch_main},
    {"relay", relay_main},
    {"console", console_main},
    {"clock-rate", clock_rate_main},
    {"copy-sparse", copy_sparse_main},
    {"mount", visit_mount_main},
    {"unmount", visit_unmount_main},
    {"enter", visit_enter_main},
    {"pin-network", visit_pin_main},
    {"write-hosts", visit_hosts_main},
    {"apply", apply_main},
    {"record", record_main},
    {"undo", undo_main},
    {"changes", changes_main},
    {"whiteouts", whiteouts_main},
};

int main(int argc, char **argv)
{
    if (getpid() == 1 && strcmp(argv[0], "/init") == 0)
        return machine_main();
    if (argc >= 2 && strcmp(argv[1], "--version") == 0)
        return printf("shelld %s (generation %d)\n", shelld_version, GENERATION_CURRENT) < 0;
    for (size_t index = 0; argc >= 2 && index < sizeof commands / sizeof *commands; index++)
        if (strcmp(argv[1], commands[index].name) == 0)
            return commands[index].run(argc - 2, argv + 2);
    fprintf(stderr, "usage: shelld --version | COMMAND ...\ncommands:");
    for (size_t index = 0; index < sizeof commands / sizeof *commands; index++)
        fprintf(stderr, " %s", commands[index].name);
    fprintf(stderr, "\n");
    return 2;
}
