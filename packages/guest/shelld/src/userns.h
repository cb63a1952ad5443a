/*
 * A user namespace entered by this very process, and whose ids are whose in it. (For namespaces made on behalf of a
 * container from outside, see launch_userns.h.)
 */
#ifndef SOVEREIGN_USERNS_H
#define SOVEREIGN_USERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum userns_map_kind {
    USERNS_ONE,      /* only our own uid and gid, under their own numbers: nobody else's files are ours */
    USERNS_IDENTITY, /* every id under its own number; only root may ask for it */
    USERNS_RANGE,    /* `count` ids from `inside` are those from `outside`; we become `inside` */
};

struct userns_request {
    enum userns_map_kind kind;
    uint32_t inside;
    uint32_t outside;
    uint32_t count;
};

/* `one`, `identity` or `INSIDE:OUTSIDE:COUNT`. */
bool userns_parse(const char *text, struct userns_request *request);

/* False with what failed in `problem`; the process may then be in a user namespace without a map. */
bool userns_unshare(const struct userns_request *request, char *problem, size_t problem_size);

#endif
