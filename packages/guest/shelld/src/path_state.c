#include "path_state.h"
#include "sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 65536, LINK_BYTES = 4096 };

static const char nothing[] = "-";

static void set_kind(struct path_state *state, char kind, mode_t mode)
{
    (void)snprintf(state->text, sizeof state->text, "%c%04o", kind, (unsigned)mode);
}

static void set_digest(struct path_state *state, struct sha256 *hash)
{
    uint8_t digest[SHA256_BYTES];
    size_t used = strlen(state->text);
    sha256_end(hash, digest);
    state->text[used++] = ':';
    for (size_t index = 0; index < sizeof digest; index++, used += 2)
        (void)snprintf(state->text + used, sizeof state->text - used, "%02x", digest[index]);
}

static bool read_file(int parent, const char *name, mode_t mask, struct path_state *state, path_sink *sink, void *context)
{
    static char block[BLOCK];
    struct stat info;
    struct sha256 hash;
    int file = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    bool is_read = file >= 0 && fstat(file, &info) == 0 && S_ISREG(info.st_mode);
    sha256_begin(&hash);
    for (ssize_t got = 1; is_read && got != 0;) {
        got = read(file, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        is_read = got >= 0 && (sink == NULL || sink(context, block, (size_t)got));
        if (is_read)
            sha256_add(&hash, block, (size_t)got);
    }
    int reason = errno;
    if (file >= 0)
        close(file);
    if (is_read) {
        set_kind(state, 'f', info.st_mode & mask);
        set_digest(state, &hash);
    }
    errno = reason;
    return is_read;
}

static bool read_link(int parent, const char *name, struct path_state *state, path_sink *sink, void *context)
{
    char target[LINK_BYTES];
    struct sha256 hash;
    ssize_t length = readlinkat(parent, name, target, sizeof target);
    if (length < 0 || (sink != NULL && !sink(context, target, (size_t)length)))
        return false;
    sha256_begin(&hash);
    sha256_add(&hash, target, (size_t)length);
    strcpy(state->text, "l");
    set_digest(state, &hash);
    return true;
}

bool path_state_read(int parent, const char *name, mode_t mask, struct path_state *state, path_sink *sink, void *context)
{
    struct stat info;
    if (fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
        strcpy(state->text, nothing);
        return errno == ENOENT;
    }
    switch (info.st_mode & S_IFMT) {
    case S_IFREG:
        return read_file(parent, name, mask, state, sink, context);
    case S_IFLNK:
        return read_link(parent, name, state, sink, context);
    case S_IFDIR:
        set_kind(state, 'd', info.st_mode & mask);
        return true;
    case S_IFIFO:
    case S_IFSOCK:
        set_kind(state, S_ISFIFO(info.st_mode) ? 'p' : 's', info.st_mode & mask);
        return true;
    default:
        strcpy(state->text, "o");
        return true;
    }
}

bool path_state_is(const struct path_state *state, const char *text)
{
    return strcmp(state->text, text) == 0;
}

mode_t path_state_mode(const char *text)
{
    return (mode_t)strtoul(text + 1, NULL, 8);
}
