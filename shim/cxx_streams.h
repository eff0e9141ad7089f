/* std::cin, std::cout, std::cerr and std::clog, which libstdc++ ties to the FILEs of stdin, stdout
 * and stderr once, when it starts. */
#ifndef SHIM_CXX_STREAMS_H
#define SHIM_CXX_STREAMS_H

#include <stdio.h>

/* Those that read or write `from` use `to` from here on. Does nothing where there is no libstdc++,
 * or the program has given the streams other buffers. */
void cxx_streams_follow(const FILE *from, FILE *to);

#endif
