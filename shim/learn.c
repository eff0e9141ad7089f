#include "learn.h"

#include <stdio.h>
#include <stdlib.h>

#include "common_sink.h"

static struct sink file;

void learn_init(void)
{
    const char *path = secure_getenv("TLSHIM_LEARN");

    if (path != NULL && path[0] == '/')
        sink_set(&file, path);
}

static void record(const char *what, const struct connection *c)
{
    char line[TLS_NAME_MAX + 80];
    int n, saved = errno;

    if (file.kind != SINK_FILE)
        return;
    n = snprintf(line, sizeof(line), "%s\t%s\t%s\n", what, c->name[0] != '\0' ? c->name : "-",
                 c->text);
    sink_write(&file, 0, line, (size_t)n);
    errno = saved;
}

void learn_connection(const struct connection *c)
{
    record("connect", c);
}

void learn_listener(const struct connection *c)
{
    record("listen", c);
}
