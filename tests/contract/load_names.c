/* load_names PORT: an exchange by a program that, as loading.t builds it, has a function of its own
 * for every name inside the library; each ends the program. */
#include "load.h"

#include <stdlib.h>

int main(int argc, char **argv)
{
    return argc == 2 && load_exchange(atoi(argv[1]), "main") ? 0 : 1;
}
