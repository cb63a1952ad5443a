/* Between process.c (what becomes of a process) and process_start.c (how it begins). Nobody else includes this. */
#ifndef SOVEREIGN_PROCESS_PRIVATE_H
#define SOVEREIGN_PROCESS_PRIVATE_H

#include "process.h"

/* Puts a new one into the table and gives it its id. Returns false when the table is full. */
bool process_enter(struct process *process);

/* What is heard of it: callbacks of its streams, its feed and its keeper, and the failure to start it at all. */
void process_on_stdout(struct stream *stream);
void process_on_stderr(struct stream *stream);
void process_on_consumed(struct feed *feed, uint32_t bytes);
void process_on_report(void *owner, const struct report *report);
void process_on_failure(struct process *process, const struct spawn_failure *failure);
void process_set_timeouts(struct process *process, uint32_t timeout_ms, uint32_t idle_timeout_ms);

#endif
