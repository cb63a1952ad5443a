/* Those who wait until something that was killed is really gone: exec.kill, session.kill, and the end of shelld. */
#ifndef SOVEREIGN_KILLING_H
#define SOVEREIGN_KILLING_H

#include "process.h"

bool exec_kill_request(struct conn *conn, uint32_t channel, struct slice payload);
bool session_kill_request(struct conn *conn, uint32_t channel, struct slice payload);

/* Kills every tracked process and calls back when nothing is left of them, or after some seconds. */
void killing_shutdown(void (*on_gone)(void));

/*
 * Asks every tracked process to end by SIGTERM and calls back when nothing is left of them, however long that takes:
 * whoever asked decides when it has been long enough, and calls killing_shutdown() or kills us.
 */
void killing_farewell(void (*on_gone)(void));

/* From either on nothing may be started. */
bool killing_is_shutdown(void);

/* Nothing is left of this one. */
void killing_notify(const struct process *process);

#endif
