#include "common_elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common_os.h"

enum { HEADERS_MAX = 256 * 1024 /* bytes of a table */ };

/* Numbers of either class and byte order, at an offset of a header. */
struct view {
    const unsigned char *bytes;
    size_t length;
    bool little;
};

static uint64_t number(const struct view *v, size_t at, size_t size)
{
    uint64_t value = 0;
    if (size > v->length || at > v->length - size)
        return 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | v->bytes[at + (v->little ? size - 1 - i : i)];
    return value;
}

/* Where the fields lie, by class. */
#define FIELD(bits, type, field)                                                                   \
    ((bits) == 64 ? offsetof(Elf64_##type, field) : offsetof(Elf32_##type, field)),                \
        ((bits) == 64 ? sizeof(((Elf64_##type *)0)->field) : sizeof(((Elf32_##type *)0)->field))

static bool read_at(int fd, void *buffer, size_t size, uint64_t offset)
{
    return offset <= INT64_MAX - HEADERS_MAX &&
           pread(fd, buffer, size, (off_t)offset) == (ssize_t)size;
}

/* A table of `count` headers of `size` bytes, of which some are in memory: an exec may come when no
 * more can be had (RLIMIT_AS). */
struct table {
    int fd;
    bool little;
    uint64_t offset;
    size_t size, count;
    size_t first, have; /* of the headers in bytes */
    unsigned char bytes[4096];
};

static bool table_load(struct table *table, size_t i)
{
    size_t fit = sizeof table->bytes / table->size;
    table->first = i;
    table->have = table->count - i < fit ? table->count - i : fit;
    return read_at(table->fd, table->bytes, table->have * table->size,
                   table->offset + i * table->size);
}

static bool find_table(struct table *table, uint64_t offset, uint64_t size, uint64_t count,
                       size_t least)
{
    if (count == 0 || size < least || size > 1024 || count > HEADERS_MAX / size)
        return false;
    table->offset = offset;
    table->size = (size_t)size;
    table->count = (size_t)count;
    return table_load(table, 0);
}

/* Of length 0, whose numbers are all 0, when it cannot be read. */
static struct view header(struct table *table, size_t i)
{
    bool there = (i >= table->first && i - table->first < table->have) || table_load(table, i);
    if (!there)
        table->have = 0;
    return (struct view){table->bytes + (there ? (i - table->first) * table->size : 0),
                         there ? table->size : 0, table->little};
}

/* Go's notes have the owner "Go" and hold the build id (type 4). */
static bool is_go_note(int fd, uint64_t offset, bool little)
{
    unsigned char note[16];
    struct view v = {note, sizeof note, little};
    return read_at(fd, note, sizeof note, offset) && number(&v, 0, 4) == 4 &&
           number(&v, 8, 4) == 4 && memcmp(note + 12, "Go\0", 4) == 0;
}

static bool lies_within(int fd, uint64_t offset, uint64_t size)
{
    struct stat status;
    return fstat(fd, &status) == 0 && size <= (uint64_t)status.st_size &&
           offset <= (uint64_t)status.st_size - size;
}

static enum elf_result read_segments(int fd, struct elf_file *out, struct table *table)
{
    out->is_whole = true;
    for (size_t i = 0; i < table->count; i++) {
        struct view v = header(table, i);
        uint64_t type = number(&v, FIELD(out->bits, Phdr, p_type));
        uint64_t offset = number(&v, FIELD(out->bits, Phdr, p_offset));
        uint64_t size = number(&v, FIELD(out->bits, Phdr, p_filesz));
        if (type == PT_NOTE && is_go_note(fd, offset, out->little))
            out->is_go = true;
        if (type == PT_LOAD && !lies_within(fd, offset, size))
            out->is_whole = false;
        if (type != PT_INTERP)
            continue;
        if (size == 0 || size > sizeof out->interpreter ||
            !read_at(fd, out->interpreter, (size_t)size, offset) ||
            out->interpreter[size - 1] != '\0')
            return ELF_MALFORMED;
        out->has_interpreter = true;
    }
    return ELF_GOOD;
}

/* A section by name. Binaries may come without sections: no error then. */
static bool has_section(int fd, const struct elf_file *elf, struct table *table, size_t names_index,
                        const char *wanted)
{
    if (names_index >= table->count)
        return false;
    struct view names = header(table, names_index);
    uint64_t names_offset = number(&names, FIELD(elf->bits, Shdr, sh_offset));
    size_t n = strlen(wanted) + 1;
    char name[32];
    for (size_t i = 0; i < table->count; i++) {
        struct view v = header(table, i);
        uint64_t at = number(&v, FIELD(elf->bits, Shdr, sh_name));
        if (n <= sizeof name && read_at(fd, name, n, names_offset + at) &&
            memcmp(name, wanted, n) == 0)
            return true;
    }
    return false;
}

enum elf_result elf_read(int fd, struct elf_file *out)
{
    unsigned char head[sizeof(Elf64_Ehdr)] = {0};
    *out = (struct elf_file){0};
    ssize_t n = pread(fd, head, sizeof head, 0);
    if (n < 0)
        return ELF_UNREADABLE;
    if (n < SELFMAG || memcmp(head, ELFMAG, SELFMAG) != 0)
        return ELF_NOT_ELF;
    out->bits = head[EI_CLASS] == ELFCLASS64 ? 64 : 32;
    out->little = head[EI_DATA] != ELFDATA2MSB;
    struct view v = {head, (size_t)n, out->little};
    struct table table = {.fd = fd, .little = out->little};
    out->type = (uint16_t)number(&v, FIELD(out->bits, Ehdr, e_type));
    out->machine = (uint16_t)number(&v, FIELD(out->bits, Ehdr, e_machine));
    if (!find_table(&table, number(&v, FIELD(out->bits, Ehdr, e_phoff)),
                    number(&v, FIELD(out->bits, Ehdr, e_phentsize)),
                    number(&v, FIELD(out->bits, Ehdr, e_phnum)), sizeof(Elf32_Phdr)))
        return ELF_MALFORMED;
    enum elf_result result = read_segments(fd, out, &table);
    uint64_t sections = number(&v, FIELD(out->bits, Ehdr, e_shoff));
    uint64_t size = number(&v, FIELD(out->bits, Ehdr, e_shentsize));
    uint64_t count = number(&v, FIELD(out->bits, Ehdr, e_shnum));
    out->is_whole = out->is_whole && lies_within(fd, sections, size * count);
    if (!out->is_go && find_table(&table, sections, size, count, sizeof(Elf32_Shdr))) {
        size_t names = (size_t)number(&v, FIELD(out->bits, Ehdr, e_shstrndx));
        out->is_go |= has_section(fd, out, &table, names, ".go.buildinfo") ||
                      has_section(fd, out, &table, names, ".note.go.buildid");
    }
    return result;
}

#if defined(__x86_64__)
enum { OWN_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OWN_MACHINE = EM_AARCH64 };
#endif

/* PT_PHDR tells by how much the program lies elsewhere than its headers say. */
void elf_self(struct elf_file *out)
{
    const ElfW(Phdr) *headers = (const void *)getauxval(AT_PHDR);
    size_t count = getauxval(AT_PHNUM);
    uintptr_t moved = 0;
    *out = (struct elf_file){.bits = __ELF_NATIVE_CLASS, .machine = OWN_MACHINE};
    out->little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    for (size_t i = 0; headers && i < count; i++)
        if (headers[i].p_type == PT_PHDR)
            moved = (uintptr_t)headers - headers[i].p_vaddr;
    for (size_t i = 0; headers && i < count; i++)
        if (headers[i].p_type == PT_INTERP && headers[i].p_memsz <= sizeof out->interpreter) {
            memcpy(out->interpreter, (const void *)(moved + headers[i].p_vaddr),
                   headers[i].p_memsz);
            out->has_interpreter = true;
        }
}

static const char *library_fault(int fd)
{
    struct elf_file elf, self;
    elf_self(&self);
    if (elf_read(fd, &elf) != ELF_GOOD || elf.has_interpreter)
        return "this is no shared library; reinstall tlshim";
    if (!elf.is_whole)
        return "the file ends too early; wait until it is installed, or reinstall tlshim";
    if (elf.bits != self.bits || elf.machine != self.machine)
        return "it is a library for another kind of machine; reinstall tlshim";
    void *page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (page == MAP_FAILED && errno != ENOMEM)
        return "it may not be executed there (a noexec mount?); move the library";
    if (page != MAP_FAILED)
        munmap(page, 4096);
    return NULL;
}

const char *elf_library_fault(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return strerrordesc_np(errno);
    const char *fault = library_fault(fd);
    os_close(fd);
    return fault;
}

const char *elf_machine_name(uint16_t machine)
{
    static const struct {
        uint16_t machine;
        const char *name;
    } names[] = {{EM_X86_64, "x86-64"}, {EM_386, "i386"},     {EM_AARCH64, "AArch64"},
                 {EM_ARM, "ARM"},       {EM_RISCV, "RISC-V"}, {EM_PPC64, "PowerPC64"},
                 {EM_S390, "s390"},     {EM_MIPS, "MIPS"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].machine == machine)
            return names[i].name;
    return "another machine";
}
