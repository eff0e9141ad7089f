/* Policy, certificates, keys and roots in memory: what configurations come out, and that keys are
 * wiped. The many ways in which files can be wrong are tested end to end (tests/e2e/policy.t). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/common_configs.c"
#include "shim/common_credentials.c"
#include "shim/common_crls.c"
#include "shim/common_environment.c"
#include "shim/common_files.c"
#include "shim/common_identity.c"
#include "shim/common_keyfiles.c"
#define munmap watched_munmap
static int watched_munmap(void *mapping, size_t size);
#include "shim/common_memory.c"
#undef munmap
#include "shim/common_includes.c"
#include "shim/common_rules.c"
#include "shim/common_system_trust.c"
#include "shim/common_trust.c"

/* A staple that is left out is logged: tests/e2e/trust-rules.t reads the line. */
void log_line(enum log_level level, const char *format, ...)
{
    (void)level;
    (void)format;
}

/* What secret mappings hold when they are given back. */
static size_t given_back, not_wiped;
static int watched_munmap(void *mapping, size_t size)
{
    const unsigned char *bytes = mapping;
    for (size_t i = 0; i < size; i++)
        not_wiped += bytes[i] != 0;
    given_back++;
    return munmap(mapping, size);
}

ssize_t os_read(int fd, void *buffer, size_t n)
{
    /* Short reads, as a file system may give them. */
    return read(fd, buffer, n > 1000 ? 1000 : n);
}
ssize_t os_write(int fd, const void *buffer, size_t n)
{
    return write(fd, buffer, n);
}
int os_close(int fd)
{
    return close(fd);
}

static char directory[] = "/tmp/tlshim-rules.XXXXXX";

#define TEN_TIMES(x)   x x x x x x x x x x
#define RING_KEY(byte) TEN_TIMES(byte byte byte byte byte byte byte byte)

static void write_private(const char *name, const char *text)
{
    FILE *out = fopen(name, "w");
    fputs(text, out);
    fchmod(fileno(out), 0600);
    fclose(out);
}

static int make_files(void **state)
{
    (void)state;
    if (!mkdtemp(directory) || chdir(directory) != 0)
        return 1;
    write_private("psk.txt", "me:000102030405060708090a0b0c0d0e0f\n");
    write_private("psk-copy.txt", "# a copy\nme:000102030405060708090A0B0C0D0E0F");
    write_private("psk2.txt", "me:100102030405060708090a0b0c0d0e0f\n");
    write_private("ring.txt", RING_KEY("07") "\n");
    return system("openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 9 "
                  "-subj /CN=one 2>openssl.log && "
                  "openssl req -x509 -newkey rsa:2048 -nodes -keyout key2.pem -out cert2.pem "
                  "-days 9 -subj /CN=two 2>>openssl.log && "
                  "openssl ecparam -name prime256v1 -out parameters.pem && "
                  "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-521 -nodes -keyout "
                  "ec.key -out ec.pem -days 9 -subj /CN=ec 2>>openssl.log && "
                  "openssl ec -in ec.key -out sec1.key 2>>openssl.log && "
                  "openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:2048 "
                  "-out dsa.param 2>>openssl.log && "
                  "openssl genpkey -paramfile dsa.param -out dsa.key && "
                  "openssl req -x509 -key dsa.key -out dsa.pem -days 9 -subj /CN=dsa && "
                  "openssl dsa -in dsa.key -out dsa-old.key 2>>openssl.log && "
                  "cat cert.pem cert2.pem >both.pem && cp both.pem copy.pem && "
                  "{ echo a comment; cat cert.pem key.pem; } >combined.pem && "
                  "{ cat parameters.pem key.pem; } >second-block.pem && "
                  "openssl rsa -in key.pem -traditional -out pkcs1.pem 2>>openssl.log && "
                  "chmod 600 *.pem *.key") != 0;
}

static int remove_files(void **state)
{
    (void)state;
    char command[sizeof directory + 16];
    snprintf(command, sizeof command, "rm -r %s", directory);
    return chdir("/") != 0 || system(command) != 0;
}

static void load(struct rules *rules, const char *text)
{
    struct rules_error error;
    FILE *out = fopen("policy.conf", "w");
    fputs(text, out);
    fclose(out);
    setenv("TLSHIM_POLICY", "policy.conf", 1);
    unsetenv("TLSHIM_POLICY_TEXT");
    if (!rules_load(rules, &error))
        fail_msg("%s", error.text);
}

static void each_rule_gets_its_configuration(void **state)
{
    (void)state;
    struct rules rules;
    load(&rules, "[plain p]\nconnect = a:1\n"
                 "[client c]\nconnect = b:1\ntrust = both.pem\nminimum-strength = 128\n"
                 "record-splitting = off\ntruncation = allow\nsuites = AES256-SHA\n"
                 "[server s]\nlisten = *:1\ncertificate = cert.pem\nkey = key.pem\n"
                 "[client d]\nconnect = c:1\ntrust = both.pem\ncertificate = combined.pem\n"
                 "key = combined.pem\n");
    assert_string_equal(rules.file, "policy.conf");
    assert_null(rules.configs[0]);
    const struct tls_config *c = rules.configs[1], *s = rules.configs[2], *d = rules.configs[3];
    assert_int_equal(c->role, TLS_CLIENT);
    assert_int_equal(c->trust->count, 2);
    assert_int_equal(c->suite_count, 1);
    assert_int_equal(c->suites[0], 0x0035);
    assert_int_equal(c->minimum_rsa_bits, 3072);
    assert_true(c->no_record_splitting && c->allow_truncation);
    assert_false(c->skip_name_check || c->allow_sha1_certificates);
    assert_null(c->credential);
    assert_int_equal(s->role, TLS_SERVER);
    assert_int_equal(s->credential->chain_count, 1);
    assert_int_equal(cg_rsa_private_bytes(s->credential->key), 256);
    assert_null(s->trust);
    assert_int_equal(s->version_min, TLS_VERSION_10);
    assert_int_equal(s->version_max, TLS_VERSION_10);
    assert_false(s->no_record_splitting || s->allow_truncation);
    assert_ptr_equal(d->trust, c->trust); /* the file is read once */
    assert_int_equal(d->credential->chain_count, 1);
    rules_unload(&rules);
    assert_null(rules.configs);
}

/* The identity of the rule "x" of a policy. */
static void identity(const char *text, uint8_t out[TLS_DIGEST])
{
    struct rules rules;
    load(&rules, text);
    for (size_t i = 0; i < rules.policy.rule_count; i++)
        if (strcmp(rules.policy.rules[i].name, "x") == 0)
            memcpy(out, rules.configs[i]->rule, TLS_DIGEST);
    rules_unload(&rules);
}

#define CLIENT "[client x]\nconnect = a:1\ntrust = both.pem\n"
#define SERVER "[server x]\nlisten = *:1\ncertificate = cert.pem\nkey = key.pem\n"

static void what_matters_changes_a_rules_identity(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {CLIENT, "# line\n[deny y]\nconnect = b:1\n" CLIENT "handshake = connect\n"
                 "handshake-timeout = 5\nreason = why\nprogram = y\n"},
        {CLIENT, "[client x]\nconnect = b:2\ntrust = copy.pem\n"},
        {CLIENT, "[defaults]\npreset = default\n" CLIENT},
        {SERVER, "[server x]\nlisten = *:2\ncertificate = cert2.pem\nkey = key2.pem\n"},
        {CLIENT, CLIENT "alpn = h1\nkeylog = allow\ntickets = off\ncache-age = 9\n"},
        {SERVER, SERVER "ticket-keys = ring.txt\nsslv2-hello = allow\nrenegotiation = allow\n"},
        {SERVER "psk-file = psk.txt\n", SERVER "psk-file = psk-copy.txt\n"},
    };
    static const char *const different[][2] = {
        {CLIENT, "[client x]\nconnect = a:1\ntrust = cert.pem\n"},
        {CLIENT, CLIENT "suites = ALL -AES128-SHA\n"},
        {CLIENT, CLIENT "suites = AES256-SHA AES128-SHA DES-CBC3-SHA\n"},
        {CLIENT, CLIENT "preset = legacy\n"},
        {CLIENT, CLIENT "minimum-signature = 40\n"},
        {CLIENT, CLIENT "sha1-certificates = allow\n"},
        {CLIENT, CLIENT "verify-name = z\n"},
        {CLIENT, CLIENT "certificate = cert.pem\nkey = key.pem\n"},
        {CLIENT "certificate = cert.pem\nkey = key.pem\n",
         CLIENT "certificate = cert2.pem\nkey = key2.pem\n"},
        {CLIENT, CLIENT "groups = P-256\n"},
        {CLIENT, CLIENT "minimum-dh = 1024\n"},
        {CLIENT "groups = P-256 P-384\n", CLIENT "groups = P-384 P-256\n"},
        {SERVER, SERVER "psk-file = psk.txt\n"},
        {SERVER "psk-file = psk.txt\n", SERVER "psk-file = psk2.txt\n"},
        {SERVER "psk-file = psk.txt\n", SERVER "psk-file = psk.txt\npsk-identity = me\n"},
        {SERVER, SERVER "minimum-cipher = 128\n"},
        {SERVER, SERVER "client-certificate = request\nclient-trust = cert.pem\n"},
        {SERVER "client-certificate = request\nclient-trust = cert.pem\n",
         SERVER "client-certificate = require\nclient-trust = cert.pem\n"},
        {SERVER "client-certificate = require\nclient-trust = both.pem\n",
         SERVER "client-certificate = require\nclient-trust = cert.pem\n"},
    };
    uint8_t a[TLS_DIGEST], b[TLS_DIGEST];
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        identity(same[i][0], a);
        identity(same[i][1], b);
        assert_memory_equal(a, b, TLS_DIGEST);
    }
    for (size_t i = 0; i < sizeof different / sizeof different[0]; i++) {
        identity(different[i][0], a);
        identity(different[i][1], b);
        assert_memory_not_equal(a, b, TLS_DIGEST);
    }
    identity("[client x]\nconnect = a:1\ntrust = cert.pem\n[client y]\nconnect = b:1\n"
             "trust = cert.pem\n",
             a);
    struct rules rules;
    load(&rules, "[client y]\nconnect = b:1\ntrust = cert.pem\n");
    assert_memory_not_equal(a, rules.configs[0]->rule, TLS_DIGEST); /* another name */
    rules_unload(&rules);
}

static void keys_are_found_in_every_form(void **state)
{
    (void)state;
    static const char *const files[] = {"key.pem", "pkcs1.pem", "combined.pem", "second-block.pem"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char text[200];
        struct rules rules;
        snprintf(text, sizeof text, "[server s]\nlisten = *:1\ncertificate = both.pem\nkey = %s\n",
                 files[i]);
        load(&rules, text);
        assert_int_equal(rules.configs[0]->credential->chain_count, 2);
        rules_unload(&rules);
    }
}

/* Would the page of p be in a core dump? From the flags in /proc/self/smaps. */
static bool is_dumped(const void *p)
{
    char line[512];
    bool in = false, dumped = true;
    FILE *maps = fopen("/proc/self/smaps", "r");
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            in = (uintptr_t)p >= from && (uintptr_t)p < to;
        else if (in && strncmp(line, "VmFlags:", 8) == 0)
            dumped = !strstr(line, " dd");
    }
    fclose(maps);
    return dumped;
}

static const struct tls_credential *of_kind(const struct tls_config *config,
                                            enum x509_key_kind kind)
{
    const struct tls_credential *credential = config->credential;
    while (credential && credential->kind != kind)
        credential = credential->next;
    return credential;
}

static size_t count_key_exchange(const struct tls_config *config, enum tls_key_exchange kind)
{
    size_t count = 0;
    for (size_t i = 0; i < config->suite_count; i++)
        count += tls_suite_by_id(config->suites[i])->key_exchange == kind;
    return count;
}

static void several_kinds_of_keys_in_one_rule(void **state)
{
    (void)state;
    static const char *const lists[][2] = {
        {"ec.pem %s/cert.pem %s/dsa.pem", "ec.key %s/key.pem %s/dsa.key"},
        {"dsa.pem %s/ec.pem %s/cert.pem", "dsa-old.key %s/sec1.key %s/key.pem"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        char certificates[200], keys[200], text[600];
        struct rules rules;
        snprintf(certificates, sizeof certificates, lists[i][0], directory, directory);
        snprintf(keys, sizeof keys, lists[i][1], directory, directory);
        snprintf(text, sizeof text,
                 "[server s]\nlisten = *:1\ncertificate = %s\nkey = %s\n"
                 "client-certificate = request\nclient-trust = both.pem\n"
                 "[server d]\nlisten = *:2\ncertificate = ec.pem\nkey = sec1.key\n",
                 certificates, keys);
        load(&rules, text);
        const struct tls_config *s = rules.configs[0], *d = rules.configs[1];
        const struct tls_credential *ec = of_kind(s, X509_KEY_EC), *dsa = of_kind(s, X509_KEY_DSA);
        assert_int_equal(cg_rsa_private_bytes(of_kind(s, X509_KEY_RSA)->key), 256);
        assert_int_equal(ec->curve, CG_P521);
        assert_false(is_dumped(ec->scalar) || is_dumped(dsa->dsa_x.data));
        assert_int_equal(cg_dsa_bits(dsa->dsa), 2048);
        assert_int_equal(s->client_certificate, TLS_CLIENT_CERT_REQUEST);
        assert_int_equal(s->trust->count, 2);
        assert_int_equal(s->minimum_dh_bits, 2048);
        assert_false(s->allow_anonymous);
        for (int k = TLS_KX_RSA; k <= TLS_KX_ECDHE_ECDSA; k++)
            if (k != TLS_KX_DH_ANON)
                assert_true(count_key_exchange(s, (enum tls_key_exchange)k) > 0);
        assert_int_equal(d->suite_count, count_key_exchange(d, TLS_KX_ECDHE_ECDSA));
        assert_true(d->suite_count > 0);
        rules_unload(&rules);
    }
}

static void keys_are_kept_out_of_core_dumps_and_wiped(void **state)
{
    (void)state;
    struct rules rules;
    load(&rules, "[server s]\nlisten = *:1\ncertificate = cert.pem\nkey = key.pem\n");
    assert_false(is_dumped(rules.configs[0]->credential->key));
    assert_true(is_dumped(rules.configs[0]));
    given_back = not_wiped = 0;
    memory_release(&rules.secrets);
    assert_int_equal(given_back, 1);
    assert_int_equal(not_wiped, 0);
    rules_unload(&rules);
    assert_true(not_wiped > 0); /* the policy, which is no secret: the watch does see bytes */

    struct file_text file;
    char reason[FILE_REASON];
    assert_true(file_read(&file, "key.pem", 100000, true, reason));
    assert_false(is_dumped(file.text));
    given_back = not_wiped = 0;
    file_free(&file);
    assert_int_equal(given_back, 1);
    assert_int_equal(not_wiped, 0);
}

static void text_in_the_environment(void **state)
{
    (void)state;
    struct rules rules;
    struct rules_error error;
    unsetenv("TLSHIM_POLICY");
    setenv("TLSHIM_POLICY_TEXT", "[defaults]\nunmatched = plain\n", 1);
    assert_true(rules_load(&rules, &error));
    assert_true(rules.policy.process.unmatched_plain);
    assert_string_equal(rules.file, "(command line)");
    rules_unload(&rules);
    static const char *const strict[] = {"1", "yes", "0", ""};
    for (int i = 0; i < 4; i++) {
        setenv("TLSHIM_STRICT", strict[i], 1);
        assert_true(rules_load(&rules, &error));
        assert_int_equal(rules.policy.process.unmatched_plain, i >= 2);
        rules_unload(&rules);
    }
    unsetenv("TLSHIM_STRICT");
    setenv("TLSHIM_POLICY_TEXT", "[deny d]\nconnect = a", 1);
    assert_false(rules_load(&rules, &error));
    assert_ptr_equal(strstr(error.text, "(command line):2:11: \"a\": the port"), error.text);
    assert_null(rules.configs);
    assert_null(rules.memory.chunks);
    setenv("TLSHIM_POLICY", "x", 1);
    assert_false(rules_load(&rules, &error));
    assert_non_null(strstr(error.text, "both set"));
    unsetenv("TLSHIM_POLICY_TEXT");
}

/* ---- what changes ---- */

static void find_source(struct rules_source *source, const char *text)
{
    struct rules_error error;
    FILE *out = fopen("policy.conf", "w");
    fputs(text, out);
    fclose(out);
    setenv("TLSHIM_POLICY", "policy.conf", 1);
    if (!rules_find_source(source, &error))
        fail_msg("%s", error.text);
}

static void changes_are_seen(void **state)
{
    (void)state;
    struct rules_source source;
    struct rules_error error;
    struct rules first, second;
    find_source(&source, SERVER "[client c]\nconnect = a:1\ntrust = both.pem\n");
    assert_int_equal(source.path[0], '/'); /* wherever the program goes */
    assert_true(rules_load_from(&first, &source, &error));
    assert_true(first.id != 0);
    assert_false(file_notes_changed(&first.seen));
    assert_true(rules_load_from(&second, &source, &error));
    assert_true(first.id == second.id); /* as in another process */
    rules_unload(&second);
    static const char *const files[] = {"policy.conf", "cert.pem", "key.pem", "both.pem"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char command[100];
        snprintf(command, sizeof command, "cp -p %s x && mv x %s", files[i], files[i]);
        assert_int_equal(system(command), 0); /* the same, but another file */
        assert_true(file_notes_changed(&first.seen));
        assert_true(rules_load_from(&second, &source, &error));
        assert_false(file_notes_changed(&second.seen));
        assert_true(first.id != second.id);
        assert_memory_equal(first.tags, second.tags, 2 * sizeof first.tags[0]);
        rules_unload(&first);
        first = second;
    }
    rules_unload(&first);
    memory_release(&source.memory);
}

static void what_is_missing_may_come(void **state)
{
    (void)state;
    struct rules_source source;
    struct rules_error error;
    struct rules rules;
    find_source(&source, "include = d/*.conf\n[client c]\nconnect = a:1\ntrust = later.pem\n");
    assert_int_equal(mkdir("d", 0700), 0);
    assert_false(rules_load_from(&rules, &source, &error));
    assert_non_null(strstr(error.text, "later.pem: there is no such file"));
    assert_false(file_notes_changed(&rules.seen));
    assert_int_equal(system("cp cert.pem later.pem"), 0);
    assert_true(file_notes_changed(&rules.seen));
    rules_unload(&rules);
    assert_true(rules_load_from(&rules, &source, &error));
    assert_int_equal(rules.policy.rule_count, 1);
    assert_false(file_notes_changed(&rules.seen));
    assert_int_equal(system("echo '[deny d]\nconnect = *:1' >d/a.conf"), 0);
    assert_true(file_notes_changed(&rules.seen)); /* the directory's */
    rules_unload(&rules);
    memory_release(&source.memory);
}

/* The environment counts as it was when it was kept. */
static void the_environment_is_that_of_the_start(void **state)
{
    char **saved;

    (void)state;
    setenv("TLSHIM_TEST_VALUE", "before", 1);
    assert_true(environment_keep());
    setenv("TLSHIM_TEST_VALUE", "after", 1);
    saved = environ;
    assert_string_equal(kept_getenv("TLSHIM_TEST_VALUE"), "before");
    assert_null(kept_getenv("TLSHIM_TEST_NOTHING"));
    environ = NULL; /* as clearenv() does, and as can be undone */
    assert_string_equal(kept_getenv("TLSHIM_TEST_VALUE"), "before");
    environ = saved;
}

static void the_program_knows_its_path(void **state)
{
    (void)state;
    struct rules rules;
    struct stat named, own;
    load(&rules, "");
    rules_unload(&rules);
    assert_int_equal(rules_program_path()[0], '/');
    assert_int_equal(stat(rules_program_path(), &named), 0);
    assert_int_equal(stat("/proc/self/exe", &own), 0);
    assert_int_equal(named.st_ino, own.st_ino);
}

static void memory_grows_and_is_zero(void **state)
{
    (void)state;
    struct memory memory = {0};
    for (size_t size = 0; size < 300000; size = size * 3 / 2 + 1) {
        unsigned char *p = memory_take(&memory, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
    assert_null(memory_take(&memory, SIZE_MAX));
    assert_null(memory_take(&memory, SIZE_MAX / 2));
    assert_string_equal(memory_copy(&memory, "abcdef", 3), "abc");
    memory_release(&memory);
    assert_null(memory.chunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_gets_its_configuration),
        cmocka_unit_test(what_matters_changes_a_rules_identity),
        cmocka_unit_test(keys_are_found_in_every_form),
        cmocka_unit_test(several_kinds_of_keys_in_one_rule),
        cmocka_unit_test(keys_are_kept_out_of_core_dumps_and_wiped),
        cmocka_unit_test(text_in_the_environment),
        cmocka_unit_test(changes_are_seen),
        cmocka_unit_test(what_is_missing_may_come),
        cmocka_unit_test(the_program_knows_its_path),
        cmocka_unit_test(memory_grows_and_is_zero),
        cmocka_unit_test(the_environment_is_that_of_the_start), /* last: it stays so */
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
