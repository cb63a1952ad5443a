/* Processes whose keeper died with the work undone. As sub-reaper (or PID 1) shelld has become their parent. */
#ifndef SOVEREIGN_ORPHANS_H
#define SOVEREIGN_ORPHANS_H

/*
 * Kills every descendant that is below no keeper, until none is left, and calls back in a later turn of the loop: the
 * kill of a process whose keeper was lost is done only then. One callback for all who ask.
 */
void orphans_sweep(void (*on_gone)(void));

/*
 * From now on orphans are left alone: an untracked command runs, and what a launcher leaves behind is meant to live and
 * cannot be told from what a lost keeper leaves. A shelld that launches guests does not run their commands.
 */
void orphans_spare(void);

#endif
