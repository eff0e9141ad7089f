#include "load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void load_say(const char *text, const char *more)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "%s%s\n", text, more);

    if (write(1, line, (size_t)n) != n)
        _exit(9);
}

int load_connect(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool load_exchange_on(int fd, const char *who)
{
    const char *marker = getenv("TLSTEST_MARKER");
    char sent[200], got[200];
    size_t have = 0, n;

    n = (size_t)snprintf(sent, sizeof(sent), "%s: %s", who, marker != NULL ? marker : "");
    if (write(fd, sent, n) != (ssize_t)n)
        return false;
    while (have < n) {
        ssize_t r = read(fd, got + have, n - have);

        if (r <= 0)
            return false;
        have += (size_t)r;
    }
    return memcmp(sent, got, n) == 0;
}

bool load_exchange(int port, const char *who)
{
    int fd = load_connect(port);
    bool good = fd >= 0 && load_exchange_on(fd, who);

    load_say(who, good ? ": good" : fd < 0 ? ": no connection" : ": bad exchange");
    if (fd >= 0)
        close(fd);
    return good;
}
