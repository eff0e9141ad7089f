/* load_dl PORT LIBRARY: the ways of the dynamic loader to functions. Each must be TLS, or refuse.
 */
#include "load.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef ssize_t write_f(int, const void *, size_t);

static int port;

/* Writes through the function, and reads back as usual. A write that fails is a refusal. */
static void through(const char *who, void *function)
{
    int fd = load_connect(port);
    char sent[200], got[200];
    size_t have = 0;
    size_t n = (size_t)snprintf(sent, sizeof(sent), "%s: %s", who, getenv("TLSTEST_MARKER"));
    ssize_t r;

    if (function == NULL || fd < 0) {
        load_say(who, function == NULL ? ": not found" : ": no connection");
        return;
    }
    r = ((write_f *)function)(fd, sent, n);
    while (r > 0 && have < n && (r = read(fd, got + have, n - have)) > 0)
        have += (size_t)r;
    if (have == n && memcmp(sent, got, n) == 0)
        load_say(who, ": good");
    else
        load_say(who, r < 0 && have == 0 ? ": refused" : ": wrong");
    close(fd);
}

int main(int argc, char **argv)
{
    void *plugin;
    bool (*exchange)(int);

    if (argc != 3)
        return 2;
    port = atoi(argv[1]);
    through("RTLD_DEFAULT", dlsym(RTLD_DEFAULT, "write"));
    through("RTLD_NEXT", dlsym(RTLD_NEXT, "write"));
    through("dlopen(NULL)", dlsym(dlopen(NULL, RTLD_NOW), "write"));
    plugin = dlopen(argv[2], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    exchange = plugin != NULL ? (bool (*)(int))dlsym(plugin, "load_library_exchange") : NULL;
    if (exchange == NULL)
        load_say("no plugin: ", dlerror());
    else
        exchange(port);
    return 0;
}
