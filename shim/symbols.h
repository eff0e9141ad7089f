/* Every libc symbol that the library stands in front of: the one list from which come the resolver
 * (real.c), the linker's version script (symbols.map.in) and the tests.
 *
 * X(return type, name, parameters, coverage, note)
 *   covered  works on a TLS descriptor as on a plain one
 *   refused  fails with an errno on a TLS descriptor, for it would go around the engine
 *   watched  passed through; the library only takes notice */
#ifndef SHIM_SYMBOLS_H
#define SHIM_SYMBOLS_H

#define SHIM_SYMBOLS(X)                                                                            \
    X(int, socket, (int, int, int), watched, "a new descriptor")                                   \
    X(int, connect, (int, const struct sockaddr *, socklen_t), covered, "client side")             \
    X(int, listen, (int, int), watched, "own listeners, for connections to oneself")               \
    X(int, accept, (int, struct sockaddr *, socklen_t *), covered, "server side")                  \
    X(int, accept4, (int, struct sockaddr *, socklen_t *, int), covered, "server side")            \
    X(ssize_t, read, (int, void *, size_t), covered, "")                                           \
    X(ssize_t, readv, (int, const struct iovec *, int), covered, "")                               \
    X(ssize_t, recv, (int, void *, size_t, int), covered, "all flags but MSG_OOB")                 \
    X(ssize_t, recvfrom, (int, void *, size_t, int, struct sockaddr *, socklen_t *), covered, "")  \
    X(ssize_t, recvmsg, (int, struct msghdr *, int), covered, "no ancillary data")                 \
    X(int, recvmmsg, (int, struct mmsghdr *, unsigned, int, struct timespec *), covered, "")       \
    X(ssize_t, preadv2, (int, const struct iovec *, int, off_t, int), covered, "offset -1")        \
    X(ssize_t, preadv64v2, (int, const struct iovec *, int, off64_t, int), covered, "offset -1")   \
    X(ssize_t, __read_chk, (int, void *, size_t, size_t), covered, "_FORTIFY_SOURCE")              \
    X(ssize_t, __recv_chk, (int, void *, size_t, size_t, int), covered, "_FORTIFY_SOURCE")         \
    X(ssize_t, __recvfrom_chk, (int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *), \
      covered, "_FORTIFY_SOURCE")                                                                  \
    X(ssize_t, write, (int, const void *, size_t), covered, "")                                    \
    X(ssize_t, writev, (int, const struct iovec *, int), covered, "")                              \
    X(ssize_t, send, (int, const void *, size_t, int), covered, "all flags but MSG_OOB")           \
    X(ssize_t, sendto, (int, const void *, size_t, int, const struct sockaddr *, socklen_t),       \
      covered, "MSG_FASTOPEN connects")                                                            \
    X(ssize_t, sendmsg, (int, const struct msghdr *, int), covered,                                \
      "no ancillary data; SCM_RIGHTS passes sessions to covered programs")                         \
    X(int, sendmmsg, (int, struct mmsghdr *, unsigned, int), covered, "")                          \
    X(ssize_t, pwritev2, (int, const struct iovec *, int, off_t, int), covered, "offset -1")       \
    X(ssize_t, pwritev64v2, (int, const struct iovec *, int, off64_t, int), covered, "offset -1")  \
    X(ssize_t, sendfile, (int, int, off_t *, size_t), covered, "read and sealed, not zero-copy")   \
    X(ssize_t, sendfile64, (int, int, off64_t *, size_t), covered, "read and sealed")              \
    X(int, aio_read, (struct aiocb *), refused, "EINVAL")                                          \
    X(int, aio_read64, (struct aiocb64 *), refused, "EINVAL")                                      \
    X(int, aio_write, (struct aiocb *), refused, "EINVAL")                                         \
    X(int, aio_write64, (struct aiocb64 *), refused, "EINVAL")                                     \
    X(int, lio_listio, (int, struct aiocb *const[], int, struct sigevent *), refused, "EINVAL")    \
    X(int, lio_listio64, (int, struct aiocb64 *const[], int, struct sigevent *), refused,          \
      "EINVAL")                                                                                    \
    X(int, io_submit, (void *, long, void **), refused, "libaio: -EINVAL")                         \
    X(int, io_uring_setup, (unsigned, void *), refused, "liburing: -ENOSYS, whatever the file")    \
    X(int, io_uring_queue_init, (unsigned, void *, unsigned), refused, "liburing: -ENOSYS")        \
    X(int, io_uring_queue_init_params, (unsigned, void *, void *), refused, "liburing: -ENOSYS")   \
    X(ssize_t, splice, (int, off64_t *, int, off64_t *, size_t, unsigned), refused, "EINVAL")      \
    X(ssize_t, tee, (int, int, size_t, unsigned), refused, "EINVAL")                               \
    X(ssize_t, vmsplice, (int, const struct iovec *, size_t, unsigned), refused, "EBADF")          \
    X(int, rcmd, (char **, unsigned short, const char *, const char *, const char *, int *),       \
      refused, "EPERM, whatever the peer")                                                         \
    X(int, rcmd_af,                                                                                \
      (char **, unsigned short, const char *, const char *, const char *, int *, sa_family_t),     \
      refused, "EPERM")                                                                            \
    X(int, rexec, (char **, int, const char *, const char *, const char *, int *), refused,        \
      "EPERM")                                                                                     \
    X(int, rexec_af, (char **, int, const char *, const char *, const char *, int *, sa_family_t), \
      refused, "EPERM")                                                                            \
    X(int, close, (int), covered, "close_notify at the last close")                                \
    X(int, close_range, (unsigned, unsigned, int), covered, "")                                    \
    X(void, closefrom, (int), covered, "")                                                         \
    X(int, shutdown, (int, int), covered, "SHUT_WR sends close_notify")                            \
    X(int, dup, (int), covered, "one session")                                                     \
    X(int, dup2, (int, int), covered, "one session")                                               \
    X(int, dup3, (int, int, int), covered, "one session")                                          \
    X(int, fcntl, (int, int, ...), covered, "F_DUPFD, F_DUPFD_CLOEXEC")                            \
    X(int, fcntl64, (int, int, ...), covered, "F_DUPFD, F_DUPFD_CLOEXEC")                          \
    X(int, ioctl, (int, unsigned long, ...), covered, "FIONREAD counts plaintext")                 \
    X(int, getsockopt, (int, int, int, void *, socklen_t *), covered, "SO_ERROR, SO_RCVLOWAT")     \
    X(int, setsockopt, (int, int, int, const void *, socklen_t), covered,                          \
      "SO_RCVLOWAT; SO_ZEROCOPY, SO_PEEK_OFF, TCP_ULP refused")                                    \
    X(int, poll, (struct pollfd *, nfds_t, int), covered, "")                                      \
    X(int, ppoll, (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *), covered,   \
      "")                                                                                          \
    X(int, __poll_chk, (struct pollfd *, nfds_t, int, size_t), covered, "_FORTIFY_SOURCE")         \
    X(int, __ppoll_chk,                                                                            \
      (struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t), covered,       \
      "_FORTIFY_SOURCE")                                                                           \
    X(int, select, (int, fd_set *, fd_set *, fd_set *, struct timeval *), covered, "")             \
    X(int, pselect,                                                                                \
      (int, fd_set *, fd_set *, fd_set *, const struct timespec *, const sigset_t *), covered, "") \
    X(int, epoll_ctl, (int, int, int, struct epoll_event *), covered, "")                          \
    X(int, epoll_wait, (int, struct epoll_event *, int, int), covered, "")                         \
    X(int, epoll_pwait, (int, struct epoll_event *, int, int, const sigset_t *), covered, "")      \
    X(int, epoll_pwait2,                                                                           \
      (int, struct epoll_event *, int, const struct timespec *, const sigset_t *), covered, "")    \
    X(FILE *, fdopen, (int, const char *), covered, "a stream over the session")                   \
    X(FILE *, freopen, (const char *, const char *, FILE *), covered, "ends the session first")    \
    X(FILE *, freopen64, (const char *, const char *, FILE *), covered, "ends the session first")  \
    X(int, dprintf, (int, const char *, ...), covered, "")                                         \
    X(int, vdprintf, (int, const char *, va_list), covered, "")                                    \
    X(int, __dprintf_chk, (int, int, const char *, ...), covered, "_FORTIFY_SOURCE")               \
    X(int, __vdprintf_chk, (int, int, const char *, va_list), covered, "_FORTIFY_SOURCE")          \
    X(int, setrlimit, (__rlimit_resource_t, const struct rlimit *), watched,                       \
      "RLIMIT_AS: without the library's part")                                                     \
    X(int, getrlimit, (__rlimit_resource_t, struct rlimit *), watched,                             \
      "RLIMIT_AS: without the library's part")                                                     \
    X(int, prlimit, (pid_t, __rlimit_resource_t, const struct rlimit *, struct rlimit *), watched, \
      "RLIMIT_AS: without the library's part")                                                     \
    X(int, setrlimit64, (__rlimit_resource_t, const struct rlimit64 *), watched,                   \
      "RLIMIT_AS: without the library's part")                                                     \
    X(int, getrlimit64, (__rlimit_resource_t, struct rlimit64 *), watched,                         \
      "RLIMIT_AS: without the library's part")                                                     \
    X(int, prlimit64, (pid_t, __rlimit_resource_t, const struct rlimit64 *, struct rlimit64 *),    \
      watched, "RLIMIT_AS: without the library's part")                                            \
    X(void *, dlopen, (const char *, int), watched, "without RTLD_DEEPBIND")                       \
    X(void *, dlmopen, (Lmid_t, const char *, int), watched, "into the program's name space")      \
    X(void, psiginfo, (const siginfo_t *, const char *), watched, "to a session's stderr")         \
    X(void, openlog, (const char *, int, int), watched, "LOG_PERROR to a session's stderr")        \
    X(void, syslog, (int, const char *, ...), watched, "LOG_PERROR")                               \
    X(void, vsyslog, (int, const char *, va_list), watched, "LOG_PERROR")                          \
    X(void, __syslog_chk, (int, int, const char *, ...), watched, "LOG_PERROR")                    \
    X(void, __vsyslog_chk, (int, int, const char *, va_list), watched, "LOG_PERROR")               \
    X(int, prctl, (int, ...), watched, "a seccomp filter lets the library's calls through")        \
    X(pid_t, fork, (void), watched, "sessions are shared with the child")                          \
    X(pid_t, vfork, (void), watched, "as fork, with the parent suspended")                         \
    X(int, execve, (const char *, char *const[], char *const[]), covered, "sessions go along")     \
    X(int, execv, (const char *, char *const[]), covered, "sessions go along")                     \
    X(int, execvp, (const char *, char *const[]), covered, "sessions go along")                    \
    X(int, execvpe, (const char *, char *const[], char *const[]), covered, "sessions go along")    \
    X(int, execl, (const char *, const char *, ...), covered, "sessions go along")                 \
    X(int, execlp, (const char *, const char *, ...), covered, "sessions go along")                \
    X(int, execle, (const char *, const char *, ...), covered, "sessions go along")                \
    X(int, fexecve, (int, char *const[], char *const[]), covered, "sessions go along")             \
    X(int, execveat, (int, const char *, char *const[], char *const[], int), covered,              \
      "sessions go along")                                                                         \
    X(int, posix_spawn,                                                                            \
      (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,       \
       char *const[], char *const[]),                                                              \
      covered, "sessions go along")                                                                \
    X(int, posix_spawnp,                                                                           \
      (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,       \
       char *const[], char *const[]),                                                              \
      covered, "sessions go along")                                                                \
    X(int, system, (const char *), covered, "sessions go along")                                   \
    X(FILE *, popen, (const char *, const char *), covered, "sessions go along")                   \
    X(int, pclose, (FILE *), covered, "of such a popen")                                           \
    X(int, fclose, (FILE *), watched, "of such a popen")                                           \
    X(void, _exit, (int), covered, "flushes and sends close_notify first")                         \
    X(void, _Exit, (int), covered, "as _exit")                                                     \
    X(ssize_t, __read, (int, void *, size_t), covered, "another name of read")                     \
    X(ssize_t, __write, (int, const void *, size_t), covered, "another name of write")             \
    X(ssize_t, __send, (int, const void *, size_t, int), covered, "another name of send")          \
    X(int, __connect, (int, const struct sockaddr *, socklen_t), covered, "of connect")            \
    X(int, __close, (int), covered, "another name of close")                                       \
    X(int, __dup2, (int, int), covered, "another name of dup2")                                    \
    X(int, __fcntl, (int, int, ...), covered, "another name of fcntl")                             \
    X(int, __poll, (struct pollfd *, nfds_t, int), covered, "another name of poll")                \
    X(int, __select, (int, fd_set *, fd_set *, fd_set *, struct timeval *), covered, "of select")  \
    X(pid_t, __vfork, (void), watched, "another name of vfork")                                    \
    X(pid_t, __fork, (void), watched, "another name of fork")                                      \
    X(FILE *, _IO_fdopen, (int, const char *), covered, "another name of fdopen")                  \
    X(FILE *, _IO_popen, (const char *, const char *), covered, "another name of popen")           \
    X(int, _IO_fclose, (FILE *), watched, "another name of fclose")                                \
    X(void, backtrace_symbols_fd, (void *const *, int, int), covered, "")                          \
    X(int, gai_error, (struct gaicb *), watched, "the peer's name")                                \
    X(int, getaddrinfo, (const char *, const char *, const struct addrinfo *, struct addrinfo **), \
      watched, "the peer's name")                                                                  \
    X(struct hostent *, gethostbyname, (const char *), watched, "the peer's name")                 \
    X(struct hostent *, gethostbyname2, (const char *, int), watched, "the peer's name")           \
    X(int, gethostbyname_r,                                                                        \
      (const char *, struct hostent *, char *, size_t, struct hostent **, int *), watched,         \
      "the peer's name")                                                                           \
    X(int, gethostbyname2_r,                                                                       \
      (const char *, int, struct hostent *, char *, size_t, struct hostent **, int *), watched,    \
      "the peer's name")                                                                           \
    X(long, syscall, (long, ...), covered, "socket calls by number, where they name a TLS socket")

#endif
