/* load_early PORT: exchanges in a constructor and in main. */
#include "load.h"

#include <stdlib.h>

__attribute__((constructor(102))) static void constructor(int argc, char **argv)
{
    if (argc == 2)
        load_exchange(atoi(argv[1]), "constructor");
}

int main(int argc, char **argv)
{
    return argc == 2 && load_exchange(atoi(argv[1]), "main") ? 0 : 1;
}
