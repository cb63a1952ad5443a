/* The requests about processes, one function each. They return false when the request is malformed. */
#ifndef SOVEREIGN_EXEC_H
#define SOVEREIGN_EXEC_H

#include "conn.h"

bool exec_start_request(struct conn *conn, uint32_t channel, struct slice payload);
bool exec_signal_request(struct conn *conn, uint32_t channel, struct slice payload);
bool exec_resize_request(struct conn *conn, uint32_t channel, struct slice payload);
bool exec_attach_request(struct conn *conn, uint32_t channel, struct slice payload);
bool exec_list_request(struct conn *conn, uint32_t channel, struct slice payload);
bool exec_forget_request(struct conn *conn, uint32_t channel, struct slice payload);

#endif
