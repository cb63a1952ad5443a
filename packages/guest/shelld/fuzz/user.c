/* Any name against any two files: nothing is read outside of them, and nobody becomes root who was not named so. */
#include "../src/user.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct user user;
    if (size < 3)
        return 0;
    /* Copies of their exact size, so that a read beyond the end is seen. */
    size_t left = size - 2, lengths[3] = {data[0] < left ? data[0] : left, 0, 0};
    lengths[1] = (left - lengths[0]) * data[1] / 255;
    lengths[2] = left - lengths[0] - lengths[1];
    struct slice parts[3];
    for (size_t index = 0, at = 2; index < 3; at += lengths[index++]) {
        uint8_t *copy = malloc(lengths[index] ? lengths[index] : 1);
        if (!copy)
            abort();
        memcpy(copy, data + at, lengths[index]);
        parts[index] = (struct slice){copy, (uint32_t)lengths[index]};
    }
    memset(&user, 0xff, sizeof user);
    if (!user_resolve(parts[0], parts[1], parts[2], &user)) {
        if (user.uid > INT32_MAX || user.gid > INT32_MAX || user.group_count == 0 || user.group_count > USER_MAX_GROUPS ||
            user.groups[0] != user.gid || strnlen(user.home, USER_HOME_BYTES) == USER_HOME_BYTES)
            abort();
    }
    for (size_t index = 0; index < 3; index++)
        free((void *)(uintptr_t)parts[index].data);
    return 0;
}
