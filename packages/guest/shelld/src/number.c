#include "number.h"

bool number_read(const char **at, uint64_t max, uint64_t *value)
{
    const char *text = *at;
    while (*text == ' ' || *text == '\t')
        text++;
    if (*text < '0' || *text > '9')
        return false;
    uint64_t number = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (digit > max || number > (max - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *value = number;
    *at = text;
    return true;
}

bool number_read_32(const char **at, uint32_t *value)
{
    uint64_t number;
    if (!number_read(at, UINT32_MAX, &number))
        return false;
    *value = (uint32_t)number;
    return true;
}

bool number_is_whole(const char *text, uint64_t max, uint64_t *value)
{
    return *text >= '0' && *text <= '9' && number_read(&text, max, value) && *text == '\0';
}

bool number_skip(const char **at, char expected)
{
    if (**at != expected)
        return false;
    ++*at;
    return true;
}
