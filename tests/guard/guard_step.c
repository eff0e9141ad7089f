/* A thread of this process stopped at its system calls, by seccomp(2)'s user notification. */
#include "guard.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

enum { STOP_MS = 20000, ASLEEP_LOOKS = 3, STOPS = 1000 };

struct step {
    void (*work)(void *);
    void (*meanwhile)(void *, int, int);
    void *argument;
    int notices, stops;
    bool threads; /* meanwhile gets a thread each time */
    sem_t ready;
    struct beside {
        struct step *step;
        int stop, number;
        pthread_t thread;
        atomic_int id; /* 0 when done */
    } beside[STOPS];
};

static int stopped;

int stopped_thread(void)
{
    return stopped;
}

/* Calls that only make the thread itself go on or wait are let through: a futex, memory, clocks,
 * and what raises a signal. */
static int stop_me(void)
{
    static const uint32_t passed[] = {
        SYS_futex,      SYS_mmap,  SYS_munmap,       SYS_mprotect,  SYS_madvise, SYS_clock_gettime,
        SYS_exit,       SYS_brk,   SYS_gettid,       SYS_getpid,    SYS_tgkill,  SYS_rseq,
        SYS_exit_group, SYS_wait4, SYS_rt_sigreturn, SYS_getrandom,
    };
    enum { COUNT = sizeof(passed) / sizeof(passed[0]) };
    struct sock_filter filter[COUNT + 3];
    struct sock_fprog program = {COUNT + 3, filter};

    filter[0] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < COUNT; i++)
        filter[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, passed[i],
                                                     (uint8_t)(COUNT - i), 0);
    filter[COUNT + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    filter[COUNT + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return (int)raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                    (long)&program, 0);
}

static void *stepped(void *argument)
{
    struct step *s = argument;

    stopped = (int)raw(SYS_gettid, 0, 0, 0, 0);
    s->notices = stop_me();
    sem_post(&s->ready);
    if (s->notices >= 0)
        s->work(s->argument);
    return NULL;
}

static void *beside(void *argument)
{
    struct beside *b = argument;

    atomic_store(&b->id, (int)raw(SYS_gettid, 0, 0, 0, 0));
    b->step->meanwhile(b->step->argument, b->stop, b->number);
    atomic_store(&b->id, 0);
    return NULL;
}

static void pause_for(long microseconds)
{
    struct timespec t = {0, microseconds * 1000};

    raw(SYS_nanosleep, (long)&t, 0, 0, 0);
}

static bool sleeps(int thread)
{
    char path[64], text[256], state = '\0';
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", thread);
    f = fopen(path, "r");
    if (f == NULL)
        return true;
    if (fgets(text, sizeof(text), f) != NULL && strrchr(text, ')') != NULL)
        sscanf(strrchr(text, ')'), ") %c", &state);
    fclose(f);
    return state == 'S';
}

static bool all_sleep(int process)
{
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *d;
    int self = (int)raw(SYS_gettid, 0, 0, 0, 0);
    bool all = process == 0 || sleeps(process);

    while (all && (d = readdir(tasks)) != NULL) {
        int thread = atoi(d->d_name);

        all = thread <= 0 || thread == self || thread == stopped || sleeps(thread);
    }
    closedir(tasks);
    return all;
}

void others_sleep(int process)
{
    double end = now() + 5;

    for (int looks = 0; looks < ASLEEP_LOOKS && now() < end; looks++) {
        pause_for(1000);
        if (!all_sleep(process))
            looks = -1;
    }
}

/* Until it is done, or asleep for a few looks on end. */
static void await(struct beside *b)
{
    double end = now() + 5;

    for (int looks = 0; looks < ASLEEP_LOOKS && now() < end; looks++) {
        int id = atomic_load(&b->id);

        if (id == 0)
            break;
        pause_for(500);
        if (id < 0 || !sleeps(id))
            looks = -1;
    }
}

/* False: the thread has ended. */
static bool at_stop(struct step *s)
{
    struct pollfd p = {.fd = s->notices, .events = POLLIN};
    struct timespec limit = {STOP_MS / 1000, 0};
    struct seccomp_notif notice = {0};
    struct seccomp_notif_resp answer = {.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
    struct beside *b = &s->beside[s->stops];

    need(raw(SYS_ppoll, (long)&p, 1, (long)&limit, 0) > 0, "the stepped thread hangs");
    if ((p.revents & POLLIN) == 0)
        return false;
    if (raw(SYS_ioctl, s->notices, (long)SECCOMP_IOCTL_NOTIF_RECV, (long)&notice, 0) != 0)
        return true; /* interrupted by a signal: it comes again */
    need(s->stops < STOPS, "endless system calls");
    *b = (struct beside){.step = s, .stop = s->stops++, .number = notice.data.nr, .id = -1};
    if (s->threads) {
        need(pthread_create(&b->thread, NULL, beside, b) == 0, "thread");
        await(b);
    } else {
        s->meanwhile(s->argument, b->stop, b->number);
    }
    answer.id = notice.id;
    raw(SYS_ioctl, s->notices, (long)SECCOMP_IOCTL_NOTIF_SEND, (long)&answer, 0);
    return true;
}

static int step(void (*work)(void *), void (*meanwhile)(void *, int, int), void *argument,
                bool threads)
{
    static struct step s;
    pthread_t thread;

    s.work = work;
    s.meanwhile = meanwhile;
    s.argument = argument;
    s.threads = threads;
    s.stops = 0;
    sem_init(&s.ready, 0, 0);
    need(pthread_create(&thread, NULL, stepped, &s) == 0, "thread");
    sem_wait(&s.ready);
    need(s.notices >= 0, "seccomp user notification");
    while (at_stop(&s))
        ;
    pthread_join(thread, NULL);
    for (int i = 0; threads && i < s.stops; i++)
        pthread_join(s.beside[i].thread, NULL);
    raw(SYS_close, s.notices, 0, 0, 0);
    return s.stops;
}

int step_through(void (*work)(void *), void (*meanwhile)(void *, int, int), void *argument)
{
    return step(work, meanwhile, argument, true);
}

int step_locked(void (*work)(void *), void (*meanwhile)(void *, int, int), void *argument)
{
    return step(work, meanwhile, argument, false);
}
