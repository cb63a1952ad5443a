#include "orphans.h"

#include "keeper.h"
#include "tree.h"

#include <signal.h>
#include <unistd.h>

enum { ROUND_US = 10000 };

static bool are_spared;
static struct timer next_round;
static void (*when_gone)(void);

static bool is_any_left(void)
{
    if (are_spared)
        return false;
    tree_signal(getpid(), SIGSTOP, keeper_is);
    return tree_signal(getpid(), SIGKILL, keeper_is) > 0;
}

static void sweep(struct timer *timer)
{
    if (is_any_left())
        timer_set(timer, ROUND_US, sweep);
    else
        when_gone();
}

void orphans_sweep(void (*on_gone)(void))
{
    when_gone = on_gone;
    if (!next_round.set)
        timer_set(&next_round, 0, sweep);
}

void orphans_spare(void)
{
    are_spared = true;
}
