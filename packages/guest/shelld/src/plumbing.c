#include "plumbing.h"

#include "pty.h"

#include <fcntl.h>
#include <unistd.h>

enum { LARGE_PIPE_BYTES = 1048576 };

static const struct plumbing nothing = {{-1, -1, -1}, -1, -1, -1};

/* Only our end is non-blocking: the two ends of a pipe have flags of their own. */
static bool open_pipe(int *ours, int *theirs, bool is_ours_reading)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    *ours = ends[is_ours_reading ? 0 : 1];
    *theirs = ends[is_ours_reading ? 1 : 0];
    fcntl(*ours, F_SETFL, O_NONBLOCK);
    return true;
}

bool plumb_pipes(struct plumbing *plumbing, bool has_input, bool is_large)
{
    *plumbing = nothing;
    if (has_input && !open_pipe(&plumbing->input, &plumbing->theirs[0], false))
        return false;
    if (!open_pipe(&plumbing->output, &plumbing->theirs[1], true) ||
        !open_pipe(&plumbing->errors, &plumbing->theirs[2], true))
        return false;
    if (is_large)
        fcntl(plumbing->output, F_SETPIPE_SZ, LARGE_PIPE_BYTES);
    return true;
}

bool plumb_terminal(struct plumbing *plumbing, uint16_t rows, uint16_t columns)
{
    *plumbing = nothing;
    if (!pty_open(rows, columns, &plumbing->output, &plumbing->theirs[0]))
        return false;
    plumbing->input = fcntl(plumbing->output, F_DUPFD_CLOEXEC, 3);
    plumbing->theirs[1] = fcntl(plumbing->theirs[0], F_DUPFD_CLOEXEC, 3);
    plumbing->theirs[2] = fcntl(plumbing->theirs[0], F_DUPFD_CLOEXEC, 3);
    return plumbing->input >= 0 && plumbing->theirs[1] >= 0 && plumbing->theirs[2] >= 0;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void plumbing_close_theirs(struct plumbing *plumbing)
{
    for (int index = 0; index < 3; index++)
        close_one(&plumbing->theirs[index]);
}

void plumbing_close_all(struct plumbing *plumbing)
{
    plumbing_close_theirs(plumbing);
    close_one(&plumbing->input);
    close_one(&plumbing->output);
    close_one(&plumbing->errors);
}
