/* What a dynamic program takes from libraries: which ones, and which of their functions. */
#ifndef SHIM_CLI_ELF_IMPORTS_H
#define SHIM_CLI_ELF_IMPORTS_H

#include <stdbool.h>

/* Calls `symbol` with the name of every function that the file expects from elsewhere. The file is
 * of this machine's kind; one that is malformed has none. */
void elf_each_import(const char *path, void (*symbol)(void *arg, const char *name), void *arg);

/* Calls `library` with the path of each library that the dynamic linker would load for the program,
 * as the linker itself says (--list), which runs nothing of it. */
void elf_each_library(const char *interpreter, const char *path,
                      void (*library)(void *arg, const char *name, const char *path), void *arg);

#endif
