/* Threads and the child process that carry out operations, one at a time or several at once. */
#include "model.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 8 /* seconds that an operation may take */ };

struct actor { /* shared with the child */
    sem_t begin, end;
    struct operation operation;
    char outcome[LINE];
    pid_t process, thread;
    bool stop;
};

static struct actor *actors;
static __thread int pipes_broken;

static void on_broken_pipe(int number)
{
    (void)number;
    pipes_broken++;
}

int broken_pipes(void)
{
    int n = pipes_broken;

    pipes_broken = 0;
    return n;
}

static void perform(struct actor *a)
{
    a->outcome[0] = '\0';
    kinds[a->operation.kind].run(&a->operation, a->outcome);
}

static void *act(void *argument)
{
    struct actor *a = argument;

    a->process = getpid();
    a->thread = (pid_t)syscall(SYS_gettid);
    sem_post(&a->end);
    for (;;) {
        while (sem_wait(&a->begin) != 0)
            ;
        if (a->stop)
            return NULL;
        perform(a);
        sem_post(&a->end);
    }
}

void actors_init(void)
{
    struct sigaction action = {.sa_handler = on_broken_pipe, .sa_flags = SA_RESTART};
    size_t size = sizeof(*actors) * ACTORS;

    sigaction(SIGPIPE, &action, NULL);
    actors = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < ACTORS; i++) {
        pthread_t thread;

        sem_init(&actors[i].begin, 1, 0);
        sem_init(&actors[i].end, 1, 0);
        if (i == ACTOR_MAIN || i == ACTOR_CHILD)
            continue;
        if (pthread_create(&thread, NULL, act, &actors[i]) != 0)
            _exit(2);
        actor_ends(i);
    }
}

int process_of(int actor)
{
    return actor == ACTOR_CHILD ? CHILD : PARENT;
}

int actor_or_stand_in(int actor)
{
    return actor == ACTOR_CHILD && !world->child_lives ? 1 : actor;
}

void actor_begins(int actor, const struct operation *o)
{
    actors[actor].operation = *o;
    sem_post(&actors[actor].begin);
}

bool actor_is_done(int actor)
{
    int waiting = 0;

    sem_getvalue(&actors[actor].end, &waiting);
    return waiting > 0;
}

const char *actor_ends(int actor)
{
    struct timespec limit;
    char line[LINE];

    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += PATIENCE;
    while (sem_timedwait(&actors[actor].end, &limit) != 0) {
        if (errno == EINTR)
            continue;
        operation_print(&actors[actor].operation, line);
        printf("HANGS: %s (carried out by actor %d)\n", line, actor);
        fflush(stdout);
        if (world->child_lives)
            kill(world->child, SIGKILL);
        syscall(SYS_exit_group, 3);
    }
    return actors[actor].outcome;
}

const char *actor_does(int actor, const struct operation *o)
{
    if (actor != ACTOR_MAIN) {
        actor_begins(actor, o);
        return actor_ends(actor);
    }
    actors[actor].operation = *o;
    perform(&actors[actor]);
    return actors[actor].outcome;
}

void actor_signal(int actor, int number)
{
    syscall(SYS_tgkill, actors[actor].process, actors[actor].thread, number);
}

void child_begin(void)
{
    memcpy(world->fds[CHILD], world->fds[PARENT], sizeof(world->fds[CHILD]));
    memcpy(world->epolls[CHILD], world->epolls[PARENT], sizeof(world->epolls[CHILD]));
    for (int slot = 0; slot < SLOTS; slot++)
        if (world->fds[CHILD][slot] >= 0)
            world->ends[slot / COPIES].descriptors++;
    actors[ACTOR_CHILD].stop = false;
    world->child = fork();
    if (world->child == 0) {
        this_process = CHILD;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        act(&actors[ACTOR_CHILD]);
        _exit(7);
    }
    world->child_lives = true;
    actor_ends(ACTOR_CHILD);
}

const char *child_end(void)
{
    static char text[32];
    int status;

    actors[ACTOR_CHILD].stop = true;
    sem_post(&actors[ACTOR_CHILD].begin);
    while (waitpid(world->child, &status, 0) < 0)
        ;
    world->child_lives = false;
    this_process = CHILD;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (world->fds[CHILD][slot] >= 0)
            slot_closed(slot);
    this_process = PARENT;
    snprintf(text, sizeof(text), "status %x", (unsigned)status);
    return text;
}
