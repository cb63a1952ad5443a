/* From a request to execve: environment of a session below that of the request, the working directory, PATH. */
#include "../src/command.h"

#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uint8_t text[4096];
static _Alignas(16) char memory[65536];

static struct strings list_of(size_t at, const char *const *items)
{
    struct writer writer = {text + at, 1024, 0, false};
    uint32_t count = 0;
    for (; items[count]; count++)
        write_str(&writer, slice_of(items[count]));
    return (struct strings){{text + at, (uint32_t)writer.used}, count};
}

#define LIST(at, ...) list_of(at, (const char *const[]){__VA_ARGS__, NULL})

static void test_environment(void)
{
    struct command command;
    struct session session = {1, slice_of("/base"), LIST(0, "A=1", "B=2", "AB=3", "PATH=/session")};
    struct frame_exec_start frame = {.argv = LIST(1024, "x", "y"), .env = LIST(2048, "B=9", "C=")};
    CHECK(command_build(&command, memory, sizeof memory, &frame, &session, NULL));
    CHECK(command_build(&command, memory, command.bytes, &frame, &session, NULL));
    const char *expected[] = {"B=9", "C=", "A=1", "AB=3", "PATH=/session", NULL};
    for (int index = 0; expected[index]; index++)
        CHECK(command.envp[index] && strcmp(command.envp[index], expected[index]) == 0);
    CHECK(command.envp[5] == NULL && command.argv[2] == NULL && strcmp(command.argv[1], "y") == 0);
    CHECK(strcmp(command.search_path, "/session") == 0);
    for (size_t size = 0; size < 100; size++)
        CHECK(!command_build(&command, memory, size, &frame, &session, NULL));
}

static void test_directory(void)
{
    static const struct { const char *base, *cwd, *expected; } cases[] = {
        {"", "", NULL}, {"", "/a", "/a"}, {"", "a", "a"}, {"/b", "", "/b"}, {"/b", "/a", "/a"}, {"/b", "a", "/b/a"}};
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        struct command command;
        struct session session = {1, slice_of(cases[index].base), {{text, 0}, 0}};
        struct frame_exec_start frame = {.cwd = slice_of(cases[index].cwd), .argv = LIST(1024, "x"), .env = {{text, 0}, 0}};
        CHECK(command_build(&command, memory, sizeof memory, &frame, &session, NULL));
        CHECK(cases[index].expected ? command.directory && strcmp(command.directory, cases[index].expected) == 0
                                    : command.directory == NULL);
        CHECK(strcmp(command.search_path, default_search_path) == 0);
    }
}

static void test_user(void)
{
    struct command command;
    struct user user = {.uid = 7, .gid = 8, .groups = {8, 9}, .group_count = 2, .home = "/home/app"};
    struct frame_exec_start frame = {.argv = LIST(1024, "x"), .env = LIST(2048, "HOMER=1")};
    CHECK(command_build(&command, memory, sizeof memory, &frame, NULL, NULL) && !command.changes_user);
    CHECK(command.envp[1] == NULL);
    CHECK(command_build(&command, memory, sizeof memory, &frame, NULL, &user));
    CHECK(command.changes_user && command.uid == 7 && command.gid == 8 && command.group_count == 2 && command.groups[1] == 9);
    CHECK(strcmp(command.envp[1], "HOME=/home/app") == 0 && command.envp[2] == NULL);
    struct session session = {1, slice_of("/"), LIST(0, "HOME=/theirs")};
    CHECK(command_build(&command, memory, sizeof memory, &frame, &session, &user));
    CHECK(strcmp(command.envp[1], "HOME=/theirs") == 0 && command.envp[2] == NULL);
    for (size_t size = 0; size < 80; size++)
        CHECK(!command_build(&command, memory, size, &frame, &session, &user));
}

/* How a search ends when nothing can be run, and what runs otherwise. */
static int search(const char *name, const char *path)
{
    char *argv[] = {(char *)(uintptr_t)name, NULL}, *envp[] = {NULL};
    struct command command = {.argv = argv, .envp = envp, .search_path = path};
    pid_t pid = fork();
    if (pid == 0) {
        spawn_search(&command);
        _exit(errno);
    }
    int status;
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void test_search(void)
{
    char directory[] = "/tmp/search-XXXXXX", file[64], path[128];
    CHECK(mkdtemp(directory) != NULL);
    snprintf(file, sizeof file, "%s/true", directory);
    fclose(fopen(file, "w"));
    CHECK(search("true", "/nowhere:/bin") == 0);
    CHECK(search("true", "/nowhere") == ENOENT);
    CHECK(search("", "/bin") == ENOENT);
    CHECK(search("/bin/true", "/nowhere") == 0);
    snprintf(path, sizeof path, "%s:/bin", directory);
    CHECK(search("true", path) == 0);
    CHECK(search("true", directory) == EACCES);
    chmod(file, 0755);
    CHECK(search("true", directory) == ENOEXEC);
    CHECK(search("true", "/etc/passwd:/bin") == 0);
    unlink(file);
    rmdir(directory);
}

int main(void)
{
    test_environment();
    test_directory();
    test_user();
    test_search();
    return check_result("command");
}
