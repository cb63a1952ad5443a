/* What the two halves of a connection share: conn.c reads frames, output.c writes them. Nobody else includes this. */
#ifndef SOVEREIGN_CONN_PRIVATE_H
#define SOVEREIGN_CONN_PRIVATE_H

#include "conn.h"

#include <sys/uio.h>

enum { CHANNEL_BUCKETS = 256 };

/* A frame of pinned data that could not leave whole. */
struct flight {
    struct channel *channel;           /* whose memory it is; NULL when the rest was copied to spill */
    uint8_t header[FRAME_HEADER_BYTES];
    struct iovec parts[3];             /* header and data, as far as they are still to be sent */
    uint32_t bytes;                    /* length of the data, for on_sent */
    uint8_t *spill;
    size_t spill_size;
    bool active;
};

struct conn {
    struct source input, output;       /* output is not added where both directions have one descriptor */
    int output_fd;
    bool wants_input, wants_output;
    struct task pump;
    void (*on_closed)(void *owner);
    void *owner;
    bool used, greeted, broken;

    uint8_t *in;                       /* CONN_INPUT_BYTES, mapped; [in_start, in_end) is still to be parsed */
    size_t in_start, in_end;

    uint8_t *out;                      /* CONN_OUTPUT_BYTES, mapped; [out_start, out_end) is still to be written */
    size_t out_start, out_end;
    size_t out_before_flight;          /* so many of these bytes go before the flight, the others after it */
    struct flight flight;

    struct channel *buckets[CHANNEL_BUCKETS];
    uint32_t channel_count;
    struct channel *first_wanting, **last_wanting;
};

/* Output side, for conn.c. */
void output_defer(struct conn *conn);
void output_forget(struct conn *conn);
size_t output_room(const struct conn *conn);

/* Input side, for output.c. */
void input_resume(struct conn *conn);
void conn_want_output(struct conn *conn, bool wants_output);
void conn_close(struct conn *conn);

#endif
