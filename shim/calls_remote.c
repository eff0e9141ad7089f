/* rcmd and rexec: libc resolves, connects and writes names and passwords inside itself, past every
 * hook. Nothing can cover that, so it does not happen. */
#include <netdb.h>

#include "common_log.h"
#include "real.h"

static int refused(const char *call)
{
    log_line(
        LOG_LEVEL_ERROR,
        "%s is refused (EPERM): libc would connect by itself, in plaintext; use a program that "
        "makes its own connection",
        call);
    errno = EPERM;
    return -1;
}

HOOK int rcmd(char **host, unsigned short port, const char *here, const char *there,
              const char *command, int *second)
{
    (void)host, (void)port, (void)here, (void)there, (void)command, (void)second;
    return refused("rcmd");
}

HOOK int rcmd_af(char **host, unsigned short port, const char *here, const char *there,
                 const char *command, int *second, sa_family_t family)
{
    (void)host, (void)port, (void)here, (void)there, (void)command, (void)second, (void)family;
    return refused("rcmd_af");
}

HOOK int rexec(char **host, int port, const char *user, const char *password, const char *command,
               int *second)
{
    (void)host, (void)port, (void)user, (void)password, (void)command, (void)second;
    return refused("rexec");
}

HOOK int rexec_af(char **host, int port, const char *user, const char *password,
                  const char *command, int *second, sa_family_t family)
{
    (void)host, (void)port, (void)user, (void)password, (void)command, (void)second, (void)family;
    return refused("rexec_af");
}
