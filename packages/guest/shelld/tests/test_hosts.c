/* The hosts file: lines come and go, what stood there stays, and no name makes two lines of one. */
#include "../src/hosts.h"

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/shelld-hosts-XXXXXX";
static uint8_t encoded[4096];

static struct strings names(const char *const *items)
{
    struct writer writer = {encoded, sizeof encoded, 0, false};
    uint32_t count = 0;
    for (; items[count]; count++)
        write_str(&writer, slice_of(items[count]));
    return (struct strings){{encoded, (uint32_t)writer.used}, count};
}

#define NAMES(...) names((const char *const[]){__VA_ARGS__, NULL})

static const char *content(void)
{
    static char text[4096];
    int fd = open(path, O_RDONLY);
    ssize_t got = read(fd, text, sizeof text - 1);
    text[got > 0 ? got : 0] = '\0';
    close(fd);
    return text;
}

static void test_names(void)
{
    struct hosts_line line = {0};
    CHECK(hosts_compose(&line, "127.0.0.9", NAMES("db", "sbx_0123456789ab", "a.b-c")));
    CHECK(line.length == strlen("127.0.0.9 db sbx_0123456789ab a.b-c\n"));
    CHECK(!hosts_compose(&line, "127.0.0.9", NAMES("a b")) && !hosts_compose(&line, "127.0.0.9", NAMES("a\n1.2.3.4 b")));
    CHECK(!hosts_compose(&line, "127.0.0.9", NAMES("")) && !hosts_compose(&line, "127.0.0.9", NAMES("#")));
    CHECK(!hosts_compose(&line, "127.0.0.9", NAMES("-a")) && !hosts_compose(&line, "127.0.0.9", NAMES(".a")));
    CHECK(!hosts_compose(&line, "127.0.0.9", NAMES("1", "2", "3", "4", "5", "6", "7", "8", "9")));
}

static void test_lines(void)
{
    struct hosts_line first = {0}, second = {0};
    CHECK(hosts_compose(&first, "127.0.0.2", NAMES("one")) && hosts_compose(&second, "127.0.0.3", NAMES("two")));
    CHECK(!hosts_enter(&first) && !first.is_entered);
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, "1.2.3.4 kept\n# links of this sandbox\n9.9.9.9 stale\n", 51) != 51)
        abort();
    close(fd);
    CHECK(hosts_open(path));
    CHECK(strcmp(content(), "1.2.3.4 kept\n") == 0);
    CHECK(hosts_enter(&first) && hosts_enter(&second));
    CHECK(strcmp(content(), "1.2.3.4 kept\n# links of this sandbox\n127.0.0.3 two\n127.0.0.2 one\n") == 0);
    hosts_remove(&first);
    hosts_remove(&first);
    CHECK(strcmp(content(), "1.2.3.4 kept\n# links of this sandbox\n127.0.0.3 two\n") == 0);
    hosts_remove(&second);
    CHECK(strcmp(content(), "1.2.3.4 kept\n") == 0);
    unlink(path);
    CHECK(!hosts_open("/dev/null") && errno == EINVAL);
    CHECK(symlink("/etc/hosts", path) == 0 && !hosts_open(path));
    unlink(path);
}

int main(void)
{
    test_names();
    test_lines();
    return check_result("hosts");
}
