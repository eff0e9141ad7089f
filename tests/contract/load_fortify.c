/* load_fortify PORT WHAT, built with _FORTIFY_SOURCE=3. "good": the checked calls work; other
 * words: the call of that name overflows its buffer, and must end the program before it does. */
#include "load.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

static volatile size_t asked = 3; /* not known to the compiler */

static bool good(int fd)
{
    char bytes[8] = {0}, all[12];
    struct pollfd entries[2] = {{.fd = fd, .events = POLLIN}, {.fd = -1}};
    struct timespec limit = {2, 0};
    fd_set set;

    dprintf(fd, "abcdefghi%s", "jkl");
    FD_ZERO(&set);
    FD_SET(fd, &set);
    bool right = select(fd + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(fd, &set);

    /* All of it, so that no later call gets less than it asks for. */
    while (right && recv(fd, all, sizeof(all), MSG_PEEK) < (ssize_t)sizeof(all))
        poll(NULL, 0, 5);
    right = right && poll(entries, asked - 1, 2000) == 1;
    right = right && ppoll(entries, asked - 1, &limit, NULL) == 1;
    right = right && read(fd, bytes, asked) == 3 && memcmp(bytes, "abc", 3) == 0;
    right = right && recv(fd, bytes, asked, 0) == 3 && memcmp(bytes, "def", 3) == 0;
    right = right && recvfrom(fd, bytes, asked, 0, NULL, NULL) == 3 && memcmp(bytes, "ghi", 3) == 0;
    return right && recv(fd, bytes, asked, MSG_WAITALL) == 3 && memcmp(bytes, "jkl", 3) == 0;
}

static void overflow(int fd, const char *what)
{
    char bytes[8];
    struct pollfd entries[2] = {{.fd = fd, .events = POLLIN}};
    struct timespec limit = {0};
    fd_set set;

    asked = 100;
    if (strcmp(what, "read") == 0)
        asked = (size_t)read(fd, bytes, asked);
    else if (strcmp(what, "recv") == 0)
        asked = (size_t)recv(fd, bytes, asked, 0);
    else if (strcmp(what, "recvfrom") == 0)
        asked = (size_t)recvfrom(fd, bytes, asked, 0, NULL, NULL);
    else if (strcmp(what, "poll") == 0)
        asked = (size_t)poll(entries, asked, 0);
    else if (strcmp(what, "ppoll") == 0)
        asked = (size_t)ppoll(entries, asked, &limit, NULL);
    else if (strcmp(what, "FD_SET") == 0)
        FD_SET((int)asked + FD_SETSIZE, &set);
}

int main(int argc, char **argv)
{
    int fd;

    if (argc != 3 || (fd = load_connect(atoi(argv[1]))) < 0 || !load_exchange_on(fd, "first"))
        return 2;
    if (strcmp(argv[2], "good") == 0)
        return good(fd) ? 0 : 3;
    overflow(fd, argv[2]);
    return 4;
}
