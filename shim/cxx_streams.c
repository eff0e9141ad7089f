#include "cxx_streams.h"

#include <stdint.h>
#include <string.h>

#include "real.h"

/* libstdc++'s binary interface (GCC 5 and later): a stream's first word leads to a table of virtual
 * functions with, three words before, the offset of its basic_ios; a basic_ios has its buffer at
 * STREAM_BUFFER; the buffers of the standard streams (stdio_sync_filebuf) have the FILE at FILE_AT.
 * A buffer of another kind is told by its FILE being another. */
enum { IOS_OFFSET = -3, STREAM_BUFFER = 232, FILE_AT = 64 };

static void *word_at(const void *base, ptrdiff_t offset)
{
    void *word;

    memcpy(&word, (const char *)base + offset, sizeof(word));
    return word;
}

static void follow(const char *name, const FILE *from, FILE *to)
{
    char *stream = dlsym(RTLD_DEFAULT, name), *buffer;
    const char *table = stream != NULL ? word_at(stream, 0) : NULL;
    ptrdiff_t ios;

    if (table == NULL) /* not there, or not yet constructed */
        return;
    ios = (ptrdiff_t)(intptr_t)word_at(table, IOS_OFFSET * (ptrdiff_t)sizeof(void *));
    buffer = word_at(stream, ios + STREAM_BUFFER);
    if (buffer != NULL && word_at(buffer, FILE_AT) == from)
        memcpy(buffer + FILE_AT, &to, sizeof(FILE *));
}

void cxx_streams_follow(const FILE *from, FILE *to)
{
    static const char *const names[] = {"_ZSt3cin",  "_ZSt4cout",  "_ZSt4cerr",  "_ZSt4clog",
                                        "_ZSt4wcin", "_ZSt5wcout", "_ZSt5wcerr", "_ZSt5wclog"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        follow(names[i], from, to);
}
