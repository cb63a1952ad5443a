#include "orphans.h"

#include "keeper.h"
#include "tree.h"

#include <signal.h>
#include <unistd.h>

enum { ROUND_US = 10000 };

static bool are_spared;
static struct timer next_round;

static void sweep(struct timer *timer)
{
    (void)timer;
    tree_signal(getpid(), SIGSTOP, keeper_is);
    if (tree_signal(getpid(), SIGKILL, keeper_is) > 0)
        timer_set(&next_round, ROUND_US, sweep);
}

void orphans_sweep(void)
{
    if (!are_spared && !next_round.set)
        timer_set(&next_round, 0, sweep);
}

void orphans_spare(void)
{
    are_spared = true;
}
