/* tlshim preflight: could this program be covered, and what of it could not? */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../common_elf.h"
#include "../common_program.h"
#include "../symbols.h"
#include "cli.h"
#include "elf_imports.h"

enum { CAN = 0, CANNOT = 1 };

/* ---- calls that are refused on a TLS connection ---- */

enum coverage { covered, refused, watched };

static const struct {
    const char *name, *errno_name;
    enum coverage coverage;
} calls[] = {
#define X(type, name, parameters, coverage, note) {#name, note, coverage},
    SHIM_SYMBOLS(X)
#undef X
};
enum { CALLS = sizeof calls / sizeof calls[0] };

struct uses {
    bool call[CALLS];
    const char *path; /* of the file that is being looked at */
};

static void take_import(void *arg, const char *name)
{
    struct uses *uses = arg;
    for (size_t i = 0; i < CALLS; i++)
        if (calls[i].coverage == refused && strcmp(calls[i].name, name) == 0 && !uses->call[i]) {
            uses->call[i] = true;
            printf("  %s calls %s, which fails on a TLS connection: %s\n", uses->path, name,
                   calls[i].errno_name);
        }
}

/* ---- system call filters of its own ---- */

#define CONFINES                                                                                   \
    "may confine the program to some system calls (seccomp): tlshim's own are let through, but "   \
    "nothing is logged then (README)"

static void note_prctl(void *arg, const char *name)
{
    *(bool *)arg |= strcmp(name, "prctl") == 0;
}

static bool is_mentioned(int fd, const char *word)
{
    char text[4096 + 32];
    size_t length = strlen(word), kept = 0;
    ssize_t n;
    for (off_t at = 0; (n = pread(fd, text + kept, 4096, at)) > 0; at += n) {
        size_t have = kept + (size_t)n;
        if (memmem(text, have, word, length))
            return true;
        kept = have < length ? have : length;
        memmove(text, text + have - kept, kept);
    }
    return false;
}

/* A program that asks the kernel for it itself: vsftpd, OpenSSH's sshd. prctl is good for much
 * else, but then no text of the program speaks of seccomp. */
static void show_filter(const char *path, int fd)
{
    bool calls_prctl = false;
    elf_each_import(path, note_prctl, &calls_prctl);
    if (calls_prctl && is_mentioned(fd, "seccomp"))
        puts("  it " CONFINES);
}

/* ---- libraries ---- */

static const struct {
    const char *begin, *words;
} libraries[] = {
    {"libssl.so", "brings TLS of its own: leave such connections plain"},
    {"libgnutls.so", "brings TLS of its own: leave such connections plain"},
    {"libnss3.so", "brings TLS of its own: leave such connections plain"},
    {"libmbedtls.so", "brings TLS of its own: leave such connections plain"},
    {"libwolfssl.so", "brings TLS of its own: leave such connections plain"},
    {"libcares.so", "asks name servers itself: rules see addresses where they could see names"},
    {"libunbound.so", "asks name servers itself: rules see addresses where they could see names"},
    {"libadns.so", "asks name servers itself: rules see addresses where they could see names"},
    {"libseccomp.so", CONFINES},
};

static void take_library(void *arg, const char *name, const char *path)
{
    struct uses *uses = arg;
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++)
        if (strncmp(name, libraries[i].begin, strlen(libraries[i].begin)) == 0) {
            printf("  %s %s\n", name, libraries[i].words);
        }
    uses->path = name;
    if (strncmp(name, "libc.so", 7) != 0)
        elf_each_import(path, take_import, uses);
}

static void show_uses(const char *path)
{
    struct uses uses = {.path = "it"};
    struct elf_file elf;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    /* A script: what it uses is known when it runs. */
    if (fd >= 0 && elf_read(fd, &elf) == ELF_GOOD) {
        elf_each_import(path, take_import, &uses);
        show_filter(path, fd);
        elf_each_library(elf.interpreter, path, take_library, &uses);
    }
    if (fd >= 0)
        close(fd);
}

int preflight_command(char **arguments)
{
    static const struct option_name names[] = {{NULL, false}};
    struct options options = {.at = arguments};
    struct program program;
    char library[PATH_MAX];
    if (next_option(&options, names) == OPTION_WRONG)
        return usage_error("preflight: %s", options.wrong);
    if (!options.at[0] || options.at[1])
        return usage_error("preflight takes one program");
    if (!library_find(library))
        return EXIT_REFUSED;
    bool can = program_find(&program, options.at[0]) == 0 && program_check(&program, false) == 0;
    if (can) {
        printf("%s: can be covered\n", program.path);
        fflush(stdout);
        show_uses(program.path);
    } else {
        printf("%s\n", program.reason);
    }
    return fflush(stdout) != 0 ? EXIT_REFUSED : can ? CAN : CANNOT;
}
