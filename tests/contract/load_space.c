/* load_space PORT LIBRARY: the library in a name space of its own, with a C library of its own. */
#include "load.h"

#include <dlfcn.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    void *plugin;
    bool (*exchange)(int);

    if (argc != 3)
        return 2;
    plugin = dlmopen(LM_ID_NEWLM, argv[2], RTLD_NOW | RTLD_LOCAL);
    if (plugin == NULL) {
        load_say("refused", "");
        return 0;
    }
    exchange = (bool (*)(int))dlsym(plugin, "load_library_exchange");
    return exchange != NULL && exchange(atoi(argv[1])) ? 0 : 1;
}
