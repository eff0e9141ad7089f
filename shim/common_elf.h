/* What an ELF file says of itself: as much as decides whether a library can be preloaded into it.
 */
#ifndef SHIM_COMMON_ELF_H
#define SHIM_COMMON_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_file {
    unsigned bits;    /* 32 or 64 */
    bool little;      /* byte order */
    uint16_t machine; /* EM_X86_64 and so on */
    uint16_t type;    /* ET_EXEC, ET_DYN */
    bool is_whole;    /* all that its headers name lies in the file; one being written is shorter */
    bool has_interpreter;
    char interpreter[256]; /* PT_INTERP: the dynamic linker */
    bool is_go;            /* built by Go's own compiler */
};

enum elf_result { ELF_GOOD, ELF_NOT_ELF, ELF_MALFORMED, ELF_UNREADABLE /* errno */ };
enum elf_result elf_read(int fd, struct elf_file *out);

/* Of this very process: what the kernel and the dynamic linker made of it. */
void elf_self(struct elf_file *out);

/* Why the dynamic linker would not preload the library at this path into a program like this one
 * (it would warn and go on without); words, with what to do. NULL: it would. */
const char *elf_library_fault(const char *path);

/* "x86-64", "AArch64"; "another machine" for what is rare. */
const char *elf_machine_name(uint16_t machine);

#endif
