#include "common_environment.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "common_memory.h"

static struct memory kept_memory;
static const char **kept; /* NULL-terminated */

bool environment_keep(void)
{
    size_t count = 0, used = 0;
    while (environ && environ[count])
        count++;
    const char **copy = memory_take(&kept_memory, (count + 1) * sizeof *copy);
    for (size_t i = 0; copy && i < count; i++) {
        copy[used] = memory_copy(&kept_memory, environ[i], strlen(environ[i]));
        if (!copy[used++])
            return false;
    }
    kept = copy;
    return copy != NULL;
}

const char *kept_getenv(const char *name)
{
    size_t n = strlen(name);
    if (getauxval(AT_SECURE))
        return NULL;
    if (!kept)
        return getenv(name);
    for (const char **entry = kept; *entry; entry++)
        if (strncmp(*entry, name, n) == 0 && (*entry)[n] == '=')
            return *entry + n + 1;
    return NULL;
}
