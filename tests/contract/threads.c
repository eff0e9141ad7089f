/* Threads: line 26, and storms on one descriptor. */
#include "contract.h"

/* Bytes each way; CONTRACT_MIB changes it. */
static uint64_t amount(void)
{
    const char *text = getenv("CONTRACT_MIB");

    return (uint64_t)(text != NULL ? atoi(text) : 64) << 20;
}

struct direction {
    int fd;
    uint64_t total;
    int64_t result;
};

static void *sender(void *arg)
{
    struct direction *d = arg;
    enum { PIECE = 1 << 17 };
    unsigned char *block = malloc(PIECE + 4096);

    /* The pattern's low part repeats every block of 4096 but for its number: made anew each time.
     */
    for (uint64_t done = 0; done < d->total;) {
        size_t n = d->total - done < PIECE ? (size_t)(d->total - done) : PIECE;

        fill(block, n, done);
        if (write_all(d->fd, block, n) != (ssize_t)n) {
            d->result = -1;
            break;
        }
        done += n;
    }
    free(block);
    shutdown(d->fd, SHUT_WR);
    return NULL;
}

static void *receiver(void *arg)
{
    struct direction *d = arg;

    d->result = read_stream(d->fd, 0);
    return NULL;
}

/* One thread reads and another writes the same descriptor. */
static bool duplex(int fd)
{
    struct direction give = {.fd = fd, .total = amount()}, take = {.fd = fd, .total = amount()};
    pthread_t one = start_thread(sender, &give), two = start_thread(receiver, &take);

    pthread_join(one, NULL);
    pthread_join(two, NULL);
    return give.result == 0 && take.result == (int64_t)take.total;
}

static int duplex_child(void *arg)
{
    return duplex(*(int *)arg) ? 0 : 1;
}

static void full_duplex(void)
{
    struct pair p = pair_fresh();
    pid_t child = start_child(duplex_child, &p.server);

    close(p.server);
    say("intact %d", duplex(p.client));
    say("peer %d", child_status(child));
    close(p.client);
}

/* A blocked reader does not keep a writer waiting, nor the reverse. */
static void *blocked_reader(void *arg)
{
    char byte;

    return (void *)(intptr_t)read(*(int *)arg, &byte, 1);
}

static void reader_waits_writer_writes(void)
{
    struct pair p = pair_open();
    pthread_t thread = start_thread(blocked_reader, &p.client);
    char bytes[1000] = {0};
    void *result;

    pause_ms(50);
    int64_t began = now_ms();

    for (int i = 0; i < 200; i++) {
        check(write(p.client, bytes, sizeof(bytes)) == sizeof(bytes), "write");
        check(recv(p.server, bytes, sizeof(bytes), MSG_WAITALL) == sizeof(bytes), "read");
    }
    check(now_ms() - began < 1000, "took %d ms", (int)(now_ms() - began));
    MUST((int)write(p.server, "x", 1));
    pthread_join(thread, &result);
    say("the reader gets %d", (int)(intptr_t)result);
    pair_close(&p);
}

/* Several threads read one descriptor, several write it: every byte once, small writes whole. */
static struct {
    int fd;
    _Atomic int counts[256];
} crowd;

static void *crowd_writer(void *arg)
{
    unsigned char bytes[50];

    memset(bytes, (int)(intptr_t)arg, sizeof(bytes));
    for (int i = 0; i < 400; i++)
        if (write(crowd.fd, bytes, sizeof(bytes)) != sizeof(bytes))
            return (void *)1;
    return NULL;
}

static void *crowd_reader(void *arg)
{
    unsigned char bytes[70];
    ssize_t r;

    while ((r = read(*(int *)arg, bytes, sizeof(bytes))) > 0)
        for (ssize_t i = 0; i < r; i++)
            crowd.counts[bytes[i]]++;
    return NULL;
}

static void crowds(void)
{
    enum { EACH = 4 };
    struct pair p = pair_open();
    pthread_t writers[EACH], readers[EACH];

    crowd.fd = p.client;
    for (intptr_t i = 0; i < EACH; i++) {
        writers[i] = start_thread(crowd_writer, (void *)('A' + i));
        readers[i] = start_thread(crowd_reader, &p.server);
    }
    for (int i = 0; i < EACH; i++)
        pthread_join(writers[i], NULL);
    MUST(shutdown(p.client, SHUT_WR));
    for (int i = 0; i < EACH; i++)
        pthread_join(readers[i], NULL);
    for (int i = 0; i < EACH; i++)
        say("%c %d", 'A' + i, crowd.counts['A' + i]);
    pair_close(&p);
}

/* A thread closes what another reads: on a plain socket the reader stays until something comes, so
 * the peer closes too; nobody hangs and nothing is read from whatever takes the number next. */
static void closed_under_a_reader(void)
{
    struct pair p = pair_open();
    pthread_t thread = start_thread(blocked_reader, &p.client);
    void *result;

    pause_ms(50);
    close(p.client);
    MUST((int)write(p.server, "x", 1));
    pause_ms(50);
    close(p.server);
    pthread_join(thread, &result);
    say("the reader ended");
}

/* A shutdown in one thread wakes the reader in another. */
static void shut_under_a_reader(void)
{
    struct pair p = pair_open();
    pthread_t thread = start_thread(blocked_reader, &p.client);
    void *result;

    pause_ms(50);
    MUST(shutdown(p.client, SHUT_RDWR));
    pthread_join(thread, &result);
    say("the reader gets %d", (int)(intptr_t)result);
    pair_close(&p);
}

/* Accepting threads on one listener, connecting threads on the other side. */
static int storm_listener;

static void *storm_server(void *arg)
{
    intptr_t served = 0;

    (void)arg;
    for (int fd; (fd = accept(storm_listener, NULL, NULL)) >= 0; served++) {
        char byte;

        if (read(fd, &byte, 1) == 1)
            write(fd, &byte, 1);
        close(fd);
    }
    return (void *)served;
}

static void *storm_client(void *arg)
{
    intptr_t good = 0;

    (void)arg;
    for (int i = 0; i < 30; i++) {
        int fd = connect_to(PORT_DIRECT);
        char byte = (char)i, back = 0;

        good += write(fd, &byte, 1) == 1 && read(fd, &back, 1) == 1 && back == byte &&
                read(fd, &back, 1) == 0;
        close(fd);
    }
    return (void *)good;
}

static void storm(void)
{
    enum { THREADS = 4 };
    pthread_t servers[THREADS], clients[THREADS];
    intptr_t good = 0, served = 0;
    void *result;

    storm_listener = listener(PORT_DIRECT);
    for (int i = 0; i < THREADS; i++) {
        servers[i] = start_thread(storm_server, NULL);
        clients[i] = start_thread(storm_client, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(clients[i], &result);
        good += (intptr_t)result;
    }
    shutdown(storm_listener, SHUT_RDWR);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(servers[i], &result);
        served += (intptr_t)result;
    }
    say("good %d, served %d", (int)good, (int)served);
}

const struct contract_case thread_cases[] = {
    {"26 one thread reads, another writes", full_duplex},
    {"26 a blocked reader keeps no writer waiting", reader_waits_writer_writes},
    {"26 several readers and writers", crowds},
    {"26 a descriptor closed under a reader", closed_under_a_reader},
    {"26 a descriptor shut down under a reader", shut_under_a_reader},
    {"26 threads that accept and connect", storm},
    {NULL, NULL},
};
