/* Accept or reject a certificate chain from the command line: the harness for public corpora of
 * chains. It judges as the shim does where a rule says `certificate-profile = strict`, and with
 * --profile basic as where it does not.
 *
 *   x509check --trust F --chain F [--name N | --ip A] [--time UNIX] [--purpose server|client]
 *             [--crl F] [--minimum-bits N] [--allow-sha1] [--common-name]
 *             [--profile strict|basic]
 *             [--ocsp F] [--ocsp-requested] [--pin sha256//BASE64]...
 *             [--policy OID]... [--explicit-policy] [--inhibit-mapping] [--inhibit-any-policy]
 *   x509check --hash F      prints the name of each certificate of F in a hashed directory
 *
 * Files are PEM, or DER with one thing or several one after the other; --trust, --chain and --crl
 * may be given several times. The first certificate of the first chain file is the leaf, the others
 * stand in any order; every certificate below the root must be covered by a CRL when there is
 * --crl. Prints one line, "accept", or "reject: ERROR: why". Exit status: 0 accept, 1 reject, 2
 * wrong usage or an unreadable file. What is malformed in a chain is a reject; in the other files
 * it is left out with a warning, as in a bundle of roots. A fraction in --time is cut off. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tls/x509/der.h"
#include "tls/x509/pem.h"
#include "tls/x509/x509.h"
#include "tls/x509/x509_crl.h"

enum { ACCEPT = 0, REJECT = 1, USAGE = 2 };

static void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("x509check: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(USAGE);
}

static void *must_have(void *p)
{
    if (!p)
        die("out of memory");
    return p;
}

static int reject(const char *error, const char *why)
{
    printf("reject: %s: %s\n", error, why);
    return REJECT;
}

/* The whole file, in memory that is never freed: the views point into it. */
static char *read_file(const char *path, size_t *length)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        die("cannot read %s", path);
    size_t size = 1 << 16;
    char *text = must_have(malloc(size));
    for (*length = 0;;) {
        size_t n = fread(text + *length, 1, size - *length, f);
        if (n == 0)
            break;
        *length += n;
        if (*length == size)
            text = must_have(realloc(text, size *= 2));
    }
    if (ferror(f))
        die("cannot read %s", path);
    fclose(f);
    return text;
}

struct file { /* the DER of blocks, in heap blocks of just their size */
    struct x509_bytes *blocks;
    size_t count;
    const char *problem; /* a phrase for why there are no more of them, or NULL */
};

static void add_block(struct file *file, const uint8_t *bytes, size_t length)
{
    uint8_t *der = must_have(malloc(length ? length : 1));
    memcpy(der, bytes, length);
    file->blocks = must_have(realloc(file->blocks, (file->count + 1) * sizeof *file->blocks));
    file->blocks[file->count++] = (struct x509_bytes){der, length};
}

/* One SEQUENCE after the other; what comes after the last good one is a block too, to be refused
 * by who parses it. */
static void read_der(struct file *file, const char *text, size_t length)
{
    struct der d = der_over((struct x509_bytes){(const uint8_t *)text, length});
    struct x509_bytes whole;
    while (!der_done(&d) && der_read_whole(&d, DER_SEQUENCE, &whole))
        add_block(file, whole.data, whole.length);
    if (!der_done(&d))
        add_block(file, d.at, (size_t)(d.end - d.at));
}

static void read_pem(struct file *file, const char *text, size_t length, const char *label)
{
    uint8_t *out = must_have(malloc(length + 1));
    struct pem_reader reader = {text, text + length, 0};
    struct pem_block block;
    const char *why;
    enum pem_result result;
    while ((result = pem_next(&reader, &block, out, length, &why)) == PEM_BLOCK)
        if (strcmp(block.label, label) == 0)
            add_block(file, out, block.length);
    if (result == PEM_BAD)
        file->problem = why;
    free(out);
}

enum { FILES_MAX = 64 };

struct files {
    const char *names[FILES_MAX];
    size_t count;
};

static struct file read_files(const struct files *files, const char *label)
{
    struct file file = {NULL, 0, NULL};
    for (size_t i = 0; i < files->count; i++) {
        size_t length;
        char *text = read_file(files->names[i], &length);
        if (length > 0 && text[0] == 0x30 && !memmem(text, length, "-----BEGIN ", 11))
            read_der(&file, text, length);
        else
            read_pem(&file, text, length, label);
        free(text);
    }
    return file;
}

struct options {
    struct files trust, chain, crls;
    struct x509_rules rules;
    uint8_t ip[16];
    struct x509_bytes policies[16];
    uint8_t pins[16][32];
};

static void add_file(struct files *files, const char *name)
{
    if (files->count == FILES_MAX)
        die("too many files");
    files->names[files->count++] = name;
}

static long long number(const char *option, const char *text)
{
    char *end;
    long long n = strtoll(text, &end, 10);
    if (end != text && *end == '.' && strcmp(option, "--time") == 0)
        end += 1 + strspn(end + 1, "0123456789");
    if (end == text || *end)
        die("%s wants a number, not %s", option, text);
    return n;
}

static bool set_ip(struct options *o, const char *text)
{
    size_t length = inet_pton(AF_INET, text, o->ip) == 1    ? 4
                    : inet_pton(AF_INET6, text, o->ip) == 1 ? 16
                                                            : 0;
    if (length > 0)
        o->rules.ip = (struct x509_bytes){o->ip, length};
    return length > 0;
}

/* As the engine does: a literal is an address, whatever it is called. */
static void set_name(struct options *o, const char *text)
{
    if (!set_ip(o, text))
        o->rules.dns_name = text;
}

/* "2.5.29.32.0" to the content of an OBJECT IDENTIFIER. */
static void add_policy(struct options *o, const char *text)
{
    uint8_t *out = must_have(malloc(256)), *at = out;
    unsigned long first = 0;
    if (o->rules.policy_count == sizeof o->policies / sizeof o->policies[0])
        die("too many --policy");
    for (int i = 0; at - out < 240; i++) {
        char *end;
        unsigned long arc = strtoul(text, &end, 10);
        if (end == text || (*end && *end != '.'))
            die("--policy wants an OID, not %s", text);
        if (i == 0)
            first = arc;
        if (i == 1)
            arc += 40 * first;
        for (int shift = 63; i > 0 && shift >= 0; shift -= 7)
            if (shift == 0 || arc >> shift)
                *at++ = (uint8_t)((arc >> shift & 0x7f) | (shift ? 0x80 : 0));
        if (!*end)
            break;
        text = end + 1;
    }
    o->policies[o->rules.policy_count++] = (struct x509_bytes){out, (size_t)(at - out)};
    o->rules.policies = o->policies;
}

static void add_pin(struct options *o, const char *text)
{
    if (o->rules.pin_count == sizeof o->pins / sizeof o->pins[0])
        die("too many --pin");
    if (!x509_pin_parse(text, strlen(text), o->pins[o->rules.pin_count++]))
        die("%s is no pin: sha256// and 44 characters of base64", text);
    o->rules.pins = (const uint8_t(*)[32])o->pins;
}

static bool set_flag(struct options *o, const char *name)
{
    bool *flag = strcmp(name, "--allow-sha1") == 0           ? &o->rules.allow_sha1
                 : strcmp(name, "--common-name") == 0        ? &o->rules.allow_common_name
                 : strcmp(name, "--explicit-policy") == 0    ? &o->rules.require_explicit_policy
                 : strcmp(name, "--inhibit-mapping") == 0    ? &o->rules.inhibit_policy_mapping
                 : strcmp(name, "--ocsp-requested") == 0     ? &o->rules.ocsp_requested
                 : strcmp(name, "--inhibit-any-policy") == 0 ? &o->rules.inhibit_any_policy
                                                             : NULL;
    if (flag)
        *flag = true;
    return flag != NULL;
}

static void set_option(struct options *o, const char *name, const char *value)
{
    if (strcmp(name, "--trust") == 0)
        add_file(&o->trust, value);
    else if (strcmp(name, "--chain") == 0)
        add_file(&o->chain, value);
    else if (strcmp(name, "--name") == 0)
        set_name(o, value);
    else if (strcmp(name, "--ip") == 0 && set_ip(o, value))
        return;
    else if (strcmp(name, "--time") == 0)
        o->rules.now = number(name, value);
    else if (strcmp(name, "--minimum-bits") == 0)
        o->rules.minimum_rsa_bits = (unsigned)number(name, value);
    else if (strcmp(name, "--crl") == 0)
        add_file(&o->crls, value);
    else if (strcmp(name, "--ocsp") == 0)
        o->rules.ocsp.data = (const uint8_t *)read_file(value, &o->rules.ocsp.length);
    else if (strcmp(name, "--pin") == 0)
        add_pin(o, value);
    else if (strcmp(name, "--policy") == 0)
        add_policy(o, value);
    else if (strcmp(name, "--profile") == 0 && strcmp(value, "basic") == 0)
        o->rules.strict = false;
    else if (strcmp(name, "--profile") == 0 && strcmp(value, "strict") == 0)
        o->rules.strict = true;
    else if (strcmp(name, "--purpose") == 0 && strcmp(value, "server") == 0)
        o->rules.purpose = X509_SERVER;
    else if (strcmp(name, "--purpose") == 0 && strcmp(value, "client") == 0)
        o->rules.purpose = X509_CLIENT;
    else
        die("what is %s %s? See the head of tests/x509check.c", name, value);
}

static void read_options(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (set_flag(o, argv[i]))
            continue;
        if (i + 1 == argc)
            die("what is %s? See the head of tests/x509check.c", argv[i]);
        set_option(o, argv[i], argv[i + 1]);
        i++;
    }
    if (o->trust.count == 0 || o->chain.count == 0)
        die("--trust FILE and --chain FILE are needed");
    if (o->rules.dns_name && o->rules.ip.data)
        die("give --name or --ip, not both");
}

static void warn_left_out(const char *what, size_t number, const char *why)
{
    fprintf(stderr, "x509check: %s %zu is left out: %s\n", what, number, why);
}

static void read_trust(const struct files *files, struct x509_trust *trust)
{
    struct file file = read_files(files, "CERTIFICATE");
    struct x509_certificate *roots = must_have(calloc(file.count + 1, sizeof *roots));
    const char *why;
    trust->roots = roots;
    for (size_t i = 0; i < file.count; i++) {
        if (x509_parse(&roots[trust->count], file.blocks[i].data, file.blocks[i].length, &why) ==
            TLS_ERROR_OK)
            trust->count++;
        else
            warn_left_out("trusted certificate", i + 1, why);
    }
    if (file.problem)
        warn_left_out("what follows trusted certificate", file.count, file.problem);
}

static int print_hashes(const char *path)
{
    struct file file = read_files(&(struct files){.names = {path}, .count = 1}, "CERTIFICATE");
    struct x509_certificate cert;
    const char *why;
    for (size_t i = 0; i < file.count; i++)
        if (x509_parse(&cert, file.blocks[i].data, file.blocks[i].length, &why) == TLS_ERROR_OK)
            printf("%08lx\n", (unsigned long)x509_name_hash(cert.subject));
    return ACCEPT;
}

static void read_crls(const struct files *files, struct x509_rules *rules)
{
    struct file file = read_files(files, "X509 CRL");
    struct x509_crl *crls = must_have(calloc(file.count + 1, sizeof *crls));
    const char *why;
    rules->crls = crls;
    for (size_t i = 0; i < file.count; i++) {
        if (x509_crl_parse(&crls[rules->crl_count], file.blocks[i].data, file.blocks[i].length,
                           &why) == TLS_ERROR_OK)
            rules->crl_count++;
        else
            warn_left_out("CRL", i + 1, why);
    }
    if (file.problem)
        warn_left_out("what follows CRL", file.count, file.problem);
}

static int check(struct options *o)
{
    struct x509_trust trust = {NULL, 0};
    struct x509_failure failure;
    const char *why;
    read_trust(&o->trust, &trust);
    if (o->crls.count > 0)
        read_crls(&o->crls, &o->rules);
    struct file file = read_files(&o->chain, "CERTIFICATE");
    struct x509_certificate *chain = must_have(calloc(file.count + 1, sizeof *chain));
    if (file.problem)
        return reject(tls_error_words(TLS_ERROR_CERT_PARSE), file.problem);
    for (size_t i = 0; i < file.count; i++)
        if (x509_parse(&chain[i], file.blocks[i].data, file.blocks[i].length, &why) != TLS_ERROR_OK)
            return reject(tls_error_words(TLS_ERROR_CERT_PARSE), why);
    if (x509_verify(chain, file.count, &trust, &o->rules, &failure) != TLS_ERROR_OK)
        return reject(tls_error_words(failure.error), failure.detail);
    puts("accept");
    return ACCEPT;
}

int main(int argc, char **argv)
{
    struct options o = {
        .rules = {
            .now = time(NULL), .purpose = X509_SERVER, .minimum_rsa_bits = 2048, .strict = true}};
    if (argc == 3 && strcmp(argv[1], "--hash") == 0)
        return print_hashes(argv[2]);
    read_options(&o, argc, argv);
    return check(&o);
}
