/* The kernel's own asynchronous I/O (io_submit), reached by libaio's name or by number. */
#ifndef SHIM_AIO_BLOCKS_H
#define SHIM_AIO_BLOCKS_H

#include <stdbool.h>

/* True, with errno EINVAL, when one of the struct iocb is for a session's descriptor. */
bool shim_submits_session(long count, void **blocks);

#endif
