#include "pty.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool pty_resize(int master, uint16_t rows, uint16_t columns)
{
    struct winsize size = {.ws_row = rows ? rows : 24, .ws_col = columns ? columns : 80};
    return ioctl(master, TIOCSWINSZ, &size) == 0;
}

/* TIOCGPTPEER opens the slave of this very master, whatever is mounted on /dev/pts by now. */
bool pty_open(uint16_t rows, uint16_t columns, int *master, int *slave)
{
    *master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (*master < 0)
        return false;
    if (unlockpt(*master) == 0 && pty_resize(*master, rows, columns)) {
        *slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (*slave >= 0)
            return true;
    }
    close(*master);
    return false;
}
