/* Who a command runs as: the forms of Docker, and files that are out to make somebody root. */
#include "../src/user.h"

#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char passwd[] =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# a remark\n"
    "\n"
    "  app:x:1000:1001:an app,,:/home/app:/bin/sh\r\n"
    "app:x:7:7::/second:/bin/sh\n"
    "2000:x:1500:1500::/numeric:/bin/sh\n"
    "homeless:x:1600:1600\n"
    "short:x:1\n"
    "words:x:zero:0::/:\n"
    "minus:x:-1:0::/:\n"
    "huge:x:4294967296:0::/:\n"
    "large:x:2147483648:0::/:\n"
    ":x:1700:1700::/nameless:\n"
    "empty:x:::/:\n";

static const char group[] =
    "root:x:0:\n"
    "staff:x:50:app,other\n"
    "wheel:x:10:applet,ap,app\n"
    "apps:x:1001:app\n"
    "again:x:50:app\n"
    "bad:x:none:app\n"
    "3000:x:31:\n"
    "last:x:60:other,app";

static struct user user;

static const char *resolve(const char *name)
{
    return user_resolve(slice_of(name), slice_of(passwd), slice_of(group), &user);
}

static void expect(const char *name, uid_t uid, gid_t gid, const char *home, const char *groups)
{
    char text[256] = "";
    CHECK(resolve(name) == NULL);
    for (uint32_t index = 0; index < user.group_count; index++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%u", index ? " " : "", (unsigned)user.groups[index]);
    CHECK(user.uid == uid && user.gid == gid);
    CHECK(strcmp(user.home, home) == 0);
    CHECK(strcmp(text, groups) == 0);
}

static void test_forms(void)
{
    expect("app", 1000, 1001, "/home/app", "1001 50 10 60");
    expect("1000", 1000, 1001, "/home/app", "1001 50 10 60");
    expect("app:staff", 1000, 50, "/home/app", "50");
    expect("app:99", 1000, 99, "/home/app", "99");
    expect("1000:0", 1000, 0, "/home/app", "0");
    expect("4242", 4242, 0, "/", "0");
    expect("4242:4343", 4242, 4343, "/", "4343");
    expect("root", 0, 0, "/root", "0");
    expect("0", 0, 0, "/root", "0");
    expect(":staff", 0, 50, "/root", "50");
    expect("homeless", 1600, 1600, "/", "1600");
    expect("2000", 1500, 1500, "/numeric", "1500");
    expect("app:3000", 1000, 31, "/home/app", "31");
    expect("2147483647", INT32_MAX, 0, "/", "0");
}

static void test_refusals(void)
{
    static const char *const names[] = {"",       "nobody", "app:nobody", "app:",  "app:a:b", ":",     "-1",      "+1",   "1 ",  "0x0",
                                        "words",  "minus",  "huge",       "large", "short",   "empty", "App",     "ap",   "bad", "app\n",
                                        "\x1b[m", "app:bad", "app:-1",    "2147483648", "4294967296", "99999999999", "app:2147483648"};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
        errno = 0;
        CHECK(resolve(names[index]) != NULL);
        CHECK(errno == EINVAL);
    }
    char name[USER_NAME_BYTES + 2];
    memset(name, '1', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK(resolve(name) != NULL);
}

static void test_hostile_files(void)
{
    static char text[USER_FILE_BYTES];
    static const char nul[] = "app:x:5:5::/a\0b:\napp:x:6:6::/c:\n";
    size_t used = 0;
    struct slice none = {NULL, 0};
    CHECK(user_resolve(slice_of("app"), (struct slice){(const uint8_t *)nul, sizeof nul - 1}, none, &user) == NULL);
    CHECK(user.uid == 6 && strcmp(user.home, "/c") == 0);
    CHECK(user_resolve(slice_of("7"), none, none, &user) == NULL && user.uid == 7);
    memset(text, 'h', sizeof text);
    memcpy(text, "app:x:5:5::", 11);
    CHECK(user_resolve(slice_of("app"), (struct slice){(uint8_t *)text, sizeof text}, none, &user) != NULL && errno == ENAMETOOLONG);
    for (int number = 0; number < USER_MAX_GROUPS + 1; number++)
        used += (size_t)snprintf(text + used, sizeof text - used, "g%d:x:%d:app\n", number, 5000 + number);
    CHECK(user_resolve(slice_of("app"), slice_of(passwd), (struct slice){(uint8_t *)text, (uint32_t)used}, &user) != NULL);
    CHECK(errno == E2BIG);
    memset(text, '\n', sizeof text);
    CHECK(user_resolve(slice_of("app"), (struct slice){(uint8_t *)text, sizeof text}, none, &user) != NULL && errno == EINVAL);
}

int main(void)
{
    test_forms();
    test_refusals();
    test_hostile_files();
    return check_result("user");
}
