/* Asynchronous I/O: threads and queues that libc and the kernel run past every hook. Refused on
 * descriptors of sessions; io_uring, whose queue nobody sees, is refused altogether, which every
 * program that uses it is prepared for. */
#include "aio_blocks.h"
#include "fdtable.h"
#include "real.h"

/* True: errno is set. */
static bool is_refused(int fd)
{
    struct shim_ref ref;
    int saved = errno;

    if (fd_verdict(fd, &ref) == FD_IS_PLAIN) {
        errno = saved;
        return false;
    }
    errno = EINVAL;
    return true;
}

HOOK int aio_read(struct aiocb *block)
{
    return is_refused(block->aio_fildes) ? -1 : real(aio_read)(block);
}

HOOK int aio_read64(struct aiocb64 *block)
{
    return is_refused(block->aio_fildes) ? -1 : real(aio_read64)(block);
}

HOOK int aio_write(struct aiocb *block)
{
    return is_refused(block->aio_fildes) ? -1 : real(aio_write)(block);
}

HOOK int aio_write64(struct aiocb64 *block)
{
    return is_refused(block->aio_fildes) ? -1 : real(aio_write64)(block);
}

HOOK int lio_listio(int mode, struct aiocb *const list[], int count, struct sigevent *event)
{
    for (int i = 0; i < count; i++)
        if (list[i] != NULL && list[i]->aio_lio_opcode != LIO_NOP &&
            is_refused(list[i]->aio_fildes))
            return -1;
    return real(lio_listio)(mode, list, count, event);
}

HOOK int lio_listio64(int mode, struct aiocb64 *const list[], int count, struct sigevent *event)
{
    for (int i = 0; i < count; i++)
        if (list[i] != NULL && list[i]->aio_lio_opcode != LIO_NOP &&
            is_refused(list[i]->aio_fildes))
            return -1;
    return real(lio_listio64)(mode, list, count, event);
}

/* The part of the kernel's struct iocb (linux/aio_abi.h) up to the descriptor. */
struct submitted {
    uint64_t data;
    uint32_t key, flags;
    uint16_t operation;
    int16_t priority;
    uint32_t fd;
};

bool shim_submits_session(long count, void **blocks)
{
    for (long i = 0; i < count; i++)
        if (is_refused((int)((const struct submitted *)blocks[i])->fd))
            return true;
    return false;
}

/* libaio returns -errno. */
HOOK int io_submit(void *context, long count, void **blocks)
{
    if (shim_submits_session(count, blocks))
        return -EINVAL;
    return real(io_submit) != NULL ? real(io_submit)(context, count, blocks) : -ENOSYS;
}

HOOK int io_uring_setup(unsigned entries, void *parameters)
{
    (void)entries, (void)parameters;
    return -ENOSYS;
}

HOOK int io_uring_queue_init(unsigned entries, void *ring, unsigned flags)
{
    (void)entries, (void)ring, (void)flags;
    return -ENOSYS;
}

HOOK int io_uring_queue_init_params(unsigned entries, void *ring, void *parameters)
{
    (void)entries, (void)ring, (void)parameters;
    return -ENOSYS;
}
