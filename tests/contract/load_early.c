/* load_early PORT: exchanges in .preinit_array, in a constructor and in main. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

static void before_all(int argc, char **argv, char **environment)
{
    (void)environment;
    if (argc == 2)
        load_exchange(atoi(argv[1]), "preinit_array");
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **,
                                                                            char **) = before_all;

__attribute__((constructor(102))) static void constructor(int argc, char **argv)
{
    if (argc == 2)
        load_exchange(atoi(argv[1]), "constructor");
}

int main(int argc, char **argv)
{
    return argc == 2 && load_exchange(atoi(argv[1]), "main") ? 0 : 1;
}
