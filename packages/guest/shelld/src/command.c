#include "command.h"

const char default_search_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* Memory handed out from the front. Once something did not fit, nothing does. */
struct arena {
    char *at;
    size_t left;
};

static void *take(struct arena *arena, size_t size)
{
    if (size > arena->left) {
        arena->left = 0;
        return NULL;
    }
    char *taken = arena->at;
    arena->at += size;
    arena->left -= size;
    return taken;
}

static char *take_text(struct arena *arena, struct slice text)
{
    char *copy = take(arena, (size_t)text.length + 1);
    if (!copy)
        return NULL;
    if (text.length > 0)
        memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    return copy;
}

/* name_length includes the equals sign. */
static bool has_name(char *const *variables, size_t count, const char *entry, size_t name_length)
{
    for (size_t index = 0; index < count; index++)
        if (variables[index][0] == entry[0] && strncmp(variables[index], entry, name_length) == 0)
            return true;
    return false;
}

static bool add_all(struct arena *arena, char **array, struct strings strings)
{
    struct slice item;
    for (; next_string(&strings, &item); array++)
        if (!(*array = take_text(arena, item)))
            return false;
    *array = NULL;
    return true;
}

/* The variables of the session go behind those of the request, except where the name is taken. */
static bool add_defaults(struct arena *arena, char **variables, size_t count, struct strings defaults)
{
    struct slice item;
    for (char **next = variables + count; next_string(&defaults, &item);) {
        const uint8_t *equals = item.length ? memchr(item.data, '=', item.length) : NULL;
        size_t name_length = equals ? (size_t)(equals - item.data) + 1 : item.length;
        char *text = take_text(arena, item);
        if (!text)
            return false;
        if (!has_name(variables, count, text, name_length)) {
            *next++ = text;
            *next = NULL;
        }
    }
    return true;
}

/* Before any text, while the memory is aligned for numbers. */
static bool add_user(struct arena *arena, struct command *command, const struct user *user)
{
    command->uid = user->uid;
    command->gid = user->gid;
    command->group_count = user->group_count;
    command->groups = take(arena, user->group_count * sizeof *command->groups);
    if (!command->groups)
        return false;
    memcpy(command->groups, user->groups, user->group_count * sizeof *command->groups);
    return true;
}

static bool add_home(struct arena *arena, char **variables, const char *home)
{
    static const char name[] = "HOME=";
    size_t count = 0;
    while (variables[count])
        count++;
    if (has_name(variables, count, name, sizeof name - 1))
        return true;
    char *text = take(arena, sizeof name + strlen(home));
    if (!text)
        return false;
    variables[count] = strcat(strcpy(text, name), home);
    variables[count + 1] = NULL;
    return true;
}

static const char *search_path_of(char *const *variables)
{
    for (; *variables; variables++)
        if (strncmp(*variables, "PATH=", 5) == 0)
            return *variables + 5;
    return default_search_path;
}

static const char *directory_of(struct arena *arena, struct slice cwd, const struct session *session)
{
    struct slice base = session ? session->cwd : (struct slice){0};
    if (cwd.length == 0)
        cwd = base;
    if (cwd.length == 0 || cwd.data[0] == '/' || base.length == 0 || cwd.data == base.data)
        return take_text(arena, cwd);
    char *joined = take(arena, (size_t)base.length + 1 + cwd.length + 1);
    if (!joined)
        return NULL;
    memcpy(joined, base.data, base.length);
    joined[base.length] = '/';
    memcpy(joined + base.length + 1, cwd.data, cwd.length);
    joined[base.length + 1 + cwd.length] = '\0';
    return joined;
}

bool command_build(struct command *command, char *memory, size_t size, const struct frame_exec_start *frame,
                   const struct session *session, const struct user *user)
{
    struct arena arena = {memory, size};
    struct strings defaults = session ? session->env : (struct strings){0};
    command->changes_user = user != NULL;
    command->argv = take(&arena, (frame->argv.count + 1) * sizeof(char *));
    command->envp = take(&arena, ((size_t)frame->env.count + defaults.count + 2) * sizeof(char *));
    if (!command->argv || !command->envp || (user && !add_user(&arena, command, user)))
        return false;
    command->directory = directory_of(&arena, frame->cwd, session);
    if (!command->directory || !add_all(&arena, command->argv, frame->argv) ||
        !add_all(&arena, command->envp, frame->env) || !add_defaults(&arena, command->envp, frame->env.count, defaults) ||
        (user && !add_home(&arena, command->envp, user->home)))
        return false;
    if (command->directory[0] == '\0')
        command->directory = NULL;
    command->search_path = search_path_of(command->envp);
    command->bytes = (size_t)(arena.at - memory);
    return true;
}
