/* Half close, the end, and ends that are none: line 42. */
#include "contract.h"

static unsigned char out[65536], in[65536];

static void half_close(void)
{
    struct pair p = pair_open();

    MUST((int)write(p.client, "request", 7));
    say("shutdown %s", outcome(shutdown(p.client, SHUT_WR)));
    say("server reads %s", outcome(recv(p.server, in, 100, MSG_WAITALL)));
    say("then %s", outcome(read(p.server, in, 100)));
    fill(out, sizeof(out), 0);
    say("answers %s", outcome(write_all(p.server, out, sizeof(out))));
    say_of(recv(p.client, in, sizeof(in), MSG_WAITALL), "client reads %s, %d",
           filled(in, sizeof(in), 0));
    say("client writes %s", outcome(send(p.client, "x", 1, MSG_NOSIGNAL)));
    say("shutdown again %s", outcome(shutdown(p.client, SHUT_WR)));
    MUST(shutdown(p.server, SHUT_WR));
    say("client then %s", outcome(read(p.client, in, 100)));
    pair_close(&p);
}

static void shutdown_read(void)
{
    struct pair p = pair_open();

    fill(out, 30, 0);
    MUST((int)write(p.server, out, 10));
    MUST((int)write(p.server, out + 10, 20));
    readable_within(p.client, 2000);
    pause_ms(50);

    say("read some %s", outcome(read(p.client, in, 4)));
    say("shutdown %s", outcome(shutdown(p.client, SHUT_RD)));
    say("what was there is still there %s", outcome(read(p.client, in, 100)));
    say("then %s", outcome(read(p.client, in, 100)));
    say("writing goes on %s", outcome(write(p.client, "abc", 3)));
    say("and arrives %s", outcome(read(p.server, in, 10)));
    pair_close(&p);
}

static void after_shutdown_read(void)
{
    struct pair p = pair_open();

    say("shutdown %s", outcome(shutdown(p.client, SHUT_RD)));
    MUST((int)write(p.server, "abc", 3));
    pause_ms(30);
    say("poll %s", readable_within(p.client, 100) ? "IN" : "none");
    say("is read %s", outcome(read(p.client, in, 100)));
    pair_close(&p);
}

static void shutdown_errors(void)
{
    struct pair p = pair_open();
    int fresh = new_socket();

    say("how 7: %s", outcome(shutdown(p.client, 7)));
    say("not connected: %s", outcome(shutdown(fresh, SHUT_WR)));
    say("both %s", outcome(shutdown(p.client, SHUT_RDWR)));
    say("read %s", outcome(read(p.client, in, 10)));
    say("write %s", outcome(send(p.client, in, 10, MSG_NOSIGNAL)));
    say("server reads %s", outcome(read(p.server, in, 10)));
    say("again %s", outcome(shutdown(p.client, SHUT_RDWR)));
    pair_close(&p);
}

/* The transport ends where TLS did not: an error, where a plain socket sees an end. */
static void cut_off(void)
{
    struct relay r = relay_open(0);

    MUST((int)write(r.ends.server, "abc", 3));
    say("read %s", outcome(recv(r.ends.client, in, 3, MSG_WAITALL)));
    relay_cut(&r);
    say("cut: %s", outcome(read(r.ends.client, in, 10)));
    say("and then: %s", outcome(read(r.ends.client, in, 10)));
    relay_close(&r);
}

static void cut_off_in_a_record(void)
{
    struct relay r = relay_open(0);

    relay_hold(&r);
    MUST((int)write(r.ends.server, out, 1000));
    relay_part(&r, 500);
    relay_cut(&r);
    say("cut: %s", outcome(read(r.ends.client, in, 10)));
    say("and then: %s", outcome(read(r.ends.client, in, 10)));
    relay_close(&r);
}

static void reset(void)
{
    struct pair p = pair_open();
    struct linger hard = {1, 0};

    MUST(setsockopt(p.server, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)));
    close(p.server);
    pause_ms(30);
    say("reset: %s", outcome(read(p.client, in, 10)));
    say("and then: %s", outcome(read(p.client, in, 10)));
    say("write: %s", outcome(send(p.client, in, 10, MSG_NOSIGNAL)));
    close(p.client);
}

static void close_unread(void)
{
    struct pair p = pair_open();

    MUST((int)write(p.client, "unread", 6));
    readable_within(p.server, 1000);
    close(p.server);
    pause_ms(30);
    say("closed with unread bytes: %s", outcome(read(p.client, in, 10)));
    say("and then: %s", outcome(read(p.client, in, 10)));
    close(p.client);
}

const struct contract_case ending_cases[] = {
    {"42 shutdown(SHUT_WR), then reading goes on", half_close},
    {"42 shutdown(SHUT_RD)", shutdown_read},
    {"42 what comes after shutdown(SHUT_RD)", after_shutdown_read},
    {"42 shutdown of both, and errors", shutdown_errors},
    {"42 the end without close_notify", cut_off},
    {"42 the end in the middle of a record", cut_off_in_a_record},
    {"42 a reset", reset},
    {"42 closing with unread bytes", close_unread},
    {NULL, NULL},
};
