#!/usr/bin/python3
"""Every suite with every other stack that has it, as client and as server. Prints a table; where
there is no result it says why. INTEROP=all tries all, else every fourth."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers as p
import tlstest as t

PEER = os.path.join(t.BUILD, "tests", "tls_peer")
GET = b"GET / HTTP/1.0\r\n\r\n"


def ours(suite):
    return ["--suites", suite.name, "--anonymous", "--export", "--minimum-dh", "1024", "--psk",
            "%s=%s" % (p.PSK_IDENTITY, p.PSK_KEY)]


def our_client(peer, suite):
    port = t.free_port()
    with t.Server(peer.server(suite, port, files), port, t.tmp("%s.log" % port), env=peer.env) as server:
        done = t.run([PEER, "client", str(port), "--trust", files.ca, *ours(suite)], stdin=GET)
        if done.status != 0 or not done.out:
            return "%s\n%s" % (done, server.said())


def our_server(peer, suite, options=(), more=()):
    port = t.free_port()
    argv = [PEER, "server", str(port), "--certificate", files.certificate(suite.certificate),
            "--key", files.key(suite.certificate), *ours(suite), *options]
    with t.Server(argv, port, t.tmp("%s.log" % port)) as server:
        client = t.start_program(peer.client(suite, port, files, *more), stdin=-1, stdout=-1, stderr=-1,
                                 env=peer.env)
        client.stdin.write(GET)
        client.stdin.flush()
        back = b""
        while len(back) < len(GET):
            more = os.read(client.stdout.fileno(), 4096)
            if not more:
                break
            back += more
        if not peer.closes:
            client.terminate()
        out, err = client.communicate(timeout=20)
        status = server.process.wait(20)
        if status != 0 and not peer.closes and "without close_notify, in the est" in server.said():
            status = 0
        if status != 0 or GET not in back:
            return "status %s, back %r: %s\n%s" % (status, back, server.said(),
                                                   err.decode(errors="replace")[-2000:])


t.start(covered=False)
files = p.Files(t.Pki(t.tmp("pki")))
everything = os.environ.get("INTEROP") == "all"
table = {}
for peer in p.PEERS:
    try:
        peer.prepare(files)
    except (OSError, p.subprocess.CalledProcessError) as e:
        t.skip(peer.name, "cannot be prepared: %s" % e)
        continue
    for number, suite in enumerate(p.SUITES):
        why = peer.why(suite)
        if suite.exported and peer.name != "Java 17":
            why = "has no export suites"
        if why:
            table[peer.name, suite.name] = why
            continue
        if not everything and (number + len(peer.name)) % 4 != 0:
            continue
        cells = []
        for role, function in (("client", our_client), ("server", our_server)):
            why = peer.client_why(suite) if role == "server" else None
            cells.append(why or ("ok" if t.subtest("%s, %s, our %s" % (peer.name, suite.name, role),
                                                   function, peer, suite) else "FAILED"))
        table[peer.name, suite.name] = " ".join(cells)
if (java := p.PEERS[-1]).name in {name for name, _ in table}:
    t.subtest("Java 17's hello in SSL 2.0's format", our_server, java, p.SUITES[0],
              ["--sslv2-hello"], ["sslv2"])
for suite in p.SUITES:
    t.diag("%-24s %s" % (suite.name, "  ".join(
        "%s: %s" % (peer.name, table.get((peer.name, suite.name), "-")) for peer in p.PEERS)))
t.finish(0)
