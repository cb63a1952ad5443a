#include "apply_lines.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int fail(const char *what, const char *line)
{
    dprintf(STDERR_FILENO, "shelld: %s: %s\n", what, line);
    return -1;
}

int apply_lines_next(const char **stamp, const char **path)
{
    static char line[APPLY_LINE_BYTES];
    size_t used = 0;
    for (int byte; (byte = getchar()) != '\0';) {
        if (byte == EOF)
            return used == 0 ? 0 : fail("a line is cut short", "stdin");
        if (used + 1 == sizeof line)
            return fail("a line is too long", "stdin");
        line[used++] = (char)byte;
    }
    line[used] = '\0';
    char *space = strchr(line, ' ');
    if (space == NULL || space[1] == '\0' || space[1] == '/')
        return fail("not STAMP PATH", line);
    *space = '\0';
    *stamp = line;
    *path = space + 1;
    return 1;
}
