#include "names.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <string.h>

#include "../tls/tls.h"
#include "real.h"
#include "session.h"

/* 256 names of 280 bytes: a page range that only programs that resolve names touch. */
enum { NAMES = 256 };

static struct entry {
    uint64_t asked; /* when, as a count; 0: free */
    uint8_t address[16], length;
    char name[TLS_NAME_MAX + 1];
} entries[NAMES];
static uint64_t clock_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void names_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void names_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

static bool is_literal(const char *name)
{
    unsigned char scratch[16];

    return inet_pton(AF_INET, name, scratch) == 1 || inet_pton(AF_INET6, name, scratch) == 1 ||
           strchr(name, ':') != NULL || inet_addr(name) != INADDR_NONE;
}

static bool is_entry(const struct entry *e, const uint8_t *address, size_t length)
{
    return e->asked != 0 && e->length == length && memcmp(e->address, address, length) == 0;
}

static struct entry *place_for(const uint8_t *address, size_t length)
{
    struct entry *oldest = &entries[0];

    for (int i = 0; i < NAMES; i++) {
        if (is_entry(&entries[i], address, length))
            return &entries[i];
        if (entries[i].asked < oldest->asked)
            oldest = &entries[i];
    }
    return oldest;
}

void names_remember(const char *name, const uint8_t *address, size_t length)
{
    struct shim_guard guard;
    size_t name_length = strlen(name);

    if (name_length == 0 || name_length > TLS_NAME_MAX || is_literal(name))
        return;
    shim_enter(&guard);
    names_lock();
    struct entry *e = place_for(address, length);
    e->asked = ++clock_count;
    e->length = (uint8_t)length;
    memcpy(e->address, address, length);
    memcpy(e->name, name, name_length + 1);
    names_unlock();
    shim_leave(&guard);
}

bool names_find(const uint8_t *address, size_t length, char *out)
{
    struct shim_guard guard;
    bool found = false;

    shim_enter(&guard);
    names_lock();
    for (int i = 0; i < NAMES && !found; i++)
        if (is_entry(&entries[i], address, length)) {
            memcpy(out, entries[i].name, sizeof(entries[i].name));
            found = true;
        }
    names_unlock();
    shim_leave(&guard);
    return found;
}

static void remember_all(const char *node, const struct addrinfo *list)
{
    for (; list != NULL; list = list->ai_next) {
        if (list->ai_addr == NULL)
            continue;
        if (list->ai_family == AF_INET)
            names_remember(node, (void *)&((struct sockaddr_in *)list->ai_addr)->sin_addr, 4);
        else if (list->ai_family == AF_INET6)
            names_remember(node, (void *)&((struct sockaddr_in6 *)list->ai_addr)->sin6_addr, 16);
    }
}

static void remember_host(const char *name, const struct hostent *host)
{
    if (host == NULL || (host->h_length != 4 && host->h_length != 16))
        return;
    for (char **address = host->h_addr_list; *address != NULL; address++)
        names_remember(name, (const uint8_t *)*address, (size_t)host->h_length);
}

HOOK int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                     struct addrinfo **result)
{
    int r = real(getaddrinfo)(node, service, hints, result);

    if (r == 0 && node != NULL)
        remember_all(node, *result);
    return r;
}

/* How a program learns that its getaddrinfo_a is over. */
HOOK int gai_error(struct gaicb *request)
{
    int r = real(gai_error)(request);

    if (r == 0 && request->ar_name != NULL)
        remember_all(request->ar_name, request->ar_result);
    return r;
}

HOOK struct hostent *gethostbyname(const char *name)
{
    struct hostent *host = real(gethostbyname)(name);

    remember_host(name, host);
    return host;
}

HOOK struct hostent *gethostbyname2(const char *name, int family)
{
    struct hostent *host = real(gethostbyname2)(name, family);

    remember_host(name, host);
    return host;
}

HOOK int gethostbyname_r(const char *name, struct hostent *host, char *buffer, size_t size,
                         struct hostent **result, int *error)
{
    int r = real(gethostbyname_r)(name, host, buffer, size, result, error);

    if (r == 0)
        remember_host(name, *result);
    return r;
}

HOOK int gethostbyname2_r(const char *name, int family, struct hostent *host, char *buffer,
                          size_t size, struct hostent **result, int *error)
{
    int r = real(gethostbyname2_r)(name, family, host, buffer, size, result, error);

    if (r == 0)
        remember_host(name, *result);
    return r;
}
