#include "hello.h"

#include "confine.h"
#include "jail.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

#ifndef SHELLD_VERSION
#define SHELLD_VERSION "0.1.0"
#endif

enum { INSTANCE_BYTES = 16, ROOTS_BYTES = 16384 };

const char shelld_version[] = SHELLD_VERSION;

static char instance[2 * INSTANCE_BYTES + 1];
static uint8_t encoded_roots[ROOTS_BYTES];
static struct strings roots = {{encoded_roots, 0}, 0};

bool hello_prepare(void)
{
    uint8_t random[INSTANCE_BYTES];
    struct writer writer = {encoded_roots, sizeof encoded_roots, 0, false};
    if (getrandom(random, sizeof random, 0) != sizeof random)
        return false;
    for (size_t index = 0; index < sizeof random; index++) {
        instance[2 * index] = "0123456789abcdef"[random[index] >> 4];
        instance[2 * index + 1] = "0123456789abcdef"[random[index] & 15];
    }
    for (size_t index = 0; index < jail_root_count(); index++)
        write_str(&writer, slice_of(jail_root_path(index)));
    roots = (struct strings){{encoded_roots, (uint32_t)writer.used}, (uint32_t)jail_root_count()};
    return !writer.overflowed;
}

static void send_layers(struct conn *conn)
{
    size_t count;
    const struct layer *layers = confine_layers(&count);
    for (size_t index = 0; index < count; index++) {
        struct frame_layer frame = {slice_of(layers[index].name), layers[index].state, slice_of(layers[index].detail)};
        struct conn_space space = conn_space(conn);
        conn_commit(conn, encode_layer(space.at, space.size, 0, &frame));
    }
}

bool hello_answer(struct conn *conn, const struct frame_hello *hello)
{
    uint16_t generation = hello->generation < GENERATION_CURRENT ? hello->generation : GENERATION_CURRENT;
    if (generation < GENERATION_LOWEST || hello->lowest_generation > GENERATION_CURRENT) {
        conn_refused(conn, 0, EPROTONOSUPPORT, "greet", hello->client, "no generation of the channel is known to both sides");
        return false;
    }
    send_layers(conn);
    struct frame_welcome frame = {generation, (uint32_t)getpid(), slice_of(instance), slice_of(shelld_version), roots};
    struct conn_space space = conn_space(conn);
    conn_commit(conn, encode_welcome(space.at, space.size, 0, &frame));
    return true;
}
