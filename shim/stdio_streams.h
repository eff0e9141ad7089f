/* FILE streams over sessions. glibc's own streams call the kernel from inside libc, past every
 * hook, and would write plaintext; streams over sessions are made with fopencookie instead. */
#ifndef SHIM_STDIO_STREAMS_H
#define SHIM_STDIO_STREAMS_H

/* The descriptor is a session's as of now. When it is 0, 1 or 2 its standard stream is replaced; in
 * any case streams of libc's own on the number get a dead descriptor, so that a saved pointer to
 * one fails. */
void stdio_takes_over(int fd);
/* The descriptor is a plain one again: the original standard stream is put back. */
void stdio_gives_back(int fd);
/* A program that inetd or a supervisor started may have a connection as its standard streams. */
void stdio_at_start(void);
/* A child that was forked by a system call, not by libc: a thread that is not in it may have had
 * the lock of libc's list of streams. */
void stdio_in_child(void);
/* At exit: what streams over sessions still hold goes out. */
void stdio_flush_all(void);

#endif
