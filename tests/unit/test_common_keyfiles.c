/* Files of pre-shared keys and of ticket keys, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/common_credentials.c"
#include "shim/common_files.c"
#include "shim/common_keyfiles.c"
#include "shim/common_memory.c"

ssize_t os_read(int fd, void *buffer, size_t n)
{
    return read(fd, buffer, n);
}
int os_close(int fd)
{
    return close(fd);
}

#define PATH "/tmp/tlshim-keyfiles.%d"

static const char *write_file(const char *text, mode_t mode)
{
    static char path[64];
    snprintf(path, sizeof path, PATH, (int)getpid());
    FILE *out = fopen(path, "w");
    fputs(text, out);
    fchmod(fileno(out), mode);
    fclose(out);
    return path;
}

#define KEY16 "000102030405060708090a0b0c0d0e0f"
#define KEY32 "ffEEddccbbaa99887766554433221100" KEY16

struct loaded {
    struct memory secrets;
    const struct tls_psk *psks;
    size_t count;
    char reason[CREDENTIALS_REASON];
};

static bool load(struct loaded *out, const char *text, mode_t mode,
                 const struct policy_list *wanted, unsigned floor)
{
    const char *path = write_file(text, mode);
    *out = (struct loaded){.secrets.secret = true};
    bool good =
        keyfile_load_psks(&out->psks, &out->count, path, wanted, floor, &out->secrets, out->reason);
    unlink(path);
    return good;
}

static const struct policy_list anybody = {NULL, 0};

static void lines_become_keys(void **state)
{
    (void)state;
    struct loaded loaded;
    assert_true(load(&loaded, "# two keys\n\nme:" KEY16 "\nyou and : me:" KEY32 " \r\n#6D45:" KEY16,
                     0600, &anybody, 128));
    assert_int_equal(loaded.count, 3);
    assert_int_equal(loaded.psks[0].identity.length, 2);
    assert_memory_equal(loaded.psks[0].identity.data, "me", 2);
    assert_int_equal(loaded.psks[0].key.length, 16);
    assert_int_equal(loaded.psks[0].key.data[15], 15);
    assert_int_equal(loaded.psks[1].identity.length, 12);
    assert_memory_equal(loaded.psks[1].identity.data, "you and : me", 12);
    assert_int_equal(loaded.psks[1].key.length, 32);
    assert_int_equal(loaded.psks[1].key.data[0], 0xff);
    assert_int_equal(loaded.psks[1].key.data[1], 0xee);
    assert_memory_equal(loaded.psks[2].identity.data, "mE", 2); /* hexadecimal, as GnuTLS has it */
    memory_release(&loaded.secrets);
}

static void only_the_wanted_are_taken(void **state)
{
    (void)state;
    const struct policy_string words[] = {{.text = "c"}, {.text = "a"}}, none = {.text = "d"};
    const struct policy_list wanted = {words, 2}, missing = {&none, 1};
    const char *text = "a:" KEY16 "\nb:" KEY16 "\nc:" KEY32 "\n";
    struct loaded loaded;
    assert_true(load(&loaded, text, 0600, &wanted, 0));
    assert_int_equal(loaded.count, 2);
    assert_memory_equal(loaded.psks[0].identity.data, "c", 1);
    assert_memory_equal(loaded.psks[1].identity.data, "a", 1);
    memory_release(&loaded.secrets);
    assert_false(load(&loaded, text, 0600, &missing, 0));
    assert_non_null(strstr(loaded.reason, "no line for the identity \"d\""));
    memory_release(&loaded.secrets);
}

static void wrong_lines_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        mode_t mode;
        unsigned floor;
        const char *reason;
    } rows[] = {
        {"a:" KEY16, 0640, 0, "others than its owner may use this key (mode 0640)"},
        {"", 0600, 0, "no key in it"},
        {"# only a comment\n", 0600, 0, "no key in it"},
        {"a:" KEY16 "\nb\n", 0600, 0, "line 2: a \":\" is missing"},
        {":" KEY16, 0600, 0, "line 1: the identity has not 1 to 128 bytes"},
        {"a:0" KEY16, 0600, 0, "line 1: the key is not hexadecimal"},
        {"a:" KEY16 "0x", 0600, 0, "line 1: the key is not hexadecimal"},
        {"a:0001", 0600, 0, "line 1: the key has not 16 to 64 bytes"},
        {"a:" KEY32 KEY32 "00", 0600, 0, "line 1: the key has not 16 to 64 bytes"},
        {"\n#comment:" KEY16, 0600, 0, "line 2: behind a # the identity is hexadecimal"},
        {"a:" KEY16 "\na:" KEY32, 0600, 0, "line 2: this identity is there already"},
        {"a:" KEY16, 0600, 192, "line 1: the key has 128 bits, minimum-strength asks for 192"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct loaded loaded;
        if (load(&loaded, rows[i].text, rows[i].mode, &anybody, rows[i].floor) ||
            !strstr(loaded.reason, rows[i].reason))
            fail_msg("row %zu: %s", i, loaded.reason);
        memory_release(&loaded.secrets);
    }
}

#define TEN_TIMES(x)   x x x x x x x x x x
#define RING_KEY(byte) TEN_TIMES(byte byte byte byte byte byte byte byte) "\n"

static bool load_ring(struct tls_ticket_ring *ring, const char *text, char *reason)
{
    const char *path = write_file(text, 0600);
    bool good = keyfile_load_ticket_ring(ring, path, reason);
    unlink(path);
    return good;
}

/* The first seals, all open, and so on every machine that has the file. */
static void ticket_keys_rotate(void **state)
{
    (void)state;
    char reason[CREDENTIALS_REASON];
    struct tls_ticket_ring one, two, three;
    struct tls_resumable in = {.format = 1, .suite = 0x2f}, out;
    uint8_t ticket[TLS_TICKET_SIZE];
    assert_true(load_ring(&one, "# today\n" RING_KEY("a1"), reason));
    assert_true(load_ring(&two, RING_KEY("a2") "\n" RING_KEY("a1"), reason));
    assert_true(load_ring(&three, RING_KEY("a3") RING_KEY("a2"), reason));
    assert_true(tls_ticket_seal(&one, 1000, &in, ticket));
    assert_int_equal(tls_ticket_open(&one, 1000, ticket, sizeof ticket, &out), TLS_TICKET_GOOD);
    assert_int_equal(tls_ticket_open(&two, 1000, ticket, sizeof ticket, &out), TLS_TICKET_OLD);
    assert_int_equal(out.suite, 0x2f);
    assert_int_equal(tls_ticket_open(&three, 1000, ticket, sizeof ticket, &out), TLS_TICKET_NONE);
    assert_true(
        load_ring(&one, RING_KEY("01") RING_KEY("02") RING_KEY("03") RING_KEY("04"), reason));
}

static void wrong_ticket_keys_are_errors(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "there are 0 keys in it, 1 to 4 are needed"},
        {"00\n", "line 1: a key is 160 hexadecimal digits"},
        {"# x\n\n0" RING_KEY("a1"), "line 3: a key is 160 hexadecimal digits"},
        {RING_KEY("a1") " " RING_KEY("a2"), "line 2: a key is 160 hexadecimal digits"},
        {RING_KEY("01") RING_KEY("02") RING_KEY("03") RING_KEY("04") RING_KEY("05"),
         "there are 5 keys in it"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char reason[CREDENTIALS_REASON] = "";
        struct tls_ticket_ring ring;
        if (load_ring(&ring, rows[i][0], reason) || !strstr(reason, rows[i][1]))
            fail_msg("row %zu: %s", i, reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_keys),
        cmocka_unit_test(only_the_wanted_are_taken),
        cmocka_unit_test(wrong_lines_are_errors),
        cmocka_unit_test(ticket_keys_rotate),
        cmocka_unit_test(wrong_ticket_keys_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
