/* Numbers in lines of text: what is none, or too large, is refused and leaves the place where it was. */
#include "../src/id_map.h"
#include "../src/number.h"

#include "check.h"

#include <string.h>

static void test_reads(void)
{
    uint64_t value = 7;
    const char *text = "  42:0 18446744073709551615";
    const char *at = text;
    CHECK(number_read(&at, 42, &value) && value == 42 && at == text + 4);
    CHECK(!number_skip(&at, ';') && at == text + 4);
    CHECK(number_skip(&at, ':') && number_read(&at, UINT64_MAX, &value) && value == 0);
    CHECK(number_read(&at, UINT64_MAX, &value) && value == UINT64_MAX && *at == '\0');
}

static void test_refuses(void)
{
    static const char *const bad[] = {"", " ", "-1", "+1", "x1", ":", "18446744073709551616", "99999999999999999999999"};
    for (size_t index = 0; index < sizeof bad / sizeof *bad; index++) {
        uint64_t value = 7;
        const char *at = bad[index];
        CHECK(!number_read(&at, UINT64_MAX, &value) && value == 7 && at == bad[index]);
    }
    uint64_t value;
    uint32_t small;
    const char *at = "43";
    CHECK(!number_read(&at, 42, &value));
    CHECK(!number_read(&at, 0, &value));
    at = "4294967295";
    CHECK(number_read_32(&at, &small) && small == UINT32_MAX);
    at = "4294967296";
    CHECK(!number_read_32(&at, &small));
}

static void test_whole(void)
{
    uint64_t value;
    CHECK(number_is_whole("0", 0, &value) && value == 0);
    CHECK(number_is_whole("65536", 65536, &value) && value == 65536);
    const char *bad[] = {"", " 1", "+1", "-1", "1 ", "1x", "0x1", "65537"};
    for (size_t index = 0; index < sizeof bad / sizeof *bad; index++)
        CHECK(!number_is_whole(bad[index], 65536, &value));
}

static void test_id_map(void)
{
    char text[] = "         0     100000      65536\n     65536     165536          1\nrubbish\n";
    FILE *map = fmemopen(text, strlen(text), "r");
    struct id_range range;
    CHECK(id_map_next(map, &range) && range.inside == 0 && range.outside == 100000 && range.count == 65536);
    CHECK(id_map_next(map, &range) && range.inside == 65536 && range.outside == 165536 && range.count == 1);
    CHECK(!id_map_next(map, &range));
    CHECK(!id_map_next(map, &range));
    fclose(map);
}

int main(void)
{
    test_reads();
    test_refuses();
    test_whole();
    test_id_map();
    return check_result("number");
}
