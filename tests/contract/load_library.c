/* A library whose constructor uses sockets, when the environment names a port for it. */
#include "load.h"

#include <stdlib.h>

__attribute__((constructor)) static void at_start(void)
{
    const char *port = getenv("LOAD_CONSTRUCTOR_PORT");

    if (port != NULL)
        load_exchange(atoi(port), "constructor of a library");
}

/* For who loads the library at run time. */
bool load_library_exchange(int port);
bool load_library_exchange(int port)
{
    return load_exchange(port, "library loaded at run time");
}
