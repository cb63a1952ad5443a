#include "launch_error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void launch_fail(const char *what, const char *subject)
{
    dprintf(STDERR_FILENO, "shelld launch: %s %s: %s\n", what, subject, strerror(errno));
    _exit(1);
}

void launch_path(char *out, unsigned long size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(out, size, format, arguments);
    va_end(arguments);
    if (length < 0 || (unsigned long)length >= size) {
        errno = ENAMETOOLONG;
        launch_fail("path", out);
    }
}

int launch_write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t written = write(fd, text, strlen(text));
    int saved = errno;
    close(fd);
    errno = saved;
    return written == (ssize_t)strlen(text);
}
